/*
 * fcgi/replay.h: reads what a stream holds, once, from somewhere to its end.
 *
 * By an ephemeral pull consumer without acks, whose messages come to an
 * inbox; for background threads, never for a request.  One thread uses a
 * replay.
 */
#ifndef OSAPI_FCGI_REPLAY_H
#define OSAPI_FCGI_REPLAY_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/error.h"
#include "lib/jetstream.h"

struct replay;

/* What STREAM.INFO says. */
struct replay_stream {
	char created[64]; /* its creation time: another one is another stream */
	uint64_t first_sequence;
	uint64_t last_sequence;
	uint64_t bytes; /* that it holds, as max_bytes counts them */
	bool republishes;
};

/* ERR_NOT_FOUND: no such stream. */
enum err replay_info(struct broker *broker, const char *stream,
		     struct replay_stream *out, struct err_info *info);

/*
 * Subscribes an inbox and waits until a message of its own has come through
 * it: then all subscriptions made on this connection before are known to the
 * server, and what is stored from now on reaches them.  ERR_TIMEOUT,
 * ERR_UNAVAILABLE.
 */
enum err replay_open(struct broker *broker, const char *stream,
		     struct replay **replay, struct err_info *info);
void replay_close(struct replay *replay);

/* Gets each message, which stays the replay's; false ends the run (ERR_OK). */
typedef bool (*replay_each)(natsMsg *message, const struct jetstream_meta *meta,
			    void *arg);

struct replay_range {
	uint64_t from;      /* first sequence wanted; unless from_ns is given */
	int64_t from_ns;    /* first time of storing wanted; 0: by sequence */
	uint64_t to;        /* last sequence wanted, as replay_info has it */
	const char *filter; /* subject, NULL all */
};

/*
 * Calls `each` for all messages of a range that the stream holds.  Each comes
 * once and in order; an error may come after some, then go on behind the
 * last. ERR_NOT_FOUND, ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_IO: try again;
 * ERR_ABORTED.
 */
enum err replay_run(struct replay *replay, const struct replay_range *range,
		    replay_each each, void *arg, struct err_info *info);

#endif
