/*
 * worker/runner.h: the threads that run jobs, and the jobs that wait for one.
 *
 * max_jobs of them run at the same time.  Each lane has threads of its own, and
 * worker/lanes.h says which work begins: a backlog of submitted jobs never
 * stands before one whose client waits, and its threads come last where both
 * want the CPU.  Every work that is held (waiting, running, its result not
 * delivered) is kept alive with in-progress answers, and a redelivery of it is
 * attached to it.  A provider that does not come back soon after its deadline
 * is left behind: its job fails, another thread takes its place.
 *
 * All functions may be called from every thread unless they say otherwise.
 */
#ifndef OSAPI_WORKER_RUNNER_H
#define OSAPI_WORKER_RUNNER_H

#include <nats/nats.h>
#include <stdbool.h>

#include "worker/work.h"
#include "worker/worker.h"

#define RUNNER_WAITING_MAX    64   /* works a thread that may wait */
#define RUNNER_LEFT_BEHIND_MS 5000 /* after the deadline */

struct runner;

enum err runner_new(struct worker *worker, struct runner **runner,
		    struct err_info *info);

enum runner_offer {
	RUNNER_TAKEN,
	RUNNER_FULL, /* no slot is free for it; it stays the caller's */
};

/*
 * Offers a delivered message; taken, it is destroyed.  `shared`: other workers
 * could do it too, so it is not taken, unless it was returned often before,
 * where no slot is free.  Only enqueues.
 */
enum runner_offer runner_offer(struct runner *runner, natsMsg *message,
			       enum job_lane lane, bool shared);

/* Puts a result that the journal kept among the held ones. */
enum err runner_recover(struct runner *runner, struct work *work);

/* How many more jobs of this lane could begin at once; 0 too while results
 * cannot be delivered. */
int runner_free_slots(struct runner *runner, enum job_lane lane);

/*
 * Delivers a work's result and answers its messages, then frees it. False: it
 * could not be done now and is still the caller's.
 */
bool runner_finish(struct runner *runner, struct work *work);

/* Begins nothing any more; what waits is handed back. */
void runner_drain(struct runner *runner);

/* Whether no work runs. */
bool runner_idle(struct runner *runner);

/* Tells running providers to give up, waits up to `wait_ms` and joins; false:
 * some did not return, the runner must not be freed. */
bool runner_stop(struct runner *runner, int64_t wait_ms);

/* After runner_stop said true; NULL is accepted. */
void runner_free(struct runner *runner);

#endif
