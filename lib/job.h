/*
 * lib/job.h: the documents of the job store, and the job's state machine.
 *
 *   submitted --> processing --> completed | failed | partial_failure
 *
 * A job document is immutable; what happened to it is a list of events, one
 * document each; a host's result is a response.  Status is computed
 * from these.  All documents are JSON; a job document is signed
 * (lib/signature.h) over the exact octets that job_encode made.
 */
#ifndef OSAPI_LIB_JOB_H
#define OSAPI_LIB_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/subject.h"
#include "lib/trace.h"
#include "lib/uuid.h"

/* Host name in events of the API's own; no worker may be called so. */
#define JOB_API_HOST "api"

#define JOB_SIZE_MAX     (1024 * 1024) /* octets of a job document */
#define JOB_TYPE_MAX     64
#define JOB_EXPECTED_MAX 4096 /* hosts that a job names as expected */
#define JOB_ERROR_MAX    1024

struct job {
	char id[UUID_SIZE];
	char type[JOB_TYPE_MAX + 1]; /* operation.type */
	json_t *data;                /* operation.data, an object; owned */
	enum job_kind kind;
	enum job_lane lane;
	struct target target;
	int64_t created_ns;     /* wall clock */
	int64_t expires_ns;     /* no worker begins it after this */
	char submitted_by[256]; /* subject of the token */
	char traceparent[TRACE_PARENT_SIZE]; /* W3C Trace Context, "" none */
	char tracestate[TRACE_STATE_SIZE];   /* the same */
	char retry_of[UUID_SIZE]; /* the job that this one repeats, "" none */
	/* array of host names, sorted; owned; empty for _any: one answer of
	 * whoever */
	json_t *expected;
};

/* Releases what the members own; the struct itself is the caller's. */
void job_release(struct job *job);

/* The document's octets; the caller frees *text.  ERR_TOO_LARGE. */
enum err job_encode(const struct job *job, char **text, size_t *size,
		    struct err_info *info);

/* Reads a document strictly; unknown members are ignored, wrong types refused.
 * On success job_release is due. */
enum err job_decode(const char *text, size_t size, struct job *job,
		    struct err_info *info);

enum job_event {
	JOB_EVENT_SUBMITTED,
	JOB_EVENT_ACKNOWLEDGED,
	JOB_EVENT_STARTED,
	JOB_EVENT_COMPLETED,
	JOB_EVENT_FAILED,
	JOB_EVENT_RETRIED,
	JOB_EVENT_COUNT
};

const char *job_event_text(enum job_event event);

struct event {
	char job_id[UUID_SIZE];
	enum job_event event;
	char hostname[SUBJECT_HOST_MAX +
		      1]; /* "api" for events of the API's own */
	int64_t unix_nano;
	char message[JOB_ERROR_MAX]; /* data.message, "" none */
	char error[JOB_ERROR_MAX];   /* data.error, "" none */
};

/* {job_id, event, hostname, timestamp, unix_nano, data{message?, error?}} */
enum err event_encode(const struct event *event, char **text, size_t *size);
enum err event_decode(const char *text, size_t size, struct event *event,
		      struct err_info *info);

struct response {
	char job_id[UUID_SIZE];
	bool failed; /* status "failed", else "completed" */
	char hostname[SUBJECT_HOST_MAX + 1];
	char error[JOB_ERROR_MAX]; /* "" unless failed */
	json_t *data;              /* owned; NULL when failed */
	int64_t timestamp_ns;
};

void response_release(struct response *response);
/* {job_id, status, data?, error?, hostname, timestamp} */
enum err response_encode(const struct response *response, char **text,
			 size_t *size);
enum err response_decode(const char *text, size_t size,
			 struct response *response, struct err_info *info);

enum job_status {
	JOB_SUBMITTED,
	JOB_PROCESSING,
	JOB_COMPLETED,
	JOB_FAILED,
	JOB_PARTIAL_FAILURE,
	JOB_STATUS_COUNT
};

const char *job_status_text(enum job_status status);
enum err job_status_parse(const char *text, enum job_status *status);
/* completed, failed or partial_failure */
bool job_status_final(enum job_status status);

/*
 * The status that follows from counts: `expected` hosts (1 for _any), of which
 * `completed` and `failed` have ended and `begun` have any worker event.
 */
enum job_status job_status_compute(size_t expected, size_t begun,
				   size_t completed, size_t failed);

/* One host in the registry bucket: its heartbeat. */
struct heartbeat {
	char hostname[SUBJECT_HOST_MAX + 1];
	char instance[UUID_SIZE]; /* new at each start of a worker */
	char version[32];
	char os[128];
	json_t *labels;    /* object of strings; owned */
	json_t *providers; /* object domain -> name of what was chosen; owned */
	bool listening;    /* all its consumers exist: jobs reach it */
	int64_t started_ns;
	int64_t seen_ns;
	int64_t running;   /* jobs now */
	int64_t completed; /* since the start */
	int64_t failed;
};

void heartbeat_release(struct heartbeat *heartbeat);
enum err heartbeat_encode(const struct heartbeat *heartbeat, char **text,
			  size_t *size);
enum err heartbeat_decode(const char *text, size_t size,
			  struct heartbeat *heartbeat, struct err_info *info);

#endif
