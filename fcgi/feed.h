/*
 * fcgi/feed.h: keeps an index filled: a follower on the job bucket and one on
 * the response bucket, their changes decoded and put into the index.
 *
 * A document that cannot be read is logged once by its key and skipped.
 */
#ifndef OSAPI_FCGI_FEED_H
#define OSAPI_FCGI_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/follower.h"
#include "fcgi/index.h"
#include "fcgi/tally.h"
#include "lib/broker.h"
#include "lib/config.h"
#include "lib/error.h"

struct feed;

/* Starts both followers; all arguments outlive the feed.  `tally` is told of
 * each change of a job (NULL: nobody counts). */
enum err feed_new(struct broker *broker, const struct config *config,
		  struct index *index, struct tally *tally, struct feed **feed,
		  struct err_info *info);

/* Stops both and joins their threads.  NULL is accepted. */
void feed_free(struct feed *feed);

/* Whether both followers are ready: the index is replayed and in step.  False
 * comes with the reason in `info`.  From every thread. */
bool feed_ready(struct feed *feed, struct err_info *info);

/* Waits until the index has all that the buckets hold at the time of the call,
 * `timeout_ms` at most for each: for an answer that must not be of a moment
 * ago.  Errors as follower_catch_up. */
enum err feed_catch_up(struct feed *feed, int64_t timeout_ms,
		       struct err_info *info);

/* Followers' states, for /metrics: [0] jobs, [1] responses. */
void feed_states(struct feed *feed, struct follower_state states[static 2]);

/* Documents skipped as unreadable since the start. */
uint64_t feed_skipped(const struct feed *feed);

/* Puts one change into `index`, as both followers' callbacks do; `job_bucket`
 * says which of the two buckets it is from. False: unreadable. */
bool feed_apply(struct index *index, struct tally *tally, bool job_bucket,
		const struct follower_change *change, struct err_info *info);

#endif
