/*
 * worker/work.h: one delivered notification, from its arrival until it is
 * answered and what came of its job is in the store.
 *
 * Redeliveries that arrive meanwhile are attached, so that a job is never
 * running twice in one worker, and all of them are answered at the end.
 */
#ifndef OSAPI_WORKER_WORK_H
#define OSAPI_WORKER_WORK_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/job.h"
#include "lib/store.h"
#include "lib/subject.h"
#include "worker/trail.h"

#define WORK_REPLIES_MAX 8

struct worker;

enum work_end {
	WORK_ACK,       /* it is settled */
	WORK_NAK,       /* again, after delay_ms */
	WORK_TERMINATE, /* it makes no sense: never again */
};

/* Where an answer goes. */
struct work_reply {
	char *subject;
	int slot; /* in worker/handover.h, -1 none */
};

struct work {
	struct work *next;      /* in a queue */
	struct work *held_next; /* in the runner's list of all */
	char id[UUID_SIZE];     /* of the job, "" for a payload that is none */
	char subject[SUBJECT_SIZE]; /* on which it was published */
	uint64_t deliveries;        /* 1 at the first */
	enum job_lane lane;
	bool shared; /* other workers could do it too */
	size_t reply_count;
	struct work_reply replies[WORK_REPLIES_MAX];
	int64_t arrived_ms;  /* monotonic */
	int64_t deadline_ms; /* monotonic, of the provider; 0: none runs */
	volatile bool cancelled;
	bool abandoned; /* its thread was left behind */
	/* What was said of it before its result, and is not
	 * known to be stored: */
	size_t early_count;
	struct event early[STORE_FLIGHT_MAX];
	struct store_flight flight; /* they are on their way */
	/* What came of it: */
	enum work_end end;
	int64_t delay_ms; /* of WORK_NAK */
	bool has_result;
	bool claimed;   /* in the journal */
	bool recorded;  /* the result is in the journal too */
	bool stored;    /* the store has it, or another one */
	bool check_job; /* it took long: the job may have been deleted */
	struct response response;
	struct event event; /* completed or failed */
	struct trail trail;
	int64_t
	    tried_ms; /* monotonic: the first delivery of the result, 0 none */
};

/* Reads a delivered message, which stays the caller's, and notes that it has
 * come; NULL: out of memory, or no answer to it is possible. */
struct work *work_new(struct worker *worker, const natsMsg *message,
		      enum job_lane lane);

/* A result that the journal has kept, without a message. */
struct work *work_recovered(const char *id);

/* NULL is accepted.  What was not answered stays noted for the next process. */
void work_free(struct work *work);

/* Frees one that is not taken: somebody else answers its message. */
void work_return(struct worker *worker, struct work *work);

/* Gives the reply of `again`, another delivery of the same, to `work`; false:
 * no room. */
bool work_attach(struct work *work, struct work *again);

/* Sets a result: failed with `error`, or completed with `data` (taken over). */
void work_result(struct work *work, const char *hostname, const char *error,
		 json_t *data);

/* Says what happens to it, without waiting: work_told does.  ERR_OK: said. */
enum err work_tell(struct worker *worker, struct work *work,
		   const enum job_event *kinds, size_t count,
		   struct err_info *info);

/* Waits until all that was said is stored, and says it
 * again where it is not. */
enum err work_told(struct worker *worker, struct work *work,
		   struct err_info *info);

/* An event of this job and host, of now. */
struct event work_event(const struct worker *worker, const struct work *work,
			enum job_event kind);

/*
 * Brings the result to the journal, if claimed, and to the store.  ERR_OK: it
 * is there, or there is nothing to bring; else again later.
 */
enum err work_deliver(struct worker *worker, struct work *work,
		      struct err_info *info);

/* Answers all deliveries as `end` says; else again later. */
enum err work_answer(struct worker *worker, struct work *work);

#endif
