/* t/unit/health.c: /health/status against what is really there. */
#include "t/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "t/support/api.h"
#include "t/support/fastcgi.h"
#include "t/support/fleet.h"
#include "t/support/operations.h"

#define JOBS     5
#define LIMIT_MS 60000 /* a guard, not a limit */

static struct fleet fleet;
static struct worker *worker;
static struct api *api;

static void
start(void)
{
	static const struct fleet_host host = {.name = "web-01",
					       .find = operations_find};

	if (api)
		return;
	fleet_start(&fleet, unit_directory(), "");
	worker = fleet_worker(&fleet, &host);
	api = api_start(unit_directory(), "api", nats_server_port(fleet.server),
			1, NULL);
	OK("it becomes ready", api_wait_ready(api));
}

/* The body is the caller's. */
static json_t *
ask(const char *uri, int *status)
{
	struct fastcgi_call call = {
	    .method = "GET", .uri = uri, .token = api_token(ROLE_READ)};
	struct fastcgi_answer answer;
	json_t *body;

	fastcgi_ask(api_socket(api), &call, &answer);
	*status = answer.status;
	body = json_loadb(answer.body ? answer.body : "", answer.size, 0, NULL);
	fastcgi_answer_free(&answer);
	return body;
}

/* STREAM.INFO's `state`; the caller's. */
static json_t *
stream(const char *name)
{
	struct err_info info = {""};
	json_t *reply = NULL, *state;
	char what[128];

	snprintf(what, sizeof(what), "STREAM.INFO.%s", name);
	if (jetstream_api(fleet.broker, what, NULL, 5000, &reply, &info)) {
		fprintf(stderr, "%s\n", info.text);
		CU_FAIL_FATAL("no stream");
	}
	state = json_incref(json_object_get(reply, "state"));
	json_decref(reply);
	return state;
}

static void
delete_stream(const char *name)
{
	json_t *reply = NULL;
	char what[128];

	snprintf(what, sizeof(what), "STREAM.DELETE.%s", name);
	IS_INT(name,
	       jetstream_api(fleet.broker, what, NULL, 5000, &reply, NULL),
	       ERR_OK);
	json_decref(reply);
}

/* The item of a list with this name, NULL: none. */
static const json_t *
named(const json_t *body, const char *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (json_object_get(body, list), i, item)
		if (!strcmp(json_member_string(item, "name"), name))
			return item;
	return NULL;
}

static void
same_number(const json_t *part, const char *key, const json_t *real,
	    const char *real_key)
{
	IS_INT(key, json_member_int(part, key, -1),
	       json_member_int(real, real_key, -2));
}

static bool
all_done(void)
{
	int status;
	json_t *body = ask("/api/v1/jobs/status", &status);
	json_t *counts = json_object_get(body, "status_counts");
	bool done = json_member_int(counts, "completed", 0) == JOBS;

	json_decref(body);
	return done;
}

static void
run_some_jobs(void)
{
	int64_t until_ms = clock_mono_ms() + LIMIT_MS;

	for (int i = 0; i < JOBS; i++) {
		struct job job =
		    fleet_job("system.hostname.get", "_any", JOB_BATCH);

		fleet_submit(&fleet, &job);
		job_release(&job);
	}
	while (!all_done() && clock_mono_ms() < until_ms)
		;
	OK("they end", all_done());
}

/* ---- cases ---- */

/* What of a stream is shown elsewhere, by its members' names. */
static const struct shown {
	const char *stream, *list, *name;
	const char *count, *real; /* of messages or keys */
} shown[] = {
    {"JOBS", "streams", "JOBS", "messages", "messages"},
    {"JOBS-DLQ", "streams", "JOBS-DLQ", "messages", "messages"},
    {"KV_job-queue", "kv_buckets", "job-queue", "keys", "num_subjects"},
    {"KV_job-responses", "kv_buckets", "job-responses", "keys", "num_subjects"},
};

#define SHOWN (sizeof(shown) / sizeof(shown[0]))

/* All of their states; the caller's. */
static json_t *
streams(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SHOWN; i++)
		json_array_append_new(list, stream(shown[i].stream));
	return list;
}

/* The answer to /health/status while nothing changed, and the states that
 * were there before and after it. */
static json_t *
ask_in_peace(json_t **real)
{
	int64_t until_ms = clock_mono_ms() + LIMIT_MS;
	json_t *before = NULL, *body = NULL;
	bool same = false;
	int status = 0;

	*real = streams();
	while (!same && clock_mono_ms() < until_ms) {
		json_decref(body);
		json_decref(before);
		before = *real;
		body = ask("/health/status", &status);
		*real = streams();
		same = json_equal(before, *real);
	}
	json_decref(before);
	IS_INT("well", status, 200);
	OK("the last event is stored", same);
	return body;
}

static void
shows_what_is_there(void)
{
	json_t *body, *real;
	const json_t *jobs;

	start();
	run_some_jobs();
	body = ask_in_peace(&real);
	IS_TEXT("ok", json_member_string(body, "status"), "ok");
	IS_TEXT("the version", json_member_string(body, "version"),
		OSAPI_VERSION);
	HAS_TEXT("the time since the start", json_member_string(body, "uptime"),
		 "0 days, 0 hours, ");
	for (size_t i = 0; i < SHOWN; i++) {
		const json_t *part = named(body, shown[i].list, shown[i].name);
		const json_t *state = json_array_get(real, i);

		same_number(part, shown[i].count, state, shown[i].real);
		same_number(part, "bytes", state, "bytes");
		if (!strcmp(shown[i].list, "streams"))
			same_number(part, "consumers", state, "consumer_count");
	}
	OK("the registry too", named(body, "kv_buckets", "worker-registry"));
	jobs = json_object_get(body, "jobs");
	IS_INT("all jobs", json_member_int(jobs, "total", -1), JOBS);
	IS_INT("ended", json_member_int(jobs, "completed", -1), JOBS);
	IS_INT("none waits", json_member_int(jobs, "unprocessed", -1), 0);
	IS_INT("none runs", json_member_int(jobs, "processing", -1), 0);
	IS_INT("none failed", json_member_int(jobs, "failed", -1), 0);
	IS_INT("none given up", json_member_int(jobs, "dlq", -1), 0);
	HAS_TEXT("the broker",
		 json_member_string(json_object_get(body, "nats"), "url"),
		 "nats://127.0.0.1:");
	HAS_TEXT("its version",
		 json_member_string(json_object_get(body, "nats"), "version"),
		 ".");
	json_decref(body);
	json_decref(real);
}

/* Asks until the status is this; the caller's. */
static json_t *
await(int wanted)
{
	int64_t until_ms = clock_mono_ms() + LIMIT_MS;
	json_t *body = NULL;
	int status;

	do {
		json_decref(body);
		body = ask("/health/status", &status);
	} while (status != wanted && clock_mono_ms() < until_ms);
	IS_INT("the status comes", status, wanted);
	return body;
}

static const char *
error_of(const json_t *body, const char *part)
{
	const json_t *parts = json_object_get(body, "components");

	return json_member_string(json_object_get(parts, part), "error");
}

static void
tells_of_a_mute_broker(void)
{
	static const char *const parts[] = {"nats", "streams", "kv_buckets",
					    "jobs"};
	json_t *body;

	start();
	nats_server_freeze(fleet.server);
	body = await(503);
	IS_TEXT("degraded", json_member_string(body, "status"), "degraded");
	OK("says why", error_of(body, "nats") && error_of(body, "kv"));
	for (size_t i = 0; i < 4; i++)
		OK(parts[i], !json_object_get(body, parts[i]));
	OK("what is known stays",
	   json_object_get(body, "uptime") && json_object_get(body, "version"));
	json_decref(body);
	nats_server_thaw(fleet.server);
	json_decref(await(200));
}

static void
leaves_out_what_cannot_be_read(void)
{
	json_t *body;
	int status;

	start();
	delete_stream("JOBS-DLQ");
	delete_stream("KV_worker-registry");
	body = ask("/health/status", &status);
	OK("the stream that is left", named(body, "streams", "JOBS"));
	OK("not the other", !named(body, "streams", "JOBS-DLQ"));
	IS_INT("two buckets",
	       json_array_size(json_object_get(body, "kv_buckets")), 2);
	OK("no jobs, whose dead letters are unknown",
	   !json_object_get(body, "jobs"));
	json_decref(body);
	delete_stream("KV_job-queue");
	body = await(503);
	IS_TEXT("degraded", json_member_string(body, "status"), "degraded");
	OK("NATS is well",
	   !error_of(body, "nats") && json_object_get(body, "nats"));
	OK("says what is wrong", error_of(body, "kv"));
	json_decref(body);
}

static void
ends(void)
{
	start();
	fleet_worker_stop(worker);
	IS_INT("exit code", api_stop(api), 0);
	api_free(api);
	fleet_stop(&fleet);
}

const struct unit_case unit_cases[] = {
    {"shows what is there", shows_what_is_there},
    {"tells of a mute broker", tells_of_a_mute_broker},
    {"leaves out what cannot be read", leaves_out_what_cannot_be_read},
    {"ends", ends},
    {NULL, NULL},
};
const char unit_name[] = "health";
