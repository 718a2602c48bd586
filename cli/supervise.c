/*
 * cli/supervise.c: one poll loop over a signalfd and the pipes of the children.
 *
 * A child's group may outlive its leader (nginx's workers after a kill -9 of
 * their master): what is left of a group is killed before the next start, and
 * as we are the subreaper we also collect it.
 */
#include "cli/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/log_line.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/file.h"

#define DELAY_FIRST_MS 250
#define DELAY_MAX_MS   8000
#define HEALTHY_MS     10000 /* a run this long sets the delay back */
#define LEFTOVER_MS    50    /* pace of looking for the rest of a group */
#define LEFTOVER_LOOKS 40
#define LINE_SIZE      8192
#define LOG_SIZE_MAX   (16 << 20) /* then it becomes {name}.log.1 */
#define SHOWN_OCTETS   2000
#define HELD_MAX       (256 << 10) /* octets that are held back */

struct child {
	struct child_plan plan;
	pid_t pid;   /* 0: does not run */
	pid_t group; /* of this run, or of the last until it is empty; 0 */
	int looks;   /* at the rest of that group */
	int64_t begun_ms;
	int64_t next_ms; /* when to start it, if it does not run */
	int delay_ms;    /* before the start after next */
	unsigned starts;
	int out; /* its output, -1: closed */
	int log;
	size_t log_size;
	char line[LINE_SIZE];
	size_t used;
};

struct supervisor {
	char log_dir[PATH_MAX - 64];
	bool verbose;
	bool terminal; /* stderr is one */
	bool stopping;
	bool asked;      /* by a signal, to stop */
	int signals;     /* signalfd */
	sigset_t before; /* mask that children get */
	size_t count;
	struct child children[SUPERVISOR_CHILDREN_MAX];
	pid_t extra; /* of supervisor_run, 0: none */
	int extra_status;
	FILE *held; /* what is said while that one prints, NULL: says it */
	char *held_text;
	size_t held_size;
};

/* ---- what a person sees ---- */

/* Holds back what is said, so that nothing comes between another's lines. */
static void
hold(struct supervisor *s)
{
	s->held = open_memstream(&s->held_text, &s->held_size);
}

static void
let_go(struct supervisor *s)
{
	if (!s->held)
		return;
	fclose(s->held);
	s->held = NULL;
	fwrite(s->held_text, 1, s->held_size, stderr);
	free(s->held_text);
}

static void __attribute__((format(printf, 2, 3)))
say(struct supervisor *s, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(s->held ? s->held : stderr, format, arguments);
	va_end(arguments);
	if (s->held && ftell(s->held) > HELD_MAX)
		let_go(s);
}

/* ---- logs ---- */

static void
log_path(const struct supervisor *s, const char *name, const char *suffix,
	 char path[static PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%.32s.log%s", s->log_dir, name, suffix);
}

static void
open_log(const struct supervisor *s, struct child *child)
{
	char path[PATH_MAX];
	char old[PATH_MAX];
	struct stat st = {.st_size = 0};

	log_path(s, child->plan.name, "", path);
	if (child->log >= 0)
		close(child->log);
	if (stat(path, &st) == 0 && st.st_size > LOG_SIZE_MAX) {
		log_path(s, child->plan.name, ".1", old);
		rename(path, old);
		st.st_size = 0;
	}
	child->log =
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	child->log_size = (size_t)st.st_size;
}

/* Shows one line with the program's name in front of it, whole. */
static void
show_line(struct supervisor *s, const struct child *child, const char *line,
	  size_t size)
{
	static const char *const colours[] = {"36", "32", "33", "35"};
	size_t i = (size_t)(child - s->children);
	char *text = NULL;
	size_t text_size;
	FILE *out;

	while (size && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	if (!s->terminal) {
		say(s, "%-12s | %.*s\n", child->plan.name, (int)size, line);
		return;
	}
	out = open_memstream(&text, &text_size);
	if (!out)
		return;
	terminal_stand_in(out, stderr);
	if (terminal_colours(out))
		fprintf(out, "\033[%sm%-12s" TERMINAL_RESET " | ",
			colours[i % 4], child->plan.name);
	else
		fprintf(out, "%-12s | ", child->plan.name);
	log_line_print(out, line, size);
	terminal_stand_in(NULL, NULL);
	fclose(out);
	say(s, "%s\n", text);
	free(text);
}

/* Writes one line to the log, and in front of a person's eyes. */
static void
put_line(struct supervisor *s, struct child *child, const char *line,
	 size_t size)
{
	if (child->log_size > LOG_SIZE_MAX)
		open_log(s, child);
	/* a full disk must not stop the programs: their lines are dropped */
	if (child->log >= 0 && write(child->log, line, size) > 0)
		child->log_size += size;
	if (s->verbose)
		show_line(s, child, line, size);
}

static void
take_output(struct supervisor *s, struct child *child)
{
	char *end;
	size_t size;
	ssize_t n = read(child->out, child->line + child->used,
			 sizeof(child->line) - 1 - child->used);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(child->out);
		child->out = -1;
		return;
	}
	child->used += (size_t)n;
	while ((end = memchr(child->line, '\n', child->used)) ||
	       child->used == sizeof(child->line) - 1) {
		size = end ? (size_t)(end - child->line) + 1 : child->used;
		put_line(s, child, child->line, size);
		child->used -= size;
		memmove(child->line, child->line + size, child->used);
	}
}

/* What its end has left in the pipe. */
static void
drain_output(struct supervisor *s, struct child *child)
{
	struct pollfd ready = {.fd = child->out, .events = POLLIN};

	while (child->out >= 0 && poll(&ready, 1, 0) > 0)
		take_output(s, child);
	if (child->out >= 0)
		close(child->out);
	child->out = -1;
	if (child->used)
		put_line(s, child, child->line, child->used);
	child->used = 0;
}

void
supervisor_show_log(const struct supervisor *s, const char *name)
{
	char path[PATH_MAX];
	char *text = NULL;
	const char *at;
	size_t size = 0;

	log_path(s, name, "", path);
	if (file_read(path, LOG_SIZE_MAX + LINE_SIZE, &text, &size, NULL) !=
		ERR_OK ||
	    size == 0) {
		free(text);
		return;
	}
	at = size > SHOWN_OCTETS ? text + size - SHOWN_OCTETS : text;
	if (at != text && strchr(at, '\n'))
		at = strchr(at, '\n') + 1;
	fprintf(stderr, "--- end of %s ---\n%s", path, at);
	free(text);
}

/* ---- one child ---- */

/* In the child: the state that a program expects, then the program. */
static void
become(const struct supervisor *s, const char *const *argv, pid_t parent)
{
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(126); /* it died before it could be our death signal */
	/* execv(3) does not change the words, its type is older than const */
	execv(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static pid_t
spawn(const struct supervisor *s, const struct child *child, int *out)
{
	pid_t parent = getpid();
	int pipes[2];
	pid_t pid;
	int null;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		null = open("/dev/null", O_RDONLY);
		dup2(null, STDIN_FILENO);
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
		become(s, child->plan.argv, parent);
	}
	close(pipes[1]);
	if (pid < 0) {
		close(pipes[0]);
		return -1;
	}
	setpgid(pid, pid); /* whoever is first: it must be so for both */
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	*out = pipes[0];
	return pid;
}

static void
set_back(struct child *child, int64_t now)
{
	child->next_ms = now + child->delay_ms;
	child->delay_ms *= 2;
	if (child->delay_ms > DELAY_MAX_MS)
		child->delay_ms = DELAY_MAX_MS;
}

static void
start(struct supervisor *s, struct child *child)
{
	int64_t now = clock_mono_ms();
	pid_t pid;

	/* the rest of its last run may still hold a port; it was killed */
	if (child->group && kill(-child->group, 0) == 0 &&
	    child->looks++ < LEFTOVER_LOOKS) {
		child->next_ms = now + LEFTOVER_MS;
		return;
	}
	child->looks = 0;
	child->group = 0;
	pid = spawn(s, child, &child->out);
	if (pid < 0) {
		say(s, "osapi: cannot start %s: %s\n", child->plan.name,
		    strerror(errno));
		set_back(child, now);
		return;
	}
	child->pid = pid;
	child->group = pid;
	child->begun_ms = now;
	child->starts++;
}

static void
say_ended(struct supervisor *s, const struct child *child, int status)
{
	if (WIFSIGNALED(status))
		say(s, "osapi: %s was killed by signal %d (%s)",
		    child->plan.name, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		say(s, "osapi: %s ended with exit code %d", child->plan.name,
		    WEXITSTATUS(status));
	say(s, ", starting it again in %d ms\n", child->delay_ms);
}

static void
ended(struct supervisor *s, struct child *child, int status)
{
	int64_t now = clock_mono_ms();

	child->pid = 0;
	drain_output(s, child);
	if (s->stopping)
		return;
	if (now - child->begun_ms > HEALTHY_MS)
		child->delay_ms = DELAY_FIRST_MS;
	say_ended(s, child, status);
	set_back(child, now);
}

static struct child *
child_of(struct supervisor *s, pid_t pid)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->children[i].pid == pid)
			return &s->children[i];
	return NULL;
}

static void
reap(struct supervisor *s)
{
	siginfo_t dead = {.si_pid = 0};
	struct child *child;
	int status;

	while (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       dead.si_pid != 0) {
		child = child_of(s, dead.si_pid);
		/* before its id can be somebody else's */
		if (child)
			kill(-child->group, SIGKILL);
		waitpid(dead.si_pid, &status, 0);
		if (child)
			ended(s, child, status);
		if (dead.si_pid == s->extra) {
			s->extra = 0;
			s->extra_status = status;
		}
		dead.si_pid = 0;
	}
}

/* ---- the loop ---- */

enum err
supervisor_new(const char *log_dir, bool verbose,
	       struct supervisor **supervisor, struct err_info *info)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	sigset_t mine;

	if (!s)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	snprintf(s->log_dir, sizeof(s->log_dir), "%s", log_dir);
	s->verbose = verbose;
	s->terminal = isatty(STDERR_FILENO);
	sigemptyset(&mine);
	sigaddset(&mine, SIGINT);
	sigaddset(&mine, SIGTERM);
	sigaddset(&mine, SIGHUP);
	sigaddset(&mine, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mine, &s->before);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	s->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0) {
		free(s);
		return err_set(info, ERR_INTERNAL, "signalfd: %s",
			       strerror(errno));
	}
	*supervisor = s;
	return ERR_OK;
}

enum err
supervisor_add(struct supervisor *s, const struct child_plan *plan,
	       struct err_info *info)
{
	struct child *child;

	if (s->count == SUPERVISOR_CHILDREN_MAX)
		return err_set(info, ERR_INVALID, "too many programs");
	child = &s->children[s->count++];
	child->plan = *plan;
	child->out = -1;
	child->log = -1;
	child->delay_ms = DELAY_FIRST_MS;
	open_log(s, child);
	return ERR_OK;
}

/* Starts what is due; the time until the next is, at most `timeout_ms`. */
static int
start_due(struct supervisor *s, int timeout_ms)
{
	int64_t now = clock_mono_ms();
	size_t i;

	for (i = 0; i < s->count && !s->stopping; i++) {
		struct child *child = &s->children[i];

		if (child->pid)
			continue;
		if (child->next_ms <= now)
			start(s, child);
		if (!child->pid && child->next_ms - now < timeout_ms)
			timeout_ms = (int)(child->next_ms - now);
	}
	return timeout_ms > 0 ? timeout_ms : 0;
}

static void
take_signals(struct supervisor *s)
{
	struct signalfd_siginfo signal_info;

	while (read(s->signals, &signal_info, sizeof(signal_info)) ==
	       (ssize_t)sizeof(signal_info))
		if (signal_info.ssi_signo != SIGCHLD)
			s->asked = true;
	reap(s);
}

bool
supervisor_step(struct supervisor *s, int timeout_ms)
{
	struct pollfd fds[SUPERVISOR_CHILDREN_MAX + 1];
	size_t i;

	/* not a moment longer; while stopping there are children to wait for */
	if (s->asked && !s->stopping)
		return false;
	timeout_ms = start_due(s, timeout_ms);
	for (i = 0; i < s->count; i++)
		fds[i] =
		    (struct pollfd){.fd = s->children[i].out, .events = POLLIN};
	fds[s->count] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	if (poll(fds, s->count + 1, timeout_ms) <= 0)
		return !s->asked;
	for (i = 0; i < s->count; i++)
		if (fds[i].revents)
			take_output(s, &s->children[i]);
	if (fds[s->count].revents)
		take_signals(s);
	return !s->asked;
}

enum err
supervisor_run(struct supervisor *s, const char *const *argv,
	       int64_t timeout_ms, int *status, struct err_info *info)
{
	int64_t end = clock_mono_ms() + timeout_ms;
	pid_t parent = getpid();
	pid_t pid;
	bool go_on = true;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return err_set(info, ERR_INTERNAL, "fork: %s", strerror(errno));
	if (pid == 0)
		become(s, argv, parent);
	s->extra = pid;
	hold(s);
	while (s->extra && go_on && clock_mono_ms() < end)
		go_on = supervisor_step(s, 100);
	if (s->extra) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		s->extra = 0;
		*status = -1;
	} else {
		*status = WIFEXITED(s->extra_status)
			      ? WEXITSTATUS(s->extra_status)
			      : 128 + WTERMSIG(s->extra_status);
	}
	let_go(s);
	return ERR_OK;
}

const char *
supervisor_troubled(const struct supervisor *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (!s->children[i].pid || s->children[i].starts > 1)
			return s->children[i].plan.name;
	return NULL;
}

static void
stop(struct supervisor *s, struct child *child)
{
	int64_t end = clock_mono_ms() + child->plan.stop_ms;

	if (child->pid)
		kill(child->pid, child->plan.stop_signal
				     ? child->plan.stop_signal
				     : SIGTERM);
	/* a second Ctrl-C is no reason to leave something running */
	while (child->pid && clock_mono_ms() < end)
		supervisor_step(s, 100);
	if (child->pid) {
		say(s, "osapi: %s did not stop within %d s, killed\n",
		    child->plan.name, child->plan.stop_ms / 1000);
		kill(-child->group, SIGKILL);
	}
	while (child->pid)
		supervisor_step(s, 100);
	/* the rest of its group was killed with it, and is ours to collect */
	end = clock_mono_ms() + LEFTOVER_LOOKS * LEFTOVER_MS;
	while (child->group && kill(-child->group, 0) == 0 &&
	       clock_mono_ms() < end)
		supervisor_step(s, LEFTOVER_MS);
}

void
supervisor_free(struct supervisor *s)
{
	size_t i;

	if (!s)
		return;
	s->stopping = true;
	for (i = s->count; i-- > 0;) {
		stop(s, &s->children[i]);
		if (s->children[i].log >= 0)
			close(s->children[i].log);
	}
	/* the rest of groups whose leader had died before */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	close(s->signals);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	free(s);
}
