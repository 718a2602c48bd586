/*
 * fcgi/metrics.h: everything that a scrape shows.
 *
 * The families of fcgi/family.h from the scoreboard, then what is looked up
 * at the time: jobs, workers, the version.  Labels take their values from
 * bounded sets only (fcgi/dimension.h); hosts are bounded by
 * METRICS_HOSTS_MAX.  What is not known is left out: a gap in a graph is true,
 * a 0 is not.
 */
#ifndef OSAPI_FCGI_METRICS_H
#define OSAPI_FCGI_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/exposition.h"
#include "fcgi/index.h"
#include "fcgi/scoreboard.h"
#include "fcgi/workers.h"
#include "lib/error.h"

#define METRICS_HOSTS_MAX 2000 /* workers that are shown one by one */

/* What a scrape shows; all belongs to the caller. */
struct metrics_facts {
	const struct scoreboard *scoreboard;
	const char *version;
	int64_t processes;                   /* as configured */
	int64_t max_waiters;                 /* of all of them */
	int64_t now_ns;                      /* wall clock */
	const struct index_counts *counts;   /* NULL: the index is not ready */
	const struct worker_census *workers; /* NULL: not known */
};

/* ERR_NO_MEMORY.  On success *text (ends in a line feed, then NUL) is the
 * caller's to free; *size is without the NUL.  From every thread. */
enum err metrics_render(const struct metrics_facts *facts,
			enum exposition_format format, char **text,
			size_t *size);

#endif
