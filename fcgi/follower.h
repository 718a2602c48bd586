/*
 * fcgi/follower.h: every change of one KV bucket, in order, on one thread.
 *
 * Live changes come by a core subscription on STORE_CHANGES_PREFIX
 * "{bucket}.>".  The bucket's stream numbers all its messages, and
 * republishes each, so a number that is not the last one plus 1 is a gap.
 * The first fill, a gap, a reconnect, an overflow of the queue and a number
 * that lags behind what STREAM.INFO says (asked every FOLLOWER_CHECK_MS, so
 * that a lost last message is seen too) are all mended in one way: an
 * ephemeral pull consumer from the last number applied to the end.  A bucket
 * without RePublish is followed by that check alone. A bucket that was made
 * anew, or whose numbers went back, is told by FOLLOWER_RESET and then
 * delivered from its beginning.
 *
 * What is delivered: every message that the bucket still holds, at least
 * once, in the order of its numbers between two resets.  What the bucket
 * forgot by age or by a subject purge is not announced by anybody.
 *
 * NATS callbacks only enqueue; the queues are bounded in messages and octets.
 */
#ifndef OSAPI_FCGI_FOLLOWER_H
#define OSAPI_FCGI_FOLLOWER_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/error.h"

#define FOLLOWER_CHECK_MS \
	1000 /* between two looks at the stream's last number */
#define FOLLOWER_STALE_MS   5000  /* out of step for longer: not ready */
#define FOLLOWER_QUEUE_MAX  16384 /* live messages waiting to be applied */
#define FOLLOWER_OCTETS_MAX (32 * 1024 * 1024) /* and their size in all */

enum follower_op {
	FOLLOWER_PUT,
	FOLLOWER_DELETE, /* KV-Operation: DEL */
	FOLLOWER_PURGE,  /* KV-Operation: PURGE */
	FOLLOWER_RESET,  /* forget all of this bucket; key is "" */
	FOLLOWER_FILL,   /* a replay begins; revision: the stream's last number
			    at the time; key is "" */
};

/* Valid during the callback only. */
struct follower_change {
	enum follower_op op;
	const char *bucket;
	const char *key;   /* without the bucket: "jobs.0193..." */
	const char *value; /* octets, not ended by a NUL; NULL when size is 0 */
	size_t size;
	natsMsg *message;     /* for its headers; NULL with RESET and FILL */
	uint64_t revision;    /* sequence in the bucket's stream */
	int64_t timestamp_ns; /* of storing; of arrival for live ones */
};

/* Called on the follower's thread, one at a time; may take locks and time, a
 * slow one only makes the follower lag. */
typedef void (*follower_apply)(const struct follower_change *change, void *arg);

struct follower;

/* Starts the thread, which waits for connection and bucket for as long as it
 * takes.  `broker` outlives the follower; `bucket` is copied. */
enum err follower_new(struct broker *broker, const char *bucket,
		      follower_apply apply, void *arg,
		      struct follower **follower, struct err_info *info);

/* Stops and joins; no callback runs afterwards.  NULL is accepted. */
void follower_free(struct follower *follower);

struct follower_state {
	bool filled;      /* the first fill (since a reset) is done */
	bool ready;       /* filled, and in step within FOLLOWER_STALE_MS */
	uint64_t applied; /* last number given to the callback */
	uint64_t bytes;   /* in the stream; a little more than there are */
	uint64_t lag;     /* numbers that the stream is known to be ahead */
	int64_t
	    in_step_ms; /* since it was last known to be in step; -1 never */
	uint64_t fills; /* replays done, the first one included */
	uint64_t overflows; /* times that the queue was full */
	uint64_t resets;
	char error[512]; /* why the last attempt failed, "" none */
};

/* Waits until all that the bucket holds at the time of the call was given to
 * the callback; asks NATS for its last number.  ERR_TIMEOUT, or as STREAM.INFO
 * fails.  From every thread but the follower's own. */
enum err follower_catch_up(struct follower *follower, int64_t timeout_ms,
			   struct err_info *info);

/* From every thread. */
void follower_state(struct follower *follower, struct follower_state *state);

#endif
