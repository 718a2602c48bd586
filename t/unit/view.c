/*
 * t/unit/view.c: the JSON that clients read, for jobs of which different
 * things are known; and bodies that only the store has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/view.h"
#include "t/support/job_store.h"
#include "t/unit/unit.h"

#define ID    "01900000-0000-7000-8000-000000000001"
#define AT(s) (INT64_C(1790000000) * CLOCK_NS_PER_S + (s)*CLOCK_NS_PER_MS)

struct fact {
	char kind; /* events a, s, C, F, r; responses c, f */
	const char *host;
	int64_t ms;
	const char *text; /* data as JSON, or an error */
};

struct row {
	const char *why;
	const char *target;
	const char *expected; /* a JSON array */
	struct fact facts[6];
	const char *wanted; /* JSON; members named here must be so */
	const char *absent; /* one member that must not be there */
};

static void
put_event(struct index *index, const struct fact *fact, enum job_event what)
{
	struct event event = {
	    .job_id = ID, .event = what, .unix_nano = AT(fact->ms)};

	snprintf(event.hostname, sizeof(event.hostname), "%s", fact->host);
	if (what == JOB_EVENT_FAILED)
		snprintf(event.error, sizeof(event.error), "%s", fact->text);
	else if (fact->text)
		snprintf(event.message, sizeof(event.message), "%s",
			 fact->text);
	index_put_event(index, &event, (uint64_t)fact->ms + 10, NULL);
}

static void
put_response(struct index *index, const struct fact *fact)
{
	struct response response = {.job_id = ID,
				    .failed = fact->kind == 'f',
				    .timestamp_ns = AT(fact->ms)};

	snprintf(response.hostname, sizeof(response.hostname), "%s",
		 fact->host);
	if (response.failed)
		snprintf(response.error, sizeof(response.error), "%s",
			 fact->text);
	else
		response.data = json_loads(fact->text, 0, NULL);
	index_put_response(index, &response, 300, (uint64_t)fact->ms + 10);
	response_release(&response);
}

static void
put_fact(struct index *index, const struct fact *fact)
{
	switch (fact->kind) {
	case 'a':
		put_event(index, fact, JOB_EVENT_ACKNOWLEDGED);
		break;
	case 's':
		put_event(index, fact, JOB_EVENT_STARTED);
		break;
	case 'C':
		put_event(index, fact, JOB_EVENT_COMPLETED);
		break;
	case 'F':
		put_event(index, fact, JOB_EVENT_FAILED);
		break;
	case 'r':
		put_event(index, fact, JOB_EVENT_RETRIED);
		break;
	default:
		put_response(index, fact);
		break;
	}
}

static struct index *
make_index(const struct row *row)
{
	struct job job = {.id = ID,
			  .type = "system.hostname.get",
			  .created_ns = AT(0),
			  .expires_ns = AT(60000),
			  .submitted_by = "alice"};
	struct index *index = NULL;

	if (index_new(NULL, 0, &index) != ERR_OK ||
	    target_parse(row->target, &job.target, NULL) != ERR_OK)
		abort();
	job.data = json_object();
	job.expected = json_loads(row->expected, 0, NULL);
	index_put_job(index, &job, 300, 1);
	for (size_t i = 0; i < 6 && row->facts[i].kind; i++)
		put_fact(index, &row->facts[i]);
	job_release(&job);
	return index;
}

/* Compares the members that `wanted` names. */
static void
compare(const struct row *row, const json_t *got)
{
	json_auto_t *wanted = json_loads(row->wanted, 0, NULL);
	const char *key;
	json_t *value;

	OK("the test's own JSON can be read", wanted != NULL);
	json_object_foreach (wanted, key, value) {
		char *have = json_dumps(json_object_get(got, key),
					JSON_COMPACT | JSON_ENCODE_ANY);
		char *want = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		IS_TEXT(row->why, have, want);
		free(have);
		free(want);
	}
	if (row->absent)
		OK(row->why, !json_object_get(got, row->absent));
}

/* ---- the job ---- */

static const struct row jobs[] = {
    {"a new job has no result",
     "_any",
     "[]",
     {{0}},
     "{\"id\": \"" ID "\", \"status\": \"submitted\","
     "\"created\": \"2026-09-21T14:13:20.000Z\","
     "\"updated_at\": \"2026-09-21T14:13:20.000Z\","
     "\"expires_at\": \"2026-09-21T14:14:20.000Z\","
     "\"target_hostname\": \"_any\", \"submitted_by\": \"alice\","
     "\"operation\": {\"type\": \"system.hostname.get\", \"data\": {}},"
     "\"worker_states\": {},"
     "\"timeline\": [{\"timestamp\": \"2026-09-21T14:13:20.000Z\","
     "\"event\": \"submitted\", \"hostname\": \"api\"}]}",
     "result"},
    {"a running one names its host",
     "_any",
     "[]",
     {{'a', "web-01", 5, NULL}, {'s', "web-01", 7, "begun"}},
     "{\"status\": \"processing\", \"hostname\": \"web-01\","
     "\"worker_states\": {\"web-01\": {\"status\": \"processing\"}},"
     "\"timeline\": [{\"timestamp\": \"2026-09-21T14:13:20.000Z\","
     "\"event\": \"submitted\", \"hostname\": \"api\"},"
     "{\"timestamp\": \"2026-09-21T14:13:20.005Z\","
     "\"event\": \"acknowledged\", \"hostname\": \"web-01\"},"
     "{\"timestamp\": \"2026-09-21T14:13:20.007Z\", \"event\": \"started\","
     "\"hostname\": \"web-01\", \"message\": \"begun\"}]}",
     "result"},
    {"one host gives a result and how long it took",
     "_any",
     "[]",
     {{'s', "web-01", 7, NULL},
      {'c', "web-01", 19, "{\"hostname\": \"web-01\"}"}},
     "{\"status\": \"completed\", \"hostname\": \"web-01\","
     "\"updated_at\": \"2026-09-21T14:13:20.019Z\","
     "\"result\": {\"hostname\": \"web-01\"},"
     "\"worker_states\": {\"web-01\": {\"status\": \"completed\","
     "\"duration\": \"12ms\"}}}",
     "error"},
    {"a result ends the timeline before its event has come",
     "_all",
     "[\"a\", \"b\"]",
     {{'c', "b", 5, "{\"n\": 2}"},
      {'s', "a", 6, NULL},
      {'f', "a", 9, "broken"},
      {'F', "a", 9, "broken"}},
     "{\"timeline\": [{\"timestamp\": \"2026-09-21T14:13:20.000Z\","
     "\"event\": \"submitted\", \"hostname\": \"api\"},"
     "{\"timestamp\": \"2026-09-21T14:13:20.005Z\", \"event\": \"completed\","
     "\"hostname\": \"b\"},"
     "{\"timestamp\": \"2026-09-21T14:13:20.006Z\", \"event\": \"started\","
     "\"hostname\": \"a\"},"
     "{\"timestamp\": \"2026-09-21T14:13:20.009Z\", \"event\": \"failed\","
     "\"hostname\": \"a\", \"error\": \"broken\"}]}",
     "result"},
    {"and not twice when it has",
     "web-01",
     "[\"web-01\"]",
     {{'c', "web-01", 5, "{\"n\": 2}"}, {'C', "web-01", 6, NULL}},
     "{\"timeline\": [{\"timestamp\": \"2026-09-21T14:13:20.000Z\","
     "\"event\": \"submitted\", \"hostname\": \"api\"},"
     "{\"timestamp\": \"2026-09-21T14:13:20.006Z\", \"event\": \"completed\","
     "\"hostname\": \"web-01\"}]}",
     "error"},
    {"one host that failed gives its error",
     "web-01",
     "[\"web-01\"]",
     {{'f', "web-01", 9, "no such interface"}},
     "{\"status\": \"failed\", \"hostname\": \"web-01\","
     "\"error\": \"no such interface\"}",
     "result"},
    {"several hosts give responses",
     "_all",
     "[\"a\", \"b\"]",
     {{'c', "b", 5, "{\"n\": 2}"}, {'f', "a", 6, "broken"}},
     "{\"status\": \"partial_failure\","
     "\"responses\": {\"a\": {\"status\": \"failed\", \"error\": \"broken\","
     "\"hostname\": \"a\"}, \"b\": {\"status\": \"completed\","
     "\"data\": {\"n\": 2}, \"hostname\": \"b\"}},"
     "\"error\": \"1 of 2 hosts failed; a: broken\"}",
     "result"},
    {"a silent host is no response",
     "_all",
     "[\"a\", \"b\"]",
     {{'c', "b", 5, "{\"n\": 2}"}},
     "{\"status\": \"processing\","
     "\"responses\": {\"b\": {\"status\": \"completed\","
     "\"data\": {\"n\": 2}, \"hostname\": \"b\"}},"
     "\"worker_states\": {\"a\": {\"status\": \"submitted\"},"
     "\"b\": {\"status\": \"completed\"}}}",
     "hostname"},
    {"a job that was given up says why",
     "_any",
     "[]",
     {{'F', "api", 900, "no worker began it before its deadline"}},
     "{\"status\": \"failed\","
     "\"error\": \"no worker began it before its deadline\"}",
     "hostname"},
    {"a host that was given up carries the API's words",
     "web-01",
     "[\"web-01\"]",
     {{'s', "web-01", 100, NULL}, {'F', "api", 900, "too late"}},
     "{\"status\": \"failed\", \"hostname\": \"web-01\","
     "\"error\": \"too late\","
     "\"worker_states\": {\"web-01\": {\"status\": \"failed\","
     "\"error\": \"too late\", \"duration\": \"800ms\"}}}",
     "result"},
};

static void
job_tells_what_is_known(void)
{
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		struct index *index = make_index(&jobs[i]);
		struct err_info info = {.text = ""};
		struct index_view view;
		json_t *json = NULL;

		IS_INT(jobs[i].why, index_view(index, ID, &view), ERR_OK);
		IS_INT(jobs[i].why, view_job(NULL, &view, &json, &info),
		       ERR_OK);
		compare(&jobs[i], json);
		json_decref(json);
		index_view_release(&view);
		index_free(index);
	}
}

/* ---- the collection ---- */

static const struct {
	struct row row;
	enum job_kind kind;
	enum view_outcome outcome;
} collections[] = {
    {{"every expected host has an entry, by name",
      "_all",
      "[\"a\", \"b\", \"c\"]",
      {{'c', "c", 5, "{\"hostname\": \"c\", \"n\": 3}"},
       {'f', "b", 6, "broken"}},
      "{\"job_id\": \"" ID "\", \"results\": ["
      "{\"hostname\": \"a\", \"status\": \"timeout\"},"
      "{\"hostname\": \"b\", \"status\": \"failed\", \"error\": \"broken\"},"
      "{\"hostname\": \"c\", \"n\": 3}]}",
      NULL},
     JOB_QUERY,
     VIEW_PARTIAL},
    {{"a host that was not expected is told too",
      "_all",
      "[\"b\"]",
      {{'c', "b", 5, "{\"n\": 1}"}, {'c', "a", 6, "{\"n\": 2}"}},
      "{\"results\": [{\"hostname\": \"a\", \"n\": 2},"
      "{\"hostname\": \"b\", \"n\": 1}]}",
      NULL},
     JOB_QUERY,
     VIEW_OK},
    {{"a host cannot give itself another name",
      "a",
      "[\"a\"]",
      {{'c', "a", 5, "{\"n\": 1, \"hostname\": \"z\"}"}},
      "{\"results\": [{\"hostname\": \"a\", \"n\": 1}]}",
      NULL},
     JOB_QUERY,
     VIEW_OK},
    {{"a change tells only that it was done, and whether there was any",
      "_all",
      "[\"a\", \"b\", \"c\"]",
      {{'c', "a", 5, "{\"changed\": false, \"servers\": []}"},
       {'c', "b", 6, "{\"changed\": \"yes\"}"},
       {'c', "c", 7, "{}"}},
      "{\"results\": ["
      "{\"hostname\": \"a\", \"status\": \"ok\", \"changed\": false},"
      "{\"hostname\": \"b\", \"status\": \"ok\"},"
      "{\"hostname\": \"c\", \"status\": \"ok\"}]}",
      NULL},
     JOB_MODIFY,
     VIEW_OK},
    {{"all failed",
      "_all",
      "[\"a\", \"b\"]",
      {{'f', "a", 5, "x"}, {'F', "b", 6, "y"}},
      "{\"results\": ["
      "{\"hostname\": \"a\", \"status\": \"failed\", \"error\": \"x\"},"
      "{\"hostname\": \"b\", \"status\": \"failed\", \"error\": \"y\"}]}",
      NULL},
     JOB_QUERY,
     VIEW_FAILED},
    {{"nobody answered",
      "_all",
      "[\"a\", \"b\"]",
      {{'s', "a", 5, NULL}},
      "{\"results\": [{\"hostname\": \"a\", \"status\": \"timeout\"},"
      "{\"hostname\": \"b\", \"status\": \"timeout\"}]}",
      NULL},
     JOB_QUERY,
     VIEW_SILENT},
    {{"given up: failed where it had begun, silent where not",
      "_all",
      "[\"a\", \"b\"]",
      {{'s', "a", 5, NULL}, {'F', "api", 900, "late"}},
      "{\"results\": ["
      "{\"hostname\": \"a\", \"status\": \"failed\", \"error\": \"late\"},"
      "{\"hostname\": \"b\", \"status\": \"timeout\","
      "\"error\": \"late\"}]}",
      NULL},
     JOB_QUERY,
     VIEW_FAILED},
    {{"where one answer decides, the good one is told",
      "_any",
      "[]",
      {{'f', "a", 5, "x"}, {'c', "b", 6, "{\"n\": 1}"}, {'s', "c", 7, NULL}},
      "{\"results\": [{\"hostname\": \"b\", \"n\": 1}]}",
      NULL},
     JOB_QUERY,
     VIEW_OK},
    {{"where one answer decides and none came, nobody is told",
      "_any",
      "[]",
      {{0}},
      "{\"results\": []}",
      NULL},
     JOB_QUERY,
     VIEW_SILENT},
};

static void
collection_has_every_host(void)
{
	for (size_t i = 0; i < sizeof(collections) / sizeof(collections[0]);
	     i++) {
		const struct row *row = &collections[i].row;
		struct index *index = make_index(row);
		enum view_outcome outcome = VIEW_OK;
		struct index_view view;
		json_t *json = NULL;

		IS_INT(row->why, index_view(index, ID, &view), ERR_OK);
		IS_INT(row->why,
		       view_collection(NULL, &view, collections[i].kind,
				       &outcome, &json, NULL),
		       ERR_OK);
		compare(row, json);
		IS_INT(row->why, outcome, collections[i].outcome);
		json_decref(json);
		index_view_release(&view);
		index_free(index);
	}
}

/* ---- bodies from the store ---- */

static void
add_large(json_t *object)
{
	static char large[INDEX_INLINE * 2];

	memset(large, 'x', sizeof(large) - 1);
	json_object_set_new(object, "large", json_string(large));
}

static struct response
store_answer(struct job_store *on, const struct job *job, const char *host)
{
	struct response response = {.timestamp_ns = clock_wall_ns()};
	struct event event = {.event = JOB_EVENT_COMPLETED,
			      .unix_nano = response.timestamp_ns};

	memcpy(response.job_id, job->id, sizeof(response.job_id));
	memcpy(event.job_id, job->id, sizeof(event.job_id));
	snprintf(response.hostname, sizeof(response.hostname), "%s", host);
	snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	response.data = json_object();
	add_large(response.data);
	IS_INT("stored",
	       store_response_write(on->store, &response, &event, NULL),
	       ERR_OK);
	return response;
}

/* The length of results[0].large, -1 where it is missing. */
static int
large_length(struct job_store *on, const struct index_view *view, bool fetch)
{
	enum view_outcome outcome = VIEW_SILENT;
	json_t *json = NULL;
	const json_t *entry;
	int length = -1;

	IS_INT("rendered",
	       view_collection(fetch ? on->store : NULL, view, JOB_QUERY,
			       &outcome, &json, NULL),
	       ERR_OK);
	IS_INT("it is a good answer either way", outcome, VIEW_OK);
	entry = json_array_get(json_object_get(json, "results"), 0);
	if (json_object_get(entry, "large"))
		length =
		    (int)json_string_length(json_object_get(entry, "large"));
	json_decref(json);
	return length;
}

static void
large_bodies_are_fetched(void)
{
	struct index *index = NULL;
	struct response response;
	struct index_view view;
	struct job_store on;
	json_t *json = NULL;
	uint64_t revision;
	struct job job;

	job_store_open(&on, unit_directory(), NULL);
	job_store_provision(&on);
	index_new(NULL, 0, &index);
	revision = job_store_add(&on, &job, "_any");
	index_put_job(index, &job, JOB_SIZE_MAX, revision);
	response = store_answer(&on, &job, "web-01");
	index_put_response(index, &response, INDEX_INLINE * 3, 1);
	index_view(index, job.id, &view);
	OK("the index names it as missing", view.responses[0].missing);
	IS_INT("left out without a store", large_length(&on, &view, false), -1);
	IS_INT("whole with one", large_length(&on, &view, true),
	       INDEX_INLINE * 2 - 1);
	OK("so is the job's own data", view.data == NULL);
	IS_INT("rendered", view_job(on.store, &view, &json, NULL), ERR_OK);
	OK("fetched", json_is_object(json_object_get(
			  json_object_get(json, "operation"), "data")));
	json_decref(json);
	IS_INT("deleted meanwhile", store_job_delete(on.store, job.id, NULL),
	       ERR_OK);
	IS_INT("that is said", view_job(on.store, &view, &json, NULL),
	       ERR_GONE);
	index_view_release(&view);
	response_release(&response);
	job_release(&job);
	index_free(index);
	job_store_close(&on);
}

const char unit_name[] = "view";
const struct unit_case unit_cases[] = {
    {"a job tells what is known of it", job_tells_what_is_known},
    {"a collection has every host", collection_has_every_host},
    {"large bodies are fetched from the store", large_bodies_are_fetched},
    {NULL, NULL},
};
