/*
 * t/unit/feed.c: an index that was fed through kills of the server is the
 * same as one that was filled from the buckets afterwards, and holds what was
 * acknowledged to the writers.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/feed.h"
#include "fcgi/view.h"
#include "lib/log.h"
#include "t/support/index_node.h"
#include "t/support/job_store.h"
#include "t/support/nats_server.h"
#include "t/unit/unit.h"

#define GUARD_MS 90000 /* a failure guard, not a limit */
#define WRITERS  4
#define JOBS     500 /* of each writer; 5 changes a job: 10,000 in all */

/* ---- waiting ---- */

static bool
await_completed(struct index *index, size_t jobs)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	struct index_counts counts;

	do {
		index_node_look_again_soon();
		index_counts(index, &counts);
	} while (counts.by_status[JOB_COMPLETED] < jobs &&
		 clock_mono_ms() < until_ms);
	return counts.by_status[JOB_COMPLETED] == jobs;
}

/* Whether each job of a page has its response too (another bucket). */
static bool
await_responses(struct index *index, char (*ids)[UUID_SIZE], size_t count)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;

	for (size_t i = 0; i < count; i++)
		while (index_progress(index, ids[i]) == INDEX_OPEN) {
			if (clock_mono_ms() > until_ms)
				return false;
			index_node_look_again_soon();
		}
	return true;
}

/* ---- writers ---- */

struct writer {
	struct job_store *on;
	char (*ids)[UUID_SIZE];
	pthread_t thread;
	int64_t until_ms;
};

static atomic_uint done; /* changes, of all writers */

/* Whether to try again: the server is away, or its answer was. */
static bool
again(struct writer *w, enum err err)
{
	if (err == ERR_OK || err == ERR_EXISTS) {
		atomic_fetch_add(&done, 1);
		return false;
	}
	if (clock_mono_ms() > w->until_ms) {
		fprintf(stderr, "cannot store: %s\n", err_name(err));
		abort();
	}
	broker_wait(w->on->broker, 200);
	return true;
}

static void
write_job(struct writer *w, struct job *job)
{
	uint64_t revision;
	size_t size;
	char *text = job_store_text(job, &size);

	while (again(w, store_job_create(w->on->store, job, text, size, "x",
					 &revision, NULL)))
		continue;
	free(text);
}

static void
write_event(struct writer *w, const struct job *job, enum job_event what)
{
	struct event event = {
	    .event = what, .hostname = "web-01", .unix_nano = clock_wall_ns()};

	memcpy(event.job_id, job->id, sizeof(event.job_id));
	while (again(w, store_event_append(w->on->store, &event, NULL)))
		continue;
}

static void
write_response(struct writer *w, const struct job *job)
{
	struct response response = {.hostname = "web-01",
				    .timestamp_ns = clock_wall_ns()};
	struct event event = {.event = JOB_EVENT_COMPLETED,
			      .hostname = "web-01",
			      .unix_nano = response.timestamp_ns};

	memcpy(response.job_id, job->id, sizeof(response.job_id));
	memcpy(event.job_id, job->id, sizeof(event.job_id));
	response.data = json_pack("{s:s}", "hostname", "web-01");
	while (again(
	    w, store_response_write(w->on->store, &response, &event, NULL)))
		continue;
	atomic_fetch_add(&done, 1);
	response_release(&response);
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;

	for (unsigned i = 0; i < JOBS; i++) {
		struct job job;

		job_store_make(&job, "_any");
		memcpy(w->ids[i], job.id, sizeof(w->ids[i]));
		write_job(w, &job);
		write_event(w, &job, JOB_EVENT_ACKNOWLEDGED);
		write_event(w, &job, JOB_EVENT_STARTED);
		write_response(w, &job);
		job_release(&job);
	}
	return NULL;
}

/* ---- cases ---- */

static char *
see(struct index *index, const char *id)
{
	struct index_view view;
	json_t *json = NULL;
	char *text;

	if (index_view(index, id, &view) != ERR_OK)
		return strdup("not there");
	view_job(NULL, &view, &json, NULL);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	index_view_release(&view);
	return text;
}

static void
compare(struct index *lived, struct index *fresh, char (*ids)[UUID_SIZE])
{
	struct index_counts a;
	struct index_counts b;
	unsigned differ = 0;

	index_counts(lived, &a);
	index_counts(fresh, &b);
	IS_INT("as many jobs", a.jobs, b.jobs);
	IS_INT("and no more than were written", a.jobs, WRITERS * JOBS);
	for (size_t i = 0; i < WRITERS * JOBS; i++) {
		char *got = see(lived, ids[i]);
		char *wanted = see(fresh, ids[i]);

		if (strcmp(got, wanted) != 0 && differ++ == 0)
			IS_TEXT("the first that differs", got, wanted);
		free(got);
		free(wanted);
	}
	IS_INT("all jobs are the same", differ, 0);
}

static void
index_equals_the_buckets_after_kills(void)
{
	static char ids[WRITERS * JOBS][UUID_SIZE];
	struct writer writers[WRITERS];
	struct index_node lived;
	struct index_node fresh;
	struct job_store on;

	log_init("unit", LOG_FORMAT_AUTO, LOG_LEVEL_WARNING);
	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	index_node_open(&lived, &on, NULL);
	OK("the index is filled, with nothing", index_node_await_ready(&lived));
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] =
		    (struct writer){.on = &on,
				    .ids = ids + (size_t)i * JOBS,
				    .until_ms = clock_mono_ms() + GUARD_MS};
		pthread_create(&writers[i].thread, NULL, writer_main,
			       &writers[i]);
	}
	for (unsigned kills = 1; kills <= 3; kills++) {
		while (atomic_load(&done) < kills * 2500)
			index_node_look_again_soon();
		nats_server_kill(on.server);
		nats_server_restart(on.server);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	IS_INT("10,000 changes were acknowledged", atomic_load(&done), 10000);
	OK("all jobs are completed in the index that lived on",
	   await_completed(lived.index, WRITERS * JOBS));
	OK("with their responses",
	   await_responses(lived.index, ids, WRITERS * JOBS));
	index_node_open(&fresh, &on, NULL);
	OK("another index is filled from the buckets",
	   index_node_await_ready(&fresh));
	compare(lived.index, fresh.index, ids);
	IS_INT("nothing was unreadable", feed_skipped(lived.feed), 0);
	index_node_close(&fresh);
	index_node_close(&lived);
	job_store_close(&on);
}

static void
deleted_job_leaves_the_index(void)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	struct index_view view;
	struct index_node node;
	struct job_store on;
	struct job job;
	enum err err;

	log_init("unit", LOG_FORMAT_AUTO, LOG_LEVEL_WARNING);
	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	index_node_open(&node, &on, NULL);
	job_store_add(&on, &job, "_any");
	while (index_view(node.index, job.id, &view) != ERR_OK &&
	       clock_mono_ms() < until_ms)
		index_node_look_again_soon();
	index_view_release(&view);
	IS_INT("deleted", store_job_delete(on.store, job.id, NULL), ERR_OK);
	do {
		err = index_view(node.index, job.id, &view);
		if (err == ERR_OK)
			index_view_release(&view);
		index_node_look_again_soon();
	} while (err == ERR_OK && clock_mono_ms() < until_ms);
	IS_INT("and gone here", err, ERR_GONE);
	job_release(&job);
	index_node_close(&node);
	job_store_close(&on);
}

static void
caught_up_index_has_all(void)
{
	struct err_info info = {.text = ""};
	struct index_view view;
	struct index_node node;
	struct job_store on;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	index_node_open(&node, &on, NULL);
	OK("the index is filled, with nothing", index_node_await_ready(&node));
	for (unsigned i = 0; i < 100; i++) {
		struct job job;

		job_store_add(&on, &job, "_any");
		IS_INT("caught up", feed_catch_up(node.feed, GUARD_MS, &info),
		       ERR_OK);
		IS_INT("with the job that was just made",
		       index_view(node.index, job.id, &view), ERR_OK);
		index_view_release(&view);
		job_release(&job);
	}
	nats_server_kill(on.server);
	OK("nobody knows without a server",
	   feed_catch_up(node.feed, GUARD_MS, &info) != ERR_OK);
	index_node_close(&node);
	job_store_close(&on);
}

/* ---- documents that are none ---- */

static void
unreadable_documents_are_refused(void)
{
	static const struct {
		const char *why;
		bool job_bucket;
		const char *key;
		const char *value;
		const char *error;
	} rows[] = {
	    {"no JSON", true, "jobs.01900000-0000-7000-8000-000000000001", "{",
	     "job"},
	    {"an event of another job", true,
	     "status.01900000-0000-7000-8000-000000000001.started.a.1",
	     "{\"job_id\":\"01900000-0000-7000-8000-000000000002\","
	     "\"event\":\"started\",\"hostname\":\"a\","
	     "\"timestamp\":\"2026-01-31T23:59:59.123Z\",\"unix_nano\":1,"
	     "\"data\":{}}",
	     "the event is of job"},
	    {"an event of another host", true,
	     "status.01900000-0000-7000-8000-000000000002.started.b.1",
	     "{\"job_id\":\"01900000-0000-7000-8000-000000000002\","
	     "\"event\":\"started\",\"hostname\":\"a\","
	     "\"timestamp\":\"2026-01-31T23:59:59.123Z\",\"unix_nano\":1,"
	     "\"data\":{}}",
	     "the event is of a"},
	    {"an end as who takes the job", true,
	     "status.01900000-0000-7000-8000-000000000002.acknowledged._any.0",
	     "{\"job_id\":\"01900000-0000-7000-8000-000000000002\","
	     "\"event\":\"failed\",\"hostname\":\"a\","
	     "\"timestamp\":\"2026-01-31T23:59:59.123Z\",\"unix_nano\":1,"
	     "\"data\":{}}",
	     "the event is of a"},
	    {"a response that is none", false,
	     "a.01900000-0000-7000-8000-000000000001", "[]", "response"},
	    {"a response of another host", false,
	     "b.01900000-0000-7000-8000-000000000002",
	     "{\"job_id\":\"01900000-0000-7000-8000-000000000002\","
	     "\"status\":\"failed\",\"error\":\"x\",\"hostname\":\"a\","
	     "\"timestamp\":\"2026-01-31T23:59:59.123Z\"}",
	     "the response is of a"},
	    {"a key of nothing", true, "other.1", "{}", "no key"},
	    {"an id that is none", true, "jobs.1", "{}", "no key"},
	};
	struct index *index = index_node_new_index();
	struct index_counts counts;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_info info = {.text = ""};
		struct follower_change change = {.op = FOLLOWER_PUT,
						 .bucket = "b",
						 .key = rows[i].key,
						 .value = rows[i].value,
						 .size = strlen(rows[i].value),
						 .revision = 1};

		OK(rows[i].why, !feed_apply(index, NULL, rows[i].job_bucket,
					    &change, &info));
		HAS_TEXT(rows[i].why, info.text, rows[i].error);
	}
	index_counts(index, &counts);
	IS_INT("nothing of it is a job", counts.jobs, 0);
	index_free(index);
}

const char unit_name[] = "feed";
const struct unit_case unit_cases[] = {
    {"the index equals the buckets after kills",
     index_equals_the_buckets_after_kills},
    {"a deleted job leaves the index", deleted_job_leaves_the_index},
    {"an index that has caught up has all", caught_up_index_has_all},
    {"unreadable documents are refused", unreadable_documents_are_refused},
    {NULL, NULL},
};
