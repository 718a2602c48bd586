/*
 * lib/job.c: the job document.
 *
 * The order of `fields` is the order of the members, so one job always gives
 * the same octets.  Times are kept to the millisecond.
 */
#include "lib/job.h"

#include <string.h>

#include "lib/document.h"

static const char *const kinds[] = {
    [JOB_QUERY] = "query", [JOB_MODIFY] = "modify", NULL};
static const char *const lanes[] = {
    [JOB_BATCH] = "batch", [JOB_LIVE] = "live", NULL};

/* "network.dns.get": words of lower case letters, digits and "_". */
static bool
is_type(const char *at)
{
	char before = '.';

	for (; *at; before = *at++) {
		bool word = (*at >= 'a' && *at <= 'z') ||
			    (*at >= '0' && *at <= '9') || *at == '_';

		if (!word && (*at != '.' || before == '.'))
			return false;
	}
	return before != '.';
}

static const struct document_field operation_fields[] = {
    {"type", DOCUMENT_TEXT, DOCUMENT_SIZED(struct job, type), .check = is_type,
     .expected = "an operation as in \"system.hostname.get\""},
    {"data", DOCUMENT_OBJECT, DOCUMENT_AT(struct job, data)},
    {.name = NULL},
};

static const struct document_field fields[] = {
    {"id", DOCUMENT_TEXT, DOCUMENT_SIZED(struct job, id), .check = uuid_valid,
     .expected = "a UUID"},
    {"target", DOCUMENT_TARGET, DOCUMENT_AT(struct job, target)},
    {"operation", DOCUMENT_FIELDS, .fields = operation_fields},
    {"kind", DOCUMENT_WORD, DOCUMENT_SIZED(struct job, kind), .words = kinds},
    {"lane", DOCUMENT_WORD, DOCUMENT_SIZED(struct job, lane), .words = lanes},
    {"created", DOCUMENT_TIME, DOCUMENT_AT(struct job, created_ns)},
    {"expires_at", DOCUMENT_TIME, DOCUMENT_AT(struct job, expires_ns)},
    {"submitted_by", DOCUMENT_TEXT, DOCUMENT_SIZED(struct job, submitted_by),
     .check = document_is_printable,
     .expected = "a text without control characters"},
    {"traceparent", DOCUMENT_TEXT, DOCUMENT_SIZED(struct job, traceparent),
     .flags = DOCUMENT_OPTIONAL, .check = trace_parent_valid,
     .expected = "a W3C traceparent"},
    {"tracestate", DOCUMENT_TEXT, DOCUMENT_SIZED(struct job, tracestate),
     .flags = DOCUMENT_OPTIONAL, .check = trace_state_valid,
     .expected = "a W3C tracestate"},
    {"retry_of", DOCUMENT_TEXT, DOCUMENT_SIZED(struct job, retry_of),
     .flags = DOCUMENT_OPTIONAL, .check = uuid_valid, .expected = "a UUID"},
    {"expected", DOCUMENT_HOSTS, DOCUMENT_AT(struct job, expected)},
    {.name = NULL},
};

void
job_release(struct job *job)
{
	json_decref(job->data);
	json_decref(job->expected);
	job->data = NULL;
	job->expected = NULL;
}

/* What no single field can say. */
static enum err
check_whole(const struct job *job, struct err_info *info)
{
	if (job->expires_ns < job->created_ns)
		return err_set(info, ERR_INVALID,
			       "expires_at: lies before created");
	if (job->target.kind == TARGET_ANY &&
	    json_array_size(job->expected) != 0)
		return err_set(info, ERR_INVALID,
			       "expected: must be empty for _any");
	return ERR_OK;
}

enum err
job_encode(const struct job *job, char **text, size_t *size,
	   struct err_info *info)
{
	enum err err = check_whole(job, info);

	if (err == ERR_OK)
		err = document_encode(fields, job, JOB_SIZE_MAX, text, size,
				      info);
	return err == ERR_OK ? err : err_prefix(info, err, "job");
}

enum err
job_decode(const char *text, size_t size, struct job *job,
	   struct err_info *info)
{
	struct job read = {.id = ""};
	enum err err;

	err = document_decode(fields, "job", text, size, JOB_SIZE_MAX, &read,
			      info);
	if (err == ERR_OK) {
		err = check_whole(&read, info);
		if (err != ERR_OK)
			err_prefix(info, err, "job");
	}
	if (err == ERR_OK)
		*job = read;
	else
		job_release(&read);
	return err;
}
