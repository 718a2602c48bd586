/*
 * cli/command.h: the commands of osapi(1), one row each.
 *
 * Rows with fixed words stand in const tables; the commands of `osapi client`
 * that the description names are made from it (cli/client.c).
 */
#ifndef OSAPI_CLI_COMMAND_H
#define OSAPI_CLI_COMMAND_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/error.h"

/* What the flags before the command said. */
struct cli {
	const char *config_path; /* -f, NULL: search */
	bool debug;              /* -d */
	bool json;               /* -j */
	const char *program;     /* argv[0], for finding our other programs */
};

struct command {
	const char *words; /* "token generate"; NULL ends a table */
	const char
	    *arguments; /* of the usage line: "--role ROLE --subject NAME" */
	const char *summary; /* one line */
	const char *help;    /* more lines and an example, may be "" */
	/* argv[0] is the first word behind the command; returns an exit code
	 * (0 done, 1 refused, 2 usage, 3 cannot reach, 4 not allowed). */
	int (*run)(const struct cli *cli, int argc, char **argv);
};

extern const struct command
    command_local[]; /* cli/local.c: token, config, init, up, ... */
extern const struct command
    command_client[]; /* cli/client.c: what the description does not name */

/*
 * Runs `osapi client ...` (argv[0] is the word behind "client"): first command_client,
 * then the commands of the description.
 */
int client_main(const struct cli *cli, int argc, char **argv);

/* Prints "osapi: {what}" in one line on stderr, and a next step where there is
 * one; returns the exit code of `code`. */
int command_fail(enum err code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The commands below `prefix` ("" all) with their summaries, for help. */
void command_list(const struct command *table, const char *prefix);

/* The row whose words begin argv, the longest first; *used is the number of words. */
const struct command *command_find(const struct command *table, int argc,
				   char **argv, int *used);

/* The nearest known word by edit distance, for "did you mean"; NULL: none near. */
const char *command_suggest(const char *word, const char *const *known);

#endif
