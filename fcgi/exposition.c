/*
 * fcgi/exposition.c: see exposition.h.
 */
#include "fcgi/exposition.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define US_PER_S 1000000

/* ---- content negotiation ---- */

static const struct offer {
	const char *type, *subtype, *version;
	const char *content_type;
} offers[] = {
    [EXPOSITION_TEXT] = {"text", "plain", "0.0.4",
			 "text/plain; version=0.0.4; charset=utf-8"},
    [EXPOSITION_OPENMETRICS] = {"application", "openmetrics-text", "1.0.0",
				"application/openmetrics-text; version=1.0.0; "
				"charset=utf-8"},
};

struct span { /* of the header; blanks around it cut off */
	const char *text;
	size_t size;
};

struct wish {         /* how much an offer is wanted */
	int specific; /* 0 not at all, 1 any, 2 any of its type, 3 by name */
	long quality; /* thousandths */
};

/* Cuts the next part up to `separator` off *rest. */
static struct span
next(const char **rest, const char *end, char separator)
{
	const char *from = *rest, *to = from;

	while (to < end && *to != separator)
		to++;
	*rest = to < end ? to + 1 : end;
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return (struct span){from, (size_t)(to - from)};
}

static bool
is(const struct span *span, const char *text)
{
	return span->size == strlen(text) &&
	       strncasecmp(span->text, text, span->size) == 0;
}

/* "0.75" as 750; what is no number of RFC 9110 counts as 0. */
static long
quality(const struct span *value)
{
	long n = 0, digit = 1000;

	for (size_t i = 0; i < value->size; i++) {
		char c = value->text[i];

		if (i == 1 ? c != '.' : c < '0' || c > '9')
			return 0;
		if (i != 1) {
			n += (c - '0') * digit;
			digit /= 10;
		}
	}
	return n > 1000 ? 1000 : n;
}

/* How well a media range fits, 0 not. */
static int
fits(const struct span *range, const struct offer *offer)
{
	const char *at = range->text, *end = at + range->size;
	struct span type = next(&at, end, '/');
	struct span subtype = next(&at, end, '/');

	if (is(&type, "*") && is(&subtype, "*"))
		return 1;
	if (!is(&type, offer->type))
		return 0;
	if (is(&subtype, "*"))
		return 2;
	return is(&subtype, offer->subtype) ? 3 : 0;
}

/* One element of the header, against one offer. */
static void
weigh(const struct span *element, const struct offer *offer, struct wish *wish)
{
	const char *at = element->text, *end = at + element->size;
	struct span part = next(&at, end, ';');
	int specific = fits(&part, offer);
	long q = 1000;

	while (at < end) {
		struct span name, value;
		const char *inner;

		part = next(&at, end, ';');
		inner = part.text;
		name = next(&inner, part.text + part.size, '=');
		value = next(&inner, part.text + part.size, '=');
		if (is(&name, "q"))
			q = quality(&value);
		else if (is(&name, "version") && !is(&value, offer->version))
			return;
	}
	if (specific > wish->specific ||
	    (specific && specific == wish->specific && q > wish->quality))
		*wish = (struct wish){specific, q};
}

enum exposition_format
exposition_choose(const char *accept)
{
	struct wish wishes[2] = {{0, 0}, {0, 0}};
	const char *end = accept ? accept + strlen(accept) : NULL;
	const struct wish *text = &wishes[EXPOSITION_TEXT];
	const struct wish *open = &wishes[EXPOSITION_OPENMETRICS];

	while (accept && accept < end) {
		struct span element = next(&accept, end, ',');

		for (size_t i = 0; i < 2; i++)
			weigh(&element, &offers[i], &wishes[i]);
	}
	if (open->quality > text->quality ||
	    (open->quality && open->quality == text->quality &&
	     open->specific == 3))
		return EXPOSITION_OPENMETRICS;
	return EXPOSITION_TEXT;
}

const char *
exposition_type(enum exposition_format format)
{
	return offers[format].content_type;
}

/* ---- writing ---- */

static const struct {
	const char *text, *open; /* what the type is called */
	const char *suffix;      /* of its samples in OpenMetrics alone */
} kinds[] = {
    [EXPOSITION_COUNTER] = {"counter", "counter", "_total"},
    [EXPOSITION_GAUGE] = {"gauge", "gauge", ""},
    [EXPOSITION_HISTOGRAM] = {"histogram", "histogram", ""},
    [EXPOSITION_INFO] = {"gauge", "info", "_info"},
};

void
exposition_family(struct exposition *e, enum exposition_kind kind,
		  const char *name, const char *unit, const char *help)
{
	bool open = e->format == EXPOSITION_OPENMETRICS;
	int size = (int)strlen(name);

	if (open)
		size -= (int)strlen(kinds[kind].suffix);
	e->name = name;
	fprintf(e->out, "# HELP %.*s %s\n", size, name, help);
	fprintf(e->out, "# TYPE %.*s %s\n", size, name,
		open ? kinds[kind].open : kinds[kind].text);
	if (open && unit)
		fprintf(e->out, "# UNIT %.*s %s\n", size, name, unit);
}

static void
begin(struct exposition *e, const char *suffix, const char *labels)
{
	if (*labels)
		fprintf(e->out, "%s%s{%s} ", e->name, suffix, labels);
	else
		fprintf(e->out, "%s%s ", e->name, suffix);
}

static void
write_seconds(FILE *out, int64_t us)
{
	uint64_t size = us < 0 ? -(uint64_t)us : (uint64_t)us;
	uint64_t rest = size % US_PER_S;
	int digits = 6;

	while (digits > 1 && rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	fprintf(out, "%s%" PRIu64 ".%0*" PRIu64, us < 0 ? "-" : "",
		size / US_PER_S, digits, rest);
}

void
exposition_number(struct exposition *e, const char *labels, int64_t value)
{
	begin(e, "", labels);
	fprintf(e->out, "%" PRId64 "\n", value);
}

void
exposition_seconds(struct exposition *e, const char *labels, int64_t us)
{
	begin(e, "", labels);
	write_seconds(e->out, us);
	putc('\n', e->out);
}

/* One bound; 0 stands for +Inf. */
static void
write_bucket(struct exposition *e, const char *labels, int64_t bound_us,
	     int64_t count)
{
	fprintf(e->out, "%s_bucket{%s%sle=\"", e->name, labels,
		*labels ? "," : "");
	if (bound_us)
		write_seconds(e->out, bound_us);
	else
		fputs("+Inf", e->out);
	fprintf(e->out, "\"} %" PRId64 "\n", count);
}

void
exposition_histogram(struct exposition *e, const char *labels,
		     const int64_t *bounds_us, const int64_t *counts, size_t n,
		     int64_t sum_us)
{
	int64_t count = 0;

	for (size_t i = 0; i <= n; i++) {
		count += counts[i];
		write_bucket(e, labels, i < n ? bounds_us[i] : 0, count);
	}
	begin(e, "_sum", labels);
	write_seconds(e->out, sum_us);
	putc('\n', e->out);
	begin(e, "_count", labels);
	fprintf(e->out, "%" PRId64 "\n", count);
}

void
exposition_end(struct exposition *e)
{
	if (e->format == EXPOSITION_OPENMETRICS)
		fputs("# EOF\n", e->out);
}

void
exposition_label(char *labels, size_t size, const char *name, const char *value)
{
	size_t used = strlen(labels), at = used;
	int n =
	    snprintf(labels + at, size - at, "%s%s=\"", used ? "," : "", name);

	at += n > 0 ? (size_t)n : size;
	for (; *value; value++) {
		bool escape = strchr("\\\"\n", *value) != NULL;

		if (at + escape + 3 > size)
			break; /* no room for it, a quote and a NUL */
		if (escape)
			labels[at++] = '\\';
		labels[at++] = *value == '\n' ? 'n' : *value;
	}
	if (*value || at + 2 > size) {
		labels[used] = '\0';
		return;
	}
	labels[at++] = '"';
	labels[at] = '\0';
}
