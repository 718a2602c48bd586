/* t/unit/supervise.c: cli/supervise.h, with real processes. */
#include "cli/supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "t/unit/unit.h"

#define LIMIT_MS 20000 /* a failure guard */

static int saved = -1;

/* The supervisor tells a person what happens; not in a test's output. */
static struct supervisor *
begin(void)
{
	struct supervisor *s = NULL;
	struct err_info info;
	int null = open("/dev/null", O_WRONLY);

	saved = dup(STDERR_FILENO);
	dup2(null, STDERR_FILENO);
	close(null);
	IS_INT("made", supervisor_new(unit_directory(), false, &s, &info),
	       ERR_OK);
	return s;
}

static void
finish(struct supervisor *s)
{
	supervisor_free(s);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static void
add(struct supervisor *s, const char *name, const char *const *argv,
    int stop_ms)
{
	const struct child_plan plan = {name, argv, stop_ms, SIGTERM};
	struct err_info info;

	IS_INT(name, supervisor_add(s, &plan, &info), ERR_OK);
}

/* What a program has printed so far; the caller frees it. */
static char *
log_of(const char *name)
{
	char path[600];
	char *text = NULL;
	size_t size;

	snprintf(path, sizeof(path), "%s/%s.log", unit_directory(), name);
	return file_read(path, 1 << 20, &text, &size, NULL) == ERR_OK ? text
								      : NULL;
}

static int
count(const char *name, const char *part)
{
	char *text = log_of(name);
	const char *at = text;
	int n = 0;

	while (at && (at = strstr(at, part))) {
		n++;
		at += strlen(part);
	}
	free(text);
	return n;
}

/* Steps until `part` was printed `times` times. */
static bool
printed(struct supervisor *s, const char *name, const char *part, int times)
{
	int64_t end = clock_mono_ms() + LIMIT_MS;

	while (count(name, part) < times) {
		if (clock_mono_ms() > end)
			return false;
		supervisor_step(s, 20);
	}
	return true;
}

/* The number behind the last `part`. */
static pid_t
pid_in(const char *name, const char *part)
{
	char *text = log_of(name);
	const char *last = NULL;
	const char *at = text;
	pid_t pid;

	while (at && (at = strstr(at, part))) {
		at += strlen(part);
		last = at;
	}
	pid = last ? (pid_t)strtol(last, NULL, 10) : 0;
	free(text);
	return pid;
}

static void
starts_again_what_ends(void)
{
	static const char *const argv[] = {
	    "/bin/sh", "-c", "echo begun $$; exec sleep 1000", NULL};
	struct supervisor *s = begin();
	pid_t first;
	pid_t second;

	add(s, "again", argv, 5000);
	OK("started", printed(s, "again", "begun", 1));
	OK("no trouble so far", !supervisor_troubled(s));
	first = pid_in("again", "begun ");
	OK("it is there", first > 1 && kill(first, 0) == 0);
	kill(first, SIGKILL);
	OK("started again", printed(s, "again", "begun", 2));
	second = pid_in("again", "begun ");
	OK("another process", second != first);
	IS_TEXT("and that is told", supervisor_troubled(s), "again");
	finish(s);
	OK("gone at the end", kill(second, 0) < 0);
}

static void
leaves_nothing_of_a_group(void)
{
	static const char *const argv[] = {
	    "/bin/sh", "-c", "sleep 1000 & echo below $!; echo leader $$; wait",
	    NULL};
	struct supervisor *s = begin();
	pid_t below;

	add(s, "group", argv, 5000);
	OK("started", printed(s, "group", "leader", 1));
	below = pid_in("group", "below ");
	kill(pid_in("group", "leader "), SIGKILL);
	OK("started again", printed(s, "group", "leader", 2));
	OK("the first one's child is gone", kill(below, 0) < 0);
	below = pid_in("group", "below ");
	finish(s);
	OK("and the second one's", kill(below, 0) < 0);
}

static void
kills_what_does_not_stop(void)
{
	static const char *const argv[] = {
	    "/bin/sh", "-c",
	    "trap '' TERM; echo deaf $$; while :; do sleep 1; done", NULL};
	struct supervisor *s = begin();
	pid_t pid;

	add(s, "deaf", argv, 300);
	OK("started", printed(s, "deaf", "deaf", 1));
	pid = pid_in("deaf", "deaf ");
	finish(s);
	OK("gone", pid > 1 && kill(pid, 0) < 0);
}

static void
stops_the_last_first(void)
{
	static const char script[] =
	    "trap 'echo end >>\"$1\"; echo $0 >>\"$1\"; exit 0' TERM; "
	    "echo ready; while :; do sleep 0.05; done";
	static char order[600];
	static const char *const one[] = {"/bin/sh", "-c",  script,
					  "one",     order, NULL};
	static const char *const two[] = {"/bin/sh", "-c",  script,
					  "two",     order, NULL};
	struct supervisor *s = begin();
	char *text = NULL;
	size_t size;

	snprintf(order, sizeof(order), "%s/order", unit_directory());
	add(s, "one", one, 10000);
	add(s, "two", two, 10000);
	OK("one", printed(s, "one", "ready", 1));
	OK("two", printed(s, "two", "ready", 1));
	finish(s);
	file_read(order, 1000, &text, &size, NULL);
	IS_TEXT("the order of their ends", text, "end\ntwo\nend\none\n");
	free(text);
}

static void
runs_one_to_its_end(void)
{
	static const char *const good[] = {"/bin/sh", "-c", "exit 7", NULL};
	static const char *const killed[] = {"/bin/sh", "-c", "kill -9 $$",
					     NULL};
	static const char *const endless[] = {"/bin/sleep", "1000", NULL};
	static const char *const missing[] = {"/nonexistent", NULL};
	struct supervisor *s = begin();
	struct err_info info;
	int status = 99;

	supervisor_run(s, good, LIMIT_MS, &status, &info);
	IS_INT("its exit code", status, 7);
	supervisor_run(s, killed, LIMIT_MS, &status, &info);
	IS_INT("128 and the signal", status, 128 + SIGKILL);
	supervisor_run(s, missing, LIMIT_MS, &status, &info);
	IS_INT("no such program", status, 127);
	supervisor_run(s, endless, 200, &status, &info);
	IS_INT("its time was over", status, -1);
	OK("nobody asked to stop", supervisor_step(s, 0));
	kill(getpid(), SIGTERM);
	supervisor_run(s, endless, LIMIT_MS, &status, &info);
	IS_INT("a signal ends it", status, -1);
	OK("and stays known", !supervisor_step(s, LIMIT_MS));
	finish(s);
}

/* The other one speaks between its two lines, which stay together. */
static void
puts_no_line_between_those_of_one_that_runs(void)
{
	char other[700];
	char script[1400];
	char shown[600];
	const char *const chatty[] = {"/bin/sh", "-c", other, NULL};
	const char *const table[] = {"/bin/sh", "-c", script, NULL};
	struct supervisor *s = NULL;
	struct err_info info = {""};
	char *text = NULL;
	size_t size;
	int out = dup(STDOUT_FILENO);
	int err = dup(STDERR_FILENO);
	int status = 99;
	int fd;

	snprintf(shown, sizeof(shown), "%s/shown", unit_directory());
	snprintf(other, sizeof(other),
		 "until [ -e %s/go ]; do sleep 0.01; done; echo meanwhile; "
		 "exec sleep 1000",
		 unit_directory());
	snprintf(script, sizeof(script),
		 "echo first; : >%s/go; "
		 "until grep -q meanwhile %s/chatty.log; do sleep 0.01; done; "
		 "echo last",
		 unit_directory(), unit_directory());
	fd = open(shown, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
	if (supervisor_new(unit_directory(), true, &s, &info) == ERR_OK) {
		add(s, "chatty", chatty, 5000);
		supervisor_run(s, table, LIMIT_MS, &status, &info);
	}
	supervisor_free(s);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	IS_INT("it ended", status, 0);
	IS_INT("shown", file_read(shown, 10000, &text, &size, &info), ERR_OK);
	HAS_TEXT("its lines together, then the other's", text,
		 "first\nlast\nchatty       | meanwhile\n");
	free(text);
}

static void
keeps_long_and_unfinished_lines(void)
{
	static const char *const argv[] = {
	    "/bin/sh", "-c",
	    "head -c 20000 /dev/zero | tr '\\0' x; echo; echo done; exec "
	    "sleep 1000",
	    NULL};
	static const char *const dying[] = {"/bin/sh", "-c",
					    "printf 'last words'", NULL};
	struct supervisor *s = begin();
	char *text;

	add(s, "long", argv, 5000);
	add(s, "dying", dying, 5000);
	OK("all of it", printed(s, "long", "done\n", 1));
	OK("what has no end of line", printed(s, "dying", "last words", 1));
	finish(s);
	text = log_of("long");
	IS_INT("every octet", text ? strspn(text, "x") : 0, 20000);
	free(text);
}

const char unit_name[] = "supervise";
const struct unit_case unit_cases[] = {
    {"starts again what ends", starts_again_what_ends},
    {"leaves nothing of a group", leaves_nothing_of_a_group},
    {"kills what does not stop", kills_what_does_not_stop},
    {"stops the last first", stops_the_last_first},
    {"runs one to its end", runs_one_to_its_end},
    {"puts no line between those of one that runs",
     puts_no_line_between_those_of_one_that_runs},
    {"keeps long and unfinished lines", keeps_long_and_unfinished_lines},
    {NULL, NULL},
};
