/*
 * fcgi/responder.c: one process of the pool, and what it owns.
 *
 * The main thread only waits for signals; T threads take connections from the
 * intake.  Telling to stop:
 *   intake_stop -> threads end -> parked requests end or are woken -> rest.
 */
#include "fcgi/responder.h"

#include <errno.h>
#include <fcgiapp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fcgi/dispatch.h"
#include "lib/clock.h"
#include "lib/log.h"

#define FINISHERS 4  /* threads that answer parked requests */
#define TICK_MS   50 /* between two looks while something is waited for */

struct crew {
	struct responder *responder;
	size_t count;
	pthread_t *threads;
};

enum err
responder_ready(struct responder *r, struct err_info *info)
{
	enum err err;

	if (!broker_connected(r->broker))
		return err_set(info, ERR_UNAVAILABLE,
			       "NATS is not connected (%s)",
			       broker_url(r->broker));
	err = provision_done(r->provision, info);
	if (err)
		return err;
	if (!feed_ready(r->feed, info))
		return ERR_UNAVAILABLE;
	if (!workers_ready(r->workers))
		return err_set(info, ERR_UNAVAILABLE,
			       "the workers are not known yet");
	return ERR_OK;
}

static void *
serve(void *arg)
{
	struct responder *r = arg;
	int fd;

	while ((fd = intake_take(r->intake)) >= 0)
		dispatch(r, fd);
	return NULL;
}

static enum index_progress
progress(const char *job_id, void *arg)
{
	return index_progress(arg, job_id);
}

static void
changed(const char *job_id, void *arg)
{
	waiters_changed(arg, job_id);
}

static void
published(int64_t us, enum err result, void *arg)
{
	scoreboard_observe(arg, FAMILY_NATS_PUBLISH, 0, 0, us);
	/* A conflict is an answer to who was not the first. */
	if (result && result != ERR_CONFLICT)
		scoreboard_add(arg, FAMILY_NATS_PUBLISH_FAILURES, 1);
}

static void
connection_changed(bool connected, void *arg)
{
	scoreboard_set(arg, FAMILY_CUT_OFF, 0, connected ? 0 : 1);
}

static enum err
make_store(struct responder *r, struct err_info *info)
{
	const struct config *config = r->config;
	enum err err;

	err = broker_new(&config->api.server.nats, "osapi-fcgi", &r->broker,
			 info);
	if (!err) {
		broker_on_published(r->broker, published, r->counters);
		broker_on_change(r->broker, connection_changed, r->counters);
	}
	if (!err)
		err = store_new(r->broker, config, &r->store, info);
	if (!err)
		err = provision_new(r->broker, r->store,
				    &config->api.server.nats, &r->provision);
	if (!err)
		err = index_new(r->spec, config->job.kv.ttl_ms, &r->index);
	return err;
}

static void
count_spans(size_t exported, size_t dropped, void *arg)
{
	scoreboard_add(arg, FAMILY_SPANS_EXPORTED, (int64_t)exported);
	scoreboard_add(arg, FAMILY_SPANS_DROPPED, (int64_t)dropped);
}

static enum err
make_tracer(struct responder *r, struct err_info *info)
{
	char host[HOST_NAME_MAX + 1] = "", instance[UUID_SIZE];
	const struct tracer_options options = {
	    .resource = {.service = "osapi-fcgi",
			 .version = OSAPI_VERSION,
			 .host = host,
			 .instance = instance},
	    .fd = STDOUT_FILENO,
	    .counted = count_spans,
	    .arg = r->counters,
	};

	gethostname(host, sizeof(host) - 1);
	uuid_make(instance);
	return tracer_new(r->config, &options, &r->tracer, info);
}

static enum err
make(struct responder *r, int listen_fd, struct err_info *info)
{
	const struct config *config = r->config;
	enum err err;

	err = make_tracer(r, info);
	if (!err)
		err = make_store(r, info);
	if (!err)
		err = waiters_new((size_t)config->api.server.fcgi.max_waiters,
				  FINISHERS, progress, r->index, &r->waiters);
	if (!err) {
		index_on_change(r->index, changed, r->waiters);
		err = feed_new(r->broker, config, r->index, &r->tally, &r->feed,
			       info);
	}
	if (!err)
		err = workers_new(r->broker, config->job.registry_bucket,
				  config->job.worker.heartbeat_ms, &r->workers,
				  info);
	if (!err)
		err = sweeper_new(r->store, config, r->feed, r->index,
				  &r->sweeper, info);
	if (!err)
		err = slots_new((size_t)config->api.server.fcgi.threads,
				&r->slots);
	if (!err)
		err = intake_new(listen_fd, &r->intake, info);
	return err;
}

/* The feed tells the waiters of changes, so it ends before them; they answer
 * what is still parked from index and store and through the intake. */
static void
unmake(struct responder *r)
{
	if (r->broker) /* its end is no loss */
		broker_on_change(r->broker, NULL, NULL);
	sweeper_free(r->sweeper);
	workers_free(r->workers);
	feed_free(r->feed);
	waiters_free(r->waiters);
	intake_free(r->intake);
	slots_free(r->slots);
	index_free(r->index);
	provision_free(r->provision);
	store_free(r->store);
	broker_free(r->broker);
	tracer_free(r->tracer, TRACER_FLUSH_MS);
}

static enum err
hire(struct crew *crew, struct responder *r, size_t count)
{
	crew->responder = r;
	crew->threads = calloc(count, sizeof(*crew->threads));
	if (!crew->threads)
		return ERR_NO_MEMORY;
	while (crew->count < count) {
		if (pthread_create(&crew->threads[crew->count], NULL, serve,
				   r) != 0)
			break;
		crew->count++;
	}
	return crew->count ? ERR_OK : ERR_NO_MEMORY;
}

static void
dismiss(struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++)
		pthread_join(crew->threads[i], NULL);
	free(crew->threads);
}

/* The signal that came within `ms` (-1: for ever), 0: none. */
static int
next_signal(int fd, int ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	struct signalfd_siginfo si;

	if (poll(&pfd, 1, ms) <= 0 ||
	    read(fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	return (int)si.ssi_signo;
}

/* The same; meanwhile the process tells of itself when that is due. */
static int
wait_signal(struct responder *r, int fd, int ms)
{
	int left_ms = figures_tell(&r->figures, r);

	return next_signal(fd, ms < 0 || ms > left_ms ? left_ms : ms);
}

/* Others serve meanwhile or the socket outlived them, so this process takes its
 * time to know all jobs; without NATS there is nothing to know.  Returns a
 * signal that came first. */
static int
warm_up(struct responder *r, int signal_fd)
{
	int64_t begun = clock_mono_ms(), passed = 0;
	int sig = 0;

	while (!sig && passed < RESPONDER_WARM_MS && responder_ready(r, NULL) &&
	       (passed < RESPONDER_CONNECT_MS || broker_connected(r->broker))) {
		sig = wait_signal(r, signal_fd, TICK_MS);
		passed = clock_mono_ms() - begun;
	}
	return sig;
}

/* Parked requests may still be answered for a while; a second SIGTERM, or
 * one after SIGUSR1, ends that. */
static void
let_finish(struct responder *r, int signal_fd, int sig)
{
	int64_t limit =
	    sig == SIGTERM ? RESPONDER_STOP_MS : RESPONDER_RETIRE_MS;
	int64_t until = clock_mono_ms() + limit;

	while (waiters_count(r->waiters) && clock_mono_ms() < until) {
		if (wait_signal(r, signal_fd, TICK_MS) != SIGTERM)
			continue;
		if (sig == SIGTERM)
			break;
		sig = SIGTERM;
		until = clock_mono_ms() + RESPONDER_STOP_MS;
	}
}

static void
say_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "R", 1) != 1)
		log_warning("the supervisor cannot be told",
			    LOG_S("error", strerror(errno)));
	close(fd);
}

/* Until a signal; the pool is told once when this process knows all it needs,
 * and again and again that its threads move. */
static int
live(struct responder *r, int signal_fd, bool starting,
     _Atomic int64_t *beat_ms)
{
	int sig = 0;

	while (!sig) {
		if (starting && responder_ready(r, NULL) == ERR_OK) {
			scoreboard_add(r->counters, FAMILY_STARTING, -1);
			starting = false;
		}
		atomic_store(beat_ms, intake_turned_ms(r->intake));
		sig = wait_signal(r, signal_fd,
				  starting ? TICK_MS : RESPONDER_BEAT_MS);
	}
	return sig;
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
responder_run(const struct responder_options *options)
{
	struct responder r = {
	    .config = options->config,
	    .spec = options->spec,
	    .signer = options->signer,
	    .scoreboard = options->scoreboard,
	    .counters = scoreboard_slot(options->scoreboard, options->slot),
	    .tally = {.scoreboard = options->scoreboard,
		      .slot = options->slot,
		      .spec = options->spec},
	    .started_ms = options->started_ms,
	};
	struct err_info info = {""};
	struct crew crew = {0};
	int signal_fd = open_signals(), sig = 0;
	enum err err;

	if (signal_fd < 0 || FCGX_Init() != 0)
		err = err_set(&info, ERR_IO, "signalfd or FCGX_Init failed");
	else
		err = make(&r, options->listen_fd, &info);
	if (!err && options->warm)
		sig = warm_up(&r, signal_fd);
	if (!err)
		err =
		    hire(&crew, &r, (size_t)r.config->api.server.fcgi.threads);
	if (!err) {
		say_ready(options->ready_fd);
		if (!sig)
			sig = live(&r, signal_fd, !options->spare,
				   options->beat_ms);
		log_debug("draining", LOG_I("signal", sig));
		intake_stop(r.intake, RESPONDER_GRACE_MS);
		dismiss(&crew);
		let_finish(&r, signal_fd, sig);
	} else {
		log_error(
		    "a responder cannot start",
		    LOG_S("error", *info.text ? info.text : err_text(err)));
	}
	unmake(&r);
	if (signal_fd >= 0)
		close(signal_fd);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
