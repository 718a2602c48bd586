/*
 * fcgi/reserve.h: whether the store has room for another job, so that those
 * that it has can end.
 *
 * Both buckets refuse what would go over job.kv.max_bytes.  A job that was
 * acknowledged still has to write events and results, so room for these is
 * kept for every host that may still speak, and a new job is refused where its
 * own would not fit in besides.  What is used is known from the followers, who
 * ask once a second and count what comes in between: no request asks NATS.
 */
#ifndef OSAPI_FCGI_RESERVE_H
#define OSAPI_FCGI_RESERVE_H

#include <stddef.h>

#include "fcgi/feed.h"
#include "fcgi/index.h"
#include "lib/config.h"
#include "lib/error.h"

#define RESERVE_EVENTS 2048  /* octets of a host's events of one job */
#define RESERVE_RESULT 2048  /* of its result; some are larger, most are not */
#define RESERVE_SLACK  65536 /* for what others take at the same time */

/*
 * Whether a job whose document has `size` octets fits in with what `hosts`
 * hosts (at least 1) will say of it.  ERR_BUSY: it does not.  From every
 * thread.
 */
enum err reserve_check(struct feed *feed, struct index *index,
		       const struct config *config, size_t size, size_t hosts,
		       struct err_info *info);

#endif
