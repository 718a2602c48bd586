/*
 * cli/flags.h: the flags of one command, as a table.
 */
#ifndef OSAPI_CLI_FLAGS_H
#define OSAPI_CLI_FLAGS_H

#include <stdbool.h>

struct flag {
	const char *name;   /* "--role", "-T"; NULL ends a table */
	const char **value; /* takes a value; NULL: takes none */
	bool *given;        /* set when it is there; NULL: not wanted */
};

/*
 * Takes the flags out of argv ("--name value", "--name=value"; "--" ends them)
 * and leaves the other words at its beginning: *count of them.  False after a
 * message on stderr (an unknown flag, a value that is missing or not wanted,
 * a flag given twice).
 */
bool flags_take(const struct flag *flags, int argc, char **argv, int *count);

#endif
