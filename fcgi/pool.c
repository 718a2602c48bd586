/*
 * fcgi/pool.c: the supervisor of the responder processes.
 *
 * One poll(2) on a signalfd and on the pipe of each responder that has not
 * said yet that it serves.  A process belongs to the generation of setups
 * that it was started with; all but the newest are on their way out.
 */
#include "fcgi/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "fcgi/responder.h"
#include "fcgi/scoreboard.h"
#include "lib/clock.h"
#include "lib/log.h"

#define DELAY_FIRST_MS 100
#define DELAY_LAST_MS  10000
#define LIVED_MS       60000 /* a process that lived so long died by accident */
#define RELOAD_MS      15000 /* until old ones go, also without new ones */
#define STUCK_MS       30000 /* without a sign of life; half a watchdog's */
#define RETIRED_MS     (RESPONDER_RETIRE_MS + RESPONDER_GRACE_MS + 5000)
#define KILL_MS        (RESPONDER_STOP_MS + RESPONDER_GRACE_MS + 5000)

struct process {
	pid_t pid; /* 0: the place is free */
	unsigned generation;
	int ready_fd; /* says when it serves, -1: nothing more comes */
	bool serving;
	int64_t started_ms; /* CLOCK_MONOTONIC, as all here */
	int64_t told_ms;    /* when it was told to finish, 0: it was not */
};

struct beats { /* of the responder of each slot */
	_Atomic int64_t moved_ms[SCOREBOARD_SLOTS];
};

struct pool {
	const struct pool_options *options;
	struct pool_setup setup;
	struct scoreboard *scoreboard;
	struct beats *beats; /* shared memory */
	int signal_fd;
	int64_t started_ms;
	unsigned generation;
	struct process processes[SCOREBOARD_SLOTS]; /* i uses slot i */
	int64_t delay_ms;     /* of the next start after a death */
	int64_t start_at_ms;  /* no start before */
	int64_t retire_at_ms; /* old generations go then in any case, 0: none */
	int64_t kill_at_ms;   /* 0: not stopping */
	int64_t watchdog_ms;  /* systemd wants a sign of life within, 0: none */
	int64_t stuck_ms;  /* a responder's last sign of life may be so old */
	bool announced;    /* READY=1 was said */
	bool respawning;   /* the next start replaces one that died */
	bool reload_again; /* SIGHUP came during a reload */
};

static void
ignore(int sig)
{
	(void)sig;
}

void
pool_block_signals(void)
{
	static const int blocked[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD,
				      SIGUSR1};
	struct sigaction action = {.sa_handler = ignore};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++) {
		sigaddset(&set, blocked[i]);
		sigaction(blocked[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

enum err
pool_setup_load(const struct pool_options *options, struct pool_setup *setup,
		struct err_info *info)
{
	struct pool_setup loaded = {NULL, NULL};
	enum err err;

	err = config_load(options->config_path, CONFIG_SERVER, NULL,
			  &loaded.config, info);
	if (!err)
		err = signer_load(
		    loaded.config->api.server.security.job_signing_key_file,
		    &loaded.signer, info);
	if (err)
		pool_setup_release(&loaded);
	else
		*setup = loaded;
	return err;
}

void
pool_setup_release(struct pool_setup *setup)
{
	config_free(setup->config);
	signer_free(setup->signer);
	setup->config = NULL;
	setup->signer = NULL;
}

static void
set_level(const struct pool *pool)
{
	bool debug = pool->options->debug || pool->setup.config->debug;

	log_init("osapi-fcgi", LOG_FORMAT_AUTO,
		 debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
}

static size_t
wanted(const struct pool *pool)
{
	int64_t n = pool->setup.config->api.server.fcgi.processes;

	/* Old and new ones must find room beside each other. */
	if (n > SCOREBOARD_SLOTS / 2)
		n = SCOREBOARD_SLOTS / 2;
	return n < 1 ? 1 : (size_t)n;
}

/* Processes of the newest generation; `serving`: only those. */
static size_t
current(const struct pool *pool, bool serving)
{
	size_t n = 0;

	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++) {
		const struct process *p = &pool->processes[i];

		if (p->pid && p->generation == pool->generation &&
		    !p->told_ms && (!serving || p->serving))
			n++;
	}
	return n;
}

static size_t
alive(const struct pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++)
		n += pool->processes[i].pid != 0;
	return n;
}

/* In the child: never returns. */
static void
become_responder(struct pool *pool, size_t slot, int ready_fd, bool spare,
		 pid_t parent)
{
	struct responder_options options = {
	    .config = pool->setup.config,
	    .spec = pool->options->spec,
	    .signer = pool->setup.signer,
	    .scoreboard = pool->scoreboard,
	    .slot = slot,
	    .beat_ms = &pool->beats->moved_ms[slot],
	    .listen_fd = pool->options->listen_fd,
	    .ready_fd = ready_fd,
	    .spare = spare,
	    .warm = spare || pool->options->passed,
	    .started_ms = pool->started_ms,
	};

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	close(pool->signal_fd);
	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++)
		if (pool->processes[i].pid && pool->processes[i].ready_fd >= 0)
			close(pool->processes[i].ready_fd);
	_exit(responder_run(&options));
}

static void
start_one(struct pool *pool)
{
	pid_t parent = getpid(), pid;
	struct process *p = NULL;
	int pipe_fds[2];
	bool spare = alive(pool) > 0 && pool->announced;
	size_t slot;

	for (slot = 0; slot < SCOREBOARD_SLOTS && !p; slot++)
		if (!pool->processes[slot].pid)
			p = &pool->processes[slot];
	if (!p || pipe2(pipe_fds, O_CLOEXEC) < 0) {
		pool->start_at_ms = clock_mono_ms() + DELAY_LAST_MS;
		return;
	}
	slot = (size_t)(p - pool->processes);
	scoreboard_add(scoreboard_slot(pool->scoreboard, slot),
		       FAMILY_PROCESSES, 1);
	if (!spare) /* here, so that no other is ready before this one counts */
		scoreboard_add(scoreboard_slot(pool->scoreboard, slot),
			       FAMILY_STARTING, 1);
	atomic_store(&pool->beats->moved_ms[slot], 0);
	pid = fork();
	if (pid == 0) {
		close(pipe_fds[0]);
		become_responder(pool, slot, pipe_fds[1], spare, parent);
	}
	close(pipe_fds[1]);
	if (pid < 0) {
		log_error("fork", LOG_S("error", strerror(errno)));
		close(pipe_fds[0]);
		scoreboard_clear_gauges(pool->scoreboard, slot);
		pool->start_at_ms = clock_mono_ms() + DELAY_LAST_MS;
		return;
	}
	*p = (struct process){.pid = pid,
			      .generation = pool->generation,
			      .ready_fd = pipe_fds[0],
			      .started_ms = clock_mono_ms()};
	if (pool->respawning)
		scoreboard_add(scoreboard_slot(pool->scoreboard, slot),
			       FAMILY_RESPAWNS, 1);
	log_debug("responder started", LOG_I("pid", pid));
}

static void
start_missing(struct pool *pool)
{
	size_t want = wanted(pool);

	while (!pool->kill_at_ms && current(pool, false) < want &&
	       pool->start_at_ms <= clock_mono_ms())
		start_one(pool);
	if (current(pool, false) >= want)
		pool->respawning = false;
}

/* Tells processes to finish: those of older generations, or all. */
static void
tell(struct pool *pool, int sig, bool all)
{
	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++) {
		struct process *p = &pool->processes[i];

		if (!p->pid ||
		    (!all && (p->told_ms || p->generation == pool->generation)))
			continue;
		kill(p->pid, sig);
		p->told_ms = clock_mono_ms();
	}
}

static void
note_death(struct pool *pool, const struct process *p, int status)
{
	int64_t now = clock_mono_ms();

	if (p->told_ms && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		log_debug("responder ended", LOG_I("pid", p->pid));
		return;
	}
	if (WIFSIGNALED(status))
		log_error("responder died", LOG_I("pid", p->pid),
			  LOG_I("signal", WTERMSIG(status)));
	else
		log_error("responder ended", LOG_I("pid", p->pid),
			  LOG_I("status", WEXITSTATUS(status)));
	if (p->told_ms || p->generation != pool->generation)
		return;
	if (now - p->started_ms >= LIVED_MS || !pool->delay_ms)
		pool->delay_ms = DELAY_FIRST_MS;
	else if (pool->delay_ms < DELAY_LAST_MS / 2)
		pool->delay_ms *= 2;
	else
		pool->delay_ms = DELAY_LAST_MS;
	pool->start_at_ms = now + pool->delay_ms;
	pool->respawning = true;
}

static void
bury(struct pool *pool)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (size_t i = 0; i < SCOREBOARD_SLOTS; i++) {
			struct process *p = &pool->processes[i];

			if (p->pid != pid)
				continue;
			if (p->ready_fd >= 0)
				close(p->ready_fd);
			scoreboard_clear_gauges(pool->scoreboard, i);
			note_death(pool, p, status);
			p->pid = 0;
		}
	}
}

static void
announce(struct pool *pool)
{
	sd_notifyf(0, "READY=1\nSTATUS=%zu responders serve",
		   current(pool, true));
	if (!pool->announced)
		log_info("serving",
			 LOG_I("processes", (int64_t)current(pool, true)));
	pool->announced = true;
}

static void
reload(struct pool *pool)
{
	struct timespec now = clock_mono_deadline(0);
	struct err_info info = {""};
	struct pool_setup fresh;

	/* One generation follows the other, however often the signal comes. */
	pool->reload_again = pool->retire_at_ms != 0;
	if (pool->reload_again)
		return;
	sd_notifyf(0,
		   "RELOADING=1\nMONOTONIC_USEC=%lld\n"
		   "STATUS=starting responders with the new configuration",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	if (pool_setup_load(pool->options, &fresh, &info)) {
		log_error("the new configuration is bad, the old one stays",
			  LOG_S("error", info.text));
		sd_notifyf(0, "READY=1\nSTATUS=the old configuration stays: %s",
			   info.text);
		return;
	}
	if (strcmp(fresh.config->api.server.fcgi.socket,
		   pool->setup.config->api.server.fcgi.socket) != 0)
		log_warning("api.server.fcgi.socket changes only with a "
			    "restart");
	pool_setup_release(&pool->setup);
	pool->setup = fresh;
	set_level(pool);
	pool->generation++;
	pool->delay_ms = 0;
	pool->start_at_ms = 0;
	pool->retire_at_ms = clock_mono_ms() + RELOAD_MS;
}

/* Lets old ones go as soon as new ones serve. */
static void
advance(struct pool *pool)
{
	size_t serving = current(pool, true);
	bool due = pool->retire_at_ms && serving &&
		   clock_mono_ms() >= pool->retire_at_ms;

	if (pool->kill_at_ms || (serving < wanted(pool) && !due))
		return;
	if (!pool->announced)
		announce(pool);
	if (!pool->retire_at_ms)
		return;
	tell(pool, SIGUSR1, false);
	pool->retire_at_ms = 0;
	announce(pool);
	log_info("reloaded", LOG_I("processes", (int64_t)serving));
	if (pool->reload_again)
		reload(pool);
}

static void
stop(struct pool *pool)
{
	bool again = pool->kill_at_ms != 0;

	if (!again) {
		sd_notify(0, "STOPPING=1");
		log_info("stopping");
	}
	tell(pool, again ? SIGKILL : SIGTERM, true);
	pool->kill_at_ms = clock_mono_ms() + KILL_MS;
}

static void
take_signals(struct pool *pool)
{
	struct signalfd_siginfo si;

	while (read(pool->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		switch (si.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			stop(pool);
			break;
		case SIGHUP:
			if (!pool->kill_at_ms)
				reload(pool);
			break;
		default: /* SIGCHLD: bury looks; SIGUSR1: not for us */
			break;
		}
	}
}

static void
earlier(int64_t at_ms, int64_t *next_ms)
{
	if (at_ms && at_ms < *next_ms)
		*next_ms = at_ms;
}

/* How long poll may wait. */
static int
patience(const struct pool *pool)
{
	int64_t now = clock_mono_ms(), next = now + 60000;

	if (!pool->kill_at_ms && current(pool, false) < wanted(pool))
		earlier(pool->start_at_ms, &next);
	earlier(pool->retire_at_ms, &next);
	earlier(pool->kill_at_ms, &next);
	earlier(now + pool->stuck_ms / 4, &next);
	return next <= now ? 0 : (int)(next - now);
}

/* One turn of the loop: waits for something to happen. */
static void
wait_events(struct pool *pool)
{
	struct pollfd fds[SCOREBOARD_SLOTS + 1];
	struct process *owners[SCOREBOARD_SLOTS + 1];
	nfds_t n = 1;

	fds[0] = (struct pollfd){.fd = pool->signal_fd, .events = POLLIN};
	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++) {
		struct process *p = &pool->processes[i];

		if (!p->pid || p->ready_fd < 0)
			continue;
		owners[n] = p;
		fds[n++] = (struct pollfd){.fd = p->ready_fd, .events = POLLIN};
	}
	if (poll(fds, n, patience(pool)) <= 0)
		return;
	for (nfds_t i = 1; i < n; i++) {
		char octet;

		if (!fds[i].revents)
			continue;
		/* An end without an octet: it dies, SIGCHLD follows. */
		owners[i]->serving = read(fds[i].fd, &octet, 1) == 1;
		close(fds[i].fd);
		owners[i]->ready_fd = -1;
	}
	take_signals(pool);
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A process that is stopped, or all of whose threads are held by a request:
 * to the others it looks as if it were at work. */
static bool
stuck(const struct pool *pool, size_t slot)
{
	const struct process *p = &pool->processes[slot];
	int64_t now = clock_mono_ms(), seen_ms = p->started_ms, beat_ms;

	if (p->told_ms) /* takes nothing more, and may take its time */
		return now - p->told_ms > RETIRED_MS;
	if (!p->serving)
		return now - seen_ms > pool->stuck_ms + RESPONDER_WARM_MS;
	beat_ms = atomic_load(&pool->beats->moved_ms[slot]);
	if (beat_ms > seen_ms)
		seen_ms = beat_ms;
	return now - seen_ms > pool->stuck_ms;
}

/* Kills what is stuck; whether any responder that serves is not. */
static bool
look_after(struct pool *pool)
{
	bool moves = false;

	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++) {
		struct process *p = &pool->processes[i];

		if (!p->pid)
			continue;
		if (!stuck(pool, i)) {
			moves = moves || p->serving;
			continue;
		}
		log_error("a responder is stuck, killing it",
			  LOG_I("pid", p->pid));
		kill(p->pid, SIGKILL);
	}
	return moves;
}

static void
supervise(struct pool *pool)
{
	for (;;) {
		bury(pool);
		if (pool->kill_at_ms && !alive(pool))
			return;
		if (pool->kill_at_ms && clock_mono_ms() >= pool->kill_at_ms) {
			log_error("responders do not end, killing them");
			tell(pool, SIGKILL, true);
			pool->kill_at_ms = clock_mono_ms() + KILL_MS;
		}
		start_missing(pool);
		advance(pool);
		if (look_after(pool) && pool->watchdog_ms)
			sd_notify(0, "WATCHDOG=1");
		wait_events(pool);
	}
}

int
pool_run(const struct pool_options *options, struct pool_setup *setup)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	uint64_t watchdog_us = 0;
	enum err err;

	if (!pool)
		return EXIT_FAILURE;
	pool->options = options;
	pool->setup = *setup;
	pool->started_ms = clock_mono_ms();
	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		pool->watchdog_ms = (int64_t)(watchdog_us / 1000);
	pool->stuck_ms = pool->watchdog_ms ? pool->watchdog_ms / 2 : STUCK_MS;
	set_level(pool);
	pool->beats = mmap(NULL, sizeof(*pool->beats), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pool->signal_fd = open_signals();
	err = pool->beats == MAP_FAILED ? ERR_NO_MEMORY
	      : pool->signal_fd < 0     ? ERR_IO
					: ERR_OK;
	if (!err)
		err = scoreboard_new(options->spec, &pool->scoreboard);
	if (err)
		log_error("the supervisor cannot start",
			  LOG_S("error", err_text(err)));
	else
		supervise(pool);
	if (pool->signal_fd >= 0)
		close(pool->signal_fd);
	scoreboard_free(pool->scoreboard);
	if (pool->beats != MAP_FAILED)
		munmap(pool->beats, sizeof(*pool->beats));
	pool_setup_release(&pool->setup);
	free(pool);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
