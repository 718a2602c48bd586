/*
 * cli/supervise.h: keeps the programs of a stack running, in the foreground.
 *
 * Each program has a process group of its own, gets SIGTERM when this process
 * dies, and is started again after a doubling delay when it ends.  What it
 * prints goes line by line into {log_dir}/{name}.log, and with `verbose` to
 * stderr as well.  For one thread; owns SIGINT, SIGTERM, SIGHUP and SIGCHLD of
 * the process from supervisor_new on.
 */
#ifndef OSAPI_CLI_SUPERVISE_H
#define OSAPI_CLI_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define SUPERVISOR_CHILDREN_MAX 8

struct supervisor;

struct child_plan {
	const char *name; /* static storage */
	const char *const
	    *argv;   /* argv[0] is a path; lives as long as the supervisor */
	int stop_ms; /* from the stop signal to SIGKILL */
	int stop_signal; /* what lets it finish what it does; 0: SIGTERM */
};

/* `log_dir` exists and is copied. */
enum err supervisor_new(const char *log_dir, bool verbose,
			struct supervisor **supervisor, struct err_info *info);

/* Adds a program; it starts with the next supervisor_step.  At the end those
 * that were added last are stopped first. */
enum err supervisor_add(struct supervisor *supervisor,
			const struct child_plan *plan, struct err_info *info);

/* Handles what happens within `timeout_ms`; returns early after something
 * did.  False from the moment on that a signal has asked to stop. */
bool supervisor_step(struct supervisor *supervisor, int timeout_ms);

/* Runs one more program with our own input and output until it ends, and
 * steps meanwhile; what the others say is shown when it has ended.  *status is
 * its exit code, 128 + signal, or -1: a signal asked to stop or the time was
 * over, and it was killed. */
enum err supervisor_run(struct supervisor *supervisor, const char *const *argv,
			int64_t timeout_ms, int *status, struct err_info *info);

/* The name of a program that does not run or has been started more than once;
 * NULL: all run since their first start. */
const char *supervisor_troubled(const struct supervisor *supervisor);

/* Writes the last lines of a program's log to stderr. */
void supervisor_show_log(const struct supervisor *supervisor, const char *name);

/* Stops all, one after the other, each within its stop_ms; frees.  NULL is
 * accepted. */
void supervisor_free(struct supervisor *supervisor);

#endif
