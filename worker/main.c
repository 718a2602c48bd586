/*
 * worker/main.c: osapi-worker, the daemon of one managed host.
 *
 * Signals are blocked in every thread and read from a signalfd by main, which
 * otherwise only waits.  The first SIGTERM or SIGINT drains, the second does
 * not wait for what runs.  Exit codes: 0 stopped as asked, 1 it cannot work,
 * 2 usage.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/printout.h"
#include "worker/privilege.h"
#include "worker/worker.h"

#define AGAIN_MS 500  /* between two tries to start */
#define STOP_MS  5000 /* after the drain, at most */

struct options {
	const char *path;
	bool debug;
};

static void
usage(FILE *out)
{
	fputs("usage: osapi-worker [-d] [-f FILE] | -V\n"
	      "  -f FILE  configuration (default: OSAPI_FILE, ./osapi.yaml,\n"
	      "           /etc/osapi/osapi.yaml)\n"
	      "  -d       log more\n"
	      "  -V       print the version\n",
	      out);
}

/* Returns an exit code, or -1 to go on. */
static int
read_options(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt(argc, argv, "df:hV")) != -1)
		switch (c) {
		case 'd':
			options->debug = true;
			break;
		case 'f':
			options->path = optarg;
			break;
		case 'V':
			puts("osapi-worker " OSAPI_VERSION);
			return printout_end("osapi-worker");
		case 'h':
			usage(stdout);
			return printout_end("osapi-worker");
		default:
			usage(stderr);
			return 2;
		}
	if (optind == argc)
		return -1;
	fprintf(stderr, "osapi-worker: %s: unexpected argument\n",
		argv[optind]);
	usage(stderr);
	return 2;
}

static int
block_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Tells systemd that we live, unless a thread hangs: it restarts us then. */
static void
tell_alive(const struct worker *worker)
{
	static bool told;
	const char *task = pulse_missing(&worker->pulse, clock_mono_ms());

	if (!task)
		sd_notify(0, "WATCHDOG=1");
	else if (!told)
		log_error("a thread hangs", LOG_S("task", task));
	told = task != NULL;
}

/* Between two signs of life for systemd, -1: it wants none. */
static int64_t
alive_ms(void)
{
	uint64_t watchdog_us = 0;

	if (sd_watchdog_enabled(0, &watchdog_us) <= 0)
		return -1;
	return (int64_t)(watchdog_us / 4000);
}

/* Waits for a signal that ends us, the worker's wake-up or the time (or it
 * returns earlier, to be called again); true:
 * the signal. */
static bool
wait_for(int signals, struct worker *worker, int64_t timeout_ms)
{
	struct pollfd fds[] = {
	    {.fd = signals, .events = POLLIN},
	    {.fd = worker->wake_fd, .events = POLLIN},
	};
	struct signalfd_siginfo signal_info;
	int64_t limit_ms = alive_ms();
	eventfd_t count;

	tell_alive(worker);
	if (timeout_ms < 0 || (limit_ms >= 0 && limit_ms < timeout_ms))
		timeout_ms = limit_ms;
	poll(fds, 2, (int)timeout_ms);
	eventfd_read(worker->wake_fd, &count);
	while (read(signals, &signal_info, sizeof(signal_info)) ==
	       (ssize_t)sizeof(signal_info)) {
		if (signal_info.ssi_signo != SIGHUP)
			return true;
		log_warning("SIGHUP: a worker reads its configuration at "
			    "start, restart it");
	}
	return false;
}

/* Tries until it works; ERR_ABORTED: a signal came first. */
static enum err
start(int signals, struct worker *worker)
{
	struct err_info told = {""};

	for (;;) {
		struct err_info info = {""};
		enum err err = worker_start(worker, &info);

		if (err == ERR_OK)
			return ERR_OK;
		if (!err_retryable(err) && err != ERR_NOT_FOUND) {
			log_error("cannot start", LOG_S("error", info.text));
			return err;
		}
		if (strcmp(told.text, info.text) != 0) {
			log_info("waiting", LOG_S("for", info.text));
			/* Ready, as far as this host goes: the others may take
			 * longer than systemd would wait. */
			sd_notifyf(0, "READY=1\nSTATUS=waiting: %s", info.text);
			told = info;
		}
		if (wait_for(signals, worker, AGAIN_MS))
			return ERR_ABORTED;
	}
}

static void
drain(int signals, struct worker *worker)
{
	int64_t until_ms =
	    clock_mono_ms() + worker->config->job.worker.drain_ms;
	int64_t left_ms = until_ms - clock_mono_ms();

	sd_notifyf(0,
		   "STOPPING=1\nSTATUS=finishing what runs\n"
		   "EXTEND_TIMEOUT_USEC=%" PRId64,
		   (worker->config->job.worker.drain_ms + STOP_MS) * 1000);
	log_info("stopping", LOG_I("running", atomic_load(&worker->running)),
		 LOG_I("at_most_ms", left_ms));
	worker_drain(worker);
	while (!worker_idle(worker) && left_ms > 0 &&
	       !wait_for(signals, worker, left_ms))
		left_ms = until_ms - clock_mono_ms();
}

/* Works until a signal ends it; the exit code. */
static int
serve(int signals, struct worker *worker)
{
	enum err err = start(signals, worker);

	if (err == ERR_OK) {
		log_info("ready", LOG_S("hostname", worker->hostname),
			 LOG_S("instance", worker->instance),
			 LOG_S("nats", broker_url(worker->broker)),
			 LOG_I("max_jobs", worker->config->job.worker.max_jobs),
			 LOG_S("version", OSAPI_VERSION));
		sd_notify(0, "READY=1\nSTATUS=working");
		while (!atomic_load(&worker->lost))
			if (wait_for(signals, worker, -1))
				break;
	}
	if (err == ERR_OK || err == ERR_ABORTED)
		drain(signals, worker);
	return (err == ERR_OK || err == ERR_ABORTED) &&
		       !atomic_load(&worker->lost)
		   ? 0
		   : 1;
}

static int
fail(const char *what, const struct err_info *info)
{
	log_error(what, LOG_S("error", info->text));
	return 1;
}

static int
run(const struct config *config, const struct spec *spec)
{
	struct err_info info = {""};
	struct worker *worker = NULL;
	int signals = block_signals();
	int code;

	if (signals < 0)
		return fail("cannot start", &info);
	if (worker_new(config, spec, NULL, &worker, &info) != ERR_OK) {
		close(signals);
		return fail("cannot start", &info);
	}
	if (privilege_drop(config->job.worker.journal_dir, &info) != ERR_OK ||
	    worker_connect(worker, &info) != ERR_OK) {
		code = fail("cannot start", &info);
	} else {
		provider_choose();
		code = serve(signals, worker);
	}
	if (!worker_stop(worker)) {
		log_info("stopped", LOG_I("exit_code", code));
		_exit(code); /* a thread of ours does not come back */
	}
	worker_free(worker);
	close(signals);
	log_info("stopped", LOG_I("exit_code", code));
	return code;
}

int
main(int argc, char **argv)
{
	struct options options = {.path = NULL};
	const struct spec *spec = NULL;
	struct config *config = NULL;
	struct err_info info = {""};
	int code = read_options(argc, argv, &options);
	enum err err;

	if (code >= 0)
		return code;
	log_init("osapi-worker", LOG_FORMAT_AUTO,
		 options.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	err = config_load(options.path, CONFIG_WORKER, NULL, &config, &info);
	if (err) {
		fail("configuration", &info);
		return err_exit(err);
	}
	if (config->debug && !options.debug)
		log_init("osapi-worker", LOG_FORMAT_AUTO, LOG_LEVEL_DEBUG);
	if (spec_load(&spec, &info) != ERR_OK)
		code = fail("description", &info);
	else
		code = run(config, spec);
	spec_free(spec);
	config_free(config);
	return code;
}
