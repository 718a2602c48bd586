/* t/unit/job.c: job, event, response and heartbeat documents; job status. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job.h"
#include "lib/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ID       "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
#define PARENT   "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define CREATED  (INT64_C(1767225600123) * CLOCK_NS_PER_MS)

/* Every member is there, in the order of writing. */
static const char job_text[] =
    "{\"id\":\"" ID "\",\"target\":\"group:web\","
    "\"operation\":{\"type\":\"network.dns.get\",\"data\":{\"b\":1,\"a\":2}},"
    "\"kind\":\"modify\",\"lane\":\"live\","
    "\"created\":\"2026-01-01T00:00:00.123Z\","
    "\"expires_at\":\"2026-01-02T00:00:00.123Z\","
    "\"submitted_by\":\"al\xc3\xa9\",\"traceparent\":\"" PARENT "\","
    "\"retry_of\":\"" ID "\",\"expected\":[\"a\",\"b.c\"]}";

static void
reads_and_writes_a_job_to_the_same_octets(void)
{
	struct job job = {.id = ""};
	struct err_info info = {""};
	char *text = NULL;
	size_t size = 0;
	enum err err;

	err = job_decode(job_text, strlen(job_text), &job, &info);
	IS_TEXT("no complaint", info.text, "");
	CU_ASSERT_EQUAL_FATAL(err, ERR_OK);
	IS_TEXT("id", job.id, ID);
	IS_TEXT("type", job.type, "network.dns.get");
	IS_INT("kind", job.kind, JOB_MODIFY);
	IS_INT("lane", job.lane, JOB_LIVE);
	IS_INT("target", job.target.kind, TARGET_LABEL);
	IS_TEXT("target's key", job.target.key, "group");
	IS_INT("created", job.created_ns, CREATED);
	IS_INT("expires", job.expires_ns, CREATED + 86400 * CLOCK_NS_PER_S);
	IS_TEXT("submitted by", job.submitted_by, "al\xc3\xa9");
	IS_TEXT("traceparent", job.traceparent, PARENT);
	IS_TEXT("retry of", job.retry_of, ID);
	IS_INT("expected", json_array_size(job.expected), 2);
	IS_INT("encodes", job_encode(&job, &text, &size, &info), ERR_OK);
	IS_TEXT("the same octets", text, job_text);
	IS_INT("size", size, strlen(job_text));
	free(text);
	job_release(&job);
}

static struct job
plain_job(void)
{
	return (struct job){.id = ID,
			    .type = "system.hostname.get",
			    .created_ns = CREATED + 456,
			    .expires_ns = CREATED + CLOCK_NS_PER_S,
			    .submitted_by = "alice"};
}

static void
leaves_out_what_a_job_does_not_have(void)
{
	struct job job = plain_job();
	struct job back = {.id = ""};
	char *text = NULL;
	size_t size = 0;

	IS_INT("encodes", job_encode(&job, &text, &size, NULL), ERR_OK);
	IS_TEXT("document", text,
		"{\"id\":\"" ID "\",\"target\":\"_any\",\"operation\":{"
		"\"type\":\"system.hostname.get\",\"data\":{}},"
		"\"kind\":\"query\",\"lane\":\"batch\","
		"\"created\":\"2026-01-01T00:00:00.123Z\","
		"\"expires_at\":\"2026-01-01T00:00:01.123Z\","
		"\"submitted_by\":\"alice\",\"expected\":[]}");
	IS_INT("decodes", job_decode(text, size, &back, NULL), ERR_OK);
	IS_TEXT("no traceparent", back.traceparent, "");
	IS_TEXT("no retry_of", back.retry_of, "");
	IS_INT("milliseconds are kept, the rest is cut", back.created_ns,
	       CREATED);
	OK("data is an object", json_is_object(back.data));
	OK("expected is an array", json_is_array(back.expected));
	free(text);
	job_release(&back);
}

static void
refuses_to_write_what_could_not_be_read(void)
{
	static const struct {
		const char *why;
		size_t offset;
		const char *text;
		const char *says;
	} rows[] = {
	    {"id", offsetof(struct job, id), "nonsense", "job: id: "},
	    {"no type", offsetof(struct job, type), "", "operation: type: "},
	    {"type", offsetof(struct job, type), "a b", "operation: type: "},
	    {"trace", offsetof(struct job, traceparent), "00-1", "traceparent"},
	    {"retry", offsetof(struct job, retry_of), "x", "retry_of: "},
	    {"not UTF-8", offsetof(struct job, submitted_by), "\xff", "UTF-8"},
	    {"control", offsetof(struct job, submitted_by), "a\nb",
	     "submitted_by: "},
	    {"C1", offsetof(struct job, submitted_by), "a\xc2\x85",
	     "submitted_by: "},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct job job = plain_job();
		struct err_info info = {""};
		char *text = NULL;
		size_t size = 7;

		snprintf((char *)&job + rows[i].offset, 37, "%s", rows[i].text);
		IS_INT(rows[i].why, job_encode(&job, &text, &size, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].says);
		OK("nothing written", text == NULL && size == 7);
	}
}

static void
refuses_to_write_numbers_and_values_that_cannot_be(void)
{
	struct err_info info = {""};
	struct job job;
	char *text = NULL;
	size_t size = 0;

	job = plain_job();
	job.expires_ns = job.created_ns - 1;
	IS_INT("ends before it begins", job_encode(&job, &text, &size, &info),
	       ERR_INVALID);
	HAS_TEXT("says so", info.text, "expires_at");
	job = plain_job();
	job.created_ns = -1;
	IS_INT("before 1970", job_encode(&job, &text, &size, NULL),
	       ERR_INVALID);
	job = plain_job();
	job.expires_ns = INT64_MAX;
	IS_INT("after 2200, INT64_MAX", job_encode(&job, &text, &size, NULL),
	       ERR_INVALID);
	job = plain_job();
	job.kind = (enum job_kind)7;
	IS_INT("a kind that is none", job_encode(&job, &text, &size, NULL),
	       ERR_INVALID);
	job = plain_job();
	job.data = json_pack("[]");
	IS_INT("data is an array", job_encode(&job, &text, &size, NULL),
	       ERR_INVALID);
	job_release(&job);
	OK("nothing written", text == NULL);
}

static void
refuses_a_job_over_its_limit(void)
{
	struct job job = plain_job();
	struct err_info info = {""};
	char *big = malloc(JOB_SIZE_MAX + 1);
	char *text = NULL;
	size_t size = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(big);
	memset(big, 'x', JOB_SIZE_MAX);
	big[JOB_SIZE_MAX] = '\0';
	job.data = json_pack("{s:s}", "blob", big);
	IS_INT("one over", job_encode(&job, &text, &size, &info),
	       ERR_TOO_LARGE);
	HAS_TEXT("says the limit", info.text, "1048576");
	memset(big, ' ', JOB_SIZE_MAX);
	IS_INT("reading too", job_decode(big, JOB_SIZE_MAX + 1, &job, &info),
	       ERR_TOO_LARGE);
	job_release(&job);
	free(big);
}

/* Each row puts `put` in the place of `cut` in the text that is good. */
static char *
edited(const char *good, const char *cut, const char *put)
{
	const char *at = strstr(good, cut);
	char *text = NULL;

	if (!at || asprintf(&text, "%.*s%s%s", (int)(at - good), good, put,
			    at + strlen(cut)) < 0)
		return NULL;
	return text;
}

static const struct edit {
	const char *why;
	const char *cut;
	const char *put;
	const char *says;
} job_edits[] = {
    {"not JSON", "{", "", "JSON"},
    {"text behind it", "]}", "]}}", "JSON"},
    {"an array", job_text, "[]", "wanted an object"},
    {"id twice", "{\"id\"", "{\"id\":\"x\",\"id\"", "JSON"},
    {"id missing", "\"id\"", "\"di\"", "id: is missing"},
    {"id a number", "\"" ID "\"", "7", "id: wanted a string"},
    {"id not a UUID", ID "\",\"t", "x\",\"t", "id: wanted a UUID"},
    {"id in capitals", "017f22e2", "017F22E2", "id: wanted a UUID"},
    {"target missing", "target", "targets", "target: is missing"},
    {"target null", "\"group:web\"", "null", "target: wanted a string"},
    {"target bad", "group:web", "group:*", "target: "},
    {"operation missing", "operation", "op", "operation: is missing"},
    {"operation a string",
     "{\"type\":\"network.dns.get\",\"data\":{\"b\":1,\"a\":2}}", "\"x\"",
     "operation: wanted an object"},
    {"type missing", "\"type\"", "\"kind\"", "operation: type: is missing"},
    {"type empty", "network.dns.get", "", "operation: type: wanted"},
    {"type with a dot first", "network", ".network", "operation: type"},
    {"type with two dots", "k.dns", "k..dns", "operation: type"},
    {"type in capitals", "network", "Network", "operation: type"},
    {"type of 65", "network.dns.get",
     "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde",
     "operation: type: more than 64"},
    {"data an array", "{\"b\":1,\"a\":2}", "[]",
     "operation: data: wanted an object"},
    {"kind unknown", "modify", "delete", "kind: unknown word \"delete\""},
    {"kind a number", "\"modify\"", "1", "kind: wanted a string"},
    {"lane unknown", "live", "fast", "lane: unknown word"},
    {"created no time", "2026-01-01T00", "2026-13-01T00", "created: wanted"},
    {"created a number", "\"2026-01-01T00:00:00.123Z\"", "1767225600",
     "created: wanted"},
    {"expires before created", "2026-01-02T", "2025-01-02T", "expires_at"},
    {"submitted_by missing", "submitted_by", "by", "submitted_by: is missing"},
    {"submitted_by escaped control", "al\xc3\xa9", "a\\u001b",
     "submitted_by: wanted"},
    {"submitted_by with NUL", "al\xc3\xa9", "a\\u0000b", "JSON"},
    {"submitted_by not UTF-8", "al\xc3\xa9", "al\xc3", "JSON"},
    {"traceparent of zeros", "b7ad6b7169203331", "0000000000000000",
     "traceparent: wanted"},
    {"traceparent short", "-01\"", "-0\"", "traceparent: wanted"},
    {"traceparent of version ff", "\"00-", "\"ff-", "traceparent: wanted"},
    {"retry_of bad", "\"retry_of\":\"017f", "\"retry_of\":\"0 7f",
     "retry_of: wanted"},
    {"expected missing", "expected", "hosts", "expected: is missing"},
    {"expected an object", "[\"a\",\"b.c\"]", "{}",
     "expected: wanted an array"},
    {"expected holds a number", "\"b.c\"", "1", "expected: [1]: wanted"},
    {"expected holds no host", "b.c", "b_c", "expected: [1]: wanted"},
    {"expected in capitals", "b.c", "B.c", "expected: [1]: wanted"},
    {"expected twice", "b.c", "a", "expected: [1]: not in order"},
    {"expected not in order", "\"a\",", "\"z\",", "expected: [1]: not in"},
    {"_any with hosts", "group:web", "_any", "expected: must be empty"},
    {"33 levels", "\"b\":1",
     "\"b\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
     "deeper"},
};

static void
refuses_jobs_with_one_thing_wrong(void)
{
	for (size_t i = 0; i < COUNT(job_edits); i++) {
		const struct edit *row = &job_edits[i];
		char *text = edited(job_text, row->cut, row->put);
		struct job job = {.id = "untouched"};
		struct err_info info = {""};

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		IS_INT(row->why, job_decode(text, strlen(text), &job, &info),
		       ERR_INVALID);
		HAS_TEXT(row->why, info.text, row->says);
		HAS_TEXT(row->why, info.text, "job: ");
		IS_TEXT("untouched", job.id, "untouched");
		free(text);
	}
}

static void
passes_over_members_that_it_does_not_know(void)
{
	char *text = edited(job_text, "\"kind\"", "\"new\":[1],\"kind\"");
	struct job job = {.id = ""};

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	IS_INT("one more member", job_decode(text, strlen(text), &job, NULL),
	       ERR_OK);
	job_release(&job);
	free(text);
}

static void
takes_no_more_hosts_than_its_limit(void)
{
	struct job job = plain_job();
	struct err_info info = {""};
	char *text = NULL;
	size_t size = 0;

	job.target.kind = TARGET_ALL;
	job.expected = json_array();
	for (int i = 0; i < JOB_EXPECTED_MAX; i++) {
		char host[16];

		snprintf(host, sizeof(host), "h%06d", i);
		json_array_append_new(job.expected, json_string(host));
	}
	IS_INT("4096", job_encode(&job, &text, &size, &info), ERR_OK);
	free(text);
	json_array_append_new(job.expected, json_string("z"));
	IS_INT("4097", job_encode(&job, &text, &size, &info), ERR_INVALID);
	HAS_TEXT("says the limit", info.text, "more than 4096");
	job_release(&job);
}

static const char event_text[] =
    "{\"job_id\":\"" ID "\",\"event\":\"failed\",\"hostname\":\"a.b\","
    "\"timestamp\":\"2026-01-01T00:00:00.123Z\","
    "\"unix_nano\":1767225600123456789,"
    "\"data\":{\"message\":\"m\",\"error\":\"e\"}}";

static void
reads_and_writes_events(void)
{
	struct event event = {.job_id = ""};
	struct err_info info = {""};
	char *text = NULL;
	size_t size = 0;

	IS_INT("decodes",
	       event_decode(event_text, strlen(event_text), &event, &info),
	       ERR_OK);
	IS_TEXT("job", event.job_id, ID);
	IS_INT("event", event.event, JOB_EVENT_FAILED);
	IS_TEXT("host", event.hostname, "a.b");
	IS_INT("nanoseconds stay", event.unix_nano,
	       INT64_C(1767225600123456789));
	IS_TEXT("message", event.message, "m");
	IS_TEXT("error", event.error, "e");
	IS_INT("encodes", event_encode(&event, &text, &size), ERR_OK);
	IS_TEXT("the same", text, event_text);
	free(text);
	event.message[0] = event.error[0] = '\0';
	IS_INT("encodes", event_encode(&event, &text, &size), ERR_OK);
	HAS_TEXT("data is always there", text, "\"data\":{}");
	free(text);
}

static void
loses_no_result_for_the_wording_of_its_error(void)
{
	static const struct {
		const char *why;
		const char *error;
		const char *written;
	} rows[] = {
	    {"Latin-1", "caf\xe9!", "\"caf?!\""},
	    {"cut within a character", "ab\xe2\x82", "\"ab??\""},
	    {"a surrogate", "\xed\xa0\x80", "\"???\""},
	    {"overlong", "\xc0\xaf\xe0\x80\x80", "\"?????\""},
	    {"beyond Unicode", "\xf4\x90\x80\x80", "\"????\""},
	    {"four octets are fine", "\xf0\x9f\x98\x80",
	     "\"\xf0\x9f\x98\x80\""},
	    {"line end", "a\nb", "\"a\\nb\""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct event event = {.job_id = ID, .hostname = "h"};
		struct err_info info = {""};
		char *text = NULL;
		size_t size = 0;

		snprintf(event.error, sizeof(event.error), "%s", rows[i].error);
		IS_INT(rows[i].why, event_encode(&event, &text, &size), ERR_OK);
		HAS_TEXT(rows[i].why, text, rows[i].written);
		IS_INT("readable", event_decode(text, size, &event, &info),
		       ERR_OK);
		free(text);
	}
}

static void
writes_the_longest_texts_of_an_event(void)
{
	struct event event = {.job_id = ID, .hostname = "h"};
	char *text = NULL;
	size_t size = 0;

	memset(event.error, 1, sizeof(event.error) - 1);
	memset(event.message, 1, sizeof(event.message) - 1);
	IS_INT("all escaped", event_encode(&event, &text, &size), ERR_OK);
	IS_INT("readable", event_decode(text, size, &event, NULL), ERR_OK);
	IS_INT("whole", strlen(event.error), JOB_ERROR_MAX - 1);
	free(text);
}

static void
refuses_events_with_one_thing_wrong(void)
{
	static const struct edit rows[] = {
	    {"job", ID, "x", "event: job_id: wanted a UUID"},
	    {"unknown event", "failed", "burst", "event: unknown word"},
	    {"no host", "a.b", "a_b", "hostname: wanted"},
	    {"real time", "1767225600123456789", "1.5", "unix_nano: wanted"},
	    {"negative", "1767225600123456789", "-1", "unix_nano: wanted"},
	    {"huge", "1767225600123456789", "99999999999999999999", "JSON"},
	    {"no data", "\"data\"", "\"date\"", "data: is missing"},
	    {"data a list", "{\"message\":\"m\",\"error\":\"e\"}", "[]",
	     "data: wanted an object"},
	    {"error a number", "\"e\"}", "1}", "data: error: wanted a string"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = edited(event_text, rows[i].cut, rows[i].put);
		struct event event = {.job_id = "untouched"};
		struct err_info info = {""};

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		IS_INT(rows[i].why,
		       event_decode(text, strlen(text), &event, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].says);
		IS_TEXT("untouched", event.job_id, "untouched");
		free(text);
	}
}

static void
reads_and_writes_responses(void)
{
	struct response done = {
	    .job_id = ID, .hostname = "h", .timestamp_ns = CREATED};
	struct response failed = {.job_id = ID,
				  .hostname = "h",
				  .failed = true,
				  .error = "no such interface",
				  .timestamp_ns = CREATED};
	struct response back = {.job_id = ""};
	char *text = NULL;
	size_t size = 0;

	done.data = json_pack("{s:s}", "hostname", "h");
	IS_INT("completed", response_encode(&done, &text, &size), ERR_OK);
	IS_TEXT("document", text,
		"{\"job_id\":\"" ID "\",\"status\":\"completed\","
		"\"data\":{\"hostname\":\"h\"},\"hostname\":\"h\","
		"\"timestamp\":\"2026-01-01T00:00:00.123Z\"}");
	IS_INT("decodes", response_decode(text, size, &back, NULL), ERR_OK);
	OK("not failed", !back.failed);
	IS_TEXT("data", json_member_string(back.data, "hostname"), "h");
	free(text);
	response_release(&back);
	IS_INT("failed", response_encode(&failed, &text, &size), ERR_OK);
	IS_TEXT("document", text,
		"{\"job_id\":\"" ID "\",\"status\":\"failed\","
		"\"error\":\"no such interface\",\"hostname\":\"h\","
		"\"timestamp\":\"2026-01-01T00:00:00.123Z\"}");
	IS_INT("decodes", response_decode(text, size, &back, NULL), ERR_OK);
	OK("failed", back.failed);
	IS_TEXT("error", back.error, "no such interface");
	OK("no data", back.data == NULL);
	free(text);
	done.failed = true;
	IS_INT("failed with data", response_encode(&done, &text, &size),
	       ERR_INVALID);
	response_release(&done);
}

static void
refuses_a_failed_response_with_data(void)
{
	static const char text[] =
	    "{\"job_id\":\"" ID "\",\"status\":\"failed\",\"data\":{},"
	    "\"hostname\":\"h\",\"timestamp\":\"2026-01-01T00:00:00Z\"}";
	struct response response = {.job_id = "untouched"};
	struct err_info info = {""};

	IS_INT("refused", response_decode(text, strlen(text), &response, &info),
	       ERR_INVALID);
	HAS_TEXT("says so", info.text, "data: not with status failed");
	IS_TEXT("untouched", response.job_id, "untouched");
}

static void
reads_and_writes_heartbeats(void)
{
	struct heartbeat beat = {.hostname = "a.b",
				 .instance = ID,
				 .version = "0.1",
				 .os = "Debian 12",
				 .started_ns = CREATED,
				 .seen_ns = CREATED + CLOCK_NS_PER_S,
				 .running = 1,
				 .completed = 20,
				 .failed = 3};
	struct heartbeat back = {.hostname = ""};
	char *text = NULL;
	size_t size = 0;

	beat.labels = json_pack("{s:s}", "group", "web.dev");
	beat.providers = json_pack("{s:s}", "dns", "resolved");
	IS_INT("encodes", heartbeat_encode(&beat, &text, &size), ERR_OK);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	IS_INT("decodes", heartbeat_decode(text, size, &back, NULL), ERR_OK);
	IS_TEXT("host", back.hostname, "a.b");
	IS_TEXT("instance", back.instance, ID);
	IS_TEXT("version", back.version, "0.1");
	IS_TEXT("os", back.os, "Debian 12");
	IS_TEXT("label", json_member_string(back.labels, "group"), "web.dev");
	IS_TEXT("provider", json_member_string(back.providers, "dns"),
		"resolved");
	IS_INT("started", back.started_ns, CREATED);
	IS_INT("seen", back.seen_ns, CREATED + CLOCK_NS_PER_S);
	IS_INT("counts",
	       back.running * 10000 + back.completed * 100 + back.failed,
	       12003);
	free(text);
	heartbeat_release(&back);
	json_object_set_new(beat.labels, "group", json_string("a b"));
	IS_INT("a label that no subject can hold",
	       heartbeat_encode(&beat, &text, &size), ERR_INVALID);
	json_object_set_new(beat.labels, "group", json_integer(1));
	IS_INT("a label that is a number",
	       heartbeat_encode(&beat, &text, &size), ERR_INVALID);
	heartbeat_release(&beat);
}

static void
computes_the_status_from_counts(void)
{
	static const struct {
		const char *why;
		size_t expected, begun, completed, failed;
		enum job_status status;
	} rows[] = {
	    {"nobody began", 1, 0, 0, 0, JOB_SUBMITTED},
	    {"nobody of three began", 3, 0, 0, 0, JOB_SUBMITTED},
	    {"one began", 1, 1, 0, 0, JOB_PROCESSING},
	    {"one of three began", 3, 1, 0, 0, JOB_PROCESSING},
	    {"one of three completed", 3, 1, 1, 0, JOB_PROCESSING},
	    {"one of three failed", 3, 1, 0, 1, JOB_PROCESSING},
	    {"two of three ended", 3, 3, 1, 1, JOB_PROCESSING},
	    {"completed", 1, 1, 1, 0, JOB_COMPLETED},
	    {"all three completed", 3, 3, 3, 0, JOB_COMPLETED},
	    {"failed", 1, 1, 0, 1, JOB_FAILED},
	    {"all three failed", 3, 3, 0, 3, JOB_FAILED},
	    {"some of three failed", 3, 3, 2, 1, JOB_PARTIAL_FAILURE},
	    {"failed before anybody began", 1, 0, 0, 1, JOB_FAILED},
	    {"two answered where one was asked", 1, 2, 2, 0, JOB_COMPLETED},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		IS_TEXT(rows[i].why,
			job_status_text(job_status_compute(
			    rows[i].expected, rows[i].begun, rows[i].completed,
			    rows[i].failed)),
			job_status_text(rows[i].status));
}

static void
knows_its_words(void)
{
	for (unsigned i = 0; i < JOB_STATUS_COUNT; i++) {
		enum job_status status = JOB_STATUS_COUNT;

		IS_INT("status",
		       job_status_parse(job_status_text((enum job_status)i),
					&status),
		       ERR_OK);
		IS_INT("status", status, i);
		IS_INT("final", job_status_final((enum job_status)i),
		       i >= JOB_COMPLETED);
	}
	IS_INT("unknown status", job_status_parse("", &(enum job_status){0}),
	       ERR_INVALID);
}

const struct unit_case unit_cases[] = {
    {"reads and writes a job to the same octets",
     reads_and_writes_a_job_to_the_same_octets},
    {"leaves out what a job does not have",
     leaves_out_what_a_job_does_not_have},
    {"refuses to write what could not be read",
     refuses_to_write_what_could_not_be_read},
    {"refuses to write numbers and values that cannot be",
     refuses_to_write_numbers_and_values_that_cannot_be},
    {"refuses a job over its limit", refuses_a_job_over_its_limit},
    {"refuses jobs with one thing wrong", refuses_jobs_with_one_thing_wrong},
    {"passes over members that it does not know",
     passes_over_members_that_it_does_not_know},
    {"takes no more hosts than its limit", takes_no_more_hosts_than_its_limit},
    {"reads and writes events", reads_and_writes_events},
    {"loses no result for the wording of its error",
     loses_no_result_for_the_wording_of_its_error},
    {"writes the longest texts of an event",
     writes_the_longest_texts_of_an_event},
    {"refuses events with one thing wrong",
     refuses_events_with_one_thing_wrong},
    {"reads and writes responses", reads_and_writes_responses},
    {"refuses a failed response with data",
     refuses_a_failed_response_with_data},
    {"reads and writes heartbeats", reads_and_writes_heartbeats},
    {"computes the status from counts", computes_the_status_from_counts},
    {"knows its words", knows_its_words},
    {NULL, NULL},
};
const char unit_name[] = "job";
