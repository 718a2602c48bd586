/*
 * lib/store_provision.c: the streams, buckets and shared consumers in NATS.
 *
 * Only what is set here is compared and updated; the server's defaults stay.
 *
 * The registry is kept on disk like the rest, though a heartbeat is worth
 * nothing after a restart: a stream in memory is gone with the server's
 * process, its definition included, and workers would then have nowhere to
 * write until an API starts.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/store_layout.h"

#define HEARTBEATS_KEPT    3
#define REGISTRY_BYTES_MAX (INT64_C(64) * 1024 * 1024)
#define WAITING_MAX        8192 /* open pulls of a consumer: workers x slots */

static const char *
storage_text(enum config_storage storage)
{
	return storage == CONFIG_STORAGE_MEMORY ? "memory" : "file";
}

static json_int_t
nanoseconds(int64_t ms)
{
	return (json_int_t)ms * CLOCK_NS_PER_MS;
}

static json_int_t
duplicates_ns(int64_t max_age_ms)
{
	int64_t ms = STORE_DUPLICATES_MS;

	if (max_age_ms > 0 && max_age_ms < ms)
		ms = max_age_ms;
	return nanoseconds(ms);
}

/* ADR-8: a key-value bucket is a stream of this form.  Not with roll-ups: by
 * that header who may write one key could empty the whole bucket. */
static json_t *
bucket(const struct store *store, const char *name, int64_t max_age_ms,
       int64_t max_bytes)
{
	const struct config *config = store->config;
	char subjects[STORE_STREAM_SIZE + 8];
	char changes[STORE_STREAM_SIZE + sizeof(STORE_CHANGES_PREFIX)];
	char stream[STORE_STREAM_SIZE];

	(void)snprintf(stream, sizeof(stream), "KV_%s", name);
	(void)snprintf(subjects, sizeof(subjects), "$KV.%s.>", name);
	(void)snprintf(changes, sizeof(changes), "%s%s.>", STORE_CHANGES_PREFIX,
		       name);
	return json_pack(
	    "{s:s, s:[s], s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I,"
	    " s:b, s:b, s:b, s:b, s:{s:s, s:s}}",
	    "name", stream, "subjects", subjects, "retention", "limits",
	    "discard", "new", "storage", storage_text(config->job.kv.storage),
	    "num_replicas", (json_int_t)config->job.kv.replicas,
	    "max_msgs_per_subject", (json_int_t)1, "max_age",
	    nanoseconds(max_age_ms), "max_bytes", (json_int_t)max_bytes,
	    "duplicate_window", duplicates_ns(max_age_ms), "allow_rollup_hdrs",
	    0, "allow_direct", 1, "deny_delete", 1, "deny_purge", 0,
	    "republish", "src", subjects, "dest", changes);
}

static json_t *
queue_stream(const struct store *store)
{
	const struct config *config = store->config;

	return bucket(store, config->job.kv_bucket, config->job.kv.ttl_ms,
		      config->job.kv.max_bytes);
}

static json_t *
response_stream(const struct store *store)
{
	const struct config *config = store->config;

	return bucket(store, config->job.kv_response_bucket,
		      config->job.kv.ttl_ms, config->job.kv.max_bytes);
}

static json_t *
registry_stream(const struct store *store)
{
	const struct config *config = store->config;
	int64_t max_bytes = config->job.kv.max_bytes;

	if (max_bytes > REGISTRY_BYTES_MAX)
		max_bytes = REGISTRY_BYTES_MAX;
	return bucket(store, config->job.registry_bucket,
		      HEARTBEATS_KEPT * config->job.worker.heartbeat_ms,
		      max_bytes);
}

static json_t *
jobs_stream(const struct store *store)
{
	const struct config *config = store->config;
	int64_t max_age_ms = config->job.stream.max_age_ms;

	return json_pack(
	    "{s:s, s:[s], s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "name",
	    store->jobs, "subjects", config->job.stream_subjects, "retention",
	    "limits", "discard",
	    config->job.stream.discard == CONFIG_DISCARD_OLD ? "old" : "new",
	    "storage", storage_text(config->job.stream.storage), "num_replicas",
	    (json_int_t)config->job.stream.replicas, "max_msgs",
	    (json_int_t)config->job.stream.max_msgs, "max_age",
	    nanoseconds(max_age_ms), "duplicate_window",
	    duplicates_ns(max_age_ms));
}

static json_t *
dlq_stream(const struct store *store)
{
	const struct config *config = store->config;
	int64_t max_age_ms = config->job.dlq.max_age_ms;
	char subject[STORE_STREAM_SIZE + 64];

	(void)snprintf(subject, sizeof(subject),
		       "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.%s.*",
		       store->jobs);
	return json_pack("{s:s, s:[s], s:s, s:s, s:s, s:I, s:I, s:I, s:I}",
			 "name", store->dlq, "subjects", subject, "retention",
			 "limits", "discard", "old", "storage",
			 storage_text(config->job.dlq.storage), "num_replicas",
			 (json_int_t)config->job.dlq.replicas, "max_msgs",
			 (json_int_t)config->job.dlq.max_msgs, "max_age",
			 nanoseconds(max_age_ms), "duplicate_window",
			 duplicates_ns(max_age_ms));
}

json_t *
store_consumer_config(const struct store *store, const char *durable,
		      const char *filter, bool only_new, int64_t inactive_ms)
{
	const struct config *config = store->config;
	bool original =
	    config->job.consumer.replay_policy == CONFIG_REPLAY_ORIGINAL;

	return json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}",
	    "durable_name", durable, "filter_subject", filter, "ack_policy",
	    "explicit", "deliver_policy", only_new ? "new" : "all",
	    "replay_policy", original ? "original" : "instant", "ack_wait",
	    nanoseconds(config->job.consumer.ack_wait_ms), "max_deliver",
	    (json_int_t)config->job.consumer.max_deliver, "max_ack_pending",
	    (json_int_t)config->job.consumer.max_ack_pending, "max_waiting",
	    (json_int_t)WAITING_MAX, "inactive_threshold",
	    nanoseconds(inactive_ms));
}

static enum err
provision_any(struct store *store, enum job_lane lane, struct err_info *info)
{
	const struct target any = {.kind = TARGET_ANY};
	json_auto_t *config = NULL;
	char filter[SUBJECT_SIZE];
	enum err result = subject_filter(store->prefix, lane, &any, filter);

	if (result != ERR_OK)
		return err_set(info, result, "%s: subject too long",
			       store->prefix);
	config =
	    store_consumer_config(store, store->any[lane], filter, false, 0);
	if (config == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory");
	return jetstream_consumer_ensure(store->broker, store->jobs, config,
					 info);
}

enum err
store_provision(struct store *store, struct err_info *info)
{
	json_t *(*const streams[])(const struct store *) = {
	    queue_stream, response_stream, registry_stream, jobs_stream,
	    dlq_stream};
	enum err result = ERR_OK;

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		json_auto_t *config = streams[i](store);

		if (config == NULL)
			return err_set(info, ERR_NO_MEMORY, "no memory");
		result = jetstream_stream_ensure(store->broker, config, info);
		if (result != ERR_OK)
			return result;
	}
	/* The second is made when the first has answered: where both are there
	 * JOBS is whole, and a worker may make its own. */
	result = provision_any(store, JOB_BATCH, info);
	if (result == ERR_OK)
		result = provision_any(store, JOB_LIVE, info);
	return result;
}

/* The shared consumers are made last. */
static enum err
consumers_there(struct store *store, struct err_info *info)
{
	char what[2 * STORE_STREAM_SIZE + 32];
	enum err result = ERR_OK;

	for (enum job_lane lane = JOB_BATCH;
	     lane <= JOB_LIVE && result == ERR_OK; lane++) {
		json_auto_t *reply = NULL;

		(void)snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s",
			       store->jobs, store->any[lane]);
		result = jetstream_api(store->broker, what, NULL,
				       JETSTREAM_TIMEOUT_MS, &reply, info);
	}
	return result;
}

enum err
store_provisioned(struct store *store, struct err_info *info)
{
	const char *const streams[] = {store->queue, store->responses,
				       store->registry, store->jobs,
				       store->dlq};
	char what[STORE_STREAM_SIZE + 32];
	enum err result = ERR_OK;

	if (store->confined)
		return consumers_there(store, info);
	for (size_t i = 0; i < 5 && result == ERR_OK; i++) {
		json_auto_t *reply = NULL;

		(void)snprintf(what, sizeof(what), "STREAM.INFO.%s",
			       streams[i]);
		result = jetstream_api(store->broker, what, NULL,
				       JETSTREAM_TIMEOUT_MS, &reply, info);
	}
	return result == ERR_OK ? consumers_there(store, info) : result;
}

enum err
store_ping(struct store *store, int64_t timeout_ms, struct err_info *info)
{
	json_auto_t *reply = NULL;
	char what[STORE_STREAM_SIZE + 32];

	(void)snprintf(what, sizeof(what), "STREAM.INFO.%s", store->queue);
	return jetstream_api(store->broker, what, NULL, timeout_ms, &reply,
			     info);
}
