/*
 * worker/execution.h: what is done with one notification: read the job, make
 * sure that it is genuine, for this host, in time and new, run it, and say
 * what came of it.
 *
 * Nothing of the job is looked at before its signature was verified over the
 * exact octets that were stored.  What is refused is logged once, as a
 * warning, and told as an event of the job.  That event ends the job on this
 * host (failed) only where the stored job itself is not genuine and this host
 * has no result of it; a genuine job that was sent astray or sent again gets
 * an event that leaves its state alone, so that a replay cannot turn a
 * completed job into a failed one.
 */
#ifndef OSAPI_WORKER_EXECUTION_H
#define OSAPI_WORKER_EXECUTION_H

#include "worker/work.h"
#include "worker/worker.h"

#define EXECUTION_RUN_MAX_MS (300 * 1000) /* of one provider's run */

/*
 * Carries `work` out as far as its end and, if it has one, its result, which
 * the caller delivers.  Runs on the calling thread until the provider returns.
 */
void execution_run(struct worker *worker, struct work *work);

#endif
