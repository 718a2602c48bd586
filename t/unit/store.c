/*
 * t/unit/store.c: jobs in the store: created, read, notified, deleted; with
 * the server full, killed, frozen and gone.
 */
#include "lib/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "t/support/await.h"
#include "t/support/job_store.h"
#include "t/unit/unit.h"

#define GUARD_MS  30000 /* a guard against a hang, not a measure */
#define SIGNATURE "eyJhbGciOiJFZERTQSJ9..c2ln"
#define QUEUE     "KV_job-queue"
#define RESPONSES "KV_job-responses"

static enum err
create(struct job_store *on, const struct job *job, uint64_t *revision,
       struct err_info *info)
{
	size_t size = 0;
	char *text = job_store_text(job, &size);
	enum err result = store_job_create(on->store, job, text, size,
					   SIGNATURE, revision, info);

	free(text);
	return result;
}

static enum err
read_id(struct job_store *on, const char *id)
{
	char *signature = NULL;
	char *text = NULL;
	size_t size = 0;
	uint64_t revision = 0;
	enum err result = store_job_read(on->store, id, &text, &size,
					 &signature, &revision, NULL);

	free(signature);
	free(text);
	return result;
}

/* The last notification of a subject, as text; the caller frees. */
static char *
last_note(struct job_store *on, const char *subject, const char *header,
	  char value[static 128])
{
	const char *got = NULL;
	natsMsg *message = NULL;
	char *text = NULL;

	value[0] = '\0';
	if (jetstream_last(on->broker, "JOBS", subject, JETSTREAM_LEADER,
			   &message, NULL, NULL) != ERR_OK)
		return NULL;
	if (natsMsgHeader_Get(message, header, &got) == NATS_OK && got != NULL)
		(void)snprintf(value, 128, "%s", got);
	text = strndup(natsMsg_GetData(message),
		       (size_t)natsMsg_GetDataLength(message));
	natsMsg_Destroy(message);
	return text;
}

/* ---- cases ---- */

static void
stores_and_reads(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	uint64_t revision = 0;
	uint64_t read_revision = 0;
	char value[128];
	char *note;
	char *text = NULL;
	char *wanted;
	char *signature = NULL;
	size_t size = 0;
	size_t wanted_size = 0;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_make(&job, "web.example.org");
	job.lane = JOB_LIVE;
	(void)snprintf(job.traceparent, sizeof(job.traceparent), "00-%s-%s-01",
		       "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
	IS_INT("is stored", create(&on, &job, &revision, &info), ERR_OK);
	IS_TEXT("without a word", info.text, "");
	IS_INT("its revision is the first", (int)revision, 1);
	IS_INT("is read",
	       store_job_read(on.store, job.id, &text, &size, &signature,
			      &read_revision, &info),
	       ERR_OK);
	wanted = job_store_text(&job, &wanted_size);
	IS_TEXT("the same octets come back", text, wanted);
	IS_INT("as many", (int)size, (int)wanted_size);
	IS_TEXT("with their signature", signature, SIGNATURE);
	IS_INT("and the revision", (int)read_revision, (int)revision);
	note = last_note(&on, "jobs.live.query.host.web_example_org",
			 "Nats-Msg-Id", value);
	IS_TEXT("the notification is the id", note, job.id);
	IS_TEXT("so is its message id", value, job.id);
	free(note);
	note = last_note(&on, "jobs.live.query.host.web_example_org",
			 "traceparent", value);
	IS_TEXT("it carries the trace", value, job.traceparent);
	IS_INT("an id that was never stored",
	       read_id(&on, "00000000-0000-7000-8000-000000000000"),
	       ERR_NOT_FOUND);
	free(note);
	free(wanted);
	free(text);
	free(signature);
	job_release(&job);
	job_store_close(&on);
}

static void
stores_the_largest_job(void)
{
	const size_t octets = JOB_SIZE_MAX - 1024;
	struct job_store on;
	struct job job;
	char *filler = malloc(octets + 1);
	uint64_t revision = 0;
	struct err_info info = {.text = ""};

	memset(filler, 'x', octets);
	filler[octets] = '\0';
	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_make(&job, "_any");
	(void)json_object_set_new(job.data, "filler", json_string(filler));
	IS_INT("almost 1 MiB is stored", create(&on, &job, &revision, &info),
	       ERR_OK);
	IS_INT("and read", read_id(&on, job.id), ERR_OK);
	free(filler);
	job_release(&job);
	job_store_close(&on);
}

static void
refuses_a_taken_id(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	uint64_t revision = 0;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	IS_INT("the first", (int)job_store_add(&on, &job, "_any"), 1);
	job.expires_ns++;
	IS_INT("a second of the same id", create(&on, &job, &revision, &info),
	       ERR_EXISTS);
	HAS_TEXT("names it", info.text, job.id);
	IS_INT("the out-parameter is untouched", (int)revision, 0);
	IS_INT("one notification", (int)job_store_messages(&on, "JOBS"), 1);
	IS_INT("deleted", store_job_delete(on.store, job.id, &info), ERR_OK);
	IS_INT("the id of a deleted job too",
	       create(&on, &job, &revision, &info), ERR_EXISTS);
	job_release(&job);
	job_store_close(&on);
}

#define RACERS 8

struct racer {
	struct job_store *on;
	const struct job *job;
	const char *text;
	size_t size;
	enum err result;
};

static void *
race(void *arg)
{
	struct racer *racer = arg;
	uint64_t revision = 0;

	racer->result =
	    store_job_create(racer->on->store, racer->job, racer->text,
			     racer->size, SIGNATURE, &revision, NULL);
	return NULL;
}

static void
lets_one_creator_win(void)
{
	struct racer racers[RACERS];
	pthread_t threads[RACERS];
	struct job_store on;
	struct job job;
	size_t size = 0;
	char *text;
	int won = 0;
	int lost = 0;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_make(&job, "_any");
	text = job_store_text(&job, &size);
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){
		    .on = &on, .job = &job, .text = text, .size = size};
		(void)pthread_create(&threads[i], NULL, race, &racers[i]);
	}
	for (int i = 0; i < RACERS; i++) {
		(void)pthread_join(threads[i], NULL);
		won += racers[i].result == ERR_OK;
		lost += racers[i].result == ERR_EXISTS;
	}
	IS_INT("one of them stores the id", won, 1);
	IS_INT("the others are told that it is taken", lost, RACERS - 1);
	IS_INT("one notification", (int)job_store_messages(&on, "JOBS"), 1);
	free(text);
	job_release(&job);
	job_store_close(&on);
}

static void
notifies_exactly_once(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	json_auto_t *reply = NULL;
	uint64_t revision = 0;
	bool duplicate = false;
	size_t size = 0;
	char *text;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	IS_INT("stored with its notification",
	       (int)job_store_add(&on, &job, "_any"), 1);
	IS_INT("notified again",
	       store_job_notify(on.store, &job, &duplicate, &info), ERR_OK);
	OK("the server had it", duplicate);
	job_release(&job);
	/* A job whose notification nobody could take. */
	IS_INT("without JOBS",
	       jetstream_api(on.broker, "STREAM.DELETE.JOBS", NULL,
			     JETSTREAM_TIMEOUT_MS, &reply, &info),
	       ERR_OK);
	job_store_make(&job, "_any");
	text = job_store_text(&job, &size);
	IS_INT("a job is stored and nobody told: that is said",
	       store_job_create(on.store, &job, text, size, SIGNATURE,
				&revision, &info),
	       ERR_UNKNOWN_OUTCOME);
	HAS_TEXT("in words", info.text, "notification may not be");
	IS_INT("the job is there", read_id(&on, job.id), ERR_OK);
	job_store_provision(&on);
	IS_INT("it is published",
	       store_job_notify(on.store, &job, &duplicate, &info), ERR_OK);
	OK("for the first time", !duplicate);
	IS_INT("and again", store_job_notify(on.store, &job, &duplicate, &info),
	       ERR_OK);
	OK("which is a duplicate", duplicate);
	IS_INT("one notification", (int)job_store_messages(&on, "JOBS"), 1);
	IS_INT("the same creation again says that the id is taken",
	       store_job_create(on.store, &job, text, size, SIGNATURE,
				&revision, &info),
	       ERR_EXISTS);
	free(text);
	job_release(&job);
	job_store_close(&on);
}

static void
says_when_the_bucket_is_full(void)
{
	const struct config_override small[] = {{"job.kv.max_bytes", "1MiB"},
						{NULL, NULL}};
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	char first[UUID_SIZE] = "";
	uint64_t revision = 0;
	enum err result = ERR_OK;
	char filler[60001];
	int stored = -1;

	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	job_store_open(&on, unit_directory(), small);
	job_store_provision(&on);
	for (; result == ERR_OK; stored++) {
		job_store_make(&job, "_any");
		if (first[0] == '\0')
			(void)memcpy(first, job.id, sizeof(first));
		(void)json_object_set_new(job.data, "filler",
					  json_string(filler));
		result = create(&on, &job, &revision, &info);
		if (result == ERR_OK)
			job_release(&job);
	}
	IS_INT("it fills up", result, ERR_BUSY);
	OK("after some", stored > 10);
	HAS_TEXT("in the server's words", info.text, "maximum bytes exceeded");
	IS_INT("the refused one is not there", read_id(&on, job.id),
	       ERR_NOT_FOUND);
	IS_INT("a job can be deleted all the same",
	       store_job_delete(on.store, first, &info), ERR_OK);
	IS_INT("it says so", read_id(&on, first), ERR_GONE);
	IS_INT("which makes room", create(&on, &job, &revision, &info), ERR_OK);
	job_release(&job);
	job_store_close(&on);
}

static void
takes_a_job_back_that_cannot_be_announced(void)
{
	const struct config_override small[] = {{"job.stream.max_msgs", "100"},
						{NULL, NULL}};
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	json_auto_t *reply = NULL;
	uint64_t revision = 0;

	job_store_open(&on, unit_directory(), small);
	job_store_provision(&on);
	for (int i = 0; i < 100; i++) {
		(void)job_store_add(&on, &job, "_any");
		job_release(&job);
	}
	job_store_make(&job, "_any");
	IS_INT("one more than JOBS takes", create(&on, &job, &revision, &info),
	       ERR_BUSY);
	HAS_TEXT("in the server's words", info.text,
		 "maximum messages exceeded");
	IS_INT("nothing is stored", read_id(&on, job.id), ERR_NOT_FOUND);
	IS_INT("JOBS gets room",
	       jetstream_api(on.broker, "STREAM.PURGE.JOBS", NULL,
			     JETSTREAM_TIMEOUT_MS, &reply, &info),
	       ERR_OK);
	IS_INT("the same id is taken now", create(&on, &job, &revision, &info),
	       ERR_OK);
	IS_INT("with its notification", (int)job_store_messages(&on, "JOBS"),
	       1);
	job_release(&job);
	job_store_close(&on);
}

/* ---- deletion ---- */

static void
write_result(struct job_store *on, const char *id, const char *host)
{
	struct response response = {.timestamp_ns = clock_wall_ns()};
	struct event event = {.event = JOB_EVENT_COMPLETED,
			      .unix_nano = clock_wall_ns()};
	struct err_info info = {.text = ""};

	(void)snprintf(response.job_id, sizeof(response.job_id), "%s", id);
	(void)snprintf(response.hostname, sizeof(response.hostname), "%s",
		       host);
	(void)snprintf(event.job_id, sizeof(event.job_id), "%s", id);
	(void)snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	response.data = json_pack("{s:s}", "hostname", host);
	IS_INT("a result",
	       store_response_write(on->store, &response, &event, &info),
	       ERR_OK);
	response_release(&response);
}

static void
deletes_all_of_one_job(void)
{
	struct job_store on;
	struct job job;
	struct job other;
	struct err_info info = {.text = ""};
	struct response response;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	(void)job_store_add(&on, &job, "_all");
	(void)job_store_add(&on, &other, "_all");
	write_result(&on, job.id, "a.example");
	write_result(&on, job.id, "b.example");
	write_result(&on, other.id, "a.example");
	IS_INT("2 jobs, 3 events", (int)job_store_messages(&on, QUEUE), 5);
	IS_INT("deleted", store_job_delete(on.store, job.id, &info), ERR_OK);
	IS_INT("a reader is told", read_id(&on, job.id), ERR_GONE);
	IS_INT("its results are gone",
	       store_response_read(on.store, job.id, "a.example", &response,
				   &info),
	       ERR_NOT_FOUND);
	IS_INT("a marker, the other job and its event stay",
	       (int)job_store_messages(&on, QUEUE), 3);
	IS_INT("the other's result too",
	       (int)job_store_messages(&on, RESPONSES), 1);
	IS_INT("the other is there", read_id(&on, other.id), ERR_OK);
	IS_INT("a second time", store_job_delete(on.store, job.id, &info),
	       ERR_NOT_FOUND);
	IS_INT("one that never was",
	       store_job_delete(on.store,
				"00000000-0000-7000-8000-000000000000", &info),
	       ERR_NOT_FOUND);
	job_release(&job);
	job_release(&other);
	job_store_close(&on);
}

/* ---- the server's troubles ---- */

static void
fails_fast_without_server(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	uint64_t revision = 0;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	nats_server_kill(on.server);
	OK("the loss is seen", AWAIT(!broker_connected(on.broker)));
	job_store_make(&job, "_any");
	IS_INT("nothing was stored, and that is certain",
	       create(&on, &job, &revision, &info), ERR_UNAVAILABLE);
	HAS_TEXT("in words", info.text, "not connected to NATS");
	IS_INT("it is not ready", store_ping(on.store, 100, &info),
	       ERR_UNAVAILABLE);
	nats_server_restart(on.server);
	IS_INT("back", broker_wait(on.broker, GUARD_MS), ERR_OK);
	IS_INT("stored by the restarted server",
	       create(&on, &job, &revision, &info), ERR_OK);
	IS_INT("once", (int)job_store_messages(&on, QUEUE), 1);
	IS_INT("and ready", store_ping(on.store, GUARD_MS, &info), ERR_OK);
	job_release(&job);
	job_store_close(&on);
}

static void
says_unknown_of_a_frozen_server(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	uint64_t revision = 0;
	enum err again;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_make(&job, "_any");
	nats_server_freeze(on.server);
	IS_INT("not ready within its limit", store_ping(on.store, 50, &info),
	       ERR_TIMEOUT);
	IS_INT("it may have been stored", create(&on, &job, &revision, &info),
	       ERR_UNKNOWN_OUTCOME);
	HAS_TEXT("in words", info.text, "may have been stored");
	nats_server_thaw(on.server);
	IS_INT("connected", broker_wait(on.broker, GUARD_MS), ERR_OK);
	IS_INT("answers", store_ping(on.store, GUARD_MS, &info), ERR_OK);
	again = create(&on, &job, &revision, &info);
	OK("the same call again is safe",
	   again == ERR_OK || again == ERR_EXISTS);
	IS_INT("one job", (int)job_store_messages(&on, QUEUE), 1);
	IS_INT("one notification", (int)job_store_messages(&on, "JOBS"), 1);
	job_release(&job);
	job_store_close(&on);
}

struct writing {
	struct job_store *on;
	atomic_bool stop;
	atomic_int acknowledged;
	int unknown;
	int refused;
	char ids[20000][UUID_SIZE];
};

static void *
write_jobs(void *arg)
{
	struct writing *writing = arg;
	struct job job;
	uint64_t revision = 0;
	int count = 0;

	while (!atomic_load(&writing->stop) && count < 20000) {
		enum err result;

		job_store_make(&job, "_any");
		result = create(writing->on, &job, &revision, NULL);
		if (result == ERR_OK)
			(void)memcpy(writing->ids[count++], job.id, UUID_SIZE);
		else if (result == ERR_UNKNOWN_OUTCOME)
			writing->unknown++;
		else
			writing->refused++;
		atomic_store(&writing->acknowledged, count);
		job_release(&job);
		if (result == ERR_UNAVAILABLE)
			(void)broker_wait(writing->on->broker, GUARD_MS);
	}
	return NULL;
}

static void
keeps_what_it_acknowledged(void)
{
	struct writing *writing = calloc(1, sizeof(*writing));
	struct job_store on;
	pthread_t thread;
	int missing = 0;
	int count;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	writing->on = &on;
	(void)pthread_create(&thread, NULL, write_jobs, writing);
	for (int i = 0; i < 5; i++) {
		int before = atomic_load(&writing->acknowledged);

		OK("it writes",
		   AWAIT(atomic_load(&writing->acknowledged) >= before + 100));
		nats_server_kill(on.server);
		nats_server_restart(on.server);
	}
	atomic_store(&writing->stop, true);
	(void)pthread_join(thread, NULL);
	count = atomic_load(&writing->acknowledged);
	IS_INT("connected", broker_wait(on.broker, GUARD_MS), ERR_OK);
	for (int i = 0; i < count; i++)
		missing += read_id(&on, writing->ids[i]) != ERR_OK;
	(void)printf("    %d acknowledged, %d unknown, %d refused, 5 kills\n",
		     count, writing->unknown, writing->refused);
	IS_INT("every acknowledged job is there", missing, 0);
	OK("and every one has its notification",
	   job_store_messages(&on, "JOBS") >= count);
	OK("no other than those that are in doubt",
	   job_store_messages(&on, QUEUE) <= count + writing->unknown);
	free(writing);
	job_store_close(&on);
}

const struct unit_case unit_cases[] = {
    {"stores a job and reads what was acknowledged", stores_and_reads},
    {"stores the largest job", stores_the_largest_job},
    {"refuses an id that is taken", refuses_a_taken_id},
    {"lets one of several creators of an id win", lets_one_creator_win},
    {"publishes a missing notification exactly once", notifies_exactly_once},
    {"says when the bucket is full", says_when_the_bucket_is_full},
    {"takes a job back that cannot be announced",
     takes_a_job_back_that_cannot_be_announced},
    {"deletes all of one job", deletes_all_of_one_job},
    {"fails fast without a server", fails_fast_without_server},
    {"says unknown of a frozen server", says_unknown_of_a_frozen_server},
    {"keeps what it acknowledged over kills", keeps_what_it_acknowledged},
    {NULL, NULL},
};

const char unit_name[] = "store";
