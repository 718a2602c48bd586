/*
 * t/unit/store_record.c: events, responses and heartbeats in the store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/store.h"
#include "t/support/await.h"
#include "t/support/job_store.h"
#include "t/support/story.h"
#include "t/unit/unit.h"

#define ID       "01890000-0000-7000-8000-000000000001"
#define OTHER_ID "01890000-0000-7000-8000-000000000002"

static struct event
event_of(const char *id, enum job_event what, const char *host,
	 int64_t unix_nano)
{
	struct event event = {.event = what, .unix_nano = unix_nano};

	(void)snprintf(event.job_id, sizeof(event.job_id), "%s", id);
	(void)snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	return event;
}

static struct response
response_of(const char *id, const char *host, const char *value)
{
	struct response response = {.timestamp_ns = CLOCK_NS_PER_S};

	(void)snprintf(response.job_id, sizeof(response.job_id), "%s", id);
	(void)snprintf(response.hostname, sizeof(response.hostname), "%s",
		       host);
	response.data = json_pack("{s:s}", "value", value);
	return response;
}

#define STORY_SIZE 512

static void
tell(const struct event *event, void *arg)
{
	char *story = arg;
	size_t used = strlen(story);

	(void)snprintf(story + used, STORY_SIZE - used, "%s@%s ",
		       job_event_text(event->event), event->hostname);
}

/* ---- events ---- */

static void
stores_events_in_order(void)
{
	static const struct {
		enum job_event event;
		const char *host;
		int64_t unix_nano;
	} rows[] = {
	    {JOB_EVENT_SUBMITTED, "api", 500},
	    /* A host whose clock is behind. */
	    {JOB_EVENT_ACKNOWLEDGED, "web.example.org", 100},
	    {JOB_EVENT_STARTED, "web.example.org", 101},
	    {JOB_EVENT_ACKNOWLEDGED, "db", 900},
	    {JOB_EVENT_COMPLETED, "web.example.org", 102},
	    {JOB_EVENT_FAILED, "db", 901},
	};
	struct job_store on;
	struct err_info info = {.text = ""};
	char story[STORY_SIZE] = "";
	struct event event;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		event = event_of(ID, rows[i].event, rows[i].host,
				 rows[i].unix_nano);
		IS_INT("appended", store_event_append(on.store, &event, &info),
		       ERR_OK);
	}
	IS_INT("the last one again",
	       store_event_append(on.store, &event, &info), ERR_OK);
	event = event_of(OTHER_ID, JOB_EVENT_SUBMITTED, "api", 1);
	IS_INT("another job's", store_event_append(on.store, &event, &info),
	       ERR_OK);
	story_each(on.broker, on.config, ID, tell, story);
	IS_TEXT("in the order of storing, each once, of one job only", story,
		"submitted@api acknowledged@web.example.org "
		"started@web.example.org acknowledged@db "
		"completed@web.example.org failed@db ");
	job_store_close(&on);
}

/* ---- responses ---- */

static void
keeps_the_first_response(void)
{
	struct job_store on;
	struct err_info info = {.text = ""};
	struct event event =
	    event_of(ID, JOB_EVENT_COMPLETED, "web.example.org", 7);
	struct response response = response_of(ID, "web.example.org", "first");
	struct response second = response_of(ID, "web.example.org", "second");
	struct response got;
	char story[STORY_SIZE] = "";

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	IS_INT(
	    "none yet",
	    store_response_read(on.store, ID, "web.example.org", &got, &info),
	    ERR_NOT_FOUND);
	IS_INT("written",
	       store_response_write(on.store, &response, &event, &info),
	       ERR_OK);
	IS_INT("the same again is safe",
	       store_response_write(on.store, &response, &event, &info),
	       ERR_OK);
	event.unix_nano = 8;
	IS_INT("another one is refused",
	       store_response_write(on.store, &second, &event, &info),
	       ERR_EXISTS);
	HAS_TEXT("in words", info.text, "another result is there");
	IS_INT(
	    "the first is read",
	    store_response_read(on.store, ID, "web.example.org", &got, &info),
	    ERR_OK);
	IS_TEXT("with its data",
		json_string_value(json_object_get(got.data, "value")), "first");
	IS_TEXT("of its host", got.hostname, "web.example.org");
	response_release(&got);
	IS_INT(
	    "a host of a similar name has none",
	    store_response_read(on.store, ID, "web-example.org", &got, &info),
	    ERR_NOT_FOUND);
	story_each(on.broker, on.config, ID, tell, story);
	IS_TEXT("one event", story, "completed@web.example.org ");
	response_release(&response);
	response_release(&second);
	job_store_close(&on);
}

/* ---- heartbeats ---- */

static struct heartbeat
heartbeat_of(const char *host, int64_t running)
{
	struct heartbeat heartbeat = {.running = running,
				      .started_ns = CLOCK_NS_PER_S,
				      .seen_ns = clock_wall_ns()};

	(void)snprintf(heartbeat.hostname, sizeof(heartbeat.hostname), "%s",
		       host);
	(void)snprintf(heartbeat.version, sizeof(heartbeat.version), "1.0");
	(void)snprintf(heartbeat.os, sizeof(heartbeat.os), "Debian");
	uuid_make(heartbeat.instance);
	heartbeat.labels = json_pack("{s:s}", "group", "web.dev");
	heartbeat.providers = json_object();
	return heartbeat;
}

static void
lets_one_worker_be_a_host(void)
{
	struct job_store on;
	struct err_info info = {.text = ""};
	struct heartbeat mine = heartbeat_of("web.example.org", 1);
	struct heartbeat other = heartbeat_of("web.example.org", 2);
	struct heartbeat got;
	uint64_t sequence = 0;
	uint64_t others = 0;
	uint64_t read_sequence = 0;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	IS_INT("none yet",
	       store_heartbeat_read(on.store, "web.example.org", &got,
				    &read_sequence, &info),
	       ERR_NOT_FOUND);
	IS_INT("the first",
	       store_heartbeat_write(on.store, &mine, 0, &sequence, &info),
	       ERR_OK);
	IS_INT("a second worker of that name",
	       store_heartbeat_write(on.store, &other, 0, &others, &info),
	       ERR_CONFLICT);
	HAS_TEXT("is told why", info.text, "another worker");
	mine.running = 3;
	IS_INT(
	    "the next one",
	    store_heartbeat_write(on.store, &mine, sequence, &sequence, &info),
	    ERR_OK);
	IS_INT("with an old sequence",
	       store_heartbeat_write(on.store, &mine, sequence - 1, &others,
				     &info),
	       ERR_CONFLICT);
	IS_INT("is read",
	       store_heartbeat_read(on.store, "web.example.org", &got,
				    &read_sequence, &info),
	       ERR_OK);
	IS_INT("the newest", (int)got.running, 3);
	IS_TEXT("of that instance", got.instance, mine.instance);
	IS_INT("with its sequence", (int)read_sequence, (int)sequence);
	heartbeat_release(&got);
	IS_INT("removed",
	       store_heartbeat_delete(on.store, "web.example.org", &info),
	       ERR_OK);
	IS_INT("is gone",
	       store_heartbeat_read(on.store, "web.example.org", &got,
				    &read_sequence, &info),
	       ERR_NOT_FOUND);
	IS_INT("now the other one may",
	       store_heartbeat_write(on.store, &other, 0, &others, &info),
	       ERR_OK);
	IS_INT(
	    "and the first no more",
	    store_heartbeat_write(on.store, &mine, sequence, &sequence, &info),
	    ERR_CONFLICT);
	heartbeat_release(&mine);
	heartbeat_release(&other);
	job_store_close(&on);
}

static enum err
read_heartbeat(struct job_store *on, const char *host)
{
	struct err_info info = {.text = ""};
	struct heartbeat got;
	uint64_t sequence;
	enum err result =
	    store_heartbeat_read(on->store, host, &got, &sequence, &info);

	if (result == ERR_OK)
		heartbeat_release(&got);
	return result;
}

static void
forgets_silent_hosts(void)
{
	const struct config_override quick[] = {{"job.worker.heartbeat", "1s"},
						{NULL, NULL}};
	struct job_store on;
	struct err_info info = {.text = ""};
	struct heartbeat mine = heartbeat_of("silent", 1);
	uint64_t sequence = 0;
	int64_t begun;

	job_store_open(&on, unit_directory(), quick);
	job_store_provision(&on);
	begun = clock_mono_ms();
	IS_INT("written",
	       store_heartbeat_write(on.store, &mine, 0, &sequence, &info),
	       ERR_OK);
	OK("expires", AWAIT(read_heartbeat(&on, "silent") == ERR_NOT_FOUND));
	OK("not before 3 heartbeats", clock_mono_ms() - begun >= 2900);
	IS_INT("then its name is free",
	       store_heartbeat_write(on.store, &mine, 0, &sequence, &info),
	       ERR_OK);
	heartbeat_release(&mine);
	job_store_close(&on);
}

const struct unit_case unit_cases[] = {
    {"tells a job's events in order", stores_events_in_order},
    {"keeps the first response of a host", keeps_the_first_response},
    {"lets one worker at a time be a host", lets_one_worker_be_a_host},
    {"forgets hosts that are silent for 3 heartbeats", forgets_silent_hosts},
    {NULL, NULL},
};

const char unit_name[] = "store_record";
