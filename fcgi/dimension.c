/*
 * fcgi/dimension.c: see dimension.h; every value's labels, written once.
 */
#include "fcgi/dimension.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth.h"
#include "lib/job.h"

#define STATUS_MAX 600 /* above all statuses of HTTP */

/* RFC 9110 and PATCH; the last stands for all others. */
static const char *const methods[] = {"GET",     "HEAD",    "POST",  "PUT",
				      "DELETE",  "OPTIONS", "PATCH", "TRACE",
				      "CONNECT", "_OTHER"};

/* What the API answers; 499: its client left first.  0 stands for others. */
static const int codes[] = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409,
			    413, 415, 429, 499, 500, 501, 503, 504, 0};

static const char *const outcomes[] = {"completed", "failed"};
static const char *const buckets[] = {"jobs", "responses"};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct dimensions {
	const struct spec *spec;
	size_t endpoint_count;
	size_t sizes[DIMENSION_COUNT];
	char **labels[DIMENSION_COUNT];
	uint8_t code_numbers[STATUS_MAX];
};

static const char *
reason_text(size_t i)
{
	return auth_reason_text((enum auth_reason)i);
}

static const char *
status_text(size_t i)
{
	return job_status_text((enum job_status)i);
}

static const char *
final_text(size_t i)
{
	return job_status_text((enum job_status)(JOB_COMPLETED + i));
}

static const char *
outcome_text(size_t i)
{
	return outcomes[i];
}

static const char *
bucket_text(size_t i)
{
	return buckets[i];
}

/* Dimensions of one label, whose values are texts by number. */
static const struct {
	enum dimension dimension;
	const char *name;
	size_t size;
	const char *(*text)(size_t value);
} plain[] = {
    {DIMENSION_REASON, "reason", AUTH_REASONS, reason_text},
    {DIMENSION_STATUS, "status", JOB_STATUS_COUNT, status_text},
    {DIMENSION_FINAL, "status", JOB_STATUS_COUNT - JOB_COMPLETED, final_text},
    {DIMENSION_OUTCOME, "outcome", COUNT(outcomes), outcome_text},
    {DIMENSION_BUCKET, "bucket", COUNT(buckets), bucket_text},
};

/* Appends one value's labels.  Their texts are the description's and ours,
 * and need no escapes (a test looks). */
__attribute__((format(printf, 3, 4))) static bool
add(struct dimensions *d, enum dimension dimension, const char *fmt, ...)
{
	char **grown;
	char *text;
	va_list ap;
	int size;

	va_start(ap, fmt);
	size = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (size < 0)
		return false;
	grown = reallocarray(d->labels[dimension], d->sizes[dimension] + 1,
			     sizeof(*grown));
	if (!grown) {
		free(text);
		return false;
	}
	grown[d->sizes[dimension]++] = text;
	d->labels[dimension] = grown;
	return true;
}

static bool
add_route(struct dimensions *d, const char *method, const char *route)
{
	return add(d, DIMENSION_ROUTE,
		   "http_request_method=\"%s\",http_route=\"%s\"", method,
		   route);
}

/* Endpoints by number, the same again for HEAD, what matched none. */
static bool
add_routes(struct dimensions *d)
{
	const struct spec_endpoint *list;
	bool good = true;

	list = spec_endpoints(d->spec, &d->endpoint_count);
	for (size_t i = 0; i < d->endpoint_count; i++)
		good = good && add_route(d, list[i].method, list[i].path);
	for (size_t i = 0; i < d->endpoint_count; i++)
		good = good && add_route(d, "HEAD", list[i].path);
	for (size_t i = 0; i < COUNT(methods); i++)
		good = good && add_route(d, methods[i], "unknown");
	return good;
}

static bool
add_codes(struct dimensions *d)
{
	static const char name[] = "http_response_status_code";
	size_t other = COUNT(codes) - 1;
	bool good = true;

	memset(d->code_numbers, (int)other, sizeof(d->code_numbers));
	for (size_t i = 0; i < other; i++) {
		d->code_numbers[codes[i]] = (uint8_t)i;
		good =
		    good && add(d, DIMENSION_CODE, "%s=\"%d\"", name, codes[i]);
	}
	return good && add(d, DIMENSION_CODE, "%s=\"other\"", name);
}

static bool
add_operations(struct dimensions *d)
{
	const struct spec_operation *list;
	bool good = true;
	size_t n;

	list = spec_operations(d->spec, &n);
	for (size_t i = 0; i < n; i++)
		good = good && add(d, DIMENSION_OPERATION, "operation=\"%s\"",
				   list[i].type);
	return good && add(d, DIMENSION_OPERATION, "operation=\"other\"");
}

static bool
add_plain(struct dimensions *d)
{
	bool good = add(d, DIMENSION_NONE, "%s", "");

	for (size_t i = 0; i < COUNT(plain); i++)
		for (size_t k = 0; k < plain[i].size; k++)
			good = good && add(d, plain[i].dimension, "%s=\"%s\"",
					   plain[i].name, plain[i].text(k));
	return good;
}

enum err
dimensions_new(const struct spec *spec, struct dimensions **dimensions)
{
	struct dimensions *d = calloc(1, sizeof(*d));

	if (!d)
		return ERR_NO_MEMORY;
	d->spec = spec;
	if (!add_routes(d) || !add_codes(d) || !add_operations(d) ||
	    !add_plain(d)) {
		dimensions_free(d);
		return ERR_NO_MEMORY;
	}
	*dimensions = d;
	return ERR_OK;
}

void
dimensions_free(struct dimensions *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < DIMENSION_COUNT; i++) {
		for (size_t k = 0; k < d->sizes[i]; k++)
			free(d->labels[i][k]);
		free(d->labels[i]);
	}
	free(d);
}

size_t
dimension_size(const struct dimensions *d, enum dimension dimension)
{
	return d->sizes[dimension];
}

const char *
dimension_labels(const struct dimensions *d, enum dimension dimension,
		 size_t value)
{
	return d->labels[dimension][value];
}

static size_t
method_number(const char *method)
{
	size_t i = 0;

	while (i < COUNT(methods) - 1 &&
	       (!method || strcmp(methods[i], method) != 0))
		i++;
	return i;
}

size_t
dimension_route(const struct dimensions *d,
		const struct spec_endpoint *endpoint, const char *method)
{
	size_t n;

	if (!endpoint)
		return d->endpoint_count * 2 + method_number(method);
	n = (size_t)(endpoint - spec_endpoints(d->spec, &n));
	return strcmp(method, "HEAD") ? n : d->endpoint_count + n;
}

size_t
dimension_code(const struct dimensions *d, int status)
{
	return status >= 0 && status < STATUS_MAX ? d->code_numbers[status]
						  : COUNT(codes) - 1;
}

size_t
dimension_operation(const struct dimensions *d, int number)
{
	size_t other = d->sizes[DIMENSION_OPERATION] - 1;

	return number >= 0 && (size_t)number < other ? (size_t)number : other;
}

const char *
dimension_method(const char *method)
{
	return methods[method_number(method)];
}
