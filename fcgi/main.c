/*
 * fcgi/main.c: osapi-fcgi, the API behind a web server, over FastCGI.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "fcgi/handler.h"
#include "fcgi/intake.h"
#include "fcgi/listener.h"
#include "fcgi/pool.h"
#include "lib/config.h"
#include "lib/log.h"
#include "lib/printout.h"
#include "lib/spec.h"

#define EXIT_USAGE 2

static int
usage(FILE *out)
{
	fputs("usage: osapi-fcgi [-f FILE] [-d] [-t] [-V]\n"
	      "  -f FILE  configuration (default: $OSAPI_FILE, ./osapi.yaml,\n"
	      "           /etc/osapi/osapi.yaml)\n"
	      "  -d       log debug lines\n"
	      "  -t       only say whether configuration and keys are good\n"
	      "  -V       print the version\n",
	      out);
	return out == stdout ? printout_end("osapi-fcgi") : EXIT_USAGE;
}

/* Each parked client is a descriptor. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur =
	    limit.rlim_max < INTAKE_FDS_MAX ? limit.rlim_max : INTAKE_FDS_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* -t: what a start or a reload would refuse. */
static int
check(const struct pool_options *options)
{
	struct pool_setup setup = {NULL, NULL};
	struct err_info info = {""};
	enum err err = pool_setup_load(options, &setup, &info);

	if (err)
		fprintf(stderr, "osapi-fcgi: %s\n", info.text);
	else
		printf("%s: good\n", config_path(setup.config));
	pool_setup_release(&setup);
	if (!err)
		return printout_end("osapi-fcgi");
	return err == ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}

static int
run(struct pool_options *options)
{
	struct pool_setup setup = {NULL, NULL};
	struct err_info info = {""};
	char *path = NULL;
	int code;
	enum err err;

	err = spec_load(&options->spec, &info);
	if (!err)
		err = handler_check(options->spec, &info);
	if (!err)
		err = pool_setup_load(options, &setup, &info);
	if (!err) {
		path = strdup(setup.config->api.server.fcgi.socket);
		err = path ? listener_open(path, &options->listen_fd,
					   &options->passed, &info)
			   : ERR_NO_MEMORY;
	}
	if (err) {
		log_error(
		    "cannot start",
		    LOG_S("error", *info.text ? info.text : err_text(err)));
		sd_notifyf(0, "STATUS=%s", info.text);
		pool_setup_release(&setup);
		spec_free(options->spec);
		free(path);
		return err == ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
	}
	code = pool_run(options, &setup);
	listener_close(options->listen_fd, path, options->passed);
	spec_free(options->spec);
	free(path);
	return code;
}

int
main(int argc, char **argv)
{
	struct pool_options options = {.listen_fd = -1};
	bool only_check = false;
	int c;

	while ((c = getopt(argc, argv, "f:dtVh")) != -1) {
		switch (c) {
		case 'f':
			options.config_path = optarg;
			break;
		case 'd':
			options.debug = true;
			break;
		case 't':
			only_check = true;
			break;
		case 'V':
			puts("osapi-fcgi " OSAPI_VERSION);
			return printout_end("osapi-fcgi");
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	if (optind != argc)
		return usage(stderr);
	if (only_check)
		return check(&options);
	log_init("osapi-fcgi", LOG_FORMAT_AUTO,
		 options.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	pool_block_signals();
	raise_limit();
	return run(&options);
}
