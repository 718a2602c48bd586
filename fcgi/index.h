/*
 * fcgi/index.h: what this process knows of all jobs, so that reads never
 * scan.
 *
 * Fed by fcgi/feed.c in any order and possibly twice; every apply is
 * idempotent, and what is seen depends on the set of the changes only, not on
 * their order.  Lists per status and counters per status and operation are
 * kept as changes come in, so that one job, one page and the statistics cost
 * the same with 100 and 100,000 jobs. Bodies up to INDEX_INLINE octets are
 * kept, larger ones are named as missing and read by key when one job is
 * asked for.  Entries older than the bucket's TTL (by the time in their id)
 * leave by index_expire.
 *
 * How a job stands follows from its facts:
 *  - A host has ended as its latest word says: its response, or its completed
 *    or failed event, by their own time; of two at the same time the
 *    response.
 *  - The hosts that the job expected decide.  Others are shown and change
 *    nothing. A job that expects nobody by name (_any, or none known when it
 *    was made) is decided by one answer of whoever: one completed host makes
 *    it completed, else one failed host failed.
 *  - A `failed` event of JOB_API_HOST (deadline over, delivered too often)
 *    ends the job for all hosts that have not ended: they count as failed
 *    with its error.  A host that answers later all the same has its own word
 *    again, so such a job may still go from failed to partial_failure or
 *    completed; no worker may be called "api".
 *  - A deleted job stays deleted until its TTL, whatever comes late.
 *
 * One mutex guards everything; no function calls NATS or a handler under it.
 * A process that runs out of memory here ends: an index that lost a change
 * would lie. All functions may be called from every thread.
 */
#ifndef OSAPI_FCGI_INDEX_H
#define OSAPI_FCGI_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/job.h"
#include "lib/spec.h"

#define INDEX_INLINE     2048 /* octets of a job's data or a response's data */
#define INDEX_EVENTS_MAX 64   /* earliest events kept per job; all count */
#define INDEX_HOSTS_MAX  8192 /* hosts kept per job; others are ignored */

struct index;

/* `spec` gives the operations for the counters (NULL: none); `ttl_ms` is
 * job.kv.ttl, 0 for never.  `spec` outlives the index. */
enum err index_new(const struct spec *spec, int64_t ttl_ms,
		   struct index **index);
void index_free(struct index *index);

/* ---- writers: the follower, and a handler that has just stored a job ---- */

void index_put_job(struct index *index, const struct job *job, size_t size,
		   uint64_t revision);

/* What an event meant when it was new here, for who counts.  It follows from
 * the job bucket alone, so each process that reads it in order sees the same
 * (but for `status`, in which a response may count that came before). */
struct index_step {
	bool first;        /* of its kind from this host */
	int operation;     /* its number in the description, -1 unknown */
	int64_t queued_ns; /* started: since the job was made, -1 unknown */
	int64_t ran_ns;    /* completed, failed: since the start, -1 unknown */
	bool ended;        /* with it the job has ended */
	enum job_status status;
};

/* `step` NULL: nobody counts. */
void index_put_event(struct index *index, const struct event *event,
		     uint64_t revision, struct index_step *step);
/* `size`: octets of the stored document. */
void index_put_response(struct index *index, const struct response *response,
			size_t size, uint64_t revision);
void index_delete_job(struct index *index, const char *id, uint64_t revision);
/* A bucket begins anew: forgets all that came from it, and keeps the rest. */
enum index_part { INDEX_JOBS /* jobs, events, deletes */, INDEX_RESPONSES };
void index_reset(struct index *index, enum index_part part);
/* Drops what is older than the TTL; returns how many jobs. */
size_t index_expire(struct index *index, int64_t now_ns);
/* Called once for a job each time its progress may be another: every
 * response, every event, its document, its delete; must only enqueue.  Called
 * without the mutex, on the writer's thread.  Set once, before traffic. */
void index_on_change(struct index *index,
		     void (*changed)(const char *job_id, void *arg), void *arg);

/* ---- readers ---- */

/* A view's strings live as long as it and are never NULL unless it says so. */
struct index_response {
	const char *hostname;
	bool failed;
	bool missing; /* too large to be kept: store_response_read has it */
	const char *error; /* "" unless failed */
	const char *data;  /* JSON text, NULL for none or missing */
	int64_t timestamp_ns;
};

struct index_event {
	enum job_event event;
	int64_t unix_nano;
	const char *hostname; /* JOB_API_HOST for events of the API's own */
	const char *message;  /* "" none */
	const char *error;    /* "" none */
};

/* How one host stands. */
struct index_host {
	const char *hostname;
	bool expected;
	enum job_status status; /* submitted: silent */
	bool given_up;     /* failed by the API's event, not by its own word */
	int64_t begun_ns;  /* 0: unknown */
	int64_t ended_ns;  /* 0: has not */
	const char *error; /* "" none */
	const struct index_response *response; /* NULL: none is known */
};

/* How far a job is, for those who wait for it. */
enum index_progress {
	INDEX_OPEN,     /* also: an unknown job */
	INDEX_ANSWERED, /* every expected host has answered, with its response
			 * here, or has failed; or the job ended otherwise */
	INDEX_TOLD,     /* and what led to it is here too; or it was deleted */
};

/* A copy of all that is known of one job. */
struct index_view {
	char id[UUID_SIZE];
	enum job_status status;
	enum index_progress progress;
	bool one_answer; /* decided by one answer of whoever */
	const char *type;
	const char *data;   /* JSON; NULL: too large, store_job_read has it */
	const char *target; /* as target_text */
	const char *submitted_by;
	const char *retry_of;
	const char *error; /* of the API's failed event, "" none */
	uint64_t revision;
	int64_t created_ns;
	int64_t updated_ns; /* latest fact */
	int64_t expires_ns;
	size_t expected_count;
	size_t event_count;
	const struct index_event *events; /* oldest first */
	size_t events_left_out;           /* beyond INDEX_EVENTS_MAX */
	size_t response_count;
	const struct index_response *responses; /* by host name */
	size_t host_count;
	const struct index_host *hosts; /* by host name, expected and others */
	void *memory;                   /* of all the above */
};

/* ERR_NOT_FOUND: unknown here (perhaps not yet: store_job_read, then
 * index_put_job and ask again).  ERR_GONE: deleted.  On success
 * index_view_release is due. */
enum err index_view(struct index *index, const char *id,
		    struct index_view *view);
void index_view_release(struct index_view *view);

enum index_progress index_progress(struct index *index, const char *id);

/* One page, newest first: up to `limit` views (0: all) into a new array.
 * `status` < 0: all. *total is the number of all jobs that match.  Release
 * each, then free. */
enum err index_page(struct index *index, int status, size_t offset,
		    size_t limit, struct index_view **views, size_t *count,
		    size_t *total);

/* For duties that go over all jobs of a status: up to `max` of those with an
 * id above `after` ("" from the first), oldest first; returns how many. */
struct index_brief {
	char id[UUID_SIZE];
	int64_t created_ns;
	int64_t expires_ns;
};
size_t index_scan(struct index *index, enum job_status status,
		  const char *after, struct index_brief *briefs, size_t max);

#define INDEX_OPERATIONS_MAX 64 /* that are counted apart */

struct index_counts {
	size_t jobs;
	size_t by_status[JOB_STATUS_COUNT];
	size_t operation_count; /* entry i belongs to spec_operations' i */
	size_t by_operation[INDEX_OPERATIONS_MAX];
	/* The same by status; the last is for operations that are unknown. */
	size_t by_state[INDEX_OPERATIONS_MAX + 1][JOB_STATUS_COUNT];
	int64_t oldest_ns[JOB_STATUS_COUNT]; /* creation, 0: none */
};
void index_counts(struct index *index, struct index_counts *counts);

/* Takes up to `max` ids of deleted jobs of which an event or a response came
 * after the delete, as it was on its way then: the store has it for nobody.
 * Of very many between two calls some are left to the TTL. */
size_t index_take_leftovers(struct index *index, char (*ids)[UUID_SIZE],
			    size_t max);

/* How many hosts may still have something to say: those that are expected of
 * all jobs that have not ended, at least one a job. */
size_t index_open_hosts(struct index *index);

#endif
