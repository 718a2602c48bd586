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

#define WORKERS_BEATS     3     /* missed before a worker counts as dead */
#define WORKERS_HOSTS_MAX 65536 /* more are refused, and logged */

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

/* The live workers as clients read them: [{hostname, labels, version,
 * started_at, last_seen, running, completed, failed, os}].  The caller owns
 * it; NULL when out of memory. */
json_t *workers_list(struct workers *workers, int64_t now_ms);

#endif
