/*
 * t/unit/store_claim.c: what only the first may write, and what a host reads
 * and says without waiting for each.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store.h"
#include "t/support/job_store.h"
#include "t/support/story.h"
#include "t/support/nats_server.h"
#include "t/unit/unit.h"

#define ID       "01890000-0000-7000-8000-000000000001"
#define OTHER_ID "01890000-0000-7000-8000-000000000002"
#define CLAIMERS 8

static struct job_store on;

static void
begin(void)
{
	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
}

static struct event
event_of(const char *host, enum job_event what)
{
	struct event event = {.event = what, .unix_nano = clock_wall_ns()};

	snprintf(event.job_id, sizeof(event.job_id), "%s", ID);
	snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	return event;
}

static void
is_taken_by_one(void)
{
	struct event first = event_of("web-01", JOB_EVENT_ACKNOWLEDGED);
	struct event second = event_of("web-02", JOB_EVENT_ACKNOWLEDGED);
	char holder[SUBJECT_HOST_MAX + 1] = "";
	struct err_info info = {""};

	begin();
	IS_INT("the first has it",
	       store_job_take(on.store, &first, holder, &info), ERR_OK);
	IS_INT("another does not get it",
	       store_job_take(on.store, &second, holder, &info), ERR_EXISTS);
	IS_TEXT("and hears who has it", holder, "web-01");
	IS_INT("the first has it still",
	       store_job_take(on.store, &first, holder, &info), ERR_OK);
	job_store_close(&on);
}

/* ---- requests ---- */

struct claimer {
	pthread_t thread;
	char own[UUID_SIZE];
	char id[UUID_SIZE];
	bool first;
	enum err result;
};

static void *
claim(void *arg)
{
	struct claimer *c = arg;
	struct err_info info = {""};

	c->result = store_request_claim(on.store, "name", "digest", c->id,
					&c->first, &info);
	return NULL;
}

static void
is_claimed_once(void)
{
	struct claimer claimers[CLAIMERS];
	char id[UUID_SIZE] = OTHER_ID;
	struct err_info info = {""};
	const char *winner = "";
	bool first = true;
	int firsts = 0;
	int i;

	begin();
	for (i = 0; i < CLAIMERS; i++) {
		struct claimer *c = &claimers[i];

		uuid_make(c->own);
		memcpy(c->id, c->own, sizeof(c->id));
		c->first = false;
		pthread_create(&c->thread, NULL, claim, c);
	}
	for (i = 0; i < CLAIMERS; i++) {
		pthread_join(claimers[i].thread, NULL);
		IS_INT("claimed", claimers[i].result, ERR_OK);
		if (!claimers[i].first)
			continue;
		firsts++;
		winner = claimers[i].own;
	}
	IS_INT("one was first", firsts, 1);
	for (i = 0; i < CLAIMERS; i++)
		IS_TEXT("all have its job", claimers[i].id, winner);
	IS_INT(
	    "not for another body",
	    store_request_claim(on.store, "name", "another", id, &first, &info),
	    ERR_CONFLICT);
	HAS_TEXT("the answer names the job", info.text, winner);
	IS_INT(
	    "another name is free",
	    store_request_claim(on.store, "other", "digest", id, &first, &info),
	    ERR_OK);
	OK("and first", first);
	job_store_close(&on);
}

/* ---- assignments ---- */

static void
reads_job_and_answer_at_once(void)
{
	bool ended = false;
	struct store_assignment got = {.text = NULL};
	struct job job;
	struct err_info info = {""};
	struct event event;
	struct response response;
	uint64_t revision = 0;
	size_t size;
	char *text;

	begin();
	job_store_make(&job, "_any");
	text = job_store_text(&job, &size);
	IS_INT("no such job",
	       store_assignment_read(on.store, job.id, "web-01", &got, &info),
	       ERR_NOT_FOUND);
	store_job_create(on.store, &job, text, size, "signed", &revision, NULL);
	IS_INT("read",
	       store_assignment_read(on.store, job.id, "web-01", &got, &info),
	       ERR_OK);
	IS_TEXT("the octets", got.text, text);
	IS_TEXT("the signature", got.signature, "signed");
	IS_INT("the revision", got.revision, revision);
	OK("not answered", !got.answered);
	free(got.text);
	free(got.signature);
	event = event_of("web-01", JOB_EVENT_COMPLETED);
	memcpy(event.job_id, job.id, sizeof(event.job_id));
	response = (struct response){.timestamp_ns = event.unix_nano};
	memcpy(response.job_id, job.id, sizeof(response.job_id));
	snprintf(response.hostname, sizeof(response.hostname), "web-01");
	IS_INT("answered",
	       store_response_write(on.store, &response, &event, &info),
	       ERR_OK);
	IS_INT("read again",
	       store_assignment_read(on.store, job.id, "web-01", &got, &info),
	       ERR_OK);
	OK("answered by this host", got.answered);
	free(got.text);
	free(got.signature);
	IS_INT("read by another",
	       store_assignment_read(on.store, job.id, "web-02", &got, &info),
	       ERR_OK);
	OK("not answered by another", !got.answered);
	IS_INT("the end of it",
	       store_job_ended(on.store, job.id, "web-01", &ended, &info),
	       ERR_OK);
	OK("is known to others", ended);
	IS_INT("of another",
	       store_job_ended(on.store, job.id, "web-0", &ended, &info),
	       ERR_OK);
	OK("is not", !ended);
	free(got.text);
	free(got.signature);
	store_job_delete(on.store, job.id, NULL);
	IS_INT("deleted",
	       store_assignment_read(on.store, job.id, "web-01", &got, &info),
	       ERR_GONE);
	free(text);
	job_release(&job);
	job_store_close(&on);
}

/* ---- events that are not waited for ---- */

static void
note(const struct event *event, void *arg)
{
	char *text = arg;

	snprintf(text + strlen(text), 64, "%s ", job_event_text(event->event));
}

static void
says_without_waiting(void)
{
	const struct event events[] = {
	    event_of("web-01", JOB_EVENT_ACKNOWLEDGED),
	    event_of("web-01", JOB_EVENT_STARTED),
	};
	struct store_flight flight = {.count = 0};
	struct err_info info = {""};
	char story[256] = "";

	begin();
	IS_INT("nothing is under way", store_events_end(&flight, &info),
	       ERR_OK);
	IS_INT("none at all is a mistake",
	       store_events_begin(on.store, events, 0, &flight, &info),
	       ERR_INVALID);
	IS_INT("under way",
	       store_events_begin(on.store, events, 2, &flight, &info), ERR_OK);
	IS_INT("stored", store_events_end(&flight, &info), ERR_OK);
	IS_INT("the same again",
	       store_events_begin(on.store, events, 2, &flight, &info), ERR_OK);
	IS_INT("is no error", store_events_end(&flight, &info), ERR_OK);
	story_each(on.broker, on.config, ID, note, story);
	IS_TEXT("each once, in order", story, "acknowledged started ");
	nats_server_kill(on.server);
	IS_INT("not without NATS: it says so now or in the end",
	       store_events_begin(on.store, events, 2, &flight, &info) == ERR_OK
		   ? store_events_end(&flight, &info) != ERR_OK
		   : flight.count == 0,
	       true);
	job_store_close(&on);
}

const struct unit_case unit_cases[] = {
    {"a job that any may do is taken by one", is_taken_by_one},
    {"a request's name is claimed once", is_claimed_once},
    {"a job and a host's answer are read at once",
     reads_job_and_answer_at_once},
    {"events are stored without waiting for each", says_without_waiting},
    {NULL, NULL},
};
const char unit_name[] = "store_claim";
