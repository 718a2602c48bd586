/*
 * cli/client.c: `osapi client`: finds the command, in the table here or in the
 * description.
 */
#include "cli/client.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/catalog.h"
#include "cli/confirm.h"
#include "cli/described.h"
#include "lib/spec.h"

enum { EXIT_USAGE = 2 };

#define ID "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01"

static const struct argument add_flags[] = {
    {"operation", 0, "TYPE", false, "What to do, such as system.hostname.get.",
     NULL},
    {"data", 0, "JSON", false,
     "What the operation needs: JSON, @file or @- (stdin).", NULL},
    {"target", 'T', "HOST", false,
     "_any (default), _all, a host name, or key:value.", NULL},
    {"idempotency_key", 0, "KEY", false,
     "The same key and job again make no second one.", NULL},
    ARGUMENTS_END,
};

static const struct argument run_flags[] = {
    {"timeout", 0, "DURATION", false,
     "Stop waiting after this time; the job goes on.", NULL},
    ARGUMENTS_END,
};

static const struct argument get_flags[] = {
    {"wait", 0, "DURATION", false, "Wait until it has ended, at most so long.",
     NULL},
    ARGUMENTS_END,
};

static const struct argument retry_flags[] = {
    {"target", 'T', "HOST", false, "Another target than the original's.", NULL},
    ARGUMENTS_END,
};

static const struct argument status_flags[] = {
    {"once", 0, NULL, false, "Print it once, on a terminal too.", NULL},
    {"interval", 0, "DURATION", false,
     "How often a terminal shows it again (2s).", NULL},
    ARGUMENTS_END,
};

static const struct argument request_flags[] = {
    {"data", 'd', "DATA", false, "The body: text, @file or @- (stdin).", NULL},
    {"header", 'H', "HEADER", true, "\"Name: value\", may be repeated.", NULL},
    {"include", 'i', NULL, false, "Print status and headers too.", NULL},
    {"verbose", 'v', NULL, false, "Show the exchange on stderr.", NULL},
    {"output", 'o', "FILE", false, "Write the body there.", NULL},
    ARGUMENTS_END,
};

const struct command command_client[] = {
    {"job add",
     "--operation TYPE",
     1,
     "Submit a job and say its id",
     "",
     "  osapi client job add --operation network.dns.get --data "
     "'{\"interface_name\":\"eth0\"}' -T web-01\n",
     {add_flags, confirm_arguments},
     client_job_add},
    {"job get",
     "ID",
     1,
     "Show a job, its timeline and its results",
     "",
     "  osapi client job get " ID "\n",
     {get_flags},
     client_job_get},
    {"job run",
     "--operation TYPE",
     1,
     "Submit a job, wait for it and print its result",
     "Ctrl-C leaves the job running and says its id.\n",
     "  osapi client job run --operation system.hostname.get -T _all\n",
     {add_flags, run_flags, confirm_arguments},
     client_job_run},
    {"job retry",
     "ID",
     1,
     "Run a job's operation again, as a new job",
     "",
     "  osapi client job retry " ID " -T web-02\n",
     {retry_flags, confirm_arguments},
     client_job_retry},
    {"job status",
     "",
     0,
     "Count the jobs of each status and operation",
     "On a terminal the figures are shown again and again until q is pressed; "
     "a space\nasks at once. Without a terminal they are printed once.\n",
     "  osapi client job status --interval 5s\n",
     {status_flags},
     client_job_status},
    {"metrics",
     "",
     0,
     "Print the metrics as Prometheus reads them",
     "",
     "  osapi client metrics\n",
     {NULL},
     client_metrics},
    {"request",
     "METHOD PATH",
     2,
     "Send any request, with URL and token filled in",
     "",
     "  osapi client request POST /api/v1/network/ping -d "
     "'{\"address\":\"192.0.2.1\"}' -i\n",
     {request_flags},
     client_request},
    {NULL, NULL, 0, NULL, NULL, NULL, {NULL}, NULL},
};

static int
help_all(void)
{
	struct err_info info = {{0}};
	struct catalog *catalog = catalog_new(&info);
	struct arguments common = {0};

	if (!catalog)
		return command_fail(ERR_INTERNAL, "%s", info.text);
	puts("usage: osapi client COMMAND [FLAGS]\n\n"
	     "Ask the API, and the hosts behind it.\n");
	catalog_list(catalog, "client", stdout);
	puts("\nFlags of every command:");
	arguments_know(&common, api_arguments);
	arguments_help(&common);
	puts("\nosapi client COMMAND --help tells its own flags.\n\n"
	     "Example:\n  osapi client system status -T _all");
	catalog_free(catalog);
	return 0;
}

/*
 * Moves the flags in front of the command behind its words, where the command
 * reads them with its own: "-T web-01 system hostname".  Returns the number of
 * words moved.
 */
static int
leading_flags(int argc, char **argv)
{
	static const char *const with_value[] = {"--url", "--file", "-f",
						 "--target", "-T"};
	size_t k;
	int i = 0;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		bool value = false;

		for (k = 0; k < 5; k++)
			value = value || strcmp(argv[i], with_value[k]) == 0;
		i += value && i + 1 < argc ? 2 : 1;
	}
	return i;
}

static int
dispatch(const struct cli *cli, const struct spec *spec, int argc, char **argv)
{
	const struct spec_endpoint *endpoint;
	const struct command *command;
	int own;
	int described;
	int status;

	if (argc == 0 || !argv[0] || argv[0][0] == '-') {
		status = help_all();
		return status ? status : argc == 0 ? EXIT_USAGE : 0;
	}
	command = command_find(command_client, argc, argv, &own);
	endpoint = described_find(spec, argc, argv, &described);
	if (command && own >= described)
		return command_start(command, "client ", api_arguments, cli,
				     argc - own, argv + own);
	if (endpoint)
		return described_run(cli, spec, endpoint, argc - described,
				     argv + described);
	return catalog_miss("client", argc, argv);
}

/* The widths of characters, for tables.  What is printed is UTF-8 whatever the
 * environment says, and over a cell that is none of a locale's texts
 * libsmartcols would think for ever. */
static void
choose_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
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

	choose_locale();
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
