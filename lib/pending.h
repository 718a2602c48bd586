/*
 * lib/pending.h: requests under way, found by the token in their reply subject.
 *
 * A bounded table of slots.  A call takes one slot a message, and gives them
 * back when it ends; a token names a slot and its use, so that a reply that
 * comes too late finds nobody.  One mutex guards everything; nothing is
 * published and no handler runs under it.
 *
 * All functions may be called from every thread.
 */
#ifndef OSAPI_LIB_PENDING_H
#define OSAPI_LIB_PENDING_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define PENDING_CALL_MAX   16 /* messages of one call */
#define PENDING_TOKEN_SIZE 24

struct pending;

/* One call; lives on its caller's stack from pending_begin to pending_end. */
struct pending_call {
	size_t count;
	size_t left; /* replies that are still awaited */
	uint32_t slots[PENDING_CALL_MAX];
	natsMsg *const *messages; /* the caller's */
	natsMsg **replies;        /* the caller's */
	bool lost;                /* the connection went away */
	char denied[256];         /* the server's words, "" none */
	pthread_cond_t done;
};

/* Room for `max` messages. */
enum err pending_new(size_t max, struct pending **pending);
/* No call may be under way; NULL is accepted. */
void pending_free(struct pending *pending);

/* Takes a slot for each of `count` messages; replies[] is filled with NULL.
 * ERR_BUSY: the table is full.  On success pending_end is due. */
enum err pending_begin(struct pending *pending, struct pending_call *call,
		       natsMsg *const *messages, size_t count,
		       natsMsg **replies);

/* The token that leads the reply of message `i` back; returns buf. */
char *pending_token(struct pending *pending, const struct pending_call *call,
		    size_t i, char buf[static PENDING_TOKEN_SIZE]);

/* Only the first `sent` messages have been sent: no others are awaited. */
void pending_sent(struct pending *pending, struct pending_call *call,
		  size_t sent);

/*
 * Waits until all replies are in and gives the slots back.  ERR_TIMEOUT,
 * ERR_ABORTED (connection lost), ERR_INTERNAL (denied; the server's words).
 */
enum err pending_end(struct pending *pending, struct pending_call *call,
		     int64_t timeout_ms, struct err_info *info);

/* Hands a reply to its call; owns `message`. */
void pending_reply(struct pending *pending, const char *token,
		   natsMsg *message);

/* The connection is gone: every call under way ends. */
void pending_lost(struct pending *pending);

/* The server refused something: calls with a message to the subject that
 * `words` quote end. */
void pending_denied(struct pending *pending, const char *words);

#endif
