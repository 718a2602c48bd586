/*
 * t/unit/store_provision.c: the streams, buckets and consumers in NATS: made,
 * changed, refused; what the buckets tell their followers.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "lib/store.h"
#include "t/support/await.h"
#include "t/support/job_store.h"
#include "t/unit/unit.h"

#define GUARD_MS 30000 /* a guard against a hang, not a measure */
#define HOUR_NS  (INT64_C(3600) * CLOCK_NS_PER_S)

/* $JS.API.{what}; the caller owns the answer. */
static json_t *
ask(struct job_store *on, const char *what)
{
	struct err_info info = {.text = ""};
	json_t *reply = NULL;

	IS_INT(what,
	       jetstream_api(on->broker, what, NULL, JETSTREAM_TIMEOUT_MS,
			     &reply, &info),
	       ERR_OK);
	return reply;
}

static json_int_t
setting(struct job_store *on, const char *what, const char *member)
{
	json_auto_t *reply = ask(on, what);

	return json_member_int(json_object_get(reply, "config"), member, -99);
}

static void
is_setting(struct job_store *on, const char *what, const char *member,
	   const char *wanted)
{
	json_auto_t *reply = ask(on, what);
	char *got = json_dumps(
	    json_object_get(json_object_get(reply, "config"), member),
	    JSON_ENCODE_ANY | JSON_COMPACT);

	IS_TEXT(member, got == NULL ? "(absent)" : got, wanted);
	free(got);
}

static void
makes_all(void)
{
	static const struct {
		const char *what;
		const char *member;
		const char *wanted;
	} rows[] = {
	    {"STREAM.INFO.KV_job-queue", "subjects", "[\"$KV.job-queue.>\"]"},
	    {"STREAM.INFO.KV_job-queue", "max_bytes", "268435456"},
	    {"STREAM.INFO.KV_job-queue", "max_age", "86400000000000"},
	    {"STREAM.INFO.KV_job-queue", "max_msgs_per_subject", "1"},
	    {"STREAM.INFO.KV_job-queue", "discard", "\"new\""},
	    {"STREAM.INFO.KV_job-queue", "deny_delete", "true"},
	    {"STREAM.INFO.KV_job-queue", "allow_rollup_hdrs", "false"},
	    {"STREAM.INFO.KV_job-queue", "allow_direct", "true"},
	    {"STREAM.INFO.KV_job-queue", "republish",
	     "{\"src\":\"$KV.job-queue.>\","
	     "\"dest\":\"osapi.changes.job-queue.>\"}"},
	    {"STREAM.INFO.KV_job-responses", "storage", "\"file\""},
	    {"STREAM.INFO.KV_worker-registry", "max_age", "15000000000"},
	    {"STREAM.INFO.KV_worker-registry", "duplicate_window",
	     "15000000000"},
	    {"STREAM.INFO.JOBS", "subjects", "[\"jobs.>\"]"},
	    {"STREAM.INFO.JOBS", "retention", "\"limits\""},
	    {"STREAM.INFO.JOBS", "max_msgs", "1000000"},
	    {"STREAM.INFO.JOBS", "duplicate_window", "600000000000"},
	    {"STREAM.INFO.JOBS-DLQ", "subjects",
	     "[\"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.JOBS.*\"]"},
	    {"STREAM.INFO.JOBS-DLQ", "max_age", "604800000000000"},
	    {"CONSUMER.INFO.JOBS.jobs-worker-any", "filter_subject",
	     "\"jobs.*._any\""},
	    {"CONSUMER.INFO.JOBS.jobs-worker-any-live", "filter_subject",
	     "\"jobs.live.*._any\""},
	    {"CONSUMER.INFO.JOBS.jobs-worker-any", "ack_wait", "120000000000"},
	    {"CONSUMER.INFO.JOBS.jobs-worker-any", "max_deliver", "5"},
	    {"CONSUMER.INFO.JOBS.jobs-worker-any", "max_ack_pending", "1000"},
	};
	struct job_store on;
	struct err_info info = {.text = ""};

	job_store_open(&on, unit_directory(), NULL);
	IS_INT("nothing is there", store_provisioned(on.store, &info),
	       ERR_NOT_FOUND);
	HAS_TEXT("the first is named", info.text, "KV_job-queue");
	IS_INT("nor ready", store_ping(on.store, GUARD_MS, &info),
	       ERR_NOT_FOUND);
	IS_INT("made", store_provision(on.store, &info), ERR_OK);
	IS_INT("is there", store_provisioned(on.store, &info), ERR_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		is_setting(&on, rows[i].what, rows[i].member, rows[i].wanted);
	IS_INT("a second time changes nothing",
	       store_provision(on.store, &info), ERR_OK);
	job_store_close(&on);
}

static void
keeps_the_lanes_apart(void)
{
	struct job_store on;
	struct job batch;
	struct job live;
	json_auto_t *of_batch = NULL;
	json_auto_t *of_live = NULL;
	size_t size = 0;
	uint64_t revision = 0;
	char *text;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	(void)job_store_add(&on, &batch, "_any");
	job_store_make(&live, "_any");
	live.lane = JOB_LIVE;
	text = job_store_text(&live, &size);
	IS_INT(
	    "a live one",
	    store_job_create(on.store, &live, text, size, "s", &revision, NULL),
	    ERR_OK);
	of_batch = ask(&on, "CONSUMER.INFO.JOBS.jobs-worker-any");
	of_live = ask(&on, "CONSUMER.INFO.JOBS.jobs-worker-any-live");
	IS_INT("the batch lane has one",
	       json_member_int(of_batch, "num_pending", -1), 1);
	IS_INT("the live lane has one",
	       json_member_int(of_live, "num_pending", -1), 1);
	free(text);
	job_release(&batch);
	job_release(&live);
	job_store_close(&on);
}

static void
follows_the_configuration(void)
{
	const struct config_override changed[] = {
	    {"job.stream.max_age", "1h"},
	    {"job.stream.max_msgs", "5000"},
	    {"job.consumer.max_deliver", "3"},
	    {"job.consumer.ack_wait", "1h"},
	    {"job.kv.ttl", "1h"},
	    {"job.kv.max_bytes", "64MiB"},
	    {"job.dlq.max_msgs", "7"},
	    {NULL, NULL},
	};
	struct job_store on;
	struct job_store later;
	struct job job;
	struct err_info info = {.text = ""};

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	(void)job_store_add(&on, &job, "_any");
	job_store_join(&later, &on, changed);
	IS_INT("other limits", store_provision(later.store, &info), ERR_OK);
	IS_TEXT("without a word", info.text, "");
	IS_INT("max_age", setting(&on, "STREAM.INFO.JOBS", "max_age"), HOUR_NS);
	IS_INT("max_msgs", setting(&on, "STREAM.INFO.JOBS", "max_msgs"), 5000);
	IS_INT("dlq", setting(&on, "STREAM.INFO.JOBS-DLQ", "max_msgs"), 7);
	IS_INT("ttl", setting(&on, "STREAM.INFO.KV_job-queue", "max_age"),
	       HOUR_NS);
	IS_INT("max_bytes",
	       setting(&on, "STREAM.INFO.KV_job-responses", "max_bytes"),
	       64 * 1024 * 1024);
	IS_INT("max_deliver",
	       setting(&on, "CONSUMER.INFO.JOBS.jobs-worker-any-live",
		       "max_deliver"),
	       3);
	IS_INT("ack_wait",
	       setting(&on, "CONSUMER.INFO.JOBS.jobs-worker-any", "ack_wait"),
	       HOUR_NS);
	IS_INT("the data stay", (int)job_store_messages(&on, "JOBS"), 1);
	job_release(&job);
	job_store_close(&later);
	job_store_close(&on);
}

static void
says_what_nats_refuses(void)
{
	const struct config_override memory[] = {{"job.kv.storage", "memory"},
						 {NULL, NULL}};
	const struct config_override replay[] = {
	    {"job.consumer.replay_policy", "original"}, {NULL, NULL}};
	const struct config_override replicas[] = {{"job.kv.replicas", "3"},
						   {NULL, NULL}};
	struct job_store on;
	struct job_store other;
	struct err_info info = {.text = ""};

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	job_store_join(&other, &on, memory);
	IS_INT("a bucket cannot move to memory",
	       store_provision(other.store, &info), ERR_INVALID);
	HAS_TEXT("the bucket is named", info.text, "stream KV_job-queue");
	HAS_TEXT("in the server's words", info.text,
		 "can not change storage type");
	job_store_close(&other);
	job_store_join(&other, &on, replay);
	IS_INT("a consumer cannot change its replay",
	       store_provision(other.store, &info), ERR_INVALID);
	HAS_TEXT("the consumer is named", info.text,
		 "consumer jobs-worker-any");
	HAS_TEXT("in the server's words", info.text,
		 "replay policy can not be updated");
	job_store_close(&other);
	job_store_join(&other, &on, replicas);
	IS_INT("replicas need a cluster", store_provision(other.store, &info),
	       ERR_INVALID);
	HAS_TEXT("in the server's words", info.text, "replicas");
	job_store_close(&other);
	job_store_close(&on);
}

#define STARTERS 4

static void *
provision(void *arg)
{
	struct job_store *on = arg;
	struct err_info info = {.text = ""};
	enum err result = store_provision(on->store, &info);

	if (result != ERR_OK)
		(void)fprintf(stderr, "provision: %s\n", info.text);
	return (void *)(uintptr_t)result;
}

static void
starts_together(void)
{
	struct job_store on;
	struct job_store others[STARTERS];
	pthread_t threads[STARTERS];
	void *result = NULL;

	job_store_open(&on, unit_directory(), NULL);
	for (int i = 0; i < STARTERS; i++)
		job_store_join(&others[i], &on, NULL);
	for (int i = 0; i < STARTERS; i++)
		(void)pthread_create(&threads[i], NULL, provision, &others[i]);
	for (int i = 0; i < STARTERS; i++) {
		(void)pthread_join(threads[i], &result);
		IS_INT("each of several finds or makes it",
		       (int)(uintptr_t)result, ERR_OK);
		job_store_close(&others[i]);
	}
	job_store_close(&on);
}

static void
refuses_bad_names(void)
{
	const struct config_override bad[] = {{"job.kv_bucket", "a.b"},
					      {NULL, NULL}};
	struct job_store on;
	struct config *config = NULL;
	struct err_info info = {.text = ""};
	struct store *store = NULL;
	char path[320];

	job_store_open(&on, unit_directory(), NULL);
	(void)snprintf(path, sizeof(path), "%s/osapi.yaml", unit_directory());
	if (config_load(path, 0, bad, &config, &info) == ERR_OK) {
		IS_INT("a name that is several tokens",
		       store_new(on.broker, config, &store, &info),
		       ERR_INVALID);
		HAS_TEXT("the key is named", info.text, "job.kv_bucket");
	} else {
		HAS_TEXT("refused by the configuration already", info.text,
			 "job.kv_bucket");
	}
	config_free(config);
	job_store_close(&on);
}

/* ---- what a follower sees ---- */

struct followed {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	size_t others; /* changes of other buckets */
	size_t count;
	char lines[16][256];
};

static const char *
header(natsMsg *message, const char *name)
{
	const char *value = NULL;

	return natsMsgHeader_Get(message, name, &value) == NATS_OK &&
		       value != NULL
		   ? value
		   : "-";
}

static void
follow(natsMsg *message, void *arg)
{
	struct followed *followed = arg;

	(void)pthread_mutex_lock(&followed->mutex);
	if (strstr(natsMsg_GetSubject(message), ".job-queue.") == NULL)
		followed->others++;
	else if (followed->count < 16)
		(void)snprintf(followed->lines[followed->count++], 256,
			       "%s|%s|%s|%s|%s|%d", natsMsg_GetSubject(message),
			       header(message, "Nats-Sequence"),
			       header(message, "Nats-Last-Sequence"),
			       header(message, STORE_SIGNATURE_HEADER),
			       header(message, "KV-Operation"),
			       natsMsg_GetDataLength(message) > 0);
	(void)pthread_cond_broadcast(&followed->changed);
	(void)pthread_mutex_unlock(&followed->mutex);
	natsMsg_Destroy(message);
}

static size_t
wait_followed(struct followed *followed, size_t wanted)
{
	struct timespec end;
	int failed = 0;
	size_t count;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += GUARD_MS / 1000;
	(void)pthread_mutex_lock(&followed->mutex);
	while (followed->count < wanted && failed == 0)
		failed = pthread_cond_timedwait(&followed->changed,
						&followed->mutex, &end);
	count = followed->count;
	(void)pthread_mutex_unlock(&followed->mutex);
	return count;
}

/* Changes something that is not looked at, and whether any change came. */
static bool
hears_of_changes(struct job_store *on, struct followed *followed)
{
	struct err_info info = {.text = ""};
	bool is;

	(void)store_heartbeat_delete(on->store, "nobody", &info);
	(void)pthread_mutex_lock(&followed->mutex);
	is = followed->others > 0;
	(void)pthread_mutex_unlock(&followed->mutex);
	return is;
}

static void
republishes_changes(void)
{
	struct followed followed = {.mutex = PTHREAD_MUTEX_INITIALIZER,
				    .changed = PTHREAD_COND_INITIALIZER};
	struct broker_subscription *subscription = NULL;
	struct job_store on;
	struct job job;
	struct event event = {
	    .event = JOB_EVENT_SUBMITTED, .hostname = "api", .unix_nano = 5};
	struct err_info info = {.text = ""};
	uint64_t revision = 0;
	size_t size = 0;
	char wanted[4][256];
	char *text;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	(void)broker_subscribe(on.broker, STORE_CHANGES_PREFIX ">", follow,
			       &followed, &subscription, &info);
	/* Until the server knows the subscription, changes are not sent. */
	OK("changes are sent", AWAIT(hears_of_changes(&on, &followed)));
	(void)job_store_add(&on, &job, "_any");
	text = job_store_text(&job, &size);
	IS_INT(
	    "a refused write",
	    store_job_create(on.store, &job, text, size, "s", &revision, &info),
	    ERR_EXISTS);
	(void)memcpy(event.job_id, job.id, sizeof(event.job_id));
	IS_INT("an event", store_event_append(on.store, &event, &info), ERR_OK);
	IS_INT("a deletion", store_job_delete(on.store, job.id, &info), ERR_OK);
	IS_INT("three changes", (int)wait_followed(&followed, 3), 3);
	(void)snprintf(wanted[0], 256,
		       "osapi.changes.job-queue.jobs.%s|1|0|signature|-|1",
		       job.id);
	(void)snprintf(wanted[1], 256,
		       "osapi.changes.job-queue.status.%s.submitted.api.5|2|0|-"
		       "|-|1",
		       job.id);
	(void)snprintf(wanted[2], 256,
		       "osapi.changes.job-queue.jobs.%s|3|1|-|PURGE|0", job.id);
	IS_TEXT("the job: data, signature, sequence, none before",
		followed.lines[0], wanted[0]);
	IS_TEXT("the event: the next sequence", followed.lines[1], wanted[1]);
	IS_TEXT("the marker: no data, the sequence it replaces",
		followed.lines[2], wanted[2]);
	broker_unsubscribe(subscription);
	free(text);
	job_release(&job);
	job_store_close(&on);
}

const struct unit_case unit_cases[] = {
    {"makes all objects as configured", makes_all},
    {"keeps the two lanes apart", keeps_the_lanes_apart},
    {"follows a changed configuration", follows_the_configuration},
    {"says what NATS refuses to change", says_what_nats_refuses},
    {"lets several programs start together", starts_together},
    {"refuses names that are no token", refuses_bad_names},
    {"republishes stored changes with their sequence", republishes_changes},
    {NULL, NULL},
};

const char unit_name[] = "store_provision";
