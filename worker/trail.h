/*
 * worker/trail.h: what is told of one work while it goes through the worker:
 * a line of log for each step of its job.
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

#include "lib/job.h"

struct work;

struct trail {
	int64_t begun_us; /* monotonic, as all here: the arrival */
	int64_t step_us;  /* the last step that was told */
	char operation[JOB_TYPE_MAX + 1];
	char subject[256]; /* who submitted the job */
	char trace_id[33]; /* "" none */
};

/* The work exists: its notification arrived, or the journal had kept it. */
void trail_begin(struct trail *trail);

/* It is about this job; lines of this thread carry its trace from now on. */
void trail_job(struct trail *trail, const struct job *job);

/* A step was taken; its event is stored or, of a query, on its way. */
void trail_acknowledged(struct work *work);
void trail_started(struct work *work);

/* There is a result: work->response. */
void trail_result(struct work *work);

/* It is in the store. */
void trail_answered(struct work *work);

#endif
