/*
 * cli/command.h: the commands of osapi(1), one row each.
 *
 * Rows with fixed words stand in const tables; the commands of `osapi client`
 * that the description names are made from it (cli/described.h).  All of them
 * together, for help and completion, are cli/catalog.h.
 */
#ifndef OSAPI_CLI_COMMAND_H
#define OSAPI_CLI_COMMAND_H

#include <stdbool.h>

#include "cli/arguments.h"
#include "lib/config.h"
#include "lib/error.h"

/* What the flags that every command has said. */
struct cli {
	const char *config_path; /* -f, NULL: search */
	bool debug;              /* -d */
	bool json;               /* -j */
	const char *program;     /* argv[0], for finding our other programs */
};

#define COMMAND_TABLES 3

struct command {
	const char *words; /* "token generate"; NULL ends a table */
	const char
	    *arguments; /* of the usage line: "--role ROLE --subject NAME" */
	size_t most;    /* words behind its own, at most */
	const char *summary; /* one line */
	const char *help;    /* more lines, may be "" */
	const char *example; /* command lines, each with its end of line */
	const struct argument *flags[COMMAND_TABLES]; /* its own, NULL: none */
	/* Returns an exit code: 0 done, 1 refused, 2 usage, 3 cannot reach,
	 * 4 not allowed. */
	int (*run)(const struct cli *cli, const struct arguments *arguments);
};

extern const struct command
    command_local[]; /* cli/local.c: token, config, init, up, ... */
extern const struct command
    command_client[]; /* cli/client.c: what the description does not name */

/* The flags of the commands in command_local: -f, -d, -j, --help. */
extern const struct argument command_arguments[];

/*
 * Runs `osapi client ...` (argv[0] is the word behind "client"): first
 * command_client, then the commands of the description.
 */
int client_main(const struct cli *cli, int argc, char **argv);

/* Adds the flags of a row and those of `common` to what is known. */
void command_know(const struct command *command, const struct argument *common,
		  struct arguments *arguments);

/*
 * Reads the words behind a command (argv[0] is the first) and runs
 * it, or helps; the exit code.  `prefix` is what stands before its
 * words, "client " or "".
 */
int command_start(const struct command *command, const char *prefix,
		  const struct argument *common, const struct cli *cli,
		  int argc, char **argv);

/* Prints "osapi: {what}" in one line on stderr, and a next step where there is
 * one; returns the exit code of `code`. */
int command_fail(enum err code, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The row whose words begin argv, the longest first; *used is
 * the number of words. */
const struct command *command_find(const struct command *table, int argc,
				   char **argv, int *used);

/* How many words of argv are exactly `words` ("job get"); 0: they differ. */
int command_matched(const char *words, int argc, char **argv);

/* The nearest known word by edit distance, for "did you
 * mean"; NULL: none near. */
const char *command_suggest(const char *word, const char *const *known);

#endif
