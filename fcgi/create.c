/*
 * fcgi/create.c: makes a job: names, times, expected hosts, signature, store.
 */
#include "fcgi/create.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/reserve.h"
#include "lib/clock.h"
#include "lib/job_span.h"
#include "lib/log.h"

/* Who has to answer.  A named host that is silent now may still come back for
 * a submitted job. */
static enum err
expect(struct responder *r, const struct create *create, struct job *job,
       struct err_info *info)
{
	const struct target *target = &create->target;
	char text[SUBJECT_SIZE];
	json_t *hosts;
	size_t live;
	enum err err;

	if (!workers_ready(r->workers))
		return err_set(info, ERR_UNAVAILABLE,
			       "the workers are not known yet");
	err = workers_expected(r->workers, target, clock_mono_ms(), &hosts,
			       &live);
	if (err)
		return err_set(info, err, "out of memory");
	if (create->live_only && !live) {
		json_decref(hosts);
		return err_set(info, ERR_NOT_FOUND,
			       "no live worker matches \"%s\"",
			       target_text(target, text));
	}
	if (target->kind == TARGET_HOST && !live)
		json_array_append_new(hosts, json_string(target->host));
	if (json_array_size(hosts) > JOB_EXPECTED_MAX) {
		json_decref(hosts);
		return err_set(
		    info, ERR_TOO_LARGE, "\"%s\" means %zu hosts, more than %d",
		    target_text(target, text), live, JOB_EXPECTED_MAX);
	}
	job->expected = hosts;
	return ERR_OK;
}

static void
fill(const struct create *create, const struct trace *trace, struct job *job)
{
	if (create->id)
		memcpy(job->id, create->id, sizeof(job->id));
	else
		uuid_make(job->id);
	snprintf(job->type, sizeof(job->type), "%s", create->operation->type);
	job->data = create->data ? json_incref(create->data) : json_object();
	job->kind = create->operation->kind;
	job->lane = create->lane;
	job->target = create->target;
	job->created_ns = clock_wall_ns();
	job->expires_ns =
	    job->created_ns + create->lifetime_ms * CLOCK_NS_PER_MS;
	snprintf(job->submitted_by, sizeof(job->submitted_by), "%s",
		 create->submitted_by);
	trace_parent_text(trace, job->traceparent);
	memcpy(job->tracestate, trace->state, sizeof(job->tracestate));
	snprintf(job->retry_of, sizeof(job->retry_of), "%s", create->retry_of);
}

/* The line of log and the span of what was published. */
static void
tell(struct responder *r, const struct create *create, const struct job *job,
     const struct trace *trace, int64_t begun_us, enum err err,
     const struct err_info *info)
{
	int64_t spent_us = clock_mono_us() - begun_us;
	int64_t now_ns = clock_wall_ns();
	char target[SUBJECT_SIZE], subject[SUBJECT_SIZE] = "";

	if (tracer_wants(r->tracer, trace) &&
	    !subject_job(store_subject_prefix(r->store), job->lane, job->kind,
			 &job->target, subject))
		job_span_end(r->tracer,
			     &(struct job_span){
				 .trace = trace,
				 .parent = create->trace->span,
				 .subject = subject,
				 .job_id = job->id,
				 .operation = job->type,
				 .start_ns = now_ns - spent_us * 1000,
				 .end_ns = now_ns,
				 .failed = err != ERR_OK,
				 .error = err ? info->text : NULL,
			     });
	if (err)
		return;
	log_info("job created", LOG_S("job_id", job->id),
		 LOG_S("operation", job->type),
		 LOG_S("target", target_text(&job->target, target)),
		 LOG_S("subject", job->submitted_by),
		 LOG_S("retry_of", *job->retry_of ? job->retry_of : NULL),
		 LOG_R("duration_ms", (double)spent_us / 1000.0));
}

enum err
create_job(struct responder *r, const struct create *create, struct job *out,
	   uint64_t *revision, struct err_info *info)
{
	char signature[SIGNATURE_SIZE];
	struct job job = {0};
	struct trace trace;
	char *text = NULL;
	int64_t begun_us;
	size_t size = 0;
	enum err err;

	*out->id = '\0';
	err = responder_ready(r, info);
	if (!err)
		err = expect(r, create, &job, info);
	if (err)
		goto out;
	tracer_begin(r->tracer, create->trace, &trace);
	fill(create, &trace, &job);
	err = job_encode(&job, &text, &size, info);
	if (!err)
		err = reserve_check(r->feed, r->index, r->config, size,
				    json_array_size(job.expected), info);
	if (err)
		goto out;
	err = signer_sign(r->signer, text, size, signature);
	if (err) {
		err_set(info, err, "the job cannot be signed");
		goto out;
	}
	memcpy(out->id, job.id, sizeof(out->id));
	begun_us = clock_mono_us();
	err = store_job_create(r->store, &job, text, size, signature, revision,
			       info);
	if (!err)
		index_put_job(r->index, &job, size, *revision);
	tell(r, create, &job, &trace, begun_us, err, info);
out:
	free(text);
	if (err)
		job_release(&job);
	else
		*out = job;
	return err;
}
