/*
 * lib/span.c: one span as OTLP/JSON.
 *
 * Written by hand into the caller's buffer, as it is done once or more for
 * each request: no allocation, no tree, no format to be read.
 */
#include "lib/span.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/utf8.h"

#define FIXED_SIZE    80 /* kept free for what must follow: "must" */
#define FIXED_PREFIX  160
#define FLAG_SAMPLED  0x001U /* of OTLP's Span.flags */
#define FLAG_KNOWN    0x100U /* whether the parent is remote is known */
#define FLAG_REMOTE   0x200U
#define STATUS_FAILED 2

_Static_assert(SPAN_PREFIX_SIZE + SPAN_SIZE + sizeof(SPAN_SUFFIX) + 1 <=
		   PIPE_BUF,
	       "a span goes through a pipe in one piece");

struct text {
	char *buf;
	size_t used;
	size_t size; /* nothing but what must be is written behind it */
	bool cut;    /* something did not fit */
};

static void
add(struct text *t, const char *text, size_t size)
{
	if (t->cut || t->used + size > t->size) {
		t->cut = true;
		return;
	}
	memcpy(t->buf + t->used, text, size);
	t->used += size;
}

static void
add_plain(struct text *t, const char *text)
{
	add(t, text, strlen(text));
}

/* What makes it whole: there is room, as `size` left it. */
static void
must(struct text *t, const char *text)
{
	size_t size = strlen(text);

	memcpy(t->buf + t->used, text, size);
	t->used += size;
}

/* Octets that need no escape. */
static size_t
as_it_is(const char *text, size_t max)
{
	size_t n = 0;

	while (n < max && text[n] >= 0x20 && text[n] < 0x7f && text[n] != '"' &&
	       text[n] != '\\')
		n++;
	return n;
}

/* One that is not plain ASCII, of `n` octets; 0: an octet that is none. */
static void
add_character(struct text *t, const char *text, size_t n)
{
	unsigned code = n == 0   ? 0xfffd
			: n == 1 ? (unsigned char)*text
				 : utf8_misleading(text);
	char escape[8];

	if (!code && n > 1) {
		add(t, text, n);
		return;
	}
	snprintf(escape, sizeof(escape), "\\u%04x", code & 0xffffU);
	add_plain(t, escape);
}

/* A JSON string of at most SPAN_TEXT_MAX octets of the text. */
static void
add_string(struct text *t, const char *text)
{
	const char *end = text + strnlen(text, SPAN_TEXT_MAX);
	size_t n;

	add_plain(t, "\"");
	while (text < end && !t->cut) {
		n = as_it_is(text, (size_t)(end - text));
		if (n) {
			add(t, text, n);
			text += n;
			continue;
		}
		n = utf8_length(text);
		if (n > (size_t)(end - text))
			break; /* cut in the middle of a character */
		add_character(t, text, n);
		text += n ? n : 1;
	}
	add_plain(t, "\"");
}

static void
add_member(struct text *t, const char *before, const char *text)
{
	add_plain(t, before);
	add_string(t, text);
}

static void
add_number(struct text *t, const char *before, int64_t number)
{
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (number < 0)
		digits[--at] = '-';
	add_plain(t, before);
	add(t, digits + at, sizeof(digits) - at);
}

static void
add_attribute(struct text *t, const struct span_attribute *a, bool first)
{
	add_member(t, first ? "{\"key\":" : ",{\"key\":", a->key);
	if (a->type == SPAN_TEXT) {
		add_member(t, ",\"value\":{\"stringValue\":", a->text);
		add_plain(t, "}}");
		return;
	}
	add_number(t, ",\"value\":{\"intValue\":\"", a->number);
	add_plain(t, "\"}}");
}

static bool
is_nothing(const struct span_attribute *a)
{
	if (a->type == SPAN_NUMBER)
		return a->number == 0;
	return !a->text || !*a->text;
}

/* All or nothing of each; returns how many were left out. */
static unsigned
add_attributes(struct text *t, const struct span_attribute *a)
{
	unsigned dropped = 0;
	bool first = true;

	for (; a && a->key; a++) {
		size_t before = t->used;

		if (is_nothing(a))
			continue;
		add_attribute(t, a, first);
		if (t->cut) {
			t->used = before;
			t->cut = false;
			dropped++;
			continue;
		}
		first = false;
	}
	return dropped;
}

static void
add_head(struct text *t, const struct span *span)
{
	const struct trace *trace = span->trace;
	unsigned flags = FLAG_KNOWN | (span->remote ? FLAG_REMOTE : 0) |
			 (trace->sampled ? FLAG_SAMPLED : 0);

	add_member(t, "{\"traceId\":", trace->id);
	add_member(t, ",\"spanId\":", trace->span);
	if (span->parent && *span->parent)
		add_member(t, ",\"parentSpanId\":", span->parent);
	add_member(t, ",\"name\":", span->name);
	add_number(t, ",\"flags\":", flags);
	add_number(t, ",\"kind\":", span->kind);
	add_number(t, ",\"startTimeUnixNano\":\"", span->start_ns);
	add_number(t, "\",\"endTimeUnixNano\":\"", span->end_ns);
	add_plain(t, "\"");
}

/* A member that is left out where there is no room. */
static void
add_optional(struct text *t, const char *before, const char *text)
{
	size_t used = t->used;

	if (!text || !*text)
		return;
	add_member(t, before, text);
	if (!t->cut)
		return;
	t->used = used;
	t->cut = false;
}

/* tracestate is longer than other texts; of all that is printable ASCII, two
 * characters need an escape. */
static void
add_state(struct text *t, const char *state)
{
	size_t used = t->used;

	if (!*state)
		return;
	add_plain(t, ",\"traceState\":\"");
	for (; *state; state++) {
		if (*state == '"' || *state == '\\')
			add_plain(t, "\\");
		add(t, state, 1);
	}
	add_plain(t, "\"");
	if (!t->cut)
		return;
	t->used = used;
	t->cut = false;
}

size_t
span_write(const struct span *span, char buf[static SPAN_SIZE])
{
	struct text t = {.buf = buf, .size = SPAN_SIZE - FIXED_SIZE};
	char tail[48];
	unsigned dropped;

	add_head(&t, span);
	if (span->failed) {
		snprintf(tail, sizeof(tail), ",\"status\":{\"code\":%d",
			 STATUS_FAILED);
		add_plain(&t, tail);
		add_optional(&t, ",\"message\":", span->error);
		must(&t, "}");
	}
	add_state(&t, span->trace->state);
	must(&t, ",\"attributes\":[");
	dropped = add_attributes(&t, span->attributes);
	snprintf(tail, sizeof(tail), "],\"droppedAttributesCount\":%u}",
		 dropped);
	must(&t, dropped ? tail : "]}");
	return t.used;
}

size_t
span_prefix(const struct span_resource *resource,
	    char buf[static SPAN_PREFIX_SIZE])
{
	struct text t = {.buf = buf, .size = SPAN_PREFIX_SIZE - FIXED_PREFIX};
	const struct span_attribute attributes[] = {
	    SPAN_T("service.name", resource->service),
	    SPAN_T("service.version", resource->version),
	    SPAN_T("service.instance.id", resource->instance),
	    SPAN_T("host.name", resource->host),
	    {.key = NULL},
	};

	add_plain(&t, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
	add_attributes(&t, attributes);
	must(&t, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"osapi\"},"
		 "\"spans\":[");
	return t.used;
}
