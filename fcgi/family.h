/*
 * fcgi/family.h: the metrics that the pool counts, one row each.
 *
 * A row says what it is called, which labels it has, and how it is kept:
 * counters and histograms are sums over the pool and outlive the process that
 * counted; gauges belong to a process and go with it.  What is only looked up
 * when somebody asks is in fcgi/metrics.c.
 */
#ifndef OSAPI_FCGI_FAMILY_H
#define OSAPI_FCGI_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/dimension.h"

enum family_kind {
	FAMILY_COUNTER,     /* sum over the pool, never goes back */
	FAMILY_HISTOGRAM,   /* the same, of durations in microseconds */
	FAMILY_GAUGE,       /* of each process; shown is their sum */
	FAMILY_OWN_GAUGE,   /* of each process; shown one by one */
	FAMILY_OWN_COUNTER, /* the same; stays when the process is gone */
};

enum family_unit {
	FAMILY_PLAIN,
	FAMILY_BYTES,
	FAMILY_SECONDS, /* kept in microseconds */
};

enum family {
	FAMILY_REQUEST_DURATION,
	FAMILY_ACTIVE_REQUESTS,
	FAMILY_ABORTED,
	FAMILY_AUTH_FAILURES,
	FAMILY_WAITERS,
	FAMILY_PROCESSES,
	FAMILY_STARTING,
	FAMILY_CUT_OFF,
	FAMILY_RESPAWNS,
	FAMILY_CPU,
	FAMILY_RESIDENT,
	FAMILY_VIRTUAL,
	FAMILY_FDS,
	FAMILY_FDS_MAX,
	FAMILY_START_TIME,
	FAMILY_NATS_CONNECTED,
	FAMILY_NATS_RECONNECTS,
	FAMILY_NATS_PUBLISH,
	FAMILY_NATS_PUBLISH_FAILURES,
	FAMILY_INDEX_READY,
	FAMILY_INDEX_JOBS,
	FAMILY_INDEX_LAG,
	FAMILY_INDEX_BEHIND,
	FAMILY_INDEX_REPLAYS,
	FAMILY_INDEX_SKIPPED,
	FAMILY_JOBS_SUBMITTED,
	FAMILY_JOBS_FINISHED,
	FAMILY_JOBS_GIVEN_UP,
	FAMILY_JOB_QUEUED,
	FAMILY_JOB_RUN,
	FAMILY_DEAD_LETTERS,
	FAMILY_DUTY_FAILURES,
	FAMILY_SPANS_EXPORTED,
	FAMILY_SPANS_DROPPED,
	FAMILY_COUNT
};

#define FAMILY_BOUNDS 14 /* of each histogram, +Inf not counted */

struct family_row {
	enum family_kind kind;
	const char *name; /* as text 0.0.4 spells it */
	const char *help; /* without quotes and backslashes */
	enum family_unit unit;
	enum dimension a, b;
	const int64_t *bounds; /* of a histogram, us, rising */
	bool sparse; /* only values that were counted once are shown */
};

extern const struct family_row families[FAMILY_COUNT];

#endif
