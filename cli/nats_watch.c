/*
 * cli/nats_watch.c: runs nats-server and replaces it when it falls silent.
 *
 *   starting --answers--> up --silent--> down (SIGKILL) --gone--> starting
 *        \__________________\__asked to stop or ended__> end
 *
 * What counts as silence is the time spent in probes without an answer, not
 * the clock's: a machine that was suspended, or we, is no silent server.  While
 * it starts it may be busy with what it has stored, for as long as that takes.
 */
#include "cli/nats_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cli/nats_probe.h"
#include "lib/clock.h"
#include "lib/log.h"

#define PACE_START_MS   100 /* between probes until it answers */
#define PACE_MS         2000
#define PROBE_MS        1000  /* of each step of a probe */
#define STOP_MS         10000 /* from SIGTERM to SIGKILL */
#define SIGNAL_EXIT     128
#define PROBES_PER_MUTE 5
#define RELOADS         6   /* at most, for one that is asked for */
#define SETTLE_MS       500 /* from a reload to asking how it went */

enum state { STARTING, UP, DOWN };

struct watch {
	struct nats_watch_plan plan;
	struct config *config;
	const char *password;
	int signals;     /* signalfd */
	sigset_t before; /* mask that the server gets */
	pid_t pid;       /* 0: ended */
	int status;      /* as waitpid has it */
	enum state state;
	int64_t silent_ms;
	int64_t probe_ms; /* monotonic: when the next is due */
	int64_t kill_ms;  /* monotonic: when stopping ends by force */
	bool stopping;
	bool ready;    /* systemd has been told */
	int again;     /* reloads that may still be needed; 0: none is due */
	bool refused;  /* told in the log, once a time */
	bool watchdog; /* systemd wants to hear of us */
};

/* ---- the process ---- */

/* The environment without systemd's socket, which is ours; the strings are
 * those of `environ`.  The caller frees it; NULL: out of memory. */
static char **
server_environment(void)
{
	static const char ours[] = "NOTIFY_SOCKET=";
	size_t count = 0;
	size_t kept = 0;
	char **environment;

	while (environ[count])
		count++;
	environment = calloc(count + 1, sizeof(*environment));
	for (size_t i = 0; environment && i < count; i++)
		if (strncmp(environ[i], ours, sizeof(ours) - 1) != 0)
			environment[kept++] = environ[i];
	return environment;
}

/* nats.c has threads here, so that the child calls only what is
 * async-signal-safe. */
static enum err
start(struct watch *w, struct err_info *info)
{
	char **environment = server_environment();
	pid_t parent = getpid();
	pid_t pid = environment ? fork() : -1;
	int failed = errno;

	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &w->before, NULL);
		/* no server without a watch; it loses nothing by that */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(126);
		signal(SIGPIPE, SIG_DFL);
		environ = environment;
		execl(w->plan.server, "nats-server", "-c", w->plan.conf,
		      (char *)NULL);
		_exit(127);
	}
	free(environment);
	if (pid < 0)
		return err_set(info, ERR_INTERNAL, "fork: %s",
			       strerror(failed));
	w->pid = pid;
	w->state = STARTING;
	w->silent_ms = 0;
	w->probe_ms = clock_mono_ms();
	return ERR_OK;
}

static void
reap(struct watch *w)
{
	if (w->pid && waitpid(w->pid, &w->status, WNOHANG) == w->pid)
		w->pid = 0;
}

static int
exit_code(const struct watch *w)
{
	if (WIFEXITED(w->status))
		return w->stopping ? 0 : WEXITSTATUS(w->status);
	return w->stopping && WTERMSIG(w->status) == SIGTERM
		   ? 0
		   : SIGNAL_EXIT + WTERMSIG(w->status);
}

/* ---- signals ---- */

static void
stop(struct watch *w)
{
	w->stopping = true;
	w->kill_ms = clock_mono_ms() + STOP_MS;
	sd_notify(0, "STOPPING=1");
	if (w->pid)
		kill(w->pid, SIGTERM);
}

static void
reload(struct watch *w)
{
	struct config *fresh = NULL;
	const char *password = NULL;
	struct err_info info = {""};
	enum err code;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		   clock_mono_ms() * 1000);
	code = w->plan.reload(w->plan.arg, &fresh, &password, &info);
	if (code == ERR_OK) {
		config_free(w->config);
		w->config = fresh;
		w->password = password;
		if (w->pid)
			kill(w->pid, SIGHUP);
		w->again = RELOADS;
		w->probe_ms = clock_mono_ms() + PACE_START_MS;
		return;
	}
	log_error("not reloaded, the former configuration stays",
		  LOG_S("error", info.text));
	sd_notify(0, "READY=1");
}

/*
 * nats-server 2.9 gives an account that is new in a reload its imports with
 * the next one only (seen), so there is always a next one: once it answers, as
 * signals that come together count as one.  One reload in some tens that meets
 * requests under way leaves all accounts without imports until the next (seen):
 * their workers hear nothing.  So it is asked as each of them.
 */
static void
reload_again(struct watch *w)
{
	bool first = w->again == RELOADS;
	char why[256];

	if (!w->again)
		return;
	if (!first && nats_probe_hosts(w->config, PROBE_MS, why) == NATS_WELL) {
		w->again = 0;
		log_info("nats-server has its new configuration");
		sd_notify(0, "READY=1");
		return;
	}
	if (!first)
		log_warning("a reload of nats-server has cut hosts off, once "
			    "more",
			    LOG_S("reason", why));
	if (--w->again > 0) {
		kill(w->pid, SIGHUP);
		w->probe_ms = clock_mono_ms() + SETTLE_MS;
		return;
	}
	log_warning("nats-server has its new configuration, but does not "
		    "answer all hosts");
	sd_notify(0, "READY=1");
}

static void
take_signals(struct watch *w)
{
	struct signalfd_siginfo got;

	while (read(w->signals, &got, sizeof(got)) == (ssize_t)sizeof(got)) {
		if (got.ssi_signo == SIGHUP && !w->stopping)
			reload(w);
		else if ((got.ssi_signo == SIGTERM ||
			  got.ssi_signo == SIGINT) &&
			 !w->stopping)
			stop(w);
	}
	reap(w);
}

/* ---- probing ---- */

static void
answered(struct watch *w)
{
	if (w->state == STARTING)
		log_info("nats-server answers",
			 LOG_I("port", w->config->nats.server.port));
	w->state = UP;
	w->silent_ms = 0;
	if (!w->ready)
		sd_notify(0, "READY=1");
	w->ready = true;
	reload_again(w);
}

static void
silent(struct watch *w, int64_t ms, const char *why)
{
	int64_t limit_ms = w->config->nats.server.mute_after_ms;

	if (w->state != UP)
		return;
	w->silent_ms += ms;
	if (w->silent_ms < limit_ms)
		return;
	log_error("nats-server is mute, it is killed and started again",
		  LOG_S("reason", why), LOG_I("silent_ms", w->silent_ms));
	w->state = DOWN;
	kill(w->pid, SIGKILL);
}

static int64_t
pace_ms(const struct watch *w)
{
	int64_t limit_ms = w->config->nats.server.mute_after_ms;

	if (w->state == STARTING)
		return PACE_START_MS;
	return limit_ms / PROBES_PER_MUTE < PACE_MS ? limit_ms / PROBES_PER_MUTE
						    : PACE_MS;
}

static void
probe(struct watch *w)
{
	int64_t begun_ms = clock_mono_ms();
	char why[256];
	enum nats_health health =
	    nats_probe(w->config, w->password, PROBE_MS, why);
	int64_t pause_ms = pace_ms(w);

	/* Steps are bounded; more than that is somebody else's doing. */
	w->probe_ms = clock_mono_ms() + pause_ms;
	reap(w);
	if (!w->pid)
		return;
	if (health == NATS_REFUSED && !w->refused)
		log_error("nats-server does not let its monitor in; it is "
			  "not watched",
			  LOG_S("reason", why));
	w->refused = health == NATS_REFUSED;
	if (health == NATS_SILENT) {
		int64_t spent_ms = clock_mono_ms() - begun_ms;

		silent(w,
		       pause_ms + (spent_ms < PROBE_MS ? spent_ms : PROBE_MS),
		       why);
	} else {
		answered(w);
	}
}

/* ---- the loop ---- */

/* Handles what happens until something is due; not for long, so that systemd
 * hears of us. */
static void
wait_ms(struct watch *w, int64_t ms)
{
	struct pollfd ready = {.fd = w->signals, .events = POLLIN};

	if (ms > PACE_MS)
		ms = PACE_MS;
	if (poll(&ready, 1, ms > 0 ? (int)ms : 0) > 0)
		take_signals(w);
	if (w->watchdog)
		sd_notify(0, "WATCHDOG=1");
}

static void
step(struct watch *w)
{
	int64_t now_ms = clock_mono_ms();

	if (w->stopping) {
		wait_ms(w, w->kill_ms - now_ms);
		if (w->pid && clock_mono_ms() >= w->kill_ms) {
			log_error("nats-server did not stop, killed");
			kill(w->pid, SIGKILL);
			w->kill_ms += STOP_MS;
		}
		return;
	}
	wait_ms(w, w->state == DOWN ? PACE_MS : w->probe_ms - now_ms);
	if (w->pid && !w->stopping && w->state != DOWN &&
	    clock_mono_ms() >= w->probe_ms)
		probe(w);
}

static enum err
run(struct watch *w, struct err_info *info)
{
	enum err code = start(w, info);

	while (code == ERR_OK) {
		while (w->pid)
			step(w);
		if (w->state != DOWN || w->stopping)
			break;
		code = start(w, info);
	}
	return code;
}

int
nats_watch(const struct nats_watch_plan *plan)
{
	struct watch w = {
	    .plan = *plan, .config = plan->config, .password = plan->password};
	struct err_info info = {""};
	sigset_t mine;
	enum err code;

	sigemptyset(&mine);
	sigaddset(&mine, SIGTERM);
	sigaddset(&mine, SIGINT);
	sigaddset(&mine, SIGHUP);
	sigaddset(&mine, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mine, &w.before);
	signal(SIGPIPE, SIG_IGN);
	w.watchdog = sd_watchdog_enabled(0, NULL) > 0;
	w.signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.signals < 0)
		code = err_set(&info, ERR_INTERNAL, "signalfd: %s",
			       strerror(errno));
	else
		code = run(&w, &info);
	if (code != ERR_OK)
		log_error("nats-server not started", LOG_S("error", info.text));
	if (w.signals >= 0)
		close(w.signals);
	config_free(w.config);
	return code == ERR_OK ? exit_code(&w) : err_exit(code);
}
