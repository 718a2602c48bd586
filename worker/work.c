/* worker/work.c: see the header. */
#include "worker/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jetstream.h"
#include "lib/log.h"
#include "worker/worker.h"

static bool
add_reply(struct worker *worker, struct work *work, const natsMsg *message)
{
	const char *reply = natsMsg_GetReply(message);
	struct work_reply *at = &work->replies[0];

	at->subject = reply ? strdup(reply) : NULL;
	if (!at->subject)
		return false;
	at->slot = handover_note(worker->handover, reply);
	work->reply_count = 1;
	return true;
}

struct work *
work_new(struct worker *worker, const natsMsg *message, enum job_lane lane)
{
	struct jetstream_meta meta = {.deliveries = 1};
	int size = natsMsg_GetDataLength(message);
	struct work *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	if (jetstream_meta(message, &meta) != ERR_OK ||
	    !add_reply(worker, work, message)) {
		work_free(work);
		return NULL;
	}
	work->lane = lane;
	work->deliveries = meta.deliveries;
	work->arrived_ms = clock_mono_ms();
	trail_begin(&work->trail);
	snprintf(work->subject, sizeof(work->subject), "%s",
		 natsMsg_GetSubject(message));
	if (size == UUID_SIZE - 1)
		memcpy(work->id, natsMsg_GetData(message), UUID_SIZE - 1);
	if (!uuid_valid(work->id))
		work->id[0] = '\0';
	return work;
}

struct work *
work_recovered(const char *id)
{
	struct work *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	snprintf(work->id, sizeof(work->id), "%s", id);
	work->arrived_ms = clock_mono_ms();
	trail_begin(&work->trail);
	work->claimed = true;
	work->check_job = true;
	return work;
}

void
work_free(struct work *work)
{
	size_t i;

	if (!work)
		return;
	store_events_end(&work->flight, NULL);
	for (i = 0; i < work->reply_count; i++)
		free(work->replies[i].subject);
	response_release(&work->response);
	free(work);
}

void
work_return(struct worker *worker, struct work *work)
{
	size_t i;

	for (i = 0; i < work->reply_count; i++)
		handover_forget(worker->handover, work->replies[i].slot);
	work_free(work);
}

bool
work_attach(struct work *work, struct work *again)
{
	if (work->reply_count == WORK_REPLIES_MAX || !again->reply_count)
		return false;
	work->replies[work->reply_count++] =
	    again->replies[--again->reply_count];
	return true;
}

/* ---- what is said of it ---- */

struct event
work_event(const struct worker *worker, const struct work *work,
	   enum job_event kind)
{
	struct event event = {.event = kind, .unix_nano = clock_wall_ns()};

	snprintf(event.job_id, sizeof(event.job_id), "%s", work->id);
	snprintf(event.hostname, sizeof(event.hostname), "%s",
		 worker->hostname);
	return event;
}

enum err
work_tell(struct worker *worker, struct work *work, const enum job_event *kinds,
	  size_t count, struct err_info *info)
{
	enum err err;
	size_t i;

	for (i = 0; i < count; i++)
		work->early[i] = work_event(worker, work, kinds[i]);
	err = store_events_begin(worker->store, work->early, count,
				 &work->flight, info);
	work->early_count = err == ERR_OK ? count : 0;
	return err;
}

enum err
work_told(struct worker *worker, struct work *work, struct err_info *info)
{
	enum err err = ERR_NOT_FOUND;

	if (work->flight.count)
		err = store_events_end(&work->flight, info);
	if (err == ERR_OK)
		work->early_count = 0;
	while (work->early_count) {
		const struct event *last = &work->early[work->early_count - 1];

		err = store_event_append(worker->store, last, info);
		if (err != ERR_OK)
			return err;
		work->early_count--;
	}
	return ERR_OK;
}

/* ---- its result ---- */

void
work_result(struct work *work, const char *hostname, const char *error,
	    json_t *data)
{
	struct response *response = &work->response;
	struct event *event = &work->event;

	response_release(response);
	*response = (struct response){
	    .failed = !!error,
	    .data = data,
	    .timestamp_ns = clock_wall_ns(),
	};
	*event = (struct event){
	    .event = error ? JOB_EVENT_FAILED : JOB_EVENT_COMPLETED,
	    .unix_nano = response->timestamp_ns,
	};
	snprintf(response->job_id, sizeof(response->job_id), "%s", work->id);
	snprintf(response->hostname, sizeof(response->hostname), "%s",
		 hostname);
	snprintf(response->error, sizeof(response->error), "%s",
		 error ? error : "");
	snprintf(event->job_id, sizeof(event->job_id), "%s", work->id);
	snprintf(event->hostname, sizeof(event->hostname), "%s", hostname);
	snprintf(event->error, sizeof(event->error), "%s", error ? error : "");
	work->has_result = true;
	work->end = WORK_ACK;
}

/* Before anybody hears of it, the result is on this host's disk. */
static void
record(struct worker *worker, struct work *work)
{
	struct err_info info = {""};
	enum err err;

	if (!work->claimed || work->recorded)
		return;
	work->recorded = true;
	err = journal_result(worker->journal, &work->response, &work->event,
			     &info);
	if (err != ERR_OK)
		log_error("result not in the journal",
			  LOG_S("job_id", work->id), LOG_S("error", info.text));
}

static bool
job_is_gone(struct worker *worker, const struct work *work)
{
	char *signature = NULL;
	char *text = NULL;
	uint64_t revision;
	size_t size;
	enum err err;

	if (!work->check_job)
		return false;
	err = store_job_read(worker->store, work->id, &text, &size, &signature,
			     &revision, NULL);
	free(text);
	free(signature);
	return err == ERR_GONE || err == ERR_NOT_FOUND;
}

static void
answered(struct work *work)
{
	work->stored = true;
	trail_answered(work);
}

/* A result that the store will never take is replaced by one that says so. */
static enum err
write_result(struct worker *worker, struct work *work, struct err_info *info)
{
	enum err err = store_response_write(worker->store, &work->response,
					    &work->event, info);
	char text[JOB_ERROR_MAX];

	if (err == ERR_EXISTS) {
		log_warning("result dropped, the store has another one",
			    LOG_S("job_id", work->id));
		err = store_response_tell(worker->store, work->id,
					  worker->hostname, info);
		work->stored = err == ERR_OK;
		return err;
	}
	if (err == ERR_OK)
		answered(work);
	if (err != ERR_TOO_LARGE && err != ERR_INVALID)
		return err;
	log_error("result cannot be stored", LOG_S("job_id", work->id),
		  LOG_S("error", info->text));
	snprintf(text, sizeof(text), "the result cannot be stored: %.900s",
		 info->text);
	work_result(work, worker->hostname, text, NULL);
	err = store_response_write(worker->store, &work->response, &work->event,
				   info);
	if (err == ERR_OK)
		answered(work);
	return err;
}

enum err
work_deliver(struct worker *worker, struct work *work, struct err_info *info)
{
	int64_t now_ms = clock_mono_ms();
	enum err err = ERR_OK;

	if (!work->has_result)
		return ERR_OK;
	record(worker, work);
	if (!work->tried_ms)
		work->tried_ms = now_ms;
	if (work->stored)
		log_debug("what was said before the result is still to come");
	else if (job_is_gone(worker, work))
		log_info("result dropped, the job was deleted",
			 LOG_S("job_id", work->id));
	else
		err = write_result(worker, work, info);
	if (err == ERR_OK)
		err = work_told(worker, work, info);
	if (err != ERR_OK &&
	    now_ms - work->tried_ms < worker->config->job.kv.ttl_ms)
		return err;
	if (err != ERR_OK)
		log_error("result given up, the job has expired in the store",
			  LOG_S("job_id", work->id),
			  LOG_S("error", info->text));
	if (work->claimed &&
	    journal_delivered(worker->journal, work->id, info) != ERR_OK)
		log_warning("delivery not in the journal",
			    LOG_S("job_id", work->id),
			    LOG_S("error", info->text));
	work->has_result = false;
	return ERR_OK;
}

static enum err
answer(struct broker *broker, const struct work *work, const char *reply)
{
	switch (work->end) {
	case WORK_ACK:
		return jetstream_ack(broker, reply);
	case WORK_NAK:
		return jetstream_nak(broker, reply, work->delay_ms);
	case WORK_TERMINATE:
		return jetstream_terminate(broker, reply);
	}
	return ERR_INTERNAL;
}

enum err
work_answer(struct worker *worker, struct work *work)
{
	while (work->reply_count) {
		struct work_reply *last = &work->replies[work->reply_count - 1];
		enum err err = answer(worker->broker, work, last->subject);

		if (err != ERR_OK)
			return err;
		handover_forget(worker->handover, last->slot);
		free(last->subject);
		work->reply_count--;
	}
	return ERR_OK;
}
