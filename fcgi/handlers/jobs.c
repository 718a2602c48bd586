/*
 * fcgi/handlers/jobs.c: jobs are made, repeated and deleted.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/create.h"
#include "fcgi/handler.h"
#include "fcgi/idempotency.h"
#include "fcgi/reply.h"
#include "fcgi/reserve.h"
#include "fcgi/responder.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/schema.h"

#define TARGET      "target_hostname"
#define CATCH_UP_MS 1000 /* for news that another process has had already */

/* {job_id, status: "created", revision, timestamp} and Location */
static void
reply_created(struct request *r, int status, const struct job *job,
	      uint64_t revision)
{
	char created[CLOCK_RFC3339_SIZE], location[64 + UUID_SIZE];

	memcpy(r->job_id, job->id, sizeof(r->job_id));
	snprintf(location, sizeof(location), "/api/v1/jobs/%s", job->id);
	reply_header(r, "Location", location);
	reply_json(r, status,
		   json_pack("{s:s, s:s, s:I, s:s}", "job_id", job->id,
			     "status", "created", "revision",
			     (json_int_t)revision, "timestamp",
			     clock_rfc3339(job->created_ns, created)));
}

/* Puts "operation.data" in front of the place of each error. */
static void
collect_data(json_t *list, const struct schema_errors *errors)
{
	struct schema_errors moved = *errors;
	char place[sizeof(moved.items[0].field) + 16];

	for (size_t i = 0; i < errors->count && i < SCHEMA_ERRORS_MAX; i++) {
		const char *field = errors->items[i].field;

		snprintf(place, sizeof(place), "operation.data%s%s",
			 *field && *field != '[' ? "." : "", field);
		memcpy(moved.items[i].field, place,
		       sizeof(moved.items[i].field) - 1);
		moved.items[i].field[sizeof(moved.items[i].field) - 1] = '\0';
	}
	reply_collect(list, "body", &moved);
}

void
jobs_create_check(const struct request *r, json_t *list)
{
	const struct spec *spec = r->responder->spec;
	json_t *operation = json_object_get(r->body, "operation");
	json_t *data = json_object_get(operation, "data");
	const char *type = json_member_string(operation, "type");
	const struct spec_operation *known;
	struct schema_errors errors = {0};
	struct err_info info = {""};
	json_t *empty;

	if (!type)
		return; /* its schema has said so */
	known = spec_operation(spec, type);
	if (!known) {
		err_set(&info, ERR_INVALID, "unknown operation \"%.64s\"",
			type);
		reply_collect_one(list, "body", "operation.type", info.text);
		return;
	}
	if (data && !json_is_object(data))
		return;
	empty = json_object();
	if (schema_check(spec_document(spec), known->data, data ? data : empty,
			 &errors))
		collect_data(list, &errors);
	json_decref(empty);
}

/* What the body, which passed all checks, says of the operation. */
static enum err
read_create(struct request *r, struct create *create, struct err_info *info)
{
	const struct spec *spec = r->responder->spec;
	json_t *operation = json_object_get(r->body, "operation");
	json_t *data = json_object_get(operation, "data");
	const char *type = json_member_string(operation, "type");
	const char *target = json_member_string(r->body, TARGET);

	create->operation = type ? spec_operation(spec, type) : NULL;
	if (!create->operation)
		return ERR_INVALID;
	create->data = data ? json_incref(data) : json_object();
	schema_defaults(spec_document(spec), create->operation->data,
			create->data);
	return target_parse(target ? target : "_any", &create->target, info);
}

/* Answers with the job that an earlier request with this key made.
 * ERR_NOT_FOUND: it was never made. */
static enum err
reply_earlier(struct request *r, const char *id, struct err_info *info)
{
	struct job job = {0};
	uint64_t revision;
	size_t size;
	enum err err;

	err = store_job_load(r->responder->store, id, &job, &size, &revision,
			     info);
	if (err == ERR_GONE)
		return err_set(info, ERR_CONFLICT,
			       "the job %s of this Idempotency-Key was "
			       "deleted",
			       id);
	if (err)
		return err;
	reply_created(r, 200, &job, revision);
	job_release(&job);
	return ERR_OK;
}

static enum err
create_and_reply(struct request *r, const struct create *create,
		 struct err_info *info)
{
	struct job job = {0};
	uint64_t revision;
	enum err err;

	err = create_job(r->responder, create, &job, &revision, info);
	memcpy(r->job_id, job.id, sizeof(r->job_id));
	if (err)
		return err;
	reply_created(r, 201, &job, revision);
	job_release(&job);
	return ERR_OK;
}

/* A full store makes no new job: is there one of this key?  `full` says that
 * it is, where there is none. */
static enum err
reply_earlier_of(struct request *r, const char *key, enum err full,
		 struct err_info *info)
{
	struct err_info why = {""};
	char id[UUID_SIZE];
	enum err err = idempotency_find(r->responder->store, r->token.subject,
					key, r->body, id, &why);

	if (!err)
		err = reply_earlier(r, id, &why);
	if (err == ERR_NOT_FOUND)
		return full;
	*info = why;
	return err;
}

static enum err
create_once(struct request *r, struct create *create, const char *key,
	    struct err_info *info)
{
	struct responder *responder = r->responder;
	char id[UUID_SIZE];
	bool first = true;
	enum err err;

	err = responder_ready(responder, info);
	/* Before the claim, which takes room too. */
	if (!err)
		err = reserve_check(responder->feed, responder->index,
				    responder->config, 0, 1, info);
	if (err == ERR_BUSY)
		return reply_earlier_of(r, key, err, info);
	if (err)
		return err;
	uuid_make(id);
	err = idempotency_claim(responder->store, r->token.subject, key,
				r->body, id, &first, info);
	if (!err && !first) {
		err = reply_earlier(r, id, info);
		if (err != ERR_NOT_FOUND)
			return err;
		err = ERR_OK;
	}
	if (err)
		return err;
	create->id = id;
	err = create_and_reply(r, create, info);
	/* Another request with this key made it meanwhile. */
	if (err == ERR_EXISTS)
		err = reply_earlier(r, id, info);
	create->id = NULL;
	return err;
}

enum handled
jobs_create(struct request *r)
{
	const char *key = json_member_string(r->parameters, "Idempotency-Key");
	struct create create = {
	    .lane = JOB_BATCH,
	    .lifetime_ms = r->responder->config->job.deadline_ms,
	    .submitted_by = r->token.subject,
	    .trace = &r->trace,
	    .retry_of = "",
	};
	struct err_info info = {""};
	enum err err;

	err = read_create(r, &create, &info);
	if (!err)
		err = key ? create_once(r, &create, key, &info)
			  : create_and_reply(r, &create, &info);
	if (err)
		reply_error_job(r, err, &info, r->job_id);
	json_decref(create.data);
	return HANDLED;
}

enum handled
jobs_delete(struct request *r)
{
	struct responder *responder = r->responder;
	const char *id = json_member_string(r->parameters, "id");
	struct err_info info = {""};
	struct index_view view;
	uint64_t revision = 0;
	enum err err;

	err = responder_ready(responder, &info);
	if (!err && id && !index_view(responder->index, id, &view)) {
		revision = view.revision;
		index_view_release(&view);
	}
	if (!err)
		err = id ? store_job_delete(responder->store, id, &info)
			 : ERR_NOT_FOUND;
	if (err) {
		reply_error(r, err, &info);
		return HANDLED;
	}
	/* The marker's own number is higher still: what the client deleted is
	 * gone for its next request, before the change comes back to us. */
	if (revision)
		index_delete_job(responder->index, id, revision + 1);
	log_info("job deleted", LOG_S("job_id", id),
		 LOG_S("subject", r->token.subject));
	reply_empty(r, 204);
	return HANDLED;
}

static enum job_status
known_status(struct responder *r, const char *id)
{
	enum job_status status = JOB_SUBMITTED;
	struct index_view view;

	if (!index_view(r->index, id, &view)) {
		status = view.status;
		index_view_release(&view);
	}
	return status;
}

/* The job that is to be repeated; job_release is due on success. */
static enum err
read_original(struct responder *r, const char *id, struct job *job,
	      struct err_info *info)
{
	enum job_status status;
	uint64_t revision;
	size_t size;
	enum err err;

	err = store_job_load(r->store, id, job, &size, &revision, info);
	if (err)
		return err;
	status = known_status(r, id);
	/* Another process may have told the client of its end already. */
	if (!job_status_final(status) &&
	    feed_catch_up(r->feed, CATCH_UP_MS, NULL) == ERR_OK)
		status = known_status(r, id);
	if (job_status_final(status))
		return ERR_OK;
	job_release(job);
	return err_set(info, ERR_CONFLICT,
		       "the job is %s: only one that has ended can be "
		       "repeated",
		       job_status_text(status));
}

static void
note_retry(struct request *r, const char *original, const char *copy)
{
	struct event event = {
	    .event = JOB_EVENT_RETRIED,
	    .hostname = JOB_API_HOST,
	    .unix_nano = clock_wall_ns(),
	};
	struct err_info info = {""};
	enum err err;

	memcpy(event.job_id, original, UUID_SIZE);
	snprintf(event.message, sizeof(event.message), "as job %s by %s", copy,
		 r->token.subject);
	err = store_event_append(r->responder->store, &event, &info);
	/* The new job names the original in any case. */
	if (err)
		log_warning("the retried event is missing",
			    LOG_S("error", info.text),
			    LOG_S("original", original));
}

static enum err
retry(struct request *r, const char *id, struct job *original,
      struct err_info *info)
{
	struct responder *responder = r->responder;
	const char *target = json_member_string(r->body, TARGET);
	struct create create = {
	    .operation = spec_operation(responder->spec, original->type),
	    .data = original->data,
	    .target = original->target,
	    .lane = JOB_BATCH,
	    .lifetime_ms = responder->config->job.deadline_ms,
	    .submitted_by = r->token.subject,
	    .trace = &r->trace,
	    .retry_of = id,
	};
	enum err err;

	if (!create.operation)
		return err_set(info, ERR_CONFLICT,
			       "the operation \"%s\" exists no longer",
			       original->type);
	if (target) {
		err = target_parse(target, &create.target, info);
		if (err)
			return err;
	}
	err = create_and_reply(r, &create, info);
	if (!err)
		note_retry(r, id, r->job_id);
	return err;
}

enum handled
jobs_retry(struct request *r)
{
	struct responder *responder = r->responder;
	const char *id = json_member_string(r->parameters, "id");
	struct err_info info = {""};
	struct job original = {0};
	enum err err;

	err = responder_ready(responder, &info);
	if (!err)
		err = id ? read_original(responder, id, &original, &info)
			 : ERR_NOT_FOUND;
	if (!err) {
		err = retry(r, id, &original, &info);
		job_release(&original);
	}
	if (err)
		reply_error_job(r, err, &info, r->job_id);
	return HANDLED;
}
