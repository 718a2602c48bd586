/*
 * fcgi/metrics.c: see metrics.h.
 */
#include "fcgi/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

#define LABELS_SIZE 512

/* ---- from the scoreboard ---- */

static const char *const units[] = {[FAMILY_PLAIN] = NULL,
				    [FAMILY_BYTES] = "bytes",
				    [FAMILY_SECONDS] = "seconds"};

static void
write_value(struct exposition *e, const struct family_row *row,
	    const char *labels, int64_t value)
{
	if (row->unit == FAMILY_SECONDS)
		exposition_seconds(e, labels, value);
	else
		exposition_number(e, labels, value);
}

/* One value (a, b) of the whole pool. */
static void
write_pooled(struct exposition *e, const struct scoreboard *board,
	     enum family family, size_t a, size_t b)
{
	const struct family_row *row = &families[family];
	const struct dimensions *d = scoreboard_dimensions(board);
	const char *first = dimension_labels(d, row->a, a);
	const char *second = dimension_labels(d, row->b, b);
	struct scoreboard_histogram h;
	char labels[LABELS_SIZE];
	int64_t sum;

	snprintf(labels, sizeof(labels), "%s%s%s", first,
		 *first && *second ? "," : "", second);
	if (row->kind == FAMILY_HISTOGRAM) {
		scoreboard_histogram(board, family, a, b, &h);
		if (h.count || !row->sparse)
			exposition_histogram(e, labels, row->bounds, h.counts,
					     FAMILY_BOUNDS, h.sum_us);
		return;
	}
	sum = scoreboard_sum(board, family, a, b);
	if (sum || !row->sparse)
		write_value(e, row, labels, sum);
}

/* One value `a` of each process that has told of itself; a counter also of
 * those that are gone. */
static void
write_own(struct exposition *e, const struct scoreboard *board,
	  enum family family, size_t a)
{
	const struct family_row *row = &families[family];
	const struct dimensions *d = scoreboard_dimensions(board);
	const char *label = dimension_labels(d, row->a, a);
	/* One goes with its process, the other stays. */
	enum family sign =
	    row->kind == FAMILY_OWN_GAUGE ? FAMILY_START_TIME : FAMILY_CPU;
	char labels[LABELS_SIZE];

	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++) {
		int64_t value = scoreboard_own(board, i, family, a);

		if (!scoreboard_own(board, i, sign, 0))
			continue;
		snprintf(labels, sizeof(labels), "process=\"%zu\"%s%s", i,
			 *label ? "," : "", label);
		write_value(e, row, labels, value);
	}
}

static void
write_family(struct exposition *e, const struct scoreboard *board,
	     enum family family)
{
	static const enum exposition_kind kinds[] = {
	    [FAMILY_COUNTER] = EXPOSITION_COUNTER,
	    [FAMILY_HISTOGRAM] = EXPOSITION_HISTOGRAM,
	    [FAMILY_GAUGE] = EXPOSITION_GAUGE,
	    [FAMILY_OWN_GAUGE] = EXPOSITION_GAUGE,
	    [FAMILY_OWN_COUNTER] = EXPOSITION_COUNTER};
	const struct family_row *row = &families[family];
	const struct dimensions *d = scoreboard_dimensions(board);
	bool own =
	    row->kind == FAMILY_OWN_GAUGE || row->kind == FAMILY_OWN_COUNTER;
	size_t a, b;

	exposition_family(e, kinds[row->kind], row->name, units[row->unit],
			  row->help);
	for (a = 0; a < dimension_size(d, row->a); a++) {
		if (own)
			write_own(e, board, family, a);
		for (b = 0; !own && b < dimension_size(d, row->b); b++)
			write_pooled(e, board, family, a, b);
	}
}

/* ---- looked up ---- */

struct lookup {
	enum exposition_kind kind;
	const char *name;
	const char *unit;
	const char *help;
	bool (*known)(const struct metrics_facts *facts); /* NULL: always */
	void (*samples)(struct exposition *e,
			const struct metrics_facts *facts);
};

static bool
jobs_known(const struct metrics_facts *facts)
{
	return facts->counts != NULL;
}

static bool
workers_known(const struct metrics_facts *facts)
{
	return facts->workers != NULL;
}

static void
build_info(struct exposition *e, const struct metrics_facts *facts)
{
	char labels[LABELS_SIZE] = "";

	exposition_label(labels, sizeof(labels), "version", facts->version);
	exposition_number(e, labels, 1);
}

static void
processes(struct exposition *e, const struct metrics_facts *facts)
{
	exposition_number(e, "", facts->processes);
}

static void
max_waiters(struct exposition *e, const struct metrics_facts *facts)
{
	exposition_number(e, "", facts->max_waiters);
}

static void
jobs(struct exposition *e, const struct metrics_facts *facts)
{
	const struct dimensions *d = scoreboard_dimensions(facts->scoreboard);
	size_t n = dimension_size(d, DIMENSION_OPERATION);
	char labels[LABELS_SIZE];

	for (size_t i = 0; i < n; i++) {
		size_t row = i + 1 < n ? i : INDEX_OPERATIONS_MAX;

		for (size_t k = 0; k < JOB_STATUS_COUNT; k++) {
			snprintf(labels, sizeof(labels), "%s,%s",
				 dimension_labels(d, DIMENSION_OPERATION, i),
				 dimension_labels(d, DIMENSION_STATUS, k));
			exposition_number(
			    e, labels,
			    (int64_t)facts->counts->by_state[row][k]);
		}
	}
}

static void
oldest(struct exposition *e, const struct metrics_facts *facts)
{
	const struct dimensions *d = scoreboard_dimensions(facts->scoreboard);

	for (size_t i = 0; i < JOB_STATUS_COUNT; i++) {
		int64_t created_ns = facts->counts->oldest_ns[i];
		int64_t age_us = (facts->now_ns - created_ns) / 1000;

		if (job_status_final((enum job_status)i))
			continue;
		if (!created_ns || age_us < 0)
			age_us = 0;
		exposition_seconds(e, dimension_labels(d, DIMENSION_STATUS, i),
				   age_us);
	}
}

static void
workers(struct exposition *e, const struct metrics_facts *facts)
{
	for (size_t i = 0; i < WORKER_STATES; i++) {
		char labels[LABELS_SIZE] = "";

		exposition_label(labels, sizeof(labels), "state",
				 worker_state_text((enum worker_state)i));
		exposition_number(e, labels,
				  (int64_t)facts->workers->by_state[i]);
	}
}

static void
workers_left_out(struct exposition *e, const struct metrics_facts *facts)
{
	exposition_number(e, "", (int64_t)facts->workers->left_out);
}

/* `write` for each host, with its label. */
static void
each_worker(struct exposition *e, const struct metrics_facts *facts,
	    void (*write)(struct exposition *e, char *labels,
			  const struct worker_figures *host))
{
	for (size_t i = 0; i < facts->workers->count; i++) {
		char labels[LABELS_SIZE] = "";

		exposition_label(labels, sizeof(labels), "hostname",
				 facts->workers->list[i].hostname);
		write(e, labels, &facts->workers->list[i]);
	}
}

static void
write_info(struct exposition *e, char *labels,
	   const struct worker_figures *host)
{
	exposition_label(labels, LABELS_SIZE, "version", host->version);
	exposition_number(e, labels, 1);
}

static void
write_seen(struct exposition *e, char *labels,
	   const struct worker_figures *host)
{
	exposition_seconds(e, labels, host->silent_ms * 1000);
}

static void
write_started(struct exposition *e, char *labels,
	      const struct worker_figures *host)
{
	exposition_seconds(e, labels, host->started_ns / 1000);
}

static void
write_running(struct exposition *e, char *labels,
	      const struct worker_figures *host)
{
	exposition_number(e, labels, host->running);
}

static void
write_ended(struct exposition *e, char *labels,
	    const struct worker_figures *host)
{
	size_t used = strlen(labels);

	exposition_label(labels, LABELS_SIZE, "outcome", "completed");
	exposition_number(e, labels, host->completed);
	labels[used] = '\0';
	exposition_label(labels, LABELS_SIZE, "outcome", "failed");
	exposition_number(e, labels, host->failed);
}

static void
worker_info(struct exposition *e, const struct metrics_facts *facts)
{
	each_worker(e, facts, write_info);
}

static void
worker_seen(struct exposition *e, const struct metrics_facts *facts)
{
	each_worker(e, facts, write_seen);
}

static void
worker_started(struct exposition *e, const struct metrics_facts *facts)
{
	each_worker(e, facts, write_started);
}

static void
worker_running(struct exposition *e, const struct metrics_facts *facts)
{
	each_worker(e, facts, write_running);
}

static void
worker_ended(struct exposition *e, const struct metrics_facts *facts)
{
	each_worker(e, facts, write_ended);
}

static const struct lookup lookups[] = {
    {EXPOSITION_INFO, "osapi_build_info", NULL, "The version that answers.",
     NULL, build_info},
    {EXPOSITION_GAUGE, "osapi_pool_processes_configured", NULL,
     "Responder processes that are wanted.", NULL, processes},
    {EXPOSITION_GAUGE, "osapi_waiters_max", NULL,
     "Requests that may be parked at a time in the whole pool.", NULL,
     max_waiters},
    {EXPOSITION_GAUGE, "osapi_jobs", NULL,
     "Jobs in the store by operation and status.", jobs_known, jobs},
    {EXPOSITION_GAUGE, "osapi_jobs_oldest_age_seconds", "seconds",
     "Age of the oldest job of a status, 0 where there is none.", jobs_known,
     oldest},
    {EXPOSITION_GAUGE, "osapi_workers", NULL,
     "Workers by state; silent: heartbeats stopped without a clean stop.",
     workers_known, workers},
    {EXPOSITION_GAUGE, "osapi_workers_left_out", NULL,
     "Workers that are not shown one by one.", workers_known, workers_left_out},
    {EXPOSITION_INFO, "osapi_worker_info", NULL, "The version of a worker.",
     workers_known, worker_info},
    {EXPOSITION_GAUGE, "osapi_worker_last_seen_age_seconds", "seconds",
     "Time since the latest heartbeat of a worker arrived.", workers_known,
     worker_seen},
    {EXPOSITION_GAUGE, "osapi_worker_start_time_seconds", "seconds",
     "Start of a worker since the epoch, by its own clock.", workers_known,
     worker_started},
    {EXPOSITION_GAUGE, "osapi_worker_running_jobs", NULL,
     "Jobs that a worker runs, by its latest heartbeat.", workers_known,
     worker_running},
    {EXPOSITION_COUNTER, "osapi_worker_jobs_total", NULL,
     "Jobs that a worker has ended since its start.", workers_known,
     worker_ended},
};

static void
write_all(struct exposition *e, const struct metrics_facts *facts)
{
	for (int i = 0; i < FAMILY_COUNT; i++)
		write_family(e, facts->scoreboard, (enum family)i);
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		const struct lookup *lookup = &lookups[i];

		if (lookup->known && !lookup->known(facts))
			continue;
		exposition_family(e, lookup->kind, lookup->name, lookup->unit,
				  lookup->help);
		lookup->samples(e, facts);
	}
	exposition_end(e);
}

enum err
metrics_render(const struct metrics_facts *facts, enum exposition_format format,
	       char **text, size_t *size)
{
	struct exposition e = {.out = open_memstream(text, size),
			       .format = format};
	bool failed;

	if (!e.out)
		return ERR_NO_MEMORY;
	write_all(&e, facts);
	failed = ferror(e.out) != 0;
	if (fclose(e.out) != 0 || failed) {
		free(*text);
		*text = NULL;
		return ERR_NO_MEMORY;
	}
	return ERR_OK;
}
