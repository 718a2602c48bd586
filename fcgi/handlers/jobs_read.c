/*
 * fcgi/handlers/jobs_read.c: jobs are read, from the index.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/handler.h"
#include "fcgi/park.h"
#include "fcgi/reply.h"
#include "fcgi/responder.h"
#include "fcgi/streams.h"
#include "fcgi/view.h"
#include "lib/clock.h"
#include "lib/json.h"

#define PAGE_MAX 500 /* jobs that are held at a time */

/*
 * A job that the index does not have yet, read from the store: its maker may
 * have been another process a moment ago.  An index of its own renders it, as
 * the real one must hear of jobs only in the order of their changes.
 */
static enum err
view_stored(struct responder *r, const char *id, struct index_view *view,
	    struct err_info *info)
{
	struct index *index = NULL;
	struct job job = {0};
	uint64_t revision;
	size_t size;
	enum err err;

	err = store_job_load(r->store, id, &job, &size, &revision, info);
	if (err)
		return err;
	err = index_new(r->spec, r->config->job.kv.ttl_ms, &index);
	if (!err) {
		index_put_job(index, &job, size, revision);
		err = index_view(index, id, view);
	}
	job_release(&job);
	index_free(index);
	return err;
}

static enum err
find(struct responder *r, const char *id, struct index_view *view,
     struct err_info *info)
{
	if (!index_view(r->index, id, view))
		return ERR_OK;
	return view_stored(r, id, view, info);
}

static void
answer(struct request *r, const struct index_view *view)
{
	struct err_info info = {""};
	json_t *json;
	enum err err;

	err = view_job(r->responder->store, view, &json, &info);
	if (err)
		reply_error(r, err, &info);
	else
		reply_json(r, 200, json);
}

/* After waiting: the job as it is now, whyever the wait has ended. */
static void
render(struct request *r, enum wake why)
{
	struct err_info info = {""};
	struct index_view view;
	enum err err;

	(void)why;
	err = find(r->responder, r->job_id, &view, &info);
	if (err) {
		reply_error(r, err, &info);
		return;
	}
	answer(r, &view);
	index_view_release(&view);
}

/* How long to wait, asked for or not: a job that has just ended is shown when
 * its story is whole, if there is room for one more that waits. */
static int64_t
patience_ms(struct responder *r, const struct index_view *view,
	    int64_t asked_ms)
{
	if (view->progress == INDEX_ANSWERED)
		return waiters_room(r->waiters) ? WAITERS_STORY_MS : 0;
	return job_status_final(view->status) ? 0 : asked_ms;
}

enum handled
jobs_get(struct request *r)
{
	struct responder *responder = r->responder;
	const char *id = json_member_string(r->parameters, "id");
	const char *wait = json_member_string(r->parameters, "wait");
	struct err_info info = {""};
	struct index_view view;
	int64_t wait_ms = 0;
	enum err err;

	err = responder_ready(responder, &info);
	if (!err && wait && clock_parse_duration(wait, &wait_ms))
		err = err_set(&info, ERR_INVALID, "wait: not a duration");
	if (!err)
		err = id ? find(responder, id, &view, &info) : ERR_NOT_FOUND;
	if (err) {
		reply_error(r, err, &info);
		return HANDLED;
	}
	memcpy(r->job_id, view.id, sizeof(r->job_id));
	wait_ms = patience_ms(responder, &view, wait_ms);
	if (wait_ms <= 0)
		answer(r, &view);
	index_view_release(&view);
	return r->answered ? HANDLED : park(r, INDEX_TOLD, wait_ms, render);
}

static void
release_page(struct index_view *views, size_t count)
{
	for (size_t i = 0; i < count; i++)
		index_view_release(&views[i]);
	free(views);
}

static json_t *
page_items(const struct index_view *views, size_t count)
{
	json_t *items = json_array(), *item;

	for (size_t i = 0; i < count; i++)
		/* Large bodies are left out of lists: no round trip each. */
		if (!view_job(NULL, &views[i], &item, NULL))
			json_array_append_new(items, item);
	return items;
}

static void
list_page(struct request *r, int status, size_t offset, size_t limit)
{
	struct index_view *views = NULL;
	size_t count, total;
	enum err err;

	err = index_page(r->responder->index, status, offset, limit, &views,
			 &count, &total);
	if (err) {
		reply_error(r, err, NULL);
		return;
	}
	reply_json(r, 200,
		   json_pack("{s:I, s:o}", "total_items", (json_int_t)total,
			     "items", page_items(views, count)));
	release_page(views, count);
}

/* Writes the jobs of one page that are older than `last`, the last one
 * written: what was made since the page before has moved the pages. */
static void
put_items(struct request *r, const struct index_view *views, size_t count,
	  char last[static UUID_SIZE])
{
	for (size_t i = 0; i < count; i++) {
		json_t *item = NULL;
		size_t size;
		char *text;

		if (*last && strcmp(views[i].id, last) >= 0)
			continue;
		if (view_job(NULL, &views[i], &item, NULL))
			continue;
		text = json_text(item, &size);
		json_decref(item);
		if (!text)
			continue;
		if (*last)
			reply_piece(r, ",", 1);
		reply_piece(r, text, size);
		free(text);
		memcpy(last, views[i].id, UUID_SIZE);
	}
}

/* All jobs, in pieces, so that no number of them fills the memory. */
static void
list_all(struct request *r, int status, size_t offset)
{
	char last[UUID_SIZE] = "", head[64];
	struct index_view *views;
	size_t count, total;
	enum err err;
	int n;

	do {
		views = NULL;
		err = index_page(r->responder->index, status, offset, PAGE_MAX,
				 &views, &count, &total);
		if (err)
			break;
		if (!r->answered) {
			reply_begin(r, 200, "application/json");
			n = snprintf(head, sizeof(head),
				     "{\"total_items\":%zu,\"items\":[", total);
			reply_piece(r, head, (size_t)n);
		}
		put_items(r, views, count, last);
		release_page(views, count);
		offset += count;
	} while (count == PAGE_MAX && !FCGX_GetError(r->fcgi.out));
	if (r->answered && !err)
		reply_piece(r, "]}", 2);
	else
		reply_error(r, err, NULL);
}

enum handled
jobs_list(struct request *r)
{
	const char *status = json_member_string(r->parameters, "status");
	json_int_t limit = json_member_int(r->parameters, "limit", 10);
	json_int_t offset = json_member_int(r->parameters, "offset", 0);
	enum job_status wanted = JOB_SUBMITTED;
	struct err_info info = {""};
	enum err err;

	err = responder_ready(r->responder, &info);
	if (!err && status)
		err = job_status_parse(status, &wanted);
	if (err)
		reply_error(r, err, &info);
	else if (limit > 0)
		list_page(r, status ? (int)wanted : -1, (size_t)offset,
			  (size_t)limit);
	else
		list_all(r, status ? (int)wanted : -1, (size_t)offset);
	return HANDLED;
}

enum handled
jobs_status(struct request *r)
{
	struct responder *responder = r->responder;
	const struct spec_operation *operations;
	struct err_info info = {""};
	struct index_counts counts;
	json_t *by_status, *by_operation;
	int64_t dead = 0;
	size_t n;
	enum err err;

	err = responder_ready(responder, &info);
	if (!err)
		err = stream_dead_letters(responder->broker,
					  responder->config->job.stream_name,
					  &dead, &info);
	if (err) {
		reply_error(r, err, &info);
		return HANDLED;
	}
	index_counts(responder->index, &counts);
	by_status = json_object();
	by_operation = json_object();
	for (int i = 0; i < JOB_STATUS_COUNT; i++)
		json_object_set_new(
		    by_status, job_status_text((enum job_status)i),
		    json_integer((json_int_t)counts.by_status[i]));
	operations = spec_operations(responder->spec, &n);
	for (size_t i = 0; i < n && i < counts.operation_count; i++)
		json_object_set_new(
		    by_operation, operations[i].type,
		    json_integer((json_int_t)counts.by_operation[i]));
	reply_json(r, 200,
		   json_pack("{s:I, s:o, s:o, s:I}", "total_jobs",
			     (json_int_t)counts.jobs, "status_counts",
			     by_status, "operation_counts", by_operation,
			     "dlq_count", (json_int_t)dead));
	return HANDLED;
}

enum handled
jobs_workers(struct request *r)
{
	struct responder *responder = r->responder;
	struct err_info info = {""};
	json_t *workers;

	if (!broker_connected(responder->broker) ||
	    !workers_ready(responder->workers)) {
		err_set(&info, ERR_UNAVAILABLE,
			"the workers are not known: NATS is not connected or "
			"was not read yet");
		reply_error(r, ERR_UNAVAILABLE, &info);
		return HANDLED;
	}
	workers = workers_list(responder->workers, clock_mono_ms());
	reply_json(r, 200,
		   json_pack("{s:I, s:o}", "total",
			     (json_int_t)json_array_size(workers), "workers",
			     workers));
	return HANDLED;
}
