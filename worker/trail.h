/*
 * worker/trail.h: what is told of one work while it goes through the worker:
 * a line of log for each step of its job, a span of the whole (CONSUMER, a
 * child of the one with which the API published it) and one of its provider.
 *
 *   acknowledged -> started -> completed | failed -> answered
 *
 * Each line has duration_ms, the time since the step before it (the first:
 * since the notification arrived); "answered" has the whole time too.  Embedded
 * in struct work, used by the thread that has the work.
 */
#ifndef OSAPI_WORKER_TRAIL_H
#define OSAPI_WORKER_TRAIL_H

#include <stdint.h>

#include "lib/error.h"
#include "lib/job.h"
#include "lib/trace.h"

struct work;
struct worker;

struct trail {
	int64_t begun_ns; /* wall clock: the arrival */
	int64_t begun_us; /* monotonic: the same */
	int64_t step_us;  /* monotonic: the last step that was told */
	char operation[JOB_TYPE_MAX + 1];
	char subject[256];  /* who submitted the job */
	struct trace trace; /* of the span of the whole; id "": none */
	char parent[TRACE_SPAN_SIZE]; /* "" none */
};

/* The work exists: its notification arrived, or the journal had kept it. */
void trail_begin(struct trail *trail);

/* Lines of this thread are about this work from now on, until trail_leave. */
void trail_enter(const struct work *work);
void trail_leave(void);

/* It is about this job; lines of this thread carry its trace from now on. */
void trail_job(struct worker *worker, struct trail *trail,
	       const struct job *job);

/* A step was taken; its event is stored or, of a query, on its way. */
void trail_acknowledged(struct work *work);
void trail_started(struct work *work);

/* The provider of this name ran from begun_ns (wall clock) until now. */
void trail_provider(struct worker *worker, struct work *work, const char *name,
		    int64_t begun_ns, enum err err,
		    const struct err_info *info);

/* There is a result: work->response. */
void trail_result(struct work *work);

/* It is in the store. */
void trail_answered(struct work *work);

/* It is over; `error` NULL: as its result says. */
void trail_end(struct worker *worker, struct work *work, const char *error);

#endif
