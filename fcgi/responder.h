/*
 * fcgi/responder.h: one process of the pool, and what it owns.
 *
 * Made after fork(2), in the child.  Order of making: tracer, broker, store,
 * index, waiters, feed, workers, sweeper, intake, threads; of ending:
 * intake_stop, threads, sweeper, workers, feed, waiters, index, store, broker,
 * tracer.  Lock order: none, as no module calls another under its lock.
 */
#ifndef OSAPI_FCGI_RESPONDER_H
#define OSAPI_FCGI_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/feed.h"
#include "fcgi/figures.h"
#include "fcgi/index.h"
#include "fcgi/intake.h"
#include "fcgi/provision.h"
#include "fcgi/workers.h"
#include "fcgi/scoreboard.h"
#include "fcgi/slots.h"
#include "fcgi/sweeper.h"
#include "fcgi/tally.h"
#include "fcgi/waiters.h"
#include "lib/broker.h"
#include "lib/config.h"
#include "lib/signature.h"
#include "lib/spec.h"
#include "lib/store.h"
#include "lib/tracer.h"

struct responder_options {
	const struct config *config;
	const struct spec *spec;
	const struct signer *signer;
	struct scoreboard *scoreboard;
	size_t slot;              /* in the scoreboard */
	_Atomic int64_t *beat_ms; /* shared memory: when its threads moved last,
				   * CLOCK_MONOTONIC */
	int listen_fd;            /* shared with other processes */
	int ready_fd; /* gets one octet when requests are accepted; closed */
	bool spare;   /* others serve meanwhile */
	bool warm;    /* what connects can wait: accept only when ready */
	int64_t started_ms; /* CLOCK_MONOTONIC, of the pool */
};

struct responder { /* everything outlives the requests that use it */
	const struct config *config;
	const struct spec *spec;
	const struct signer *signer;
	struct scoreboard *scoreboard;
	struct scoreboard_slot *counters;
	struct broker *broker;
	struct store *store;
	struct index *index;
	struct feed *feed;
	struct provision *provision;
	struct workers *workers;
	struct sweeper *sweeper;
	struct waiters *waiters;
	struct slots *slots;
	struct intake *intake;
	struct tally tally;
	struct figures figures; /* the main thread's */
	struct tracer *tracer;  /* NULL: tracing is off */
	int64_t started_ms;
};

/* How long a process that is told to stop waits: for silent connections, and
 * for parked requests at SIGTERM (the service stops) and at SIGUSR1
 * (others took over). */
#define RESPONDER_GRACE_MS   1000
#define RESPONDER_STOP_MS    10000
#define RESPONDER_RETIRE_MS  310000 /* above the longest timeout of a request */
#define RESPONDER_WARM_MS    10000  /* until a warm one accepts in any case */
#define RESPONDER_CONNECT_MS 1000   /* until it does so without NATS */
#define RESPONDER_BEAT_MS    1000   /* between two signs of life in the slot */

/*
 * Runs until SIGTERM or SIGUSR1, which are blocked in every thread of the
 * process, and returns its exit code.
 */
int responder_run(const struct responder_options *options);

/*
 * Whether jobs can be made and read now: provisioned, connected, replayed.
 * ERR_UNAVAILABLE with the reason.  No traffic; from every thread.
 */
enum err responder_ready(struct responder *responder, struct err_info *info);

#endif
