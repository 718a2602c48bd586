/*
 * t/unit/runner.c: worker/runner.h and worker/outbox.h: how many run, what is
 * kept alive, and what happens when a provider, NATS or the worker stops.
 */
#include "worker/runner.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jetstream.h"
#include "t/support/fleet.h"
#include "t/support/operations.h"
#include "t/unit/unit.h"
#include "worker/consumer.h"
#include "worker/outbox.h"

#define HOST   "web-01"
#define QUERY  "system.hostname.get"
#define CHANGE "network.dns.update"

/* Of a job whose provider hangs: long enough for all to have begun. */
#define LIFE_NS (3 * CLOCK_NS_PER_S)

static const char settings[] = "  consumer:\n"
			       "    ack_wait: 1s\n"
			       "    back_off: [1s]\n";
static const struct fleet_host host = {.name = HOST, .find = operations_find};
static struct fleet fleet;
static struct worker *worker;

static void
begin(void)
{
	operations_reset(OPERATIONS_WORK, 0);
	fleet_start(&fleet, unit_directory(), settings);
	worker = fleet_worker(&fleet, &host);
}

static void
end(void)
{
	fleet_worker_stop(worker);
	fleet_stop(&fleet);
}

static bool
waiting_are(void *arg)
{
	return operations_waiting() == *(int *)arg;
}

static void
wait_for_gate(int count)
{
	OK("they stand at the gate", fleet_wait(&fleet, waiting_are, &count));
}

/* ---- in-progress answers ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* progress */
static int progress;

static void
count_progress(natsMsg *message, void *arg)
{
	(void)arg;
	if (natsMsg_GetDataLength(message) == 4 &&
	    memcmp(natsMsg_GetData(message), "+WPI", 4) == 0) {
		pthread_mutex_lock(&lock);
		progress++;
		pthread_mutex_unlock(&lock);
	}
	natsMsg_Destroy(message);
}

static bool
progress_is(void *arg)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = progress >= *(int *)arg;
	pthread_mutex_unlock(&lock);
	return is;
}

/* ack_wait is one second, three in-progress answers long. */
static void
keeps_a_slow_job_alive(void)
{
	struct broker_subscription *subscription = NULL;
	struct job job = fleet_job(QUERY, HOST, JOB_BATCH);
	struct response response;
	int wanted = 7;

	begin();
	broker_subscribe(fleet.broker, "$JS.ACK.>", count_progress, NULL,
			 &subscription, NULL);
	operations_close(true);
	fleet_submit(&fleet, &job);
	wait_for_gate(1);
	OK("it is kept alive for more than twice ack_wait",
	   fleet_wait(&fleet, progress_is, &wanted));
	operations_open();
	OK("it answers", fleet_response(&fleet, job.id, HOST, &response));
	OK("settled", fleet_settled(&fleet));
	IS_INT("and ran once", operations_runs(), 1);
	broker_unsubscribe(subscription);
	response_release(&response);
	job_release(&job);
	end();
}

static void
attaches_a_redelivery(void)
{
	struct job job = fleet_job(CHANGE, HOST, JOB_BATCH);
	struct response response;
	int i;

	begin();
	operations_close(true);
	fleet_submit(&fleet, &job);
	wait_for_gate(1);
	for (i = 0; i < 3; i++)
		fleet_notify(&fleet, "jobs.modify.host." HOST, job.id);
	OK("all are here", fleet_delivered(&fleet));
	IS_INT("still one", operations_runs(), 1);
	operations_open();
	OK("it answers", fleet_response(&fleet, job.id, HOST, &response));
	OK("all deliveries are answered", fleet_settled(&fleet));
	IS_INT("and ran once", operations_runs(), 1);
	IS_INT("one end",
	       fleet_count_events(&fleet, job.id, JOB_EVENT_COMPLETED), 1);
	response_release(&response);
	job_release(&job);
	end();
}

static bool
undelivered(void *arg)
{
	(void)arg;
	return outbox_count(worker->outbox) == 2;
}

/* NATS goes away while they run; what they did is delivered when it is back. */
static void
delivers_after_an_outage(void)
{
	struct job change = fleet_job(CHANGE, HOST, JOB_BATCH);
	struct job query = fleet_job(QUERY, HOST, JOB_LIVE);
	struct response response;

	begin();
	operations_close(true);
	fleet_submit(&fleet, &change);
	fleet_submit(&fleet, &query);
	wait_for_gate(2);
	nats_server_kill(fleet.server);
	operations_open();
	OK("both results are kept", fleet_wait(&fleet, undelivered, NULL));
	IS_INT("one of them on disk", journal_find(worker->journal, change.id),
	       JOURNAL_RESULT);
	nats_server_restart(fleet.server);
	IS_INT("back", broker_wait(fleet.broker, FLEET_LIMIT_MS), ERR_OK);
	OK("change", fleet_response(&fleet, change.id, HOST, &response));
	OK("completed", !response.failed);
	response_release(&response);
	OK("query", fleet_response(&fleet, query.id, HOST, &response));
	response_release(&response);
	OK("settled", fleet_settled(&fleet));
	IS_INT("nothing ran twice", operations_runs(), 2);
	job_release(&change);
	job_release(&query);
	end();
}

/* The server was killed and forgot the acknowledgements: here, all of them. */
static void
survives_forgotten_acks(void)
{
	enum { JOBS = 20 };
	struct job jobs[JOBS];
	int i;

	begin();
	for (i = 0; i < JOBS; i++) {
		jobs[i] = fleet_job(CHANGE, HOST, JOB_BATCH);
		fleet_submit(&fleet, &jobs[i]);
	}
	OK("settled", fleet_settled(&fleet));
	IS_INT("all ran", operations_runs(), JOBS);
	for (i = 0; i < JOBS; i++)
		fleet_notify(&fleet, "jobs.modify.host." HOST, jobs[i].id);
	OK("settled", fleet_settled(&fleet));
	IS_INT("none ran again", operations_runs(), JOBS);
	for (i = 0; i < JOBS; i++) {
		IS_INT("none failed by it",
		       fleet_count_events(&fleet, jobs[i].id, JOB_EVENT_FAILED),
		       0);
		job_release(&jobs[i]);
	}
	end();
}

/* ---- stopping ---- */

static bool
idle(void *arg)
{
	return worker_idle(arg);
}

static void
finishes_what_runs(void)
{
	enum { JOBS = 8 };
	struct job jobs[JOBS];
	struct response response = {.data = NULL};
	int answered = 0;
	int i;

	begin();
	operations_close(true);
	for (i = 0; i < JOBS; i++) {
		jobs[i] = fleet_job(QUERY, HOST, JOB_BATCH);
		fleet_submit(&fleet, &jobs[i]);
	}
	wait_for_gate(3);
	worker_drain(worker);
	OK("what runs goes on", !worker_idle(worker));
	operations_open();
	OK("to its end", fleet_wait(&fleet, idle, worker));
	fleet_worker_stop(worker);
	for (i = 0; i < JOBS; i++)
		if (store_response_read(fleet.store, jobs[i].id, HOST,
					&response, NULL) == ERR_OK) {
			response_release(&response);
			answered++;
		}
	IS_INT("three ran and answered", answered, 3);
	IS_INT("no other began", operations_runs(), 3);
	worker = fleet_worker(&fleet, &host);
	OK("the rest is done by the next worker", fleet_settled(&fleet));
	IS_INT("each once", operations_runs(), JOBS);
	for (i = 0; i < JOBS; i++)
		job_release(&jobs[i]);
	end();
}

static void
hands_back_what_gives_up(void)
{
	struct job query = fleet_job(QUERY, HOST, JOB_BATCH);
	struct job change = fleet_job(CHANGE, HOST, JOB_BATCH);
	struct response response;

	begin();
	operations_close(true);
	fleet_submit(&fleet, &query);
	fleet_submit(&fleet, &change);
	wait_for_gate(2);
	fleet_worker_stop(worker); /* does not wait for the gate */
	operations_open();
	worker = fleet_worker(&fleet, &host);
	OK("the query runs again",
	   fleet_response(&fleet, query.id, HOST, &response));
	OK("and completes", !response.failed);
	response_release(&response);
	OK("the change has an answer",
	   fleet_response(&fleet, change.id, HOST, &response));
	HAS_TEXT("that it was told to stop", response.error, "told to stop");
	response_release(&response);
	OK("settled", fleet_settled(&fleet));
	IS_INT("and did not run again", operations_runs(), 3);
	job_release(&query);
	job_release(&change);
	end();
}

/* A provider that does not come back after its deadline. */
static void
leaves_a_hanging_provider_behind(void)
{
	enum { HANGING = 4 }; /* all slots */
	struct job jobs[HANGING];
	struct job next = fleet_job(QUERY, HOST, JOB_LIVE);
	struct response response;
	int none = 0;
	int i;

	begin();
	operations_close(false);
	for (i = 0; i < HANGING; i++) {
		jobs[i] = fleet_job(i ? QUERY : CHANGE, HOST, JOB_LIVE);
		jobs[i].expires_ns = jobs[i].created_ns + LIFE_NS;
		fleet_submit(&fleet, &jobs[i]);
	}
	wait_for_gate(HANGING);
	for (i = 0; i < HANGING; i++) {
		OK("it fails without its provider",
		   fleet_response(&fleet, jobs[i].id, HOST, &response));
		HAS_TEXT("why", response.error, "left behind");
		HAS_TEXT("a change's outcome is unknown", response.error,
			 i ? "the operation" : "unknown outcome");
		response_release(&response);
	}
	operations_open(); /* they come back, too late */
	OK("they end", fleet_wait(&fleet, waiting_are, &none));
	fleet_submit(&fleet, &next);
	OK("the slots are free for others",
	   fleet_response(&fleet, next.id, HOST, &response));
	OK("which complete", !response.failed);
	response_release(&response);
	OK("settled", fleet_settled(&fleet));
	for (i = 0; i < HANGING; i++) {
		IS_INT(
		    "one end each",
		    fleet_count_events(&fleet, jobs[i].id, JOB_EVENT_FAILED) +
			fleet_count_events(&fleet, jobs[i].id,
					   JOB_EVENT_COMPLETED),
		    1);
		job_release(&jobs[i]);
	}
	job_release(&next);
	end();
}

/* The slots that submitted jobs leave behind are the live lane's at once. */
static void
gives_the_slot_of_a_hanging_one_on(void)
{
	enum {
		HANGING = 3,
		ALL = HANGING + 2
	}; /* with a live one: all slots */
	struct job jobs[ALL];
	struct response response;
	int i;

	begin();
	operations_close(false);
	for (i = 0; i < ALL; i++) {
		bool hangs = i < HANGING;

		jobs[i] = fleet_job(QUERY, HOST, hangs ? JOB_BATCH : JOB_LIVE);
		if (hangs)
			jobs[i].expires_ns = jobs[i].created_ns + LIFE_NS;
	}
	for (i = 0; i < ALL - 1; i++)
		fleet_submit(&fleet, &jobs[i]);
	wait_for_gate(ALL - 1);
	fleet_submit(&fleet, &jobs[ALL - 1]);
	OK("one more is here", fleet_delivered(&fleet));
	wait_for_gate(ALL);
	for (i = 0; i < HANGING; i++) {
		OK("a hanging one has failed",
		   fleet_response(&fleet, jobs[i].id, HOST, &response));
		HAS_TEXT("why", response.error, "left behind");
		response_release(&response);
	}
	operations_open();
	for (i = HANGING; i < ALL; i++) {
		OK("a live one is answered",
		   fleet_response(&fleet, jobs[i].id, HOST, &response));
		OK("and completes", !response.failed);
		response_release(&response);
	}
	OK("settled", fleet_settled(&fleet));
	for (i = 0; i < ALL; i++)
		job_release(&jobs[i]);
	end();
}

/* The size of the stack of each thread from now on; returns what it was. */
static size_t
set_stack(size_t size)
{
	pthread_attr_t attributes;
	size_t before;

	pthread_getattr_default_np(&attributes);
	pthread_attr_getstacksize(&attributes, &before);
	pthread_attr_setstacksize(&attributes, size);
	IS_INT("stack size", pthread_setattr_default_np(&attributes), 0);
	pthread_attr_destroy(&attributes);
	return before;
}

/* All slots hang while no thread can be started. */
static void
starts_threads_when_it_can(void)
{
	enum { HANGING = 4 };
	struct job jobs[HANGING];
	struct job next = fleet_job(QUERY, HOST, JOB_LIVE);
	struct response response;
	size_t stack;
	int none = 0;
	int i;

	begin();
	operations_close(false);
	for (i = 0; i < HANGING; i++) {
		jobs[i] = fleet_job(QUERY, HOST, JOB_LIVE);
		jobs[i].expires_ns = jobs[i].created_ns + LIFE_NS;
		fleet_submit(&fleet, &jobs[i]);
	}
	wait_for_gate(HANGING);
	stack = set_stack((size_t)1 << 47); /* more than there are addresses */
	for (i = 0; i < HANGING; i++) {
		OK("each fails without its provider",
		   fleet_response(&fleet, jobs[i].id, HOST, &response));
		response_release(&response);
	}
	operations_open();
	OK("they come back", fleet_wait(&fleet, waiting_are, &none));
	IS_INT("no room without threads",
	       runner_free_slots(worker->runner, JOB_LIVE), 0);
	fleet_submit(&fleet, &next);
	set_stack(stack);
	OK("the next runs once there are threads",
	   fleet_response(&fleet, next.id, HOST, &response));
	OK("and completes", !response.failed);
	response_release(&response);
	OK("settled", fleet_settled(&fleet));
	for (i = 0; i < HANGING; i++)
		job_release(&jobs[i]);
	job_release(&next);
	end();
}

const struct unit_case unit_cases[] = {
    {"a slow job is not delivered again", keeps_a_slow_job_alive},
    {"a redelivery joins the job that runs", attaches_a_redelivery},
    {"results are delivered after an outage", delivers_after_an_outage},
    {"changes do not run again when acks are forgotten",
     survives_forgotten_acks},
    {"a stop finishes what runs and hands back the rest", finishes_what_runs},
    {"a hard stop hands back queries and ends changes",
     hands_back_what_gives_up},
    {"a hanging provider is left behind", leaves_a_hanging_provider_behind},
    {"what waits gets the slot of one that was left behind",
     gives_the_slot_of_a_hanging_one_on},
    {"threads that could not be started are started later",
     starts_threads_when_it_can},
    {NULL, NULL},
};
const char unit_name[] = "runner";
