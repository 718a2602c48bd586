/*
 * fcgi/metrics.c: the scoreboard's rows, then those of the table here.
 *
 * What is not known is left out: a gap in a graph is true, a 0 is not.
 */
#include "fcgi/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct family {
	const char *name;
	const char *help;
	bool (*known)(const struct metrics_facts *facts); /* NULL: always */
	void (*samples)(FILE *out, const char *name,
			const struct metrics_facts *facts);
};

static void
write_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One sample; `label` NULL: without one. */
static void
write_sample(FILE *out, const char *name, const char *label, const char *value,
	     int64_t number)
{
	fputs(name, out);
	if (label) {
		fprintf(out, "{%s=\"", label);
		for (const char *p = value; *p; p++) {
			if (*p == '\n') {
				fputs("\\n", out);
				continue;
			}
			if (*p == '\\' || *p == '"')
				putc('\\', out);
			putc(*p, out);
		}
		fputs("\"}", out);
	}
	fprintf(out, " %" PRId64 "\n", number);
}

static bool
jobs_known(const struct metrics_facts *facts)
{
	return facts->counts != NULL;
}

static bool
workers_known(const struct metrics_facts *facts)
{
	return facts->workers_known;
}

static void
build_info(FILE *out, const char *name, const struct metrics_facts *facts)
{
	write_sample(out, name, "version", facts->version, 1);
}

static void
nats_connected(FILE *out, const char *name, const struct metrics_facts *facts)
{
	write_sample(out, name, NULL, NULL, facts->nats_connected);
}

static void
index_ready(FILE *out, const char *name, const struct metrics_facts *facts)
{
	write_sample(out, name, NULL, NULL, facts->counts != NULL);
}

static void
jobs(FILE *out, const char *name, const struct metrics_facts *facts)
{
	for (int i = 0; i < JOB_STATUS_COUNT; i++)
		write_sample(out, name, "status",
			     job_status_text((enum job_status)i),
			     (int64_t)facts->counts->by_status[i]);
}

static void
operations(FILE *out, const char *name, const struct metrics_facts *facts)
{
	size_t n;
	const struct spec_operation *list = spec_operations(facts->spec, &n);

	for (size_t i = 0; i < n && i < facts->counts->operation_count; i++)
		write_sample(out, name, "operation", list[i].type,
			     (int64_t)facts->counts->by_operation[i]);
}

static void
workers(FILE *out, const char *name, const struct metrics_facts *facts)
{
	write_sample(out, name, NULL, NULL, (int64_t)facts->workers);
}

/* All of them are gauges. */
static const struct family families[] = {
    {"osapi_build_info", "The version that answers.", NULL, build_info},
    {"osapi_nats_connected", "Whether NATS is connected.", NULL,
     nats_connected},
    {"osapi_index_ready", "Whether all jobs are known.", NULL, index_ready},
    {"osapi_jobs", "Jobs by status.", jobs_known, jobs},
    {"osapi_jobs_by_operation", "Jobs by operation.", jobs_known, operations},
    {"osapi_workers_alive", "Workers whose heartbeats arrive.", workers_known,
     workers},
};

static void
write_scoreboard(FILE *out, const struct scoreboard *scoreboard)
{
	const struct scoreboard_row *row, *last = NULL;

	for (int i = 0; i < SCOREBOARD_COUNT; i++) {
		row = &scoreboard_rows[i];
		if (!last || strcmp(last->name, row->name) != 0)
			write_head(out, row->name,
				   row->gauge ? "gauge" : "counter", row->help);
		write_sample(
		    out, row->name, *row->class ? "class" : NULL, row->class,
		    scoreboard_sum(scoreboard, (enum scoreboard_counter)i));
		last = row;
	}
}

enum err
metrics_render(const struct metrics_facts *facts, char **text, size_t *size)
{
	const struct family *family;
	FILE *out = open_memstream(text, size);
	bool failed;

	if (!out)
		return ERR_NO_MEMORY;
	write_scoreboard(out, facts->scoreboard);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		family = &families[i];
		if (family->known && !family->known(facts))
			continue;
		write_head(out, family->name, "gauge", family->help);
		family->samples(out, family->name, facts);
	}
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(*text);
		*text = NULL;
		return ERR_NO_MEMORY;
	}
	return ERR_OK;
}
