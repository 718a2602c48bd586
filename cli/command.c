/* cli/command.c: finds commands by their words, and says what went wrong. */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal.h"
#include "lib/log.h"
#include "lib/nearest.h"

const struct argument command_arguments[] = {
    {"file", 'f', "FILE", false,
     "osapi.yaml, instead of $OSAPI_FILE, ./osapi.yaml or "
     "/etc/osapi/osapi.yaml.",
     NULL},
    {"debug", 'd', NULL, true, "Write debug lines to the log.", NULL},
    {"json", 'j', NULL, true, "Print JSON where there is any.", NULL},
    {"help", 'h', NULL, true, "This text.", NULL},
    ARGUMENTS_END,
};

/* What a person may do next about a failure of this kind. */
static const struct {
	enum err code;
	const char *text;
} next_steps[] = {
    {ERR_UNAUTHENTICATED,
     "give a token: osapi token generate --role ROLE --subject NAME"},
    {ERR_EXPIRED, "make a new token: osapi token generate"},
    {ERR_UNAVAILABLE, "is it running? osapi client health ready"},
};

int
command_fail(enum err code, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	size_t i;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	fputs("osapi: ", stderr);
	terminal_print(stderr, text ? text : "out of memory");
	free(text);
	for (i = 0; i < sizeof(next_steps) / sizeof(next_steps[0]); i++)
		if (next_steps[i].code == code)
			fprintf(stderr, " (%s)", next_steps[i].text);
	fputc('\n', stderr);
	return err_exit(code);
}

int
command_matched(const char *words, int argc, char **argv)
{
	int i;

	for (i = 0; *words; i++) {
		size_t length = strcspn(words, " ");

		if (i == argc || strlen(argv[i]) != length ||
		    strncmp(argv[i], words, length) != 0)
			return 0;
		words += length + (words[length] == ' ');
	}
	return i;
}

const struct command *
command_find(const struct command *table, int argc, char **argv, int *used)
{
	const struct command *best = NULL;
	int n;

	*used = 0;
	for (; table->words; table++) {
		n = command_matched(table->words, argc, argv);
		if (n <= *used)
			continue;
		best = table;
		*used = n;
	}
	return best;
}

const char *
command_suggest(const char *word, const char *const *known)
{
	const char *best = NULL;
	size_t least = nearest_limit(word) + 1;

	for (; *known; known++) {
		size_t distance = nearest_distance(word, *known);

		if (distance >= least)
			continue;
		least = distance;
		best = *known;
	}
	return best;
}

/* ---- running ---- */

void
command_know(const struct command *command, const struct argument *common,
	     struct arguments *arguments)
{
	size_t i;

	for (i = 0; i < COMMAND_TABLES && command->flags[i]; i++)
		arguments_know(arguments, command->flags[i]);
	arguments_know(arguments, common);
}

static int
help(const struct command *command, const char *prefix,
     const struct arguments *arguments)
{
	printf("usage: osapi %s%s%s%s [FLAGS]\n\n%s.\n", prefix, command->words,
	       *command->arguments ? " " : "", command->arguments,
	       command->summary);
	if (*command->help)
		printf("\n%s", command->help);
	putchar('\n');
	arguments_help(arguments);
	printf("\nExample:\n%s", command->example);
	return 0;
}

static int
too_many(const struct command *command, const char *prefix, const char *word)
{
	char *safe = terminal_safe(word);
	int status = command_fail(ERR_INVALID,
				  "%s%s: %.80s is one word too many (osapi "
				  "%s%s --help)",
				  prefix, command->words, safe ? safe : "?",
				  prefix, command->words);

	free(safe);
	return status;
}

int
command_start(const struct command *command, const char *prefix,
	      const struct argument *common, const struct cli *cli, int argc,
	      char **argv)
{
	struct arguments arguments = {0};
	struct cli own = *cli;
	const char *file;

	command_know(command, common, &arguments);
	if (!arguments_parse(&arguments, argc, argv))
		return err_exit(ERR_INVALID);
	if (arguments_has(&arguments, "help"))
		return help(command, prefix, &arguments);
	if (arguments.word_count > command->most)
		return too_many(command, prefix,
				arguments.words[command->most]);
	file = arguments_value(&arguments, "file");
	if (file)
		own.config_path = file;
	own.json = own.json || arguments_has(&arguments, "json");
	if (arguments_has(&arguments, "debug")) {
		own.debug = true;
		log_init("osapi", LOG_FORMAT_BRIEF, LOG_LEVEL_DEBUG);
	}
	return command->run(&own, &arguments);
}
