/*
 * fcgi/workers.h: which workers are alive, from their heartbeats.
 *
 * Follows the registry bucket.  A worker lives for three heartbeats after its
 * last one arrived here; the clock that counts is our own, so that hosts whose
 * wall clocks differ are judged alike.
 */
#ifndef OSAPI_FCGI_WORKERS_H
#define OSAPI_FCGI_WORKERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/error.h"
#include "lib/job.h"

#define WORKERS_BEATS       3       /* missed before a worker counts as dead */
#define WORKERS_REMEMBER_MS 3600000 /* one that is silent is told of */
#define WORKERS_HOSTS_MAX   65536   /* more are refused, and logged */

struct workers;

/* Starts to follow `bucket`; `broker` (NULL: none, for tests) outlives it. */
enum err workers_new(struct broker *broker, const char *bucket,
		     int64_t heartbeat_ms, struct workers **workers,
		     struct err_info *info);
/* Stops.  NULL is accepted. */
void workers_free(struct workers *workers);

/* Whether the first fill is done.  From every thread, as the rest. */
bool workers_ready(struct workers *workers);

/* Takes one heartbeat, valid until `now_ms` (CLOCK_MONOTONIC) + 3 beats. */
enum err workers_put(struct workers *workers, const struct heartbeat *heartbeat,
		     uint64_t revision, int64_t now_ms);
void workers_remove(struct workers *workers, const char *host,
		    uint64_t revision);

/*
 * The live workers that `target` means: *live is their number, *hosts a new
 * array of their names in order; for TARGET_ANY the array is empty, as any one
 * of them may answer.  ERR_NO_MEMORY.
 */
enum err workers_expected(struct workers *workers, const struct target *target,
			  int64_t now_ms, json_t **hosts, size_t *live);

/* How a worker stands, for who watches them. */
enum worker_state {
	WORKER_ALIVE,    /* jobs reach it */
	WORKER_STARTING, /* heartbeats come, its consumers are not there yet */
	WORKER_SILENT,   /* no heartbeat for WORKERS_BEATS, no clean stop */
	WORKER_STATES
};

const char *worker_state_text(enum worker_state state);

struct worker_figures { /* of one host, from its latest heartbeat */
	char hostname[SUBJECT_HOST_MAX + 1];
	char version[32];
	enum worker_state state;
	int64_t started_ns; /* wall clock */
	int64_t silent_ms;  /* since that heartbeat arrived */
	int64_t running;
	int64_t completed; /* since its start */
	int64_t failed;
};

struct worker_census {
	size_t by_state[WORKER_STATES];
	size_t count; /* of `list`, by host name; the caller frees it */
	struct worker_figures *list;
	size_t left_out; /* beyond `max` */
};

/* All that have not stopped cleanly, and were heard of within
 * WORKERS_REMEMBER_MS; at most `max` one by one.  ERR_NO_MEMORY. */
enum err workers_census(struct workers *workers, int64_t now_ms, size_t max,
			struct worker_census *census);

/* The live workers as clients read them: [{hostname, labels, version,
 * started_at, last_seen, running, completed, failed, os}].  The caller owns
 * it; NULL when out of memory. */
json_t *workers_list(struct workers *workers, int64_t now_ms);

#endif
