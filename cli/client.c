/*
 * cli/client.c: `osapi client`: finds the command, in the table here or in the
 * description, and helps where there is none.
 */
#include "cli/client.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/described.h"
#include "cli/terminal.h"
#include "lib/spec.h"

#define WORDS_MAX 128 /* known commands and their words */

enum { EXIT_USAGE = 2 };

const struct command command_client[] = {
    {"job add", "--operation TYPE [FLAGS]", "Submit a job and say its id",
     "Example:\n  osapi client job add --operation network.dns.get --data "
     "'{\"interface_name\":\"eth0\"}' -T web-01\n",
     client_job_add},
    {"job get", "ID [FLAGS]", "Show a job, its timeline and its results",
     "Example:\n  osapi client job get "
     "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01\n",
     client_job_get},
    {"job run", "--operation TYPE [FLAGS]",
     "Submit a job, wait for it and print its result",
     "Ctrl-C leaves the job running and says its id.\n\n"
     "Example:\n  osapi client job run --operation system.hostname.get -T "
     "_all\n",
     client_job_run},
    {"job retry", "ID [FLAGS]", "Run a job's operation again, as a new job",
     "Example:\n  osapi client job retry "
     "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01 -T web-02\n",
     client_job_retry},
    {"metrics", "[FLAGS]", "Print the metrics as Prometheus reads them",
     "Example:\n  osapi client metrics\n", client_metrics},
    {"request", "METHOD PATH [FLAGS]",
     "Send any request, with URL and token filled in",
     "Example:\n  osapi client request POST /api/v1/network/ping -d "
     "'{\"address\":\"192.0.2.1\"}' -i\n",
     client_request},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct command *
client_command(const char *words)
{
	const struct command *row = command_client;

	while (row->words && strcmp(row->words, words) != 0)
		row++;
	return row->words ? row : NULL;
}

int
client_help(const char *words, const struct arguments *arguments)
{
	const struct command *row = client_command(words);

	if (!row)
		return EXIT_USAGE;
	printf("usage: osapi client %s %s\n\n%s.\n\n", row->words,
	       row->arguments, row->summary);
	arguments_help(arguments);
	printf("\n%s", row->help);
	return 0;
}

/* ---- all commands, for help and "did you mean" ---- */

struct known {
	size_t count;
	struct {
		const char *words;
		const char *summary;
	} items[WORDS_MAX];
};

static void
know(struct known *known, const char *words, const char *summary)
{
	size_t i;

	for (i = 0; i < known->count; i++)
		if (strcmp(known->items[i].words, words) == 0)
			return;
	if (known->count == WORDS_MAX - 1)
		return;
	known->items[known->count].words = words;
	known->items[known->count].summary = summary;
	known->count++;
}

static int
by_words(const void *a, const void *b)
{
	/* both are items of struct known, whose first member is its words */
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct known
all_commands(const struct spec *spec)
{
	struct known known = {0};
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);
	const struct command *row;
	size_t i;

	for (row = command_client; row->words; row++)
		know(&known, row->words, row->summary);
	for (i = 0; i < count; i++)
		if (list[i].cli)
			know(&known, list[i].cli, list[i].summary);
	qsort(known.items, known.count, sizeof(*known.items), by_words);
	return known;
}

static bool
begins(const char *words, const char *prefix)
{
	size_t size = strlen(prefix);

	return size == 0 || (strncmp(words, prefix, size) == 0 &&
			     (words[size] == ' ' || !words[size]));
}

static size_t
list_commands(FILE *out, const struct known *known, const char *prefix)
{
	size_t listed = 0;
	size_t i;

	for (i = 0; i < known->count; i++) {
		if (!begins(known->items[i].words, prefix))
			continue;
		fprintf(out, "  %-20s  %s\n", known->items[i].words,
			known->items[i].summary);
		listed++;
	}
	return listed;
}

static int
help_all(const struct known *known)
{
	struct arguments common = {0};

	puts("usage: osapi client COMMAND [FLAGS]\n\n"
	     "Ask the API, and the hosts behind it.\n");
	list_commands(stdout, known, "");
	puts("\nFlags of every command:");
	arguments_know(&common, api_arguments);
	arguments_help(&common);
	puts("\nosapi client COMMAND --help tells its own flags.\n\n"
	     "Example:\n  osapi client system status -T _all");
	return 0;
}

/* The words up to the first flag, "" for none. */
static void
join_words(int argc, char **argv, char *out, size_t size)
{
	size_t used = 0;
	int i;

	*out = '\0';
	for (i = 0; i < argc && argv[i][0] != '-' && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
					 i ? " " : "", argv[i]);
}

static bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc && argv[i]; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return argc == 0;
}

/* The command whose beginning was mistyped: compared by as many words as were
 * given. */
static const char *
suggest(const struct known *known, const char *words)
{
	const char *names[WORDS_MAX + 1];
	size_t i;

	for (i = 0; i < known->count; i++)
		if (strncmp(known->items[i].words, words, strlen(words)) == 0)
			return known->items[i].words;
	for (i = 0; i < known->count; i++)
		names[i] = known->items[i].words;
	names[known->count] = NULL;
	return command_suggest(words, names);
}

static int
unknown(const struct known *known, int argc, char **argv)
{
	char words[128];
	char first[64];
	const char *near;
	char *safe;
	int status;
	size_t i;

	join_words(argc, argv, words, sizeof(words));
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(words, " "), words);
	/* no command, but the beginning of some: "system", "network dns" */
	if (wants_help(argc, argv))
		return list_commands(stdout, known, words) || !*words
			   ? 0
			   : EXIT_USAGE;
	for (i = 0; i < known->count; i++)
		if (strncmp(known->items[i].words, words, strlen(words)) == 0 &&
		    known->items[i].words[strlen(words)] == ' ')
			break;
	if (i < known->count) {
		status = command_fail(ERR_INVALID,
				      "client %s: a word is missing, known are",
				      words);
		list_commands(stderr, known, words);
		return status;
	}
	near = suggest(known, words);
	safe = terminal_safe(words);
	if (near)
		status = command_fail(ERR_INVALID,
				      "client %s: unknown command, did you "
				      "mean client %s?",
				      safe ? safe : "?", near);
	else
		status = command_fail(ERR_INVALID,
				      "client %s: unknown command (osapi "
				      "client --help lists them)",
				      safe ? safe : "?");
	free(safe);
	if (!near && *first)
		list_commands(stderr, known, first);
	return status;
}

/*
 * Moves the flags in front of the command behind its words, where the command
 * reads them with its own: "-T web-01 system hostname".  Returns the number of
 * words moved.
 */
static int
leading_flags(int argc, char **argv)
{
	static const char *const with_value[] = {"--url", "--target", "-T"};
	size_t k;
	int i = 0;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		bool value = false;

		for (k = 0; k < 3; k++)
			value = value || strcmp(argv[i], with_value[k]) == 0;
		i += value && i + 1 < argc ? 2 : 1;
	}
	return i;
}

static int
dispatch(const struct cli *cli, const struct spec *spec, int argc, char **argv)
{
	struct known known = all_commands(spec);
	const struct spec_endpoint *endpoint;
	const struct command *command;
	int own;
	int described;

	if (argc == 0 || !argv[0] || argv[0][0] == '-') {
		help_all(&known);
		return wants_help(argc, argv) && argc ? 0 : EXIT_USAGE;
	}
	command = command_find(command_client, argc, argv, &own);
	endpoint = described_find(spec, argc, argv, &described);
	if (command && own >= described)
		return command->run(cli, argc - own, argv + own);
	if (endpoint)
		return described_run(cli, spec, endpoint, argc - described,
				     argv + described);
	return unknown(&known, argc, argv);
}

int
client_main(const struct cli *cli, int argc, char **argv)
{
	const struct spec *spec = NULL;
	struct err_info info = {{0}};
	char **ordered;
	int lead = leading_flags(argc, argv);
	int status;
	int i;

	/* widths of characters, for tables */
	setlocale(LC_CTYPE, "");
	ordered = calloc((size_t)argc + 1, sizeof(*ordered));
	if (!ordered)
		return command_fail(ERR_NO_MEMORY, "out of memory");
	for (i = 0; i < argc; i++)
		ordered[i] = argv[(lead + i) % argc];
	if (spec_load(&spec, &info) != ERR_OK)
		status = command_fail(ERR_INTERNAL, "%s", info.text);
	else
		status = dispatch(cli, spec, argc, ordered);
	spec_free(spec);
	free(ordered);
	return status;
}
