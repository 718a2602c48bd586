/* t/unit/span.c: lib/span.h: whatever is put in, valid OTLP/JSON comes out. */
#include "lib/span.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "t/unit/unit.h"

#define ID     "0af7651916cd43dd8448eb211c80319c"
#define SPAN   "b7ad6b7169203331"
#define PARENT "00f067aa0ba902b7"

static const struct trace trace = {.id = ID, .span = SPAN, .sampled = true};

/* The span as a collector reads it; the caller owns it. */
static json_t *
written(const struct span *span, size_t *size)
{
	struct err_info info = {""};
	char text[SPAN_SIZE];
	json_t *json = NULL;

	*size = span_write(span, text);
	OK("within its bound", *size <= SPAN_SIZE);
	OK("one line", !memchr(text, '\n', *size) &&
			   !memmem(text, *size, "\xe2\x80\xa8", 3));
	IS_INT(info.text, json_parse(text, *size, &json, &info), ERR_OK);
	return json;
}

/* The text of an attribute; "" where there is none. */
static const char *
attribute(const json_t *span, const char *key, const char *form)
{
	const json_t *list = json_object_get(span, "attributes");
	const char *text;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		if (strcmp(json_member_string(one, "key"), key) != 0)
			continue;
		text = json_member_string(json_object_get(one, "value"), form);
		return text ? text : "";
	}
	return "";
}

static void
writes_a_span(void)
{
	const struct span_attribute attributes[] = {
	    SPAN_T("http.route", "/api/v1/jobs/{id}"),
	    SPAN_N("http.response.status_code", 200),
	    SPAN_N("least", INT64_MIN),
	    SPAN_T("missing", NULL),
	    SPAN_T("empty", ""),
	    SPAN_N("zero", 0),
	    {.key = NULL},
	};
	const struct span span = {.trace = &trace,
				  .parent = PARENT,
				  .remote = true,
				  .kind = SPAN_SERVER,
				  .name = "GET /api/v1/jobs/{id}",
				  .start_ns = INT64_C(1790000000123456789),
				  .end_ns = INT64_C(1790000000123999999),
				  .attributes = attributes};
	size_t size;
	json_t *json = written(&span, &size);

	IS_TEXT("trace", json_member_string(json, "traceId"), ID);
	IS_TEXT("span", json_member_string(json, "spanId"), SPAN);
	IS_TEXT("parent", json_member_string(json, "parentSpanId"), PARENT);
	IS_TEXT("name", json_member_string(json, "name"), span.name);
	IS_INT("kind", json_member_int(json, "kind", -1), 2);
	IS_INT("sampled, the parent is remote",
	       json_member_int(json, "flags", -1), 0x301);
	IS_TEXT("nanoseconds as a string",
		json_member_string(json, "startTimeUnixNano"),
		"1790000000123456789");
	IS_TEXT("and the end", json_member_string(json, "endTimeUnixNano"),
		"1790000000123999999");
	IS_TEXT("a text", attribute(json, "http.route", "stringValue"),
		"/api/v1/jobs/{id}");
	IS_TEXT("a number as a string",
		attribute(json, "http.response.status_code", "intValue"),
		"200");
	IS_TEXT("the least", attribute(json, "least", "intValue"),
		"-9223372036854775808");
	IS_INT("what is empty is left out",
	       json_array_size(json_object_get(json, "attributes")), 3);
	OK("none was dropped",
	   !json_object_get(json, "droppedAttributesCount"));
	OK("no status", !json_object_get(json, "status"));
	json_decref(json);
}

static void
tells_failures_and_roots(void)
{
	const struct span span = {.trace = &trace,
				  .kind = SPAN_INTERNAL,
				  .name = "x",
				  .failed = true,
				  .error = "no such interface"};
	size_t size;
	json_t *json = written(&span, &size);
	const json_t *status = json_object_get(json, "status");

	OK("a root has no parent", !json_object_get(json, "parentSpanId"));
	IS_INT("error", json_member_int(status, "code", -1), 2);
	IS_TEXT("why", json_member_string(status, "message"),
		"no such interface");
	json_decref(json);
}

static void
escapes_what_comes_from_outside(void)
{
	static const char hostile[] =
	    "a\"b\\c\n\x01\x7f \xc3\xa4 \xff\xc3 "
	    "\xed\xa0\x80 \xf0\x9f\x98\x80\xe2\x80\xa8"
	    "\xe2\x82\xac";
	struct trace stated = trace;
	const struct span_attribute attributes[] = {
	    SPAN_T("user_agent.original", hostile),
	    {.key = NULL},
	};
	const struct span span = {.trace = &stated,
				  .kind = SPAN_SERVER,
				  .name = hostile,
				  .failed = true,
				  .error = hostile,
				  .attributes = attributes};
	static const char wanted[] =
	    "a\"b\\c\n\x01\x7f \xc3\xa4 \xef\xbf\xbd\xef\xbf\xbd "
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xf0\x9f\x98\x80"
	    "\xe2\x80\xa8\xe2\x82\xac";
	size_t size;
	json_t *json;

	memcpy(stated.state, "a=\"\\", sizeof("a=\"\\"));
	json = written(&span, &size);
	IS_TEXT("the name", json_member_string(json, "name"), wanted);
	IS_TEXT("an attribute",
		attribute(json, "user_agent.original", "stringValue"), wanted);
	IS_TEXT("the state", json_member_string(json, "traceState"), "a=\"\\");
	json_decref(json);
}

/* Every size of texts, of octets of every cost. */
static void
stays_within_its_bounds(void)
{
	static const char *const fills[] = {"x", "\x01", "\xff", "\xc3\xa4",
					    "\xf0\x9f\x98\x80"};
	struct trace stated = trace;
	struct span_attribute attributes[21] = {{.key = NULL}};
	char text[400];
	size_t i, k, n, size;

	memset(stated.state, '"', TRACE_STATE_SIZE - 1);
	for (i = 0; i < sizeof(fills) / sizeof(*fills); i++) {
		for (n = 0; n < 390; n += n < 20 ? 1 : 37) {
			struct span span = {.trace = &stated,
					    .kind = SPAN_CLIENT,
					    .name = text,
					    .parent = PARENT,
					    .failed = true,
					    .error = text,
					    .attributes = attributes};
			json_t *json;

			text[0] = '\0';
			for (k = 0; k + strlen(fills[i]) <= n;
			     k += strlen(fills[i]))
				memcpy(text + k, fills[i],
				       strlen(fills[i]) + 1);
			for (k = 0; k < 20; k++)
				attributes[k] =
				    (struct span_attribute)SPAN_T("key", text);
			json = written(&span, &size);
			size = json_array_size(
			    json_object_get(json, "attributes"));
			if (text[0])
				IS_INT(
				    "kept and dropped ones are all",
				    (json_int_t)size +
					json_member_int(
					    json, "droppedAttributesCount", 0),
				    20);
			OK("no text is longer than it may be",
			   json_string_length(json_object_get(json, "name")) <=
			       (size_t)3 * SPAN_TEXT_MAX);
			json_decref(json);
		}
	}
}

static void
names_the_process(void)
{
	const struct span_resource resource = {.service = "osapi-fcgi",
					       .version = "0.1.0",
					       .host = "web-01",
					       .instance = "i\"1"};
	char text[SPAN_PREFIX_SIZE + SPAN_SIZE + sizeof(SPAN_SUFFIX)];
	const struct span span = {
	    .trace = &trace, .kind = SPAN_SERVER, .name = "x"};
	size_t size = span_prefix(&resource, text);
	const json_t *one;
	json_t *json = NULL;

	size += span_write(&span, text + size);
	memcpy(text + size, SPAN_SUFFIX, sizeof(SPAN_SUFFIX));
	size += sizeof(SPAN_SUFFIX) - 1;
	IS_INT("a whole request", json_parse(text, size, &json, NULL), ERR_OK);
	one = json_array_get(json_object_get(json, "resourceSpans"), 0);
	IS_TEXT("the service",
		attribute(json_object_get(one, "resource"), "service.name",
			  "stringValue"),
		"osapi-fcgi");
	IS_TEXT("the instance",
		attribute(json_object_get(one, "resource"),
			  "service.instance.id", "stringValue"),
		"i\"1");
	one = json_array_get(json_object_get(one, "scopeSpans"), 0);
	one = json_array_get(json_object_get(one, "spans"), 0);
	IS_TEXT("the span", json_member_string(one, "traceId"), ID);
	json_decref(json);
}

static void
bounds_the_name_of_the_process(void)
{
	char host[600], text[SPAN_PREFIX_SIZE];
	const struct span_resource resource = {.service = "osapi-fcgi",
					       .version = "0.1.0",
					       .host = host,
					       .instance = host};

	memset(host, '\x01', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	OK("within its bound", span_prefix(&resource, text) <= sizeof(text));
}

const char unit_name[] = "span";
const struct unit_case unit_cases[] = {
    {"writes a span as OTLP has it", writes_a_span},
    {"tells failures, and leaves out a parent", tells_failures_and_roots},
    {"escapes what comes from outside", escapes_what_comes_from_outside},
    {"stays within its bounds", stays_within_its_bounds},
    {"names the process", names_the_process},
    {"bounds the name of the process", bounds_the_name_of_the_process},
    {NULL, NULL},
};
