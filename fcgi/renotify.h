/*
 * fcgi/renotify.h: finds jobs whose notification does not exist, and
 * publishes it.
 *
 * A job is stored before its notification, so a crash, or a publish whose
 * answer was lost, may leave one that no worker will ever hear of.  Every job
 * that nobody has begun after RENOTIFY_AGE_MS is looked at once.  A few young
 * ones are simply notified again: the server knows the Nats-Msg-Id and says
 * so.  For many, or any that are older than it remembers, the stream is read
 * from the oldest of them on, and only those without a notification there get
 * one (again with its Nats-Msg-Id, so that of several processes one
 * succeeds).
 *
 * One thread uses it.
 */
#ifndef OSAPI_FCGI_RENOTIFY_H
#define OSAPI_FCGI_RENOTIFY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi/index.h"
#include "lib/error.h"
#include "lib/store.h"

#define RENOTIFY_AGE_MS \
	5000 /* before that its notification may be on its way */
#define RENOTIFY_AGAIN_MS 300000 /* after which all are looked at once more */
#define RENOTIFY_FEW      32     /* notified without reading the stream */
#define RENOTIFY_BATCH    4096   /* looked at by one call */

struct renotify;

enum err renotify_new(struct store *store, struct index *index,
		      struct renotify **renotify);
void renotify_free(struct renotify *renotify);

/*
 * Looks at the next jobs that are due at `now_ns`, at most RENOTIFY_BATCH;
 * adds to *published how many notifications were missing.  `stop` ends it
 * early. What fails is tried again by the next call.
 */
enum err renotify_sweep(struct renotify *renotify, int64_t now_ns,
			const atomic_bool *stop, uint64_t *published,
			struct err_info *info);

#endif
