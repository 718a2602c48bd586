/*
 * fcgi/feed.c: see feed.h.
 *
 * Keys: "jobs.{id}" and "status.{id}.{event}.{host}.{time}" in the job bucket,
 * "{host}.{id}" in the response bucket.  A host can write keys with its own
 * name only, so a document must say the same as its key.  A delete of an event
 * or a response alone says nothing (a job's delete comes first, as the delete
 * of its own key).
 */
#include "fcgi/feed.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job.h"
#include "lib/log.h"
#include "lib/subject.h"

struct feed {
	struct index *index;
	struct tally *tally; /* NULL: nobody counts */
	struct follower *jobs;
	struct follower *responses;
	const char *job_bucket;
	atomic_uint_fast64_t skipped;
};

/* ---- one change ---- */

/* Copies the id that a key has behind `prefix`; false where it has none. */
static bool
key_id(const char *key, const char *prefix, char id[static UUID_SIZE])
{
	size_t skip = strlen(prefix);

	if (strncmp(key, prefix, skip) != 0)
		return false;
	snprintf(id, UUID_SIZE, "%s", key + skip);
	return uuid_valid(id);
}

/* The id at the end of a response's key. */
static bool
response_id(const char *key, char id[static UUID_SIZE])
{
	const char *dot = strchr(key, '.');

	return dot && key_id(dot, ".", id);
}

/* Whether an event's key is this event's; the one of who takes a job that any
 * worker may do has no host in it. */
static bool
event_key(const char *key, const struct event *event)
{
	const char *text = job_event_text(event->event);
	char host[SUBJECT_HOST_MAX + 1];
	char own[2 * UUID_SIZE + sizeof(host) + 64];

	snprintf(own, sizeof(own), "status.%s.%s.%s.", event->job_id, text,
		 subject_host_token(event->hostname, host));
	if (strncmp(key, own, strlen(own)) == 0)
		return true;
	snprintf(own, sizeof(own), "status.%s.%s._any.0", event->job_id, text);
	return event->event == JOB_EVENT_ACKNOWLEDGED && strcmp(key, own) == 0;
}

static bool
response_key(const char *key, const struct response *response)
{
	char host[SUBJECT_HOST_MAX + 1];
	char own[UUID_SIZE + sizeof(host) + 1];

	snprintf(own, sizeof(own), "%s.%s",
		 subject_host_token(response->hostname, host),
		 response->job_id);
	return strcmp(key, own) == 0;
}

static enum err
apply_job(struct index *index, struct tally *tally,
	  const struct follower_change *change, const char *id,
	  struct err_info *info)
{
	struct job job;
	enum err err;

	if (change->op != FOLLOWER_PUT) {
		index_delete_job(index, id, change->revision);
		return ERR_OK;
	}
	err = job_decode(change->value, change->size, &job, info);
	if (err != ERR_OK)
		return err;
	if (strcmp(job.id, id) == 0) {
		index_put_job(index, &job, change->size, change->revision);
		tally_job(tally, change->revision, job.type);
	} else {
		err = err_set(info, ERR_INVALID, "the document is of job %s",
			      job.id);
	}
	job_release(&job);
	return err;
}

static enum err
apply_event(struct index *index, struct tally *tally,
	    const struct follower_change *change, const char *id,
	    struct err_info *info)
{
	struct index_step step;
	struct event event;
	enum err err;

	if (change->op != FOLLOWER_PUT)
		return ERR_OK;
	err = event_decode(change->value, change->size, &event, info);
	if (err != ERR_OK)
		return err;
	if (strcmp(event.job_id, id) != 0)
		return err_set(info, ERR_INVALID, "the event is of job %s",
			       event.job_id);
	if (!event_key(change->key, &event))
		return err_set(info, ERR_INVALID, "the event is of %s",
			       event.hostname);
	index_put_event(index, &event, change->revision, &step);
	tally_event(tally, change->revision, &event, &step);
	return ERR_OK;
}

static enum err
apply_response(struct index *index, const struct follower_change *change,
	       const char *id, struct err_info *info)
{
	struct response response;
	enum err err;

	if (change->op != FOLLOWER_PUT)
		return ERR_OK;
	err = response_decode(change->value, change->size, &response, info);
	if (err != ERR_OK)
		return err;
	if (strcmp(response.job_id, id) == 0 &&
	    response_key(change->key, &response))
		index_put_response(index, &response, change->size,
				   change->revision);
	else
		err = err_set(info, ERR_INVALID,
			      "the response is of %s and job %s",
			      response.hostname, response.job_id);
	response_release(&response);
	return err;
}

bool
feed_apply(struct index *index, struct tally *tally, bool job_bucket,
	   const struct follower_change *change, struct err_info *info)
{
	char id[UUID_SIZE];

	if (change->op == FOLLOWER_RESET) {
		index_reset(index, job_bucket ? INDEX_JOBS : INDEX_RESPONSES);
		if (job_bucket)
			tally_anew(tally);
		return true;
	}
	if (change->op == FOLLOWER_FILL) {
		if (job_bucket)
			tally_begin(tally, change->revision);
		return true;
	}
	if (!job_bucket && response_id(change->key, id))
		return apply_response(index, change, id, info) == ERR_OK;
	if (job_bucket && key_id(change->key, "jobs.", id))
		return apply_job(index, tally, change, id, info) == ERR_OK;
	if (job_bucket && key_id(change->key, "status.", id))
		return apply_event(index, tally, change, id, info) == ERR_OK;
	if (job_bucket && strncmp(change->key, "idem.", strlen("idem.")) == 0)
		return true; /* fcgi/idempotency.h's claims: not about jobs */
	err_set(info, ERR_INVALID, "no key of the job store");
	return false;
}

/* ---- the two followers ---- */

static void
apply(const struct follower_change *change, void *arg)
{
	struct feed *feed = arg;
	struct err_info info = {.text = ""};
	bool job_bucket = strcmp(change->bucket, feed->job_bucket) == 0;

	if (feed_apply(feed->index, feed->tally, job_bucket, change, &info))
		return;
	atomic_fetch_add(&feed->skipped, 1);
	log_warning("a document cannot be read",
		    LOG_S("bucket", change->bucket), LOG_S("key", change->key),
		    LOG_I("revision", (int64_t)change->revision),
		    LOG_S("error", info.text));
}

enum err
feed_new(struct broker *broker, const struct config *config,
	 struct index *index, struct tally *tally, struct feed **out,
	 struct err_info *info)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	enum err err;

	if (!feed)
		return ERR_NO_MEMORY;
	feed->index = index;
	feed->tally = tally;
	feed->job_bucket = config->job.kv_bucket;
	err = follower_new(broker, config->job.kv_bucket, apply, feed,
			   &feed->jobs, info);
	if (err == ERR_OK)
		err = follower_new(broker, config->job.kv_response_bucket,
				   apply, feed, &feed->responses, info);
	if (err == ERR_OK)
		*out = feed;
	else
		feed_free(feed);
	return err;
}

void
feed_free(struct feed *feed)
{
	if (!feed)
		return;
	follower_free(feed->jobs);
	follower_free(feed->responses);
	free(feed);
}

void
feed_states(struct feed *feed, struct follower_state states[static 2])
{
	follower_state(feed->jobs, &states[0]);
	follower_state(feed->responses, &states[1]);
}

bool
feed_ready(struct feed *feed, struct err_info *info)
{
	static const char *const names[] = {"jobs", "responses"};
	struct follower_state states[2];

	feed_states(feed, states);
	for (unsigned i = 0; i < 2; i++) {
		if (states[i].ready)
			continue;
		err_set(info, ERR_UNAVAILABLE, "the index of %s is %s%s%s",
			names[i],
			states[i].filled ? "out of step" : "being filled",
			states[i].error[0] ? ": " : "", states[i].error);
		return false;
	}
	return true;
}

enum err
feed_catch_up(struct feed *feed, int64_t timeout_ms, struct err_info *info)
{
	enum err err = follower_catch_up(feed->jobs, timeout_ms, info);

	return err ? err : follower_catch_up(feed->responses, timeout_ms, info);
}

uint64_t
feed_skipped(const struct feed *feed)
{
	return atomic_load(&feed->skipped);
}
