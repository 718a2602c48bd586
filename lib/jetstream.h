/*
 * lib/jetstream.h: the part of JetStream that osapi speaks, on the documented
 * $JS.API subjects (NATS ADR-1, -8, -13, -15), because nats.c's own calls
 * cost a thread a consumer or overflow (pull), or a round trip a
 * message (publish).
 *
 * All functions may be called from every thread.  Errors of the server become:
 * 10071 (wrong last sequence) ERR_CONFLICT, 10037/10014/10059 (no message,
 * consumer, stream) ERR_NOT_FOUND, 10023/10028/10047/10077 (no room) ERR_BUSY,
 * 10054 (message over the stream's limit) ERR_TOO_LARGE, no responders and
 * 10008/10009 (no leader) ERR_UNAVAILABLE, others ERR_INTERNAL with the
 * server's words in `info`.
 */
#ifndef OSAPI_LIB_JETSTREAM_H
#define OSAPI_LIB_JETSTREAM_H

#include <jansson.h>
#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/error.h"

#define JETSTREAM_TIMEOUT_MS  1000 /* of a request, unless one says otherwise */
#define JETSTREAM_PUBLISH_MAX 8    /* messages of one jetstream_publish */

struct jetstream_ack {
	uint64_t sequence;
	bool duplicate; /* Nats-Msg-Id was known: nothing was stored */
};

/*
 * Publishes `count` messages (at most 8) in one round trip and waits for
 * their acknowledgements.  errors[i] and acks[i] tell each one's fate; the
 * result is the first that is not ERR_OK.  ERR_UNKNOWN_OUTCOME: no
 * acknowledgement in time.
 */
enum err jetstream_publish(struct broker *broker, natsMsg *const *messages,
			   size_t count, int64_t timeout_ms,
			   struct jetstream_ack *acks, enum err *errors,
			   struct err_info *info);

/* jetstream_publish in two halves; the flight stays where it is in memory. */
struct jetstream_flight {
	size_t count;
	natsMsg *const *messages; /* the caller's, until the end */
	natsMsg *replies[JETSTREAM_PUBLISH_MAX];
	struct broker_call call;
	int64_t begun_us; /* monotonic */
};

/* Publishes and returns.  ERR_OK: jetstream_publish_end is due; else nothing
 * was sent. */
enum err jetstream_publish_begin(struct broker *broker,
				 struct jetstream_flight *flight,
				 natsMsg *const *messages, size_t count,
				 struct err_info *info);
enum err jetstream_publish_end(struct broker *broker,
			       struct jetstream_flight *flight,
			       int64_t timeout_ms, struct jetstream_ack *acks,
			       enum err *errors, struct err_info *info);

/* Asks $JS.API.{what} with a JSON body (NULL: none); the caller owns *reply,
 * which is never an error reply.  The server is silent on requests that it
 * does not know (ERR_TIMEOUT), direct gets of a stream without them too. */
enum err jetstream_api(struct broker *broker, const char *what,
		       const json_t *body, int64_t timeout_ms, json_t **reply,
		       struct err_info *info);

/* Creates the stream, or updates it where its configuration differs.  `config`
 * is the ADR's stream configuration object.  A change that the server refuses
 * is ERR_INVALID with its words. */
enum err jetstream_stream_ensure(struct broker *broker, const json_t *config,
				 struct err_info *info);

/* The same for a durable pull consumer of `stream`, which must answer: one that
 * was made mute (lib/jetstream.c) and of which nothing was ever acknowledged is
 * deleted and made again, with a word in the log.  ERR_TIMEOUT: it does not
 * answer, while the server does. */
enum err jetstream_consumer_ensure(struct broker *broker, const char *stream,
				   const json_t *config, struct err_info *info);

enum jetstream_read {
	JETSTREAM_DIRECT, /* any replica answers: fast, may lag */
	JETSTREAM_LEADER, /* sees every acknowledged write */
};

/* The last message of a subject; its headers are the stored ones, and
 * *sequence its stream sequence (NULL: not wanted).  ERR_NOT_FOUND.  The
 * caller destroys *message. */
enum err jetstream_last(struct broker *broker, const char *stream,
			const char *subject, enum jetstream_read read,
			natsMsg **message, uint64_t *sequence,
			struct err_info *info);

/* What one of several reads asks for, and what came of it. */
struct jetstream_question {
	const char *stream;
	const char *subject;
	natsMsg *message; /* NULL unless `result` is ERR_OK; the caller's */
	uint64_t sequence;
	enum err result;
};

/* Up to JETSTREAM_PUBLISH_MAX times jetstream_last in one round trip; `info`
 * has words for the first that failed, whose result is returned too. */
enum err jetstream_last_many(struct broker *broker, enum jetstream_read read,
			     struct jetstream_question *questions, size_t count,
			     struct err_info *info);

/*
 * Asks `consumer` for up to `batch` messages to be sent to `reply_subject` (an
 * inbox that the caller subscribed with broker_subscribe) within `expires_ms`
 * (0: only what is there now); returns at once.  The server says with a
 * status message (header, no data; jetstream_status) that a request ended
 * early.  `heartbeat_ms` (0: none; at most half of expires_ms) asks for a
 * status 100 at least so often: a consumer or stream that is not there is
 * answered by silence.
 */
enum err jetstream_pull(struct broker *broker, const char *stream,
			const char *consumer, const char *reply_subject,
			int batch, int64_t expires_ms, int64_t heartbeat_ms,
			struct err_info *info);

/* 0 for a real message, else the status: 100 heartbeat, 404 nothing there, 408
 * expired, 409 (consumer deleted, too many pulls), 503 (no JetStream). */
int jetstream_status(natsMsg *message);

/* What the reply subject of a delivered message says. */
struct jetstream_meta {
	uint64_t stream_sequence;
	uint64_t consumer_sequence;
	uint64_t deliveries; /* 1 at the first */
	uint64_t pending;    /* messages behind this one */
	int64_t timestamp_ns;
};
enum err jetstream_meta(const natsMsg *message, struct jetstream_meta *meta);

/* Answers to a delivered message, by its reply subject. */
enum err jetstream_ack(struct broker *broker, const char *reply);
enum err jetstream_nak(struct broker *broker, const char *reply,
		       int64_t delay_ms);
enum err jetstream_progress(struct broker *broker, const char *reply);
enum err jetstream_terminate(struct broker *broker, const char *reply);

#endif
