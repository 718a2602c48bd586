/*
 * worker/worker.h: what the process of one managed host owns.
 *
 * Threads: main (signals), one that pulls (worker/consumer.c), max_jobs that
 * run jobs and one that keeps them alive (worker/runner.c), one that delivers
 * what could not be delivered (worker/outbox.c), one that beats the heart
 * (worker/registry.c), and those of nats.c, which only enqueue.
 *
 * The members are set by worker_new and worker_start and only read after that,
 * the counters excepted.
 */
#ifndef OSAPI_WORKER_WORKER_H
#define OSAPI_WORKER_WORKER_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/job.h"
#include "lib/signature.h"
#include "lib/spec.h"
#include "lib/store.h"
#include "worker/handover.h"
#include "worker/journal.h"
#include "worker/provider.h"
#include "worker/pulse.h"

struct consumers;
struct outbox;
struct registry;
struct runner;
struct tracer;

struct worker {
	const struct config *config;
	const struct spec *spec;
	const struct provider *(*find)(const char *operation);
	char hostname[SUBJECT_HOST_MAX + 1];
	char instance[UUID_SIZE]; /* of this start */
	int64_t started_ns;       /* wall clock */
	json_t *labels;           /* object of strings */
	struct truster *truster;
	struct tracer *tracer; /* NULL: tracing is off */
	struct broker *broker;
	struct store *store;
	struct journal *journal;
	struct handover *handover;
	struct registry *registry;
	struct { /* another's old entry of our name, before we have one */
		uint64_t sequence; /* 0: none was seen */
		int64_t since_ms;  /* monotonic */
	} watched;
	struct outbox *outbox;
	struct runner *runner;
	struct consumers *consumers;
	/* eventfds: */
	int wake_fd;   /* for main: look at `lost` and worker_idle */
	int pull_fd;   /* for the consumers' thread */
	int outbox_fd; /* for the outbox's thread */
	_Atomic int64_t running;
	_Atomic int64_t completed;
	_Atomic int64_t failed;
	struct pulse pulse;   /* of the threads */
	_Atomic bool lost;    /* another worker has this host's name */
	_Atomic bool closing; /* the end of the connection is no news */
};

/*
 * Checks host name and labels, loads the trusted keys and opens the journal;
 * starts no thread.  `find` gives the provider of an operation (NULL:
 * provider_find).  `config` and `spec` outlive it.  ERR_INVALID, ERR_BUSY (the
 * journal is another process's), ERR_IO.
 */
enum err worker_new(const struct config *config, const struct spec *spec,
		    const struct provider *(*find)(const char *operation),
		    struct worker **worker, struct err_info *info);

/* Begins to connect; a server that is away is not an error.  ERR_INVALID. */
enum err worker_connect(struct worker *worker, struct err_info *info);

/*
 * Claims the host's name and begins to work.  ERR_UNAVAILABLE and other
 * retryable codes: NATS or what the API provisions is not there yet, call
 * again later; ERR_CONFLICT: another worker has this name.
 */
enum err worker_start(struct worker *worker, struct err_info *info);

/* Takes no more jobs and hands back what has not begun. */
void worker_drain(struct worker *worker);

/* Whether nothing runs and every result that can be is delivered. */
bool worker_idle(struct worker *worker);

/*
 * Tells what still runs to give up, waits a little, ends the threads and takes
 * the host out of the registry. False: a provider did not come back, and the
 * process can only exit (worker_free is not allowed then).
 */
bool worker_stop(struct worker *worker);

/* Frees a worker that was stopped or never started; NULL is accepted. */
void worker_free(struct worker *worker);

/* Wakes who polls worker->wake_fd. */
void worker_wake(struct worker *worker);

#endif
