/* cli/main.c: osapi(1): the flags before the command, help, and dispatch. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "lib/log.h"

#define WORDS_MAX 64

static void
usage(FILE *out)
{
	fputs("usage: osapi [-f FILE] [-d|--debug] [-j|--json] COMMAND\n", out);
}

static int
help_all(void)
{
	usage(stdout);
	puts("\nCommands of the operator:");
	command_list(command_local, "");
	puts("\nCommands through the API (osapi client --help lists them):\n"
	     "  client COMMAND\n\n"
	     "FILE is osapi.yaml; without -f it is $OSAPI_FILE, ./osapi.yaml "
	     "or /etc/osapi/osapi.yaml.\n"
	     "osapi help COMMAND tells more of one.");
	return 0;
}

static int
help_one(const struct command *command)
{
	printf("usage: osapi %s%s%s\n\n%s\n", command->words,
	       *command->arguments ? " " : "", command->arguments,
	       command->summary);
	if (*command->help)
		printf("\n%s", command->help);
	return 0;
}

/* Whether some command has `word` as its first word, or it is all of it. */
static bool
begins_command(const char *word)
{
	const struct command *row;
	size_t length = strlen(word);

	for (row = command_local; row->words; row++)
		if (strncmp(row->words, word, length) == 0 &&
		    (row->words[length] == ' ' || !row->words[length]))
			return true;
	return false;
}

static int
unknown(int argc, char **argv)
{
	char firsts[WORDS_MAX][32];
	const char *known[WORDS_MAX + 2] = {"client"};
	const char *near;
	size_t count = 0;

	if (begins_command(argv[0])) {
		command_fail(ERR_INVALID, "%s: %s", argv[0],
			     argc > 1 ? "unknown command, known are"
				      : "a word is missing, known are");
		command_list(command_local, argv[0]);
		return err_exit(ERR_INVALID);
	}
	for (; command_local[count].words && count < WORDS_MAX; count++) {
		snprintf(firsts[count], sizeof(firsts[count]), "%.*s",
			 (int)strcspn(command_local[count].words, " "),
			 command_local[count].words);
		known[count + 1] = firsts[count];
	}
	near = command_suggest(argv[0], known);
	return command_fail(ERR_INVALID,
			    near ? "unknown command %s, did you mean %s?"
				 : "unknown command %s (osapi help lists them)",
			    argv[0], near);
}

static bool
is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

static int
help(const struct cli *cli, int argc, char **argv)
{
	static char flag[] = "--help";
	char *words[WORDS_MAX + 1];
	const struct command *command;
	int used;
	int i;

	if (argc == 0)
		return help_all();
	if (strcmp(argv[0], "client") == 0) {
		for (i = 1; i < argc && i < WORDS_MAX; i++)
			words[i - 1] = argv[i];
		words[i - 1] = flag;
		return client_main(cli, i, words);
	}
	command = command_find(command_local, argc, argv, &used);
	if (command)
		return help_one(command);
	if (!begins_command(argv[0]))
		return unknown(argc, argv);
	command_list(command_local, argv[0]);
	return 0;
}

static int
dispatch(const struct cli *cli, int argc, char **argv)
{
	const struct command *command;
	int used;
	int i;

	if (argc == 0) {
		help_all();
		return err_exit(ERR_INVALID);
	}
	if (strcmp(argv[0], "help") == 0)
		return help(cli, argc - 1, argv + 1);
	if (strcmp(argv[0], "client") == 0)
		return client_main(cli, argc - 1, argv + 1);
	for (i = 0; i < argc; i++)
		if (is_help(argv[i]))
			return help(cli, i, argv);
	command = command_find(command_local, argc, argv, &used);
	if (!command)
		return unknown(argc, argv);
	return command->run(cli, argc - used, argv + used);
}

/* Takes the flags before the command; the index of the command, -1 after a
 * message. */
static int
global_flags(struct cli *cli, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && !is_help(argv[i]); i++) {
		const char *word = argv[i];

		if (strcmp(word, "-d") == 0 || strcmp(word, "--debug") == 0) {
			cli->debug = true;
		} else if (strcmp(word, "-j") == 0 ||
			   strcmp(word, "--json") == 0) {
			cli->json = true;
		} else if (strncmp(word, "--file=", 7) == 0) {
			cli->config_path = word + 7;
		} else if ((strcmp(word, "-f") == 0 ||
			    strcmp(word, "--file") == 0) &&
			   i + 1 < argc) {
			cli->config_path = argv[++i];
		} else {
			usage(stderr);
			command_fail(ERR_INVALID,
				     "%s: unknown flag, or its "
				     "value is missing",
				     word);
			return -1;
		}
	}
	return i;
}

int
main(int argc, char **argv)
{
	struct cli cli = {.program = argv[0]};
	int first = global_flags(&cli, argc, argv);

	if (first < 0)
		return err_exit(ERR_INVALID);
	log_init("osapi", LOG_FORMAT_AUTO,
		 cli.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
	return dispatch(&cli, argc - first, argv + first);
}
