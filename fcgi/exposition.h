/*
 * fcgi/exposition.h: the two texts that Prometheus reads, and the choice
 * between them.
 *
 * Text 0.0.4 and OpenMetrics 1.0 differ in their names for counters (a family
 * without "_total" there), in units and "info" (only there) and in the mark of
 * the end; callers name a family once, as text 0.0.4 does.  Bounds of
 * histograms are written in one way ("1.0"), so that a series is the same
 * whoever asks.
 */
#ifndef OSAPI_FCGI_EXPOSITION_H
#define OSAPI_FCGI_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

/* What an Accept header (RFC 9110, NULL: none) asks for: OpenMetrics where it
 * is wanted more than text, or as much and by name. */
enum exposition_format exposition_choose(const char *accept);

/* The value of Content-Type. */
const char *exposition_type(enum exposition_format format);

enum exposition_kind {
	EXPOSITION_COUNTER, /* its name ends in "_total" */
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_INFO, /* its name ends in "_info", its value is 1 */
};

struct exposition {
	FILE *out;
	enum exposition_format format;
	const char *name; /* of the family at hand */
};

/* Begins a family.  `unit` NULL: none, else the name's last word before
 * "_total".  `help` has no quotes and no backslashes. */
void exposition_family(struct exposition *exposition, enum exposition_kind kind,
		       const char *name, const char *unit, const char *help);

/* One sample of it.  `labels` is `a="x",b="y"`, "" none. */
void exposition_number(struct exposition *exposition, const char *labels,
		       int64_t value);
/* The same of a value in microseconds, written in seconds. */
void exposition_seconds(struct exposition *exposition, const char *labels,
			int64_t us);

/* A histogram's samples: `counts` has one more than the `n` bounds. */
void exposition_histogram(struct exposition *exposition, const char *labels,
			  const int64_t *bounds_us, const int64_t *counts,
			  size_t n, int64_t sum_us);

/* Ends the text. */
void exposition_end(struct exposition *exposition);

/* Appends `name="value"` with what escapes it needs, behind a comma unless
 * `labels` is empty; what does not fit is left out whole. */
void exposition_label(char *labels, size_t size, const char *name,
		      const char *value);

#endif
