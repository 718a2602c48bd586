/*
 * worker/registry.h: this host's entry in the registry, its heartbeat.
 *
 * One worker a host name: the entry is written by compare-and-set, and one
 * that another instance keeps alive is not taken over.  The one before us on
 * this very host, which died without a word, is known by the instance id in
 * our journal, whose lock proves that it is gone.
 */
#ifndef OSAPI_WORKER_REGISTRY_H
#define OSAPI_WORKER_REGISTRY_H

#include "lib/error.h"
#include "worker/worker.h"

#define REGISTRY_TTL_BEATS 3 /* silent for so long: gone */

struct registry;

/*
 * Claims the name and starts the heartbeat.  ERR_CONFLICT: a worker with this
 * host name lives; a retryable code: the store does not answer, or an old entry
 * is watched for one TTL, whether it is written again.  Call it again later.
 * When the name is lost later, worker->lost is set and worker_wake called.
 */
enum err registry_new(struct worker *worker, struct registry **registry,
		      struct err_info *info);

/*
 * Tells the registry at once whether jobs reach this worker: only then is it
 * expected to answer.  False after registry_new.  From every thread.
 */
void registry_listening(struct registry *registry, bool listening);

/* Ends the heartbeat and, if the name is still ours, removes the entry. */
void registry_stop(struct registry *registry);

/* NULL is accepted. */
void registry_free(struct registry *registry);

#endif
