/*
 * worker/outbox.h: works whose result or answer could not be sent, because
 * NATS was away; sent in their order when it is back.
 *
 * Bounded by its callers: while it is not empty no more jobs are asked for
 * than there are slots (runner_free_slots).  worker->outbox_fd makes it try
 * again now.  From every thread.
 */
#ifndef OSAPI_WORKER_OUTBOX_H
#define OSAPI_WORKER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/work.h"
#include "worker/worker.h"

#define OUTBOX_RETRY_MIN_MS 250
#define OUTBOX_RETRY_MAX_MS 5000

struct outbox;

enum err outbox_new(struct worker *worker, struct outbox **outbox,
		    struct err_info *info);

/* Takes over a work that runner_finish could not finish. */
void outbox_put(struct outbox *outbox, struct work *work);

size_t outbox_count(struct outbox *outbox);

/* Ends the thread; what is left is logged, and kept in the journal where that
 * has it. */
void outbox_stop(struct outbox *outbox);

/* NULL is accepted. */
void outbox_free(struct outbox *outbox);

#endif
