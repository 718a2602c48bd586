/*
 * fcgi/handlers/health.c: whether the process lives, whether it can work, and
 * what the service is made of.
 */
#include <jansson.h>
#include <stdio.h>

#include "fcgi/handler.h"
#include "fcgi/reply.h"
#include "fcgi/responder.h"
#include "fcgi/streams.h"
#include "lib/clock.h"

#define PING_MS       1000
#define RETRY_AFTER_S 1

enum handled
health(struct request *r)
{
	reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
	return HANDLED;
}

enum handled
health_ready(struct request *r)
{
	struct err_info info = {""};
	enum err err;

	/* Everybody may ask, so hosts and subjects of NATS are not named;
	 * /health/status and the log do that. */
	err = broker_connected(r->responder->broker)
		  ? responder_ready(r->responder, &info)
		  : err_set(&info, ERR_UNAVAILABLE, "NATS is not connected");
	/* The next request may come to another process. */
	if (!err &&
	    scoreboard_sum(r->responder->scoreboard, FAMILY_STARTING, 0, 0) > 0)
		err = err_set(&info, ERR_UNAVAILABLE,
			      "another process of the pool is starting");
	if (!err &&
	    scoreboard_sum(r->responder->scoreboard, FAMILY_CUT_OFF, 0, 0) > 0)
		err = err_set(&info, ERR_UNAVAILABLE,
			      "another process of the pool is not connected "
			      "to NATS");
	if (!err) {
		err = store_ping(r->responder->store, PING_MS, NULL);
		if (err)
			err_set(&info, err, "the job store: %s", err_text(err));
	}
	if (!err) {
		reply_json(r, 200, json_pack("{s:s}", "status", "ready"));
		return HANDLED;
	}
	reply_retry_after(r, RETRY_AFTER_S);
	reply_json(r, 503,
		   json_pack("{s:s, s:s}", "status", "not_ready", "error",
			     *info.text ? info.text : err_text(err)));
	return HANDLED;
}

static const char *
plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void
uptime_text(int64_t seconds, char *text, size_t size)
{
	int64_t days = seconds / 86400, hours = seconds / 3600 % 24;
	int64_t minutes = seconds / 60 % 60;

	snprintf(text, size, "%lld day%s, %lld hour%s, %lld minute%s",
		 (long long)days, plural(days), (long long)hours, plural(hours),
		 (long long)minutes, plural(minutes));
}

static json_t *
component(enum err err, const struct err_info *info)
{
	if (!err)
		return json_pack("{s:s}", "status", "ok");
	return json_pack("{s:s, s:s}", "status", "error", "error",
			 *info->text ? info->text : err_text(err));
}

static enum err
nats_part(struct responder *r, json_t *body, struct err_info *info)
{
	char version[32];
	int64_t rtt_us;
	enum err err;

	err = broker_connected(r->broker)
		  ? broker_ping(r->broker, PING_MS, &rtt_us)
		  : err_set(info, ERR_UNAVAILABLE, "not connected to %s",
			    broker_url(r->broker));
	if (!err)
		json_object_set_new(
		    body, "nats",
		    json_pack("{s:s, s:s}", "url", broker_url(r->broker),
			      "version",
			      broker_server_version(r->broker, version)));
	return err;
}

/* What cannot be read is left out. */
static void
stored_parts(struct responder *r, json_t *body)
{
	const struct config *config = r->config;
	const char *const buckets[] = {config->job.kv_bucket,
				       config->job.kv_response_bucket,
				       config->job.registry_bucket};
	const char *jobs = config->job.stream_name;
	json_t *streams = json_array(), *kv = json_array();
	struct stream_state state;
	char name[SUBJECT_SIZE];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s%s", jobs, i ? "-DLQ" : "");
		if (stream_state(r->broker, name, &state, NULL))
			continue;
		json_array_append_new(
		    streams,
		    json_pack("{s:s, s:I, s:I, s:I}", "name", name, "messages",
			      (json_int_t)state.messages, "bytes",
			      (json_int_t)state.bytes, "consumers",
			      (json_int_t)state.consumers));
	}
	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++) {
		snprintf(name, sizeof(name), "KV_%s", buckets[i]);
		if (stream_state(r->broker, name, &state, NULL))
			continue;
		json_array_append_new(
		    kv, json_pack("{s:s, s:I, s:I}", "name", buckets[i], "keys",
				  (json_int_t)state.subjects, "bytes",
				  (json_int_t)state.bytes));
	}
	if (json_array_size(streams))
		json_object_set(body, "streams", streams);
	if (json_array_size(kv))
		json_object_set(body, "kv_buckets", kv);
	json_decref(streams);
	json_decref(kv);
}

static void
jobs_part(struct responder *r, json_t *body)
{
	struct index_counts counts;
	json_int_t failed;
	int64_t dead;

	if (!feed_ready(r->feed, NULL) ||
	    stream_dead_letters(r->broker, r->config->job.stream_name, &dead,
				NULL))
		return;
	index_counts(r->index, &counts);
	failed = (json_int_t)counts.by_status[JOB_FAILED] +
		 (json_int_t)counts.by_status[JOB_PARTIAL_FAILURE];
	json_object_set_new(
	    body, "jobs",
	    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "total",
		      (json_int_t)counts.jobs, "unprocessed",
		      (json_int_t)counts.by_status[JOB_SUBMITTED], "processing",
		      (json_int_t)counts.by_status[JOB_PROCESSING], "completed",
		      (json_int_t)counts.by_status[JOB_COMPLETED], "failed",
		      failed, "dlq", (json_int_t)dead));
}

enum handled
health_status(struct request *r)
{
	struct responder *responder = r->responder;
	struct err_info nats_info = {""}, kv_info = {""};
	json_t *body = json_pack("{s:s, s:n}", "status", "ok", "components");
	char uptime[64];
	enum err nats, kv;

	uptime_text((clock_mono_ms() - responder->started_ms) / 1000, uptime,
		    sizeof(uptime));
	nats = nats_part(responder, body, &nats_info);
	kv = responder_ready(responder, &kv_info);
	if (!kv)
		kv = store_ping(responder->store, PING_MS, &kv_info);
	if (nats || kv)
		json_object_set_new(body, "status", json_string("degraded"));
	json_object_set_new(body, "components",
			    json_pack("{s:o, s:o}", "nats",
				      component(nats, &nats_info), "kv",
				      component(kv, &kv_info)));
	json_object_set_new(body, "version", json_string(OSAPI_VERSION));
	json_object_set_new(body, "uptime", json_string(uptime));
	if (!nats)
		stored_parts(responder, body);
	if (!nats)
		jobs_part(responder, body);
	if (nats || kv)
		reply_retry_after(r, RETRY_AFTER_S);
	reply_json(r, nats || kv ? 503 : 200, body);
	return HANDLED;
}
