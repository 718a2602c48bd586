/*
 * t/unit/consumer.c: worker/consumer.h with real nats-servers and several
 * workers: who hears what, in which lane, and what comes back after a loss.
 */
#include "worker/consumer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jetstream.h"
#include "lib/json.h"
#include "t/support/fleet.h"
#include "t/support/operations.h"
#include "t/unit/unit.h"

#define QUERY "system.hostname.get"

static const char settings[] = "  consumer:\n"
			       "    ack_wait: 2s\n"
			       "    back_off: [1s]\n";

static const struct fleet_host hosts[] = {
    {.name = "web-01", .labels = "{group: web.dev}", .find = operations_find},
    {.name = "web-02", .labels = "{group: web.prod}", .find = operations_find},
    {.name = "db.example", .labels = "{group: db}", .find = operations_find},
};
#define HOSTS (sizeof(hosts) / sizeof(hosts[0]))

static struct fleet fleet;
static struct worker *workers[HOSTS];

static void
begin(void)
{
	size_t i;

	operations_reset(OPERATIONS_WORK, 0);
	fleet_start(&fleet, unit_directory(), settings);
	for (i = 0; i < HOSTS; i++)
		workers[i] = fleet_worker(&fleet, &hosts[i]);
}

static void
end(void)
{
	size_t i;

	for (i = 0; i < HOSTS; i++)
		if (workers[i])
			fleet_worker_stop(workers[i]);
	fleet_stop(&fleet);
}

/* One letter for each host that has answered, in their order. */
static const char *
answered(const char *id, char buf[static HOSTS + 1])
{
	size_t i;

	for (i = 0; i < HOSTS; i++) {
		struct response response = {.data = NULL};

		buf[i] = store_response_read(fleet.store, id, hosts[i].name,
					     &response, NULL) == ERR_OK
			     ? 'x'
			     : '-';
		response_release(&response);
	}
	buf[HOSTS] = '\0';
	return buf;
}

static void
hears_its_targets(void)
{
	static const struct {
		const char *target;
		const char *who;
		const char *why;
	} rows[] = {
	    {"web-01", "x--", "a host by its name"},
	    {"db.example", "--x", "a name with a dot"},
	    {"_all", "xxx", "all"},
	    {"group:web.dev", "x--", "a label, whole"},
	    {"group:web", "xx-", "a label's prefix"},
	    {"group:we", "---", "half a segment is no prefix"},
	    {"group:db", "--x", "another label"},
	    {"group:web.dev.x", "---", "longer than any label"},
	    {"web-03", "---", "a host that is not there"},
	};
	size_t lane;
	size_t i;

	begin();
	for (lane = 0; lane < 2; lane++)
		for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct job job = fleet_job(QUERY, rows[i].target,
						   (enum job_lane)lane);
			char who[HOSTS + 1];

			fleet_submit(&fleet, &job);
			OK("settled", fleet_settled(&fleet));
			IS_TEXT(rows[i].why, answered(job.id, who),
				rows[i].who);
			job_release(&job);
		}
	end();
}

static void
gives_any_to_one(void)
{
	enum { JOBS = 300 };
	static char ids[JOBS][UUID_SIZE];
	int answers = 0;
	int by_host[HOSTS] = {0};
	int i;

	begin();
	for (i = 0; i < JOBS; i++) {
		struct job job = fleet_job(QUERY, "_any", JOB_BATCH);

		memcpy(ids[i], job.id, UUID_SIZE);
		fleet_submit(&fleet, &job);
		job_release(&job);
	}
	OK("settled", fleet_settled(&fleet));
	for (i = 0; i < JOBS; i++) {
		char who[HOSTS + 1];
		size_t h;

		answered(ids[i], who);
		for (h = 0; h < HOSTS; h++)
			if (who[h] == 'x') {
				answers++;
				by_host[h]++;
			}
	}
	IS_INT("one answer each", answers, JOBS);
	IS_INT("each ran once", operations_runs(), JOBS);
	OK("every worker did some", by_host[0] && by_host[1] && by_host[2]);
	end();
}

/* The broker was killed and forgot who had which job: each is given away
 * again, to whichever worker asks first. */
static void
runs_a_change_for_any_once(void)
{
	enum { JOBS = 30 };
	struct job jobs[JOBS];
	int answers = 0;
	int i;

	begin();
	for (i = 0; i < JOBS; i++) {
		jobs[i] = fleet_job("network.dns.update", "_any", JOB_BATCH);
		fleet_submit(&fleet, &jobs[i]);
	}
	OK("settled", fleet_settled(&fleet));
	for (i = 0; i < JOBS; i++)
		fleet_notify(&fleet, "jobs.modify._any", jobs[i].id);
	OK("settled again", fleet_settled(&fleet));
	IS_INT("each ran once", operations_runs(), JOBS);
	for (i = 0; i < JOBS; i++) {
		char who[HOSTS + 1];
		const char *at;

		for (at = answered(jobs[i].id, who); *at; at++)
			answers += *at == 'x';
		IS_INT("none failed by it",
		       fleet_count_events(&fleet, jobs[i].id, JOB_EVENT_FAILED),
		       0);
		job_release(&jobs[i]);
	}
	IS_INT("one answer each", answers, JOBS);
	end();
}

static bool
all_slots_wait(void *arg)
{
	return operations_waiting() == *(int *)arg;
}

/* One worker is full with its own jobs; _any goes past it. */
static void
passes_a_busy_worker(void)
{
	enum { BUSY = 4, JOBS = 12 };
	struct job busy[BUSY];
	struct job free_jobs[JOBS];
	int wanted = 3; /* batch slots of 4 */
	int elsewhere = 0;
	size_t i;

	begin();
	fleet_worker_stop(workers[2]);
	workers[2] = NULL;
	operations_close(true);
	for (i = 0; i < BUSY; i++) {
		busy[i] = fleet_job(QUERY, "web-01", JOB_BATCH);
		fleet_submit(&fleet, &busy[i]);
	}
	OK("web-01 is full", fleet_wait(&fleet, all_slots_wait, &wanted));
	for (i = 0; i < 3; i++) {
		free_jobs[i] = fleet_job(QUERY, "_any", JOB_BATCH);
		fleet_submit(&fleet, &free_jobs[i]);
	}
	wanted += 3;
	OK("the other worker has begun them all",
	   fleet_wait(&fleet, all_slots_wait, &wanted));
	operations_open();
	OK("settled", fleet_settled(&fleet));
	for (i = 0; i < 3; i++) {
		char who[HOSTS + 1];

		elsewhere += strcmp(answered(free_jobs[i].id, who), "-x-") == 0;
		job_release(&free_jobs[i]);
	}
	IS_INT("all of them there", elsewhere, 3);
	for (i = 0; i < BUSY; i++)
		job_release(&busy[i]);
	end();
}

/* A backlog in the batch lane does not stand before the live lane. */
static void
keeps_slots_for_the_live_lane(void)
{
	enum { BACKLOG = 40 };
	struct job live = fleet_job(QUERY, "web-01", JOB_LIVE);
	struct job any = fleet_job(QUERY, "_any", JOB_LIVE);
	struct response response = {.data = NULL};
	int wanted = 3 * 3;
	int i;

	begin();
	operations_close(true);
	for (i = 0; i < BACKLOG; i++) {
		struct job job =
		    fleet_job(QUERY, i % 2 ? "_any" : "_all", JOB_BATCH);

		fleet_submit(&fleet, &job);
		job_release(&job);
	}
	OK("all batch slots are taken",
	   fleet_wait(&fleet, all_slots_wait, &wanted));
	fleet_submit(&fleet, &live);
	wanted++;
	OK("a live job runs beside them",
	   fleet_wait(&fleet, all_slots_wait, &wanted));
	/* only now: it could else take web-01's last slot before that job */
	fleet_submit(&fleet, &any);
	wanted++;
	OK("and so does one for any host",
	   fleet_wait(&fleet, all_slots_wait, &wanted));
	operations_open();
	OK("live job answered",
	   fleet_response(&fleet, live.id, "web-01", &response));
	response_release(&response);
	OK("and the backlog in the end", fleet_settled(&fleet));
	IS_INT("nothing ran twice", operations_runs(),
	       BACKLOG / 2 + 3 * BACKLOG / 2 + 2);
	job_release(&live);
	job_release(&any);
	end();
}

static bool
own_response(void *arg)
{
	const struct job *job = arg;
	char who[HOSTS + 1];

	return strcmp(answered(job->id, who), "x--") == 0;
}

/* How many consumers the hosts themselves have, or those of them that a worker
 * waits for; calls `each` for them, unless NULL. */
static int
own_consumers(bool asked, void (*each)(const char *name))
{
	json_auto_t *list = NULL;
	const json_t *consumer;
	char what[512];
	size_t i;
	int count = 0;

	snprintf(what, sizeof(what), "CONSUMER.LIST.%s",
		 store_jobs_stream(fleet.store));
	jetstream_api(fleet.broker, what, NULL, JETSTREAM_TIMEOUT_MS, &list,
		      NULL);
	json_array_foreach (json_object_get(list, "consumers"), i, consumer) {
		const char *name = json_member_string(consumer, "name");

		if (!name || strncmp(name, "worker-", 7) != 0 ||
		    (asked && !json_member_int(consumer, "num_waiting", 0)))
			continue;
		count++;
		if (each)
			each(name);
	}
	return count;
}

static void
delete_consumer(const char *name)
{
	json_auto_t *reply = NULL;
	char what[512];

	snprintf(what, sizeof(what), "CONSUMER.DELETE.%s.%.200s",
		 store_jobs_stream(fleet.store), name);
	IS_INT("deleted",
	       jetstream_api(fleet.broker, what, NULL, JETSTREAM_TIMEOUT_MS,
			     &reply, NULL),
	       ERR_OK);
}

static bool
so_many_are_asked(void *arg)
{
	return own_consumers(true, NULL) == *(int *)arg;
}

/* Whatever took them away, they are made again and heard. */
static void
comes_back(void)
{
	enum loss { DELETED, RESTARTED, KILLED };
	static const char *const whys[] = {
	    [DELETED] = "the consumers were deleted",
	    [RESTARTED] = "the server was stopped and started",
	    [KILLED] = "the server was killed and started",
	};
	size_t i;
	int all;

	begin();
	all = own_consumers(false, NULL);
	OK("each has some", all > (int)HOSTS);
	for (i = 0; i < sizeof(whys) / sizeof(whys[0]); i++) {
		struct job job = fleet_job(QUERY, "web-01", JOB_BATCH);
		struct job any = fleet_job(QUERY, "_any", JOB_LIVE);

		if (i == DELETED) {
			own_consumers(false, delete_consumer);
		} else {
			if (i == RESTARTED)
				nats_server_stop(fleet.server);
			else
				nats_server_kill(fleet.server);
			nats_server_restart(fleet.server);
			IS_INT("back",
			       broker_wait(fleet.broker, FLEET_LIMIT_MS),
			       ERR_OK);
		}
		OK("they ask again",
		   fleet_wait(&fleet, so_many_are_asked, &all));
		fleet_submit(&fleet, &job);
		fleet_submit(&fleet, &any);
		OK(whys[i], fleet_wait(&fleet, own_response, &job));
		OK("settled", fleet_settled(&fleet));
		job_release(&job);
		job_release(&any);
	}
	end();
}

/* DeliverNew: yesterday's changes are not for who joins today; what is
 * published while a known worker is away is. */
static void
begins_with_what_is_new(void)
{
	struct job old = fleet_job(QUERY, "late-01", JOB_BATCH);
	struct job meanwhile = fleet_job(QUERY, "late-01", JOB_BATCH);
	const struct fleet_host late = {.name = "late-01",
					.find = operations_find};
	struct response response = {.data = NULL};
	struct worker *worker;

	begin();
	fleet_submit(&fleet, &old);
	worker = fleet_worker(&fleet, &late);
	OK("settled", fleet_settled(&fleet));
	IS_INT("the old job did not run", operations_runs(), 0);
	fleet_worker_stop(worker);
	fleet_submit(&fleet, &meanwhile);
	worker = fleet_worker(&fleet, &late);
	OK("the one that was submitted while it was away does",
	   fleet_response(&fleet, meanwhile.id, "late-01", &response));
	IS_INT("only that", operations_runs(), 1);
	response_release(&response);
	fleet_worker_stop(worker);
	job_release(&old);
	job_release(&meanwhile);
	end();
}

static void
makes_durables_that_outlive_a_weekend(void)
{
	json_auto_t *list = NULL;
	const json_t *consumer;
	char what[128];
	int own = 0;
	size_t i;

	begin();
	snprintf(what, sizeof(what), "CONSUMER.LIST.%.64s",
		 store_jobs_stream(fleet.store));
	jetstream_api(fleet.broker, what, NULL, JETSTREAM_TIMEOUT_MS, &list,
		      NULL);
	json_array_foreach (json_object_get(list, "consumers"), i, consumer) {
		const json_t *config = json_object_get(consumer, "config");
		const char *name = json_member_string(consumer, "name");

		if (!name || strncmp(name, "worker-", 7) != 0)
			continue;
		own++;
		IS_TEXT("deliver policy",
			json_member_string(config, "deliver_policy"), "new");
		OK("72 hours at least",
		   json_member_int(config, "inactive_threshold", 0) >=
		       72 * 3600 * CLOCK_NS_PER_S);
		IS_INT("ack_wait", json_member_int(config, "ack_wait", 0),
		       2 * CLOCK_NS_PER_S);
	}
	/* host, _all, and two labels' 2 + 2 + 1 prefixes, in two lanes */
	IS_INT("one for each lane and target", own, 2 * (3 + 3 + 5));
	end();
}

const struct unit_case unit_cases[] = {
    {"a worker hears its targets and no others", hears_its_targets},
    {"_any is done once, by whoever", gives_any_to_one},
    {"_any changes run once, also when the broker forgets",
     runs_a_change_for_any_once},
    {"_any passes a busy worker", passes_a_busy_worker},
    {"a backlog leaves slots to the live lane", keeps_slots_for_the_live_lane},
    {"lost consumers come back", comes_back},
    {"a worker begins with what is new", begins_with_what_is_new},
    {"durables are the worker's own and last",
     makes_durables_that_outlive_a_weekend},
    {NULL, NULL},
};
const char unit_name[] = "consumer";
