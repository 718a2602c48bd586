/*
 * lib/job_event.c: what happened to a job, and what a host answered.
 *
 * Error texts come from programs and libraries of any locale: octets that are
 * not UTF-8 become "?", as a result must not be lost for its wording.
 */
#include "lib/job.h"

#include <string.h>

#include "lib/document.h"

#define EVENT_SIZE_MAX 16384 /* octets; both texts fully escaped fit */

static const char *const events[] = {
    [JOB_EVENT_SUBMITTED] = "submitted",
    [JOB_EVENT_ACKNOWLEDGED] = "acknowledged",
    [JOB_EVENT_STARTED] = "started",
    [JOB_EVENT_COMPLETED] = "completed",
    [JOB_EVENT_FAILED] = "failed",
    [JOB_EVENT_RETRIED] = "retried",
    [JOB_EVENT_COUNT] = NULL,
};

static const char *const outcomes[] = {
    [false] = "completed", [true] = "failed", NULL};

static const struct document_field event_data_fields[] = {
    {"message", DOCUMENT_TEXT, DOCUMENT_SIZED(struct event, message),
     .flags = DOCUMENT_OPTIONAL | DOCUMENT_REPAIR},
    {"error", DOCUMENT_TEXT, DOCUMENT_SIZED(struct event, error),
     .flags = DOCUMENT_OPTIONAL | DOCUMENT_REPAIR},
    {.name = NULL},
};

/* "timestamp" is for readers of the document, unix_nano is the time. */
static const struct document_field event_fields[] = {
    {"job_id", DOCUMENT_TEXT, DOCUMENT_SIZED(struct event, job_id),
     .check = uuid_valid, .expected = "a UUID"},
    {"event", DOCUMENT_WORD, DOCUMENT_SIZED(struct event, event),
     .words = events},
    {"hostname", DOCUMENT_TEXT, DOCUMENT_SIZED(struct event, hostname),
     .check = document_is_host, .expected = "a host name in lower case"},
    {"timestamp", DOCUMENT_TIME, DOCUMENT_AT(struct event, unix_nano)},
    {"unix_nano", DOCUMENT_INT, DOCUMENT_AT(struct event, unix_nano)},
    {"data", DOCUMENT_FIELDS, .fields = event_data_fields},
    {.name = NULL},
};

static const struct document_field response_fields[] = {
    {"job_id", DOCUMENT_TEXT, DOCUMENT_SIZED(struct response, job_id),
     .check = uuid_valid, .expected = "a UUID"},
    {"status", DOCUMENT_WORD, DOCUMENT_SIZED(struct response, failed),
     .words = outcomes},
    {"data", DOCUMENT_OBJECT, DOCUMENT_AT(struct response, data),
     .flags = DOCUMENT_OPTIONAL},
    {"error", DOCUMENT_TEXT, DOCUMENT_SIZED(struct response, error),
     .flags = DOCUMENT_OPTIONAL | DOCUMENT_REPAIR},
    {"hostname", DOCUMENT_TEXT, DOCUMENT_SIZED(struct response, hostname),
     .check = document_is_host, .expected = "a host name in lower case"},
    {"timestamp", DOCUMENT_TIME, DOCUMENT_AT(struct response, timestamp_ns)},
    {.name = NULL},
};

const char *
job_event_text(enum job_event event)
{
	return event < JOB_EVENT_COUNT ? events[event] : "unknown";
}

enum err
event_encode(const struct event *event, char **text, size_t *size)
{
	return document_encode(event_fields, event, EVENT_SIZE_MAX, text, size,
			       NULL);
}

enum err
event_decode(const char *text, size_t size, struct event *event,
	     struct err_info *info)
{
	struct event read = {.job_id = ""};
	enum err err;

	err = document_decode(event_fields, "event", text, size, EVENT_SIZE_MAX,
			      &read, info);
	if (err == ERR_OK)
		*event = read;
	return err;
}

void
response_release(struct response *response)
{
	json_decref(response->data);
	response->data = NULL;
}

enum err
response_encode(const struct response *response, char **text, size_t *size)
{
	if (response->failed && response->data)
		return ERR_INVALID;
	return document_encode(response_fields, response, JOB_SIZE_MAX, text,
			       size, NULL);
}

enum err
response_decode(const char *text, size_t size, struct response *response,
		struct err_info *info)
{
	struct response read = {.job_id = ""};
	enum err err;

	err = document_decode(response_fields, "response", text, size,
			      JOB_SIZE_MAX, &read, info);
	if (err == ERR_OK && read.failed && read.data)
		err = err_set(info, ERR_INVALID,
			      "response: data: not with status failed");
	if (err == ERR_OK)
		*response = read;
	else
		response_release(&read);
	return err;
}
