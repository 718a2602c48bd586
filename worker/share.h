/*
 * worker/share.h: which worker has taken a job that any one of them may do.
 *
 * The shared consumer gives each job to one worker, but its memory does not
 * survive a crash of the broker.  So the `acknowledged` event of such a job
 * has one key for all workers,
 *
 *   status.{id}.acknowledged._any.0
 *
 * which only the first can write; no host is called "_any".
 */
#ifndef OSAPI_WORKER_SHARE_H
#define OSAPI_WORKER_SHARE_H

#include "lib/error.h"
#include "lib/job.h"
#include "worker/worker.h"

/*
 * Writes the event for this host.  ERR_OK: it is there, now or from before;
 * ERR_EXISTS: `holder` was first; else the store did not answer.  From every
 * thread.
 */
enum err share_take(struct worker *worker, const char *id,
		    char holder[static SUBJECT_HOST_MAX + 1],
		    struct err_info *info);

#endif
