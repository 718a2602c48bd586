/* worker/execution.c: a list of steps, the first that settles it ends it. */
#include "worker/execution.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/schema.h"

#define MISSING_TRIES 3    /* a notification may outrun its job */
#define LAGGING_TRIES 5    /* and a replica be behind: 10 s in all */
#define AGAIN_MS      1000 /* times the number of deliveries */
#define SLOW_MS       100  /* a query that took longer may be deleted now */

enum step { STEP_NEXT, STEP_SETTLED };

struct execution {
	struct worker *worker;
	struct work *work;
	struct store_assignment stored;
	struct job job;
	bool decoded;
	const struct spec_operation *operation;
	const struct provider *provider;
	bool modify;
	bool logged; /* what came of it */
};

/* ---- ways to settle it ---- */

static enum step
settle(struct execution *e, enum work_end end, int64_t delay_ms)
{
	e->work->end = end;
	e->work->delay_ms = delay_ms;
	return STEP_SETTLED;
}

/* What is between us and the store failed, nothing of the job's own. */
static enum step
again(struct execution *e, const char *what, enum err err,
      const struct err_info *info)
{
	log_warning(what, LOG_S("error", info->text),
		    LOG_S("code", err_name(err)),
		    LOG_I("delivery", (int64_t)e->work->deliveries));
	return settle(e, WORK_NAK, AGAIN_MS * (int64_t)e->work->deliveries);
}

static enum step
failed(struct execution *e, const char *reason)
{
	work_result(e->work, e->worker->hostname, reason, NULL);
	return STEP_SETTLED;
}

static bool
last_delivery(const struct execution *e)
{
	int64_t max = e->worker->config->job.consumer.max_deliver;

	return max > 0 && e->work->deliveries >= (uint64_t)max;
}

static int64_t
back_off_ms(const struct execution *e)
{
	const struct config_durations *steps =
	    &e->worker->config->job.consumer.back_off;
	uint64_t i = e->work->deliveries ? e->work->deliveries - 1 : 0;

	if (!steps->count)
		return AGAIN_MS;
	return steps->items_ms[i < steps->count ? i : steps->count - 1];
}

/* The operation failed in a way that may pass. */
static enum step
transient(struct execution *e, const char *reason)
{
	int64_t delay_ms = back_off_ms(e);
	bool late =
	    clock_wall_ns() + delay_ms * CLOCK_NS_PER_MS >= e->job.expires_ns;
	char text[JOB_ERROR_MAX];

	if (e->work->claimed) {
		snprintf(text, sizeof(text),
			 "%.900s (a change is never tried twice)", reason);
		return failed(e, text);
	}
	if (last_delivery(e) || late) {
		snprintf(text, sizeof(text),
			 "%.900s (given up after %" PRIu64 " of %" PRId64
			 " tries%s)",
			 reason, e->work->deliveries,
			 e->worker->config->job.consumer.max_deliver,
			 late ? ", the next would be after the deadline" : "");
		return failed(e, text);
	}
	log_warning("job is tried again later", LOG_S("error", reason),
		    LOG_I("delivery", (int64_t)e->work->deliveries),
		    LOG_I("delay_ms", delay_ms));
	return settle(e, WORK_NAK, delay_ms);
}

/* `genuine`: the stored job is, but this notification of it is not. */
static enum step
refuse(struct execution *e, bool genuine, const char *reason)
{
	bool ends = !genuine && !e->stored.answered;
	struct event event =
	    work_event(e->worker, e->work,
		       ends ? JOB_EVENT_FAILED : JOB_EVENT_ACKNOWLEDGED);
	struct err_info info = {""};
	enum err err;

	snprintf(ends ? event.error : event.message, JOB_ERROR_MAX,
		 "refused: %.900s", reason);
	log_warning("job refused", LOG_S("reason", reason),
		    LOG_S("nats_subject", e->work->subject));
	err = store_event_append(e->worker->store, &event, &info);
	if (err != ERR_OK && err != ERR_UNKNOWN_OUTCOME && !last_delivery(e))
		return again(e, "refusal not told", err, &info);
	return settle(e, WORK_TERMINATE, 0);
}

/* ---- the steps ---- */

static enum step
parse(struct execution *e)
{
	if (e->work->id[0])
		return STEP_NEXT;
	log_warning("notification refused: not a job id",
		    LOG_S("nats_subject", e->work->subject));
	return settle(e, WORK_TERMINATE, 0);
}

/* Whether one more reading may find the job. */
static bool
may_come(const struct execution *e)
{
	uint64_t tries = e->worker->config->job.kv.replicas > 1 ? LAGGING_TRIES
								: MISSING_TRIES;

	return e->work->deliveries < tries && !last_delivery(e);
}

static enum step
fetch(struct execution *e)
{
	struct err_info info = {""};
	enum err err =
	    store_assignment_read(e->worker->store, e->work->id,
				  e->worker->hostname, &e->stored, &info);

	if (err == ERR_OK)
		return STEP_NEXT;
	if (err == ERR_GONE) {
		log_info("job dropped, it was deleted");
		return settle(e, WORK_ACK, 0);
	}
	if (err != ERR_NOT_FOUND || may_come(e))
		return again(e, "job not read", err, &info);
	log_warning("notification refused: no such job",
		    LOG_S("nats_subject", e->work->subject));
	return settle(e, WORK_TERMINATE, 0);
}

static enum step
verify(struct execution *e)
{
	struct err_info info = {""};
	char reason[sizeof(info.text) + 32];
	enum err err;

	if (!e->stored.signature[0])
		return refuse(e, false, "the job is not signed");
	err = truster_verify(e->worker->truster, e->stored.text, e->stored.size,
			     e->stored.signature, &info);
	if (err == ERR_OK)
		return STEP_NEXT;
	snprintf(reason, sizeof(reason), "signature: %s",
		 info.text[0] ? info.text : err_text(err));
	return refuse(e, false, reason);
}

static enum step
decode(struct execution *e)
{
	struct err_info info = {""};
	enum err err =
	    job_decode(e->stored.text, e->stored.size, &e->job, &info);

	if (err != ERR_OK)
		return refuse(e, false, info.text);
	e->decoded = true;
	trail_job(e->worker, &e->work->trail, &e->job);
	if (strcmp(e->job.id, e->work->id) != 0)
		return refuse(e, false, "the signed job is another one");
	return STEP_NEXT;
}

/* Genuine, but was it ordered from this host, on this subject? */
static enum step
match(struct execution *e)
{
	const struct worker *w = e->worker;
	const struct config_map *labels = &w->config->job.worker.labels;
	char subject[SUBJECT_SIZE];

	if (!target_matches(&e->job.target, w->hostname, labels->count,
			    labels->keys, labels->values))
		return refuse(e, true, "this host is not its target");
	if (subject_job(store_subject_prefix(w->store), e->job.lane,
			e->job.kind, &e->job.target, subject) != ERR_OK ||
	    strcmp(subject, e->work->subject) != 0)
		return refuse(e, true,
			      "it was announced on a subject that is "
			      "not its own");
	return STEP_NEXT;
}

/* Who wrote the answer may have died before it told of it. */
static enum step
answered(struct execution *e)
{
	struct err_info info = {""};
	enum err err;

	if (!e->stored.answered)
		return STEP_NEXT;
	err = store_response_tell(e->worker->store, e->work->id,
				  e->worker->hostname, &info);
	if (err != ERR_OK && !last_delivery(e))
		return again(e, "answer not told", err, &info);
	if (e->work->deliveries == 1)
		return refuse(e, true,
			      "replayed, this host has answered it "
			      "before");
	log_info("job not run again, this host has answered it");
	return settle(e, WORK_ACK, 0);
}

static enum step
remembered(struct execution *e)
{
	switch (journal_find(e->worker->journal, e->work->id)) {
	case JOURNAL_UNKNOWN:
		return STEP_NEXT;
	case JOURNAL_CLAIMED:
	case JOURNAL_RESULT:
		log_info("job not run again, its result is on the way");
		return settle(e, WORK_NAK, back_off_ms(e));
	case JOURNAL_DELIVERED:
	case JOURNAL_STATE_COUNT:
		break;
	}
	return refuse(e, true, "replayed, this host has run it before");
}

static enum step
in_time(struct execution *e)
{
	char deadline[CLOCK_RFC3339_SIZE];
	bool again = e->work->deliveries > 1; /* it may have been begun */
	char text[128];

	if (clock_wall_ns() < e->job.expires_ns)
		return STEP_NEXT;
	snprintf(text, sizeof(text),
		 "expired: not %s before its deadline, %s%s",
		 again ? "done" : "begun",
		 clock_rfc3339(e->job.expires_ns, deadline),
		 again ? ", though it was delivered before" : "");
	log_warning("job refused", LOG_S("reason", text),
		    LOG_S("nats_subject", e->work->subject));
	e->logged = true;
	return failed(e, text);
}

static enum step
understand(struct execution *e)
{
	const json_t *document = spec_document(e->worker->spec);
	struct schema_errors errors = {.count = 0};
	char text[JOB_ERROR_MAX];

	e->operation = spec_operation(e->worker->spec, e->job.type);
	if (!e->operation) {
		snprintf(text, sizeof(text), "unknown operation %s",
			 e->job.type);
		return failed(e, text);
	}
	e->modify =
	    e->job.kind == JOB_MODIFY || e->operation->kind == JOB_MODIFY;
	e->provider = e->worker->find(e->job.type);
	if (!e->provider) {
		snprintf(text, sizeof(text), "this host has no provider of %s",
			 e->job.type);
		return failed(e, text);
	}
	schema_defaults(document, e->operation->data, e->job.data);
	if (schema_check(document, e->operation->data, e->job.data, &errors) ==
	    ERR_OK)
		return STEP_NEXT;
	snprintf(text, sizeof(text), "operation.data%s%s: %s",
		 errors.items[0].field[0] ? "." : "", errors.items[0].field,
		 errors.items[0].detail);
	return failed(e, text);
}

/*
 * Another worker was given this job before us: redelivered, announced twice,
 * or the broker forgot.  What it has answered is done.  A change may still be
 * running there, so it stays that worker's; a query may run twice, but not
 * because it was announced twice: that one is a first delivery.
 */
static enum step
yield_to(struct execution *e, const char *holder)
{
	struct err_info info = {""};
	bool ended = false;
	enum err err = store_job_ended(e->worker->store, e->work->id, holder,
				       &ended, &info);

	if (ended) {
		log_info("job not run, another host has answered it",
			 LOG_S("host", holder));
		return settle(e, WORK_ACK, 0);
	}
	if (err != ERR_OK)
		return again(e, "another host's events not read", err, &info);
	if (!e->modify && e->work->deliveries > 1)
		return STEP_NEXT;
	log_info("job not run, another host has taken it",
		 LOG_S("host", holder));
	return settle(e, WORK_NAK, back_off_ms(e));
}

/* Any worker may do it: is it ours?  The others see who has it. */
static enum step
take(struct execution *e)
{
	struct event event =
	    work_event(e->worker, e->work, JOB_EVENT_ACKNOWLEDGED);
	char holder[SUBJECT_HOST_MAX + 1] = "";
	struct err_info info = {""};
	enum err err;

	if (e->job.target.kind != TARGET_ANY)
		return STEP_NEXT;
	err = store_job_take(e->worker->store, &event, holder, &info);
	if (err == ERR_EXISTS)
		return yield_to(e, holder);
	if (err != ERR_OK)
		return again(e, "job not taken", err, &info);
	trail_acknowledged(e->work);
	return STEP_NEXT;
}

/* A query does not wait until its events are stored: its result does. */
static enum step
announce(struct execution *e)
{
	static const enum job_event kinds[] = {JOB_EVENT_ACKNOWLEDGED,
					       JOB_EVENT_STARTED};
	size_t skip = e->job.target.kind == TARGET_ANY; /* told by take() */
	struct err_info info = {""};
	enum err err =
	    work_tell(e->worker, e->work, kinds + skip, 2 - skip, &info);

	if (err == ERR_OK && e->modify)
		err = work_told(e->worker, e->work, &info);
	if (err != ERR_OK && err != ERR_UNKNOWN_OUTCOME)
		return again(e, "event not stored", err, &info);
	if (!skip)
		trail_acknowledged(e->work);
	trail_started(e->work);
	return STEP_NEXT;
}

static enum step
claim(struct execution *e)
{
	struct err_info info = {""};
	enum err err;

	if (!e->modify)
		return STEP_NEXT;
	err =
	    journal_claim(e->worker->journal, &e->job, clock_wall_ns(), &info);
	if (err == ERR_OK) {
		e->work->claimed = true;
		return STEP_NEXT;
	}
	if (err == ERR_EXISTS)
		return refuse(e, true,
			      "replayed, this host has begun it "
			      "before");
	log_error("change not begun", LOG_S("error", info.text));
	e->logged = true;
	return err_retryable(err) ? transient(e, info.text)
				  : failed(e, info.text);
}

/* The provider's data with the host's name in front. */
static json_t *
name_result(const struct worker *worker, json_t *data)
{
	json_t *named = json_pack("{s:s}", "hostname", worker->hostname);

	if (named && data && json_object_update_missing(named, data)) {
		json_decref(named);
		named = NULL;
	}
	json_decref(data);
	return named;
}

static enum step
perform(struct execution *e)
{
	int64_t left_ms =
	    (e->job.expires_ns - clock_wall_ns()) / CLOCK_NS_PER_MS;
	int64_t begun_ms = clock_mono_ms();
	struct provider_call call = {
	    .hostname = e->worker->hostname,
	    .labels = e->worker->labels,
	    .data = e->job.data,
	    .deadline_ms = begun_ms + (left_ms < EXECUTION_RUN_MAX_MS
					   ? left_ms
					   : EXECUTION_RUN_MAX_MS),
	    .cancelled = &e->work->cancelled,
	};
	int64_t begun_ns = clock_wall_ns();
	struct err_info info = {""};
	json_t *data = NULL;
	enum err err;

	/* Who finds that it hangs sees all that was written before. */
	__atomic_store_n(&e->work->deadline_ms, call.deadline_ms,
			 __ATOMIC_RELEASE);
	err = e->provider->run(&call, &data, &info);
	__atomic_store_n(&e->work->deadline_ms, 0, __ATOMIC_RELAXED);
	trail_provider(e->worker, e->work, e->provider->name, begun_ns, err,
		       &info);
	e->work->check_job = e->modify || clock_mono_ms() - begun_ms > SLOW_MS;
	if (err == ERR_OK) {
		data = name_result(e->worker, data);
		if (!data)
			return failed(e, err_text(ERR_NO_MEMORY));
		work_result(e->work, e->worker->hostname, NULL, data);
		return STEP_SETTLED;
	}
	if (!info.text[0])
		err_set(&info, err, "%s", err_text(err));
	if (!e->work->claimed &&
	    __atomic_load_n(&e->work->cancelled, __ATOMIC_RELAXED)) {
		log_info("job handed back, this worker stops");
		return settle(e, WORK_NAK, AGAIN_MS);
	}
	return err_retryable(err) ? transient(e, info.text)
				  : failed(e, info.text);
}

/* In this order: the checks that need only the job come before those that ask
 * the store, and what writes comes last.  The deadline is looked at once more
 * before it begins, as a slow store may have let it pass meanwhile. */
static enum step (*const steps[])(struct execution *) = {
    parse,   fetch,      verify, decode,   match,   answered, remembered,
    in_time, understand, take,   announce, in_time, claim,    perform,
};

void
execution_run(struct worker *worker, struct work *work)
{
	struct execution e = {.worker = worker, .work = work};
	enum step step = STEP_NEXT;
	size_t i;

	trail_enter(work);
	for (i = 0; step == STEP_NEXT && i < sizeof(steps) / sizeof(steps[0]);
	     i++)
		step = steps[i](&e);
	if (work->has_result && !e.logged)
		trail_result(work);
	trail_leave();
	free(e.stored.text);
	free(e.stored.signature);
	if (e.decoded)
		job_release(&e.job);
}
