/*
 * fcgi/handlers/typed.c: every endpoint that stands for an operation.
 *
 * operation.data is made of the path and query parameters and of the body's
 * members; the job goes into the live lane, the client waits in the table of
 * waiters, and the answers come back as one collection.
 */
#include <jansson.h>
#include <string.h>

#include "fcgi/create.h"
#include "fcgi/handler.h"
#include "fcgi/park.h"
#include "fcgi/reply.h"
#include "fcgi/responder.h"
#include "fcgi/view.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/schema.h"

#define TARGET     "target_hostname"
#define TIMEOUT    "timeout"
#define TIMEOUT_MS 30000

/* A worker may still begin the job this much after its client has given up:
 * it covers the way to the worker and clocks that differ a little. */
#define SLACK_MS 5000

/* What the wait is about, not the operation. */
static bool
is_ours(const struct spec_endpoint *endpoint, const char *name)
{
	if (!strcmp(name, TARGET) || !strcmp(name, TIMEOUT))
		return true;
	for (size_t i = 0; i < endpoint->parameter_count; i++)
		if (endpoint->parameters[i].in == SPEC_IN_HEADER &&
		    !strcmp(endpoint->parameters[i].name, name))
			return true;
	return false;
}

static json_t *
make_data(const struct request *r)
{
	const struct spec_endpoint *endpoint = r->match.endpoint;
	json_t *data = json_object(), *value;
	const char *name;

	json_object_foreach (r->parameters, name, value) {
		if (!is_ours(endpoint, name))
			json_object_set(data, name, value);
	}
	if (r->body)
		json_object_update(data, r->body);
	schema_defaults(spec_document(r->responder->spec),
			endpoint->operation->data, data);
	return data;
}

/* Fills target, data and timeout; false when an answer was written.  What is
 * wrong here passed the endpoint's own schemas. */
static bool
prepare(struct request *r, struct create *create, int64_t *timeout_ms)
{
	const struct spec_endpoint *endpoint = r->match.endpoint;
	const char *target = json_member_string(r->parameters, TARGET);
	const char *timeout = json_member_string(r->parameters, TIMEOUT);
	struct schema_errors errors = {0};
	struct err_info info = {""};
	json_t *list = json_array();

	*timeout_ms = TIMEOUT_MS;
	if (target_parse(target ? target : "_any", &create->target, &info))
		reply_collect_one(list, "query", TARGET, info.text);
	if (timeout && clock_parse_duration(timeout, timeout_ms))
		reply_collect_one(list, "query", TIMEOUT, "not a duration");
	if (schema_check(spec_document(r->responder->spec),
			 endpoint->operation->data, create->data, &errors))
		reply_collect(list, endpoint->body ? "body" : "query", &errors);
	return reply_collected(r, list);
}

/* "web-01: no such interface (and 2 more)" */
static void
reply_failed(struct request *r, int status, json_t *collection)
{
	json_t *results = json_object_get(collection, "results"), *item;
	const char *host = NULL, *error = NULL;
	struct err_info info = {""};
	size_t i;

	json_array_foreach (results, i, item) {
		const char *text = json_member_string(item, "error");
		const char *is = json_member_string(item, "status");

		if (!text || (is && strcmp(is, "failed") != 0))
			continue;
		host = json_member_string(item, "hostname");
		error = text;
		break;
	}
	if (status == 504)
		err_set(&info, ERR_TIMEOUT,
			"no host answered in time; the job is %s", r->job_id);
	else if (json_array_size(results) > 1)
		err_set(&info, ERR_INTERNAL,
			"none of %zu hosts succeeded; %s: %s",
			json_array_size(results), host ? host : "?",
			error ? error : "no reason given");
	else
		err_set(&info, ERR_INTERNAL, "%s: %s", host ? host : "?",
			error ? error : "no reason given");
	reply_problem(r, status, collection, "%s", info.text);
}

static void
answer(struct request *r, const struct index_view *view)
{
	const struct spec_endpoint *endpoint = r->match.endpoint;
	enum view_outcome outcome = VIEW_SILENT;
	struct err_info info = {""};
	json_t *collection;
	enum err err;

	err = view_collection(r->responder->store, view,
			      endpoint->operation->kind, &outcome, &collection,
			      &info);
	if (err) {
		reply_error_job(r, err, &info, r->job_id);
		return;
	}
	switch (outcome) {
	case VIEW_OK:
	case VIEW_PARTIAL:
		reply_json(r, endpoint->success, collection);
		break;
	case VIEW_FAILED:
		reply_failed(r, 500, collection);
		break;
	case VIEW_SILENT:
		reply_failed(r, 504, collection);
		break;
	}
}

static void
render(struct request *r, enum wake why)
{
	struct err_info info = {""};
	struct index_view view;
	enum err err;

	if (why == WAKE_DRAIN) {
		err_set(&info, ERR_UNAVAILABLE,
			"this process is about to stop; the job goes on");
		reply_error_job(r, ERR_UNAVAILABLE, &info, r->job_id);
		return;
	}
	err = index_view(r->responder->index, r->job_id, &view);
	if (err) {
		err_set(&info, err, "the job %s",
			err == ERR_GONE ? "was deleted"
					: "is not known here any more");
		reply_error_job(r, err, &info, r->job_id);
		return;
	}
	answer(r, &view);
	index_view_release(&view);
}

static void
refuse(struct request *r, enum err err, const struct create *create,
       struct err_info *info)
{
	/* A named host is missing as a resource is, the rest may come soon. */
	if (err == ERR_NOT_FOUND && create->target.kind != TARGET_HOST)
		err = ERR_UNAVAILABLE;
	reply_error_job(r, err, info, r->job_id);
}

enum handled
typed(struct request *r)
{
	struct responder *responder = r->responder;
	struct create create = {
	    .operation = r->match.endpoint->operation,
	    .data = make_data(r),
	    .lane = JOB_LIVE,
	    .live_only = true,
	    .submitted_by = r->token.subject,
	    .trace = &r->trace,
	    .retry_of = "",
	};
	struct err_info info = {""};
	struct job job = {0};
	int64_t timeout_ms;
	uint64_t revision;
	enum err err;

	if (!prepare(r, &create, &timeout_ms)) {
		json_decref(create.data);
		return HANDLED;
	}
	create.lifetime_ms = timeout_ms + SLACK_MS;
	err = waiters_room(responder->waiters)
		  ? create_job(responder, &create, &job, &revision, &info)
		  : err_set(&info, ERR_BUSY, "too many clients wait");
	memcpy(r->job_id, job.id, sizeof(r->job_id));
	json_decref(create.data);
	if (err) {
		refuse(r, err, &create, &info);
		return HANDLED;
	}
	job_release(&job);
	return park(r, INDEX_ANSWERED, timeout_ms, render);
}
