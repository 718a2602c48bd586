/*
 * fcgi/metrics.h: what is known as text of Prometheus' exposition format 0.0.4.
 *
 * Labels take their values from bounded sets only: classes of status, states
 * of a job, operations of the description, the version.
 */
#ifndef OSAPI_FCGI_METRICS_H
#define OSAPI_FCGI_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi/index.h"
#include "fcgi/scoreboard.h"
#include "lib/error.h"
#include "lib/spec.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What a scrape shows; all belongs to the caller. */
struct metrics_facts {
	const struct scoreboard *scoreboard;
	const struct spec *spec;
	const char *version;
	bool nats_connected;
	const struct index_counts *counts; /* NULL: the index is not ready */
	bool workers_known;
	size_t workers; /* alive */
};

/* ERR_NO_MEMORY.  On success *text (ends in a line feed, then NUL) is the
 * caller's to free; *size is without the NUL.  From every thread. */
enum err metrics_render(const struct metrics_facts *facts, char **text,
			size_t *size);

#endif
