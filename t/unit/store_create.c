/*
 * t/unit/store_create.c: what can lie between a job and its notification, and
 * a cluster whose leader dies.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "lib/store.h"
#include "t/support/await.h"
#include "t/support/job_store.h"
#include "t/support/must.h"
#include "t/support/port.h"
#include "t/unit/unit.h"

#define GUARD_MS 60000 /* a guard against a hang, not a measure */

static enum err
create(struct job_store *on, const struct job *job, struct err_info *info)
{
	uint64_t revision = 0;
	size_t size = 0;
	char *text = job_store_text(job, &size);
	enum err result =
	    store_job_create(on->store, job, text, size, "s", &revision, info);

	free(text);
	return result;
}

/* A notification without a job, as one whose job was refused leaves it. */
static uint64_t
leave_notification(struct job_store *on, const struct job *job)
{
	struct jetstream_ack ack = {.sequence = 0};
	enum err error = ERR_INTERNAL;
	natsMsg *note = NULL;

	(void)natsMsg_Create(&note, "jobs.query._any", NULL, job->id,
			     (int)strlen(job->id));
	(void)natsMsgHeader_Set(note, "Nats-Msg-Id", job->id);
	IS_INT("a notification",
	       jetstream_publish(on->broker, &note, 1, GUARD_MS, &ack, &error,
				 NULL),
	       ERR_OK);
	natsMsg_Destroy(note);
	return ack.sequence;
}

static void
announces_over_a_dead_notification(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};
	json_auto_t *body = NULL;
	json_auto_t *reply = NULL;
	uint64_t sequence;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_make(&job, "_any");
	sequence = leave_notification(&on, &job);
	body = json_pack("{s:I}", "seq", (json_int_t)sequence);
	IS_INT("gone",
	       jetstream_api(on.broker, "STREAM.MSG.DELETE.JOBS", body,
			     GUARD_MS, &reply, &info),
	       ERR_OK);
	IS_INT("none is left", (int)job_store_messages(&on, "JOBS"), 0);
	IS_INT("its id counts as known, the job is announced all the same",
	       create(&on, &job, &info), ERR_OK);
	IS_INT("once", (int)job_store_messages(&on, "JOBS"), 1);
	job_release(&job);
	job_store_close(&on);
}

static void
leaves_a_young_notification_alone(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_make(&job, "_any");
	(void)leave_notification(&on, &job);
	IS_INT("its job comes later", create(&on, &job, &info), ERR_OK);
	IS_INT("it is announced once", (int)job_store_messages(&on, "JOBS"), 1);
	job_release(&job);
	job_store_close(&on);
}

static void
stores_nothing_without_streams(void)
{
	struct job_store on;
	struct job job;
	struct err_info info = {.text = ""};

	job_store_open(&on, unit_directory(), NULL);
	job_store_make(&job, "_any");
	IS_INT("no stream listens", create(&on, &job, &info), ERR_UNAVAILABLE);
	HAS_TEXT("in words", info.text, "JetStream does not answer");
	job_store_provision(&on);
	IS_INT("now they do", create(&on, &job, &info), ERR_OK);
	job_release(&job);
	job_store_close(&on);
}

struct waiting {
	struct job_store *on;
	atomic_bool begun;
	enum err result;
};

static void *
create_one(void *arg)
{
	struct waiting *waiting = arg;
	struct job job;

	job_store_make(&job, "_any");
	atomic_store(&waiting->begun, true);
	waiting->result = create(waiting->on, &job, NULL);
	job_release(&job);
	return NULL;
}

/* As after the death of a leader: nobody listens for a moment. */
static void
waits_for_a_leader(void)
{
	struct job_store on;
	struct job_store other;
	struct waiting waiting = {.on = &on};
	pthread_t thread;

	job_store_open(&on, unit_directory(), NULL);
	job_store_join(&other, &on, NULL);
	(void)pthread_create(&thread, NULL, create_one, &waiting);
	OK("it begins", AWAIT(atomic_load(&waiting.begun)));
	job_store_provision(&other);
	(void)pthread_join(thread, NULL);
	IS_INT("the job is stored when there is somebody", waiting.result,
	       ERR_OK);
	IS_INT("once", (int)job_store_messages(&on, "JOBS"), 1);
	job_store_close(&other);
	job_store_close(&on);
}

/* ---- a cluster ---- */

#define NODES  3
#define BEFORE 100
#define AFTER  100

struct cluster {
	struct nats_server *nodes[NODES];
	struct job_store on; /* a client of node 0 */
};

static void
start_nodes(struct cluster *cluster)
{
	int routes[NODES];
	char extra[512];
	char name[32];

	for (int i = 0; i < NODES; i++)
		routes[i] = port_hold();
	for (int i = 0; i < NODES; i++) {
		(void)snprintf(name, sizeof(name), "node-%d", i);
		(void)snprintf(
		    extra, sizeof(extra),
		    "server_name: node-%d\n"
		    "cluster {name: unit, listen: \"127.0.0.1:%d\",\n"
		    " routes: [\"nats://127.0.0.1:%d\","
		    " \"nats://127.0.0.1:%d\","
		    " \"nats://127.0.0.1:%d\"]}\n",
		    i, routes[i], routes[0], routes[1], routes[2]);
		cluster->nodes[i] = nats_server_spawn(unit_directory(), name,
						      extra, port_hold());
	}
	for (int i = 0; i < NODES; i++)
		nats_server_wait(cluster->nodes[i]);
}

static void
provision_cluster(struct cluster *cluster)
{
	const struct config_override replicas[] = {{"job.stream.replicas", "3"},
						   {"job.kv.replicas", "3"},
						   {"job.dlq.replicas", "3"},
						   {NULL, NULL}};
	struct job_store first = {.server = cluster->nodes[0]};
	struct err_info info = {.text = ""};

	(void)snprintf(first.directory, sizeof(first.directory), "%s",
		       unit_directory());
	job_store_join(&cluster->on, &first, replicas);
	/* It needs a leader of its own first. */
	if (!AWAIT(store_provision(cluster->on.store, &info) == ERR_OK))
		must(ERR_TIMEOUT, "provisioning on three servers", &info);
}

/* The number of the node that leads the job bucket; -1: none. */
static int
find_leader(struct cluster *cluster)
{
	json_auto_t *reply = NULL;
	const char *name;

	(void)jetstream_api(cluster->on.broker, "STREAM.INFO.KV_job-queue",
			    NULL, GUARD_MS, &reply, NULL);
	name = json_member_string(json_object_get(reply, "cluster"), "leader");
	return name == NULL ? -1 : (int)strtol(name + 5, NULL, 10);
}

/* Creates until `count` more are acknowledged; how many were in doubt. */
static int
create_until(struct cluster *cluster, char (*ids)[UUID_SIZE], int count)
{
	int64_t end = clock_mono_ms() + GUARD_MS;
	int unknown = 0;

	for (int done = 0; done < count && clock_mono_ms() < end;) {
		struct job job;
		enum err result;

		job_store_make(&job, "_any");
		result = create(&cluster->on, &job, NULL);
		if (result == ERR_OK)
			(void)memcpy(ids[done++], job.id, UUID_SIZE);
		else if (result == ERR_UNKNOWN_OUTCOME)
			unknown++;
		else if (result == ERR_UNAVAILABLE)
			(void)broker_wait(cluster->on.broker, 1000);
		else
			IS_INT("no other failure", result, ERR_OK);
		job_release(&job);
	}
	return unknown;
}

static void
survives_its_leader(void)
{
	char ids[BEFORE + AFTER][UUID_SIZE] = {""};
	struct cluster cluster;
	int leader;
	int missing = 0;
	int unknown;

	start_nodes(&cluster);
	provision_cluster(&cluster);
	unknown = create_until(&cluster, ids, BEFORE);
	leader = find_leader(&cluster);
	OK("somebody leads", leader >= 0 && leader < NODES);
	if (leader >= 0 && leader < NODES)
		nats_server_kill(cluster.nodes[leader]);
	unknown += create_until(&cluster, ids + BEFORE, AFTER);
	for (int i = 0; i < BEFORE + AFTER; i++) {
		char *signature = NULL;
		char *text = NULL;
		uint64_t revision = 0;
		size_t size = 0;

		missing +=
		    store_job_read(cluster.on.store, ids[i], &text, &size,
				   &signature, &revision, NULL) != ERR_OK;
		free(text);
		free(signature);
	}
	(void)printf("    leader was node %d, %d in doubt\n", leader, unknown);
	IS_INT("every acknowledged job is there", missing, 0);
	job_store_close(&cluster.on);
	for (int i = 0; i < NODES; i++)
		nats_server_free(cluster.nodes[i]);
}

const struct unit_case unit_cases[] = {
    {"announces a job over a dead notification",
     announces_over_a_dead_notification},
    {"leaves a young notification alone", leaves_a_young_notification_alone},
    {"stores nothing without streams", stores_nothing_without_streams},
    {"waits for a leader", waits_for_a_leader},
    {"keeps what three servers acknowledged when the leader dies",
     survives_its_leader},
    {NULL, NULL},
};

const char unit_name[] = "store_create";
