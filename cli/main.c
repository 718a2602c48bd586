/* cli/main.c: osapi(1): the flags before the command, help, and dispatch. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/catalog.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "lib/log.h"

#define WORDS_MAX 64

static int
help_all(void)
{
	struct arguments common = {0};
	const struct command *row;

	puts("usage: osapi [-f FILE] [-d|--debug] [-j|--json] COMMAND\n\n"
	     "Linux hosts as appliances.\n\nCommands of the operator:");
	for (row = command_local; row->words; row++)
		printf("  %-18s  %s\n", row->words, row->summary);
	puts("\nCommands through the API (osapi client --help lists them):\n"
	     "  client COMMAND\n\nFlags of every command:");
	arguments_know(&common, command_arguments);
	arguments_help(&common);
	puts("\nosapi COMMAND --help tells more of one.\n\n"
	     "Example:\n  osapi client system status -T _all");
	return 0;
}

static bool
is_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

/* As a flag, since nearly every program knows it so. */
static bool
is_version(const char *word)
{
	return strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0;
}

static int
dispatch(const struct cli *cli, int argc, char **argv)
{
	static char version[] = "version";
	const struct command *command;
	int used;

	if (argc == 0 || is_help(argv[0])) {
		help_all();
		return argc == 0 ? err_exit(ERR_INVALID) : 0;
	}
	if (is_version(argv[0]))
		argv[0] = version;
	if (strcmp(argv[0], "client") == 0)
		return client_main(cli, argc - 1, argv + 1);
	command = command_find(command_local, argc, argv, &used);
	if (!command)
		return catalog_miss("", argc, argv);
	return command_start(command, "", command_arguments, cli, argc - used,
			     argv + used);
}

/* "help WORDS" is "WORDS --help". */
static int
help(const struct cli *cli, int argc, char **argv)
{
	static char flag[] = "--help";
	char *words[WORDS_MAX + 1];
	int i;

	for (i = 0; i < argc && i < WORDS_MAX; i++)
		words[i] = argv[i];
	words[i] = flag;
	return dispatch(cli, i + 1, words);
}

static void
wrong_flag(const char *word)
{
	static const char *const known[] = {"--file", "--debug", "--json",
					    "--help", NULL};
	const char *near = command_suggest(word, known);
	char *safe = terminal_safe(word);

	if (near && strcmp(near, word) == 0)
		command_fail(ERR_INVALID, "%s needs a value: FILE", near);
	else if (near)
		command_fail(ERR_INVALID,
			     "%.80s: unknown flag, did you mean %s?",
			     safe ? safe : "?", near);
	else
		command_fail(ERR_INVALID,
			     "%.80s: unknown flag, or its value is missing "
			     "(osapi --help)",
			     safe ? safe : "?");
	free(safe);
}

/* Takes the flags before the command; the index of the command, -1 after a
 * message. */
static int
global_flags(struct cli *cli, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *word = argv[i];

		if (is_help(word) || is_version(word))
			break;
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
			wrong_flag(word);
			return -1;
		}
	}
	return i;
}

/* A standard stream that is closed would be the next file that is opened. */
static void
open_missing(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			/* writing to stdout fails, as it should */
			open("/dev/null",
			     fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

/* So that a closed pipe is an error of write(2); a program that takes our place
 * gets the default again, which it would not with SIG_IGN. */
static void
nothing(int signal_number)
{
	(void)signal_number;
}

int
main(int argc, char **argv)
{
	struct cli cli = {.program = argv[0]};
	const struct sigaction broken_pipe = {.sa_handler = nothing,
					      .sa_flags = SA_RESTART};
	int first;

	open_missing();
	output_init();
	sigaction(SIGPIPE, &broken_pipe, NULL);
	first = global_flags(&cli, argc, argv);
	if (first < 0)
		return err_exit(ERR_INVALID);
	log_init("osapi", LOG_FORMAT_BRIEF,
		 cli.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
	if (first < argc && strcmp(argv[first], "help") == 0)
		return output_finish(
		    help(&cli, argc - first - 1, argv + first + 1));
	return output_finish(dispatch(&cli, argc - first, argv + first));
}
