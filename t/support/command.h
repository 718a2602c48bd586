/*
 * t/support/command.h: runs a command of the system beside the code under test,
 * to set a scene or to compare results.
 */
#ifndef OSAPI_T_SUPPORT_COMMAND_H
#define OSAPI_T_SUPPORT_COMMAND_H

#include <stddef.h>

/*
 * Runs argv (ended by NULL, found by PATH), waits for it and returns its exit
 * status, -1 where it could not be run or was killed.  What it wrote to stdout
 * goes to `out` (may be NULL), NUL-terminated and cut at out_size.
 */
int command_run(const char *const argv[], char *out, size_t out_size);

/* COMMAND("ip", "link", "show"): the exit status alone. */
#define COMMAND(...) \
	command_run((const char *const[]){__VA_ARGS__, NULL}, NULL, 0)

#endif
