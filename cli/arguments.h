/*
 * cli/arguments.h: flags and words of a command.  The flags are rows of const
 * tables, or made from the description at run time.
 */
#ifndef OSAPI_CLI_ARGUMENTS_H
#define OSAPI_CLI_ARGUMENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ARGUMENTS_FLAGS_MAX 32 /* kinds of flags of one command */
#define ARGUMENTS_GIVEN_MAX 128
#define ARGUMENTS_WORDS_MAX 16

struct argument {
	const char *name; /* "target", without dashes; "_" may be "-" */
	char letter;      /* 'T', 0: none */
	/* placeholder, "HOST", or the words that it may be, "read|write";
	 * NULL: takes none */
	const char *value;
	bool many;            /* may be given again */
	const char *help;     /* one line */
	const json_t *schema; /* of the value, NULL: from no description */
};

#define ARGUMENTS_END                            \
	{                                        \
		NULL, 0, NULL, false, NULL, NULL \
	}

struct arguments {
	size_t known_count;
	struct argument known[ARGUMENTS_FLAGS_MAX];
	size_t given_count;
	struct {
		const struct argument *flag; /* one of known */
		const char *value;           /* "" where it takes none */
	} given[ARGUMENTS_GIVEN_MAX];
	size_t word_count; /* behind the command's own */
	const char *words[ARGUMENTS_WORDS_MAX];
};

/* Adds flags to what is known; `rows` ends with a NULL name.  A name that is
 * known already is left as it is. */
void arguments_know(struct arguments *arguments, const struct argument *rows);

/*
 * Reads argv: "--name value", "--name=value", "-N value", "-Nvalue", "-ab" for
 * "-a -b"; "--" ends the flags, "-" is a word.  False after one line on stderr.
 * Keeps pointers into argv.
 */
bool arguments_parse(struct arguments *arguments, int argc, char **argv);

/* The last value given, NULL where the flag is not there. */
const char *arguments_value(const struct arguments *arguments,
			    const char *name);

bool arguments_has(const struct arguments *arguments, const char *name);

/* All values of a flag joined by ","; the caller frees it; NULL: not
 * given, or no memory. */
char *arguments_joined(const struct arguments *arguments, const char *name);

/* Prints what is known, a line each. */
void arguments_help(const struct arguments *arguments);

#endif
