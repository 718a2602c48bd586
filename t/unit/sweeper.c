/*
 * t/unit/sweeper.c: background duties, with two sweepers at work at the same
 * time as in two processes: everything is done, and once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/dead_letter.h"
#include "fcgi/renotify.h"
#include "fcgi/sweeper.h"
#include "lib/hearing.h"
#include "lib/jetstream.h"
#include "lib/log.h"
#include "t/support/index_node.h"
#include "t/support/job_store.h"
#include "t/support/must.h"
#include "t/unit/unit.h"

#define GUARD_MS 60000 /* a failure guard, not a limit */
#define NODES    2

#define QUEUE     "KV_job-queue"
#define RESPONSES "KV_job-responses"

/* ---- two processes' worth of index, feed and sweeper ---- */

static struct job_store world;
static struct index_node nodes[NODES];
static struct sweeper *sweepers[NODES];

static void
begin(const struct config_override *overrides)
{
	log_init("unit", LOG_FORMAT_AUTO, LOG_LEVEL_WARNING);
	job_store_open(&world, unit_directory(), overrides);
	job_store_provision(&world);
	for (unsigned i = 0; i < NODES; i++)
		index_node_open(&nodes[i], &world, overrides);
}

/* Apart from begin, so that jobs can be there before. */
static void
begin_to_sweep(void)
{
	for (unsigned i = 0; i < NODES; i++) {
		struct index_node *node = &nodes[i];
		struct err_info info = {.text = ""};

		must(sweeper_new(node->on.store, node->on.config, node->feed,
				 node->index, &sweepers[i], &info),
		     "sweeper", &info);
	}
}

static void
end(void)
{
	for (unsigned i = 0; i < NODES; i++) {
		sweeper_free(sweepers[i]);
		sweepers[i] = NULL;
		index_node_close(&nodes[i]);
	}
	job_store_close(&world);
}

static struct sweeper_counts
sum(void)
{
	struct sweeper_counts total = {.expired = 0};

	for (unsigned i = 0; i < NODES; i++) {
		struct sweeper_counts counts = {.expired = 0};

		if (sweepers[i])
			sweeper_counts(sweepers[i], &counts);
		total.expired += counts.expired;
		total.renotified += counts.renotified;
		total.dead_letters += counts.dead_letters;
		total.failures += counts.failures;
	}
	return total;
}

/* Waits until this much was done in all: a counter grows a moment after what
 * it counts can be seen. */
static struct sweeper_counts
await_counts(uint64_t expired, uint64_t renotified, uint64_t dead_letters)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	struct sweeper_counts total = sum();

	while ((total.expired < expired || total.renotified < renotified ||
		total.dead_letters < dead_letters) &&
	       clock_mono_ms() < until_ms) {
		index_node_look_again_soon();
		total = sum();
	}
	return total;
}

static bool
has_status(struct index *index, const char *id, enum job_status status)
{
	struct index_view view;
	bool has;

	if (index_view(index, id, &view) != ERR_OK)
		return false;
	has = view.status == status;
	index_view_release(&view);
	return has;
}

/* Waits until the job has this status in both indexes. */
static bool
await_status(const char *id, enum job_status status)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;

	for (unsigned i = 0; i < NODES; i++)
		while (!has_status(nodes[i].index, id, status)) {
			if (clock_mono_ms() > until_ms)
				return false;
			index_node_look_again_soon();
		}
	return true;
}

/* Waits until both indexes have so many jobs: what is swept before would be
 * looked at in parts. */
static bool
await_jobs(size_t wanted)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;

	for (unsigned i = 0; i < NODES; i++) {
		struct index_counts counts;

		index_counts(nodes[i].index, &counts);
		while (counts.jobs < wanted) {
			if (clock_mono_ms() > until_ms)
				return false;
			index_node_look_again_soon();
			index_counts(nodes[i].index, &counts);
		}
	}
	return true;
}

/* Stores a job's document alone, as if its maker had died then. */
static void
store_document(const struct job *job)
{
	struct jetstream_ack ack;
	struct err_info info = {.text = ""};
	natsMsg *message = NULL;
	char subject[128];
	size_t size;
	char *text = job_store_text(job, &size);
	enum err one;

	snprintf(subject, sizeof(subject), "$KV.%s.jobs.%s",
		 world.config->job.kv_bucket, job->id);
	natsMsg_Create(&message, subject, NULL, text, (int)size);
	must(jetstream_publish(world.broker, &message, 1, 5000, &ack, &one,
			       &info),
	     "publish", &info);
	natsMsg_Destroy(message);
	free(text);
}

/* A notification that the server does not know by its id. */
static void
store_notification(const struct job *job)
{
	struct jetstream_ack ack;
	struct err_info info = {.text = ""};
	natsMsg *message = NULL;
	char subject[SUBJECT_SIZE];
	enum err one;

	subject_job(store_subject_prefix(world.store), job->lane, job->kind,
		    &job->target, subject);
	natsMsg_Create(&message, subject, NULL, job->id, (int)strlen(job->id));
	must(jetstream_publish(world.broker, &message, 1, 5000, &ack, &one,
			       &info),
	     "publish", &info);
	natsMsg_Destroy(message);
}

/* Makes a job older, by its id too; negative: younger. */
static void
age(struct job *job, int64_t ms)
{
	unsigned long long made_ms =
	    (unsigned long long)(uuid_time_ms(job->id) - ms);
	char digits[32];

	snprintf(digits, sizeof(digits), "%08llx-%04llx",
		 made_ms >> 16 & 0xffffffff, made_ms & 0xffff);
	memcpy(job->id, digits, strlen(digits));
	job->created_ns -= ms * CLOCK_NS_PER_MS;
}

static long
notifications(void)
{
	return job_store_messages(&world, store_jobs_stream(world.store));
}

static bool
await_notifications(long count)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;

	while (notifications() < count && clock_mono_ms() < until_ms)
		index_node_look_again_soon();
	return notifications() == count;
}

/* Waits until both have swept whatever they found: a job that is due later
 * than all others was notified. */
static bool
await_marker(long count)
{
	struct job job;

	job_store_make(&job, "_any");
	age(&job, RENOTIFY_AGE_MS + 1);
	store_document(&job);
	job_release(&job);
	return await_notifications(count);
}

/* ---- cases ---- */

static unsigned
count_failed_events(const char *id)
{
	struct index_view view;
	unsigned failed = 0;

	if (index_view(nodes[0].index, id, &view) != ERR_OK)
		return 0;
	for (size_t i = 0; i < view.event_count; i++)
		failed += view.events[i].event == JOB_EVENT_FAILED;
	index_view_release(&view);
	return failed;
}

static void
late_jobs_are_ended_once(void)
{
	struct index_view view;
	struct job late;
	struct job open;

	begin(NULL);
	job_store_make(&late, "_any");
	age(&late, 100000);
	late.expires_ns = late.created_ns + 50 * CLOCK_NS_PER_S;
	store_document(&late);
	job_store_add(&world, &open, "_any");
	begin_to_sweep();
	OK("a job whose deadline is over fails",
	   await_status(late.id, JOB_FAILED));
	OK("one that has time does not", await_status(open.id, JOB_SUBMITTED));
	IS_INT("there is one event, whoever wrote it",
	       count_failed_events(late.id), 1);
	IS_INT("it can be seen", index_view(nodes[1].index, late.id, &view),
	       ERR_OK);
	IS_TEXT("and says why", view.error,
		"no worker began it before its deadline");
	IS_INT("at the time of the deadline, in ms",
	       view.events[0].unix_nano / CLOCK_NS_PER_MS,
	       late.expires_ns / CLOCK_NS_PER_MS);
	index_view_release(&view);
	OK("somebody counted it", await_counts(1, 0, 0).expired > 0);
	job_release(&late);
	job_release(&open);
	end();
}

static void
missing_notification_is_published_once(void)
{
	struct job lost;
	struct job told;
	struct job young;

	begin(NULL);
	job_store_make(&lost, "_any");
	age(&lost, RENOTIFY_AGE_MS + 1);
	store_document(&lost);
	job_store_make(&young, "_any");
	age(&young, -3600000);
	young.expires_ns += 3600 * CLOCK_NS_PER_S;
	store_document(&young);
	job_store_add(&world, &told, "_any");
	IS_INT("one of three is there", notifications(), 1);
	begin_to_sweep();
	OK("the lost one is published", await_notifications(2));
	OK("nothing is published twice", await_marker(3));
	IS_INT("both sweepers together found one and the marker",
	       (intmax_t)await_counts(0, 2, 0).renotified, 2);
	job_release(&lost);
	job_release(&told);
	job_release(&young);
	end();
}

static void
old_jobs_are_looked_up_in_the_stream(void)
{
	struct job lost;
	struct job told;

	begin(NULL);
	job_store_make(&lost, "_any");
	age(&lost, STORE_DUPLICATES_MS * 2);
	store_document(&lost);
	job_store_make(&told, "_any");
	age(&told, STORE_DUPLICATES_MS * 2);
	store_document(&told);
	store_notification(&told);
	OK("both know both jobs", await_jobs(2));
	begin_to_sweep();
	OK("the lost one is published", await_notifications(2));
	OK("the other is not, though the server does not know its id",
	   await_marker(3));
	job_release(&lost);
	job_release(&told);
	end();
}

static void
many_are_looked_up_at_once(void)
{
	enum { COUNT = RENOTIFY_FEW * 3 };
	struct job job;

	begin(NULL);
	for (unsigned i = 0; i < COUNT; i++) {
		job_store_make(&job, "_any");
		age(&job, RENOTIFY_AGE_MS + 1);
		store_document(&job);
		if (i % 2)
			store_notification(&job);
		job_release(&job);
	}
	OK("both know all jobs", await_jobs(COUNT));
	begin_to_sweep();
	OK("those without one get one", await_notifications(COUNT));
	OK("and no others", await_marker(COUNT + 1));
	end();
}

static void
drop(natsMsg *message, void *arg)
{
	(void)arg;
	natsMsg_Destroy(message);
}

/* Takes messages of the shared consumer and never answers, as a worker that
 * dies each time. */
static void
take_and_die(struct broker *broker, const char *consumer)
{
	struct broker_subscription *subscription = NULL;
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	char inbox[128];

	broker_inbox(broker, inbox);
	broker_subscribe(broker, inbox, drop, NULL, &subscription, NULL);
	while (sum().dead_letters == 0 && clock_mono_ms() < until_ms) {
		jetstream_pull(broker, store_jobs_stream(world.store), consumer,
			       inbox, 1, 500, 0, NULL);
		index_node_look_again_soon();
	}
	broker_unsubscribe(subscription);
}

static void
dead_letter_ends_its_job(void)
{
	static const struct config_override overrides[] = {
	    {"job.consumer.max_deliver", "2"},
	    {"job.consumer.ack_wait", "1s"},
	    {NULL, NULL}};
	char consumer[HEARING_NAME_SIZE];
	struct index_view view;
	struct job job;

	begin(overrides);
	begin_to_sweep();
	job_store_add(&world, &job, "_any");
	take_and_die(world.broker,
		     hearing_shared(world.config, job.lane, consumer));
	OK("the job fails", await_status(job.id, JOB_FAILED));
	IS_INT("it can be seen", index_view(nodes[1].index, job.id, &view),
	       ERR_OK);
	HAS_TEXT("and says why", view.error, "delivered 2 times");
	index_view_release(&view);
	IS_INT("one of the two told it",
	       (intmax_t)await_counts(0, 0, 1).dead_letters, 1);
	IS_INT("in one event", count_failed_events(job.id), 1);
	job_release(&job);
	end();
}

/* A durable as a worker makes it for itself. */
static void
make_own_consumer(const char *name, const char *target_text)
{
	struct err_info info = {.text = ""};
	char filter[SUBJECT_SIZE];
	struct target target;
	json_t *config;

	must(target_parse(target_text, &target, &info), "target", &info);
	must(subject_filter(store_subject_prefix(world.store), JOB_BATCH,
			    &target, filter),
	     "filter", &info);
	config = store_consumer_config(world.store, name, filter, true, 0);
	must(jetstream_consumer_ensure(
		 world.broker, store_jobs_stream(world.store), config, &info),
	     "consumer", &info);
	json_decref(config);
}

static void
dead_letter_of_one_host_ends_that_host(void)
{
	static const struct config_override overrides[] = {
	    {"job.consumer.max_deliver", "2"},
	    {"job.consumer.ack_wait", "1s"},
	    {NULL, NULL}};
	struct index_view view;
	struct job job;
	uint64_t revision;
	size_t size;
	char *text;

	begin(overrides);
	begin_to_sweep();
	make_own_consumer("worker-web-01_example-0a1b", "_all");
	job_store_make(&job, "_all");
	job.lane = JOB_BATCH;
	json_array_append_new(job.expected, json_string("db-01"));
	json_array_append_new(job.expected, json_string("web-01.example"));
	text = job_store_text(&job, &size);
	IS_INT("stored",
	       store_job_create(world.store, &job, text, size, "x", &revision,
				NULL),
	       ERR_OK);
	take_and_die(world.broker, "worker-web-01_example-0a1b");
	OK("the job goes on", await_status(job.id, JOB_PROCESSING));
	IS_INT("it can be seen", index_view(nodes[1].index, job.id, &view),
	       ERR_OK);
	IS_INT("two hosts", view.host_count, 2);
	IS_TEXT("the other host is waited for",
		job_status_text(view.hosts[0].status), "submitted");
	IS_TEXT("the one whose consumer it was has failed",
		job_status_text(view.hosts[1].status), "failed");
	index_view_release(&view);
	free(text);
	job_release(&job);
	end();
}

/* As a worker that had read the job before it was deleted. */
static void
answer_late(const char *id)
{
	struct response response = {.hostname = "a", .data = json_object()};
	struct event event = {.event = JOB_EVENT_COMPLETED, .hostname = "a"};
	struct err_info info = {.text = ""};

	event.unix_nano = response.timestamp_ns = clock_wall_ns();
	memcpy(event.job_id, id, sizeof(event.job_id));
	memcpy(response.job_id, id, sizeof(response.job_id));
	must(store_response_write(world.store, &response, &event, &info),
	     "late answer", &info);
	response_release(&response);
}

static void
what_comes_after_a_delete_is_removed(void)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	struct err_info info = {.text = ""};
	struct job job;

	begin(NULL);
	job_store_add(&world, &job, "_any");
	must(store_job_delete(world.store, job.id, &info), "delete", &info);
	answer_late(job.id);
	IS_INT("the marker and the event", job_store_messages(&world, QUEUE),
	       2);
	IS_INT("and the response", job_store_messages(&world, RESPONSES), 1);
	begin_to_sweep();
	while (job_store_messages(&world, QUEUE) +
		       job_store_messages(&world, RESPONSES) >
		   1 &&
	       clock_mono_ms() < until_ms)
		index_node_look_again_soon();
	IS_INT("only the marker is left", job_store_messages(&world, QUEUE), 1);
	IS_INT("and no response", job_store_messages(&world, RESPONSES), 0);
	job_release(&job);
	end();
}

static void
server_that_is_away_is_waited_for(void)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	struct job lost;

	begin(NULL);
	begin_to_sweep();
	while (!feed_ready(nodes[0].feed, NULL) && clock_mono_ms() < until_ms)
		index_node_look_again_soon();
	nats_server_kill(world.server);
	while (sum().failures == 0 && clock_mono_ms() < until_ms)
		index_node_look_again_soon();
	OK("what cannot be done is counted", sum().failures > 0);
	nats_server_restart(world.server);
	OK("connected again", broker_wait(world.broker, GUARD_MS) == ERR_OK);
	job_store_make(&lost, "_any");
	age(&lost, RENOTIFY_AGE_MS + 1);
	store_document(&lost);
	OK("and done later", await_notifications(1));
	job_release(&lost);
	end();
}

const char unit_name[] = "sweeper";
const struct unit_case unit_cases[] = {
    {"late jobs are ended, once", late_jobs_are_ended_once},
    {"a missing notification is published, once",
     missing_notification_is_published_once},
    {"old jobs are looked up in the stream",
     old_jobs_are_looked_up_in_the_stream},
    {"many are looked up at once", many_are_looked_up_at_once},
    {"a dead letter ends its job", dead_letter_ends_its_job},
    {"a dead letter of one host ends that host",
     dead_letter_of_one_host_ends_that_host},
    {"what comes after a delete is removed",
     what_comes_after_a_delete_is_removed},
    {"a server that is away is waited for", server_that_is_away_is_waited_for},
    {NULL, NULL},
};
