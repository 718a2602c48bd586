/*
 * fcgi/mailbox.h: a bounded queue of NATS messages, from a callback of nats.c
 * to the one thread that works on them.
 *
 * When it is full, in messages or octets, all of it is thrown away and so is
 * what comes, until the reader has been told: after a gap the rest is of no
 * use, as the reader has to read again from the last message that it had.
 */
#ifndef OSAPI_FCGI_MAILBOX_H
#define OSAPI_FCGI_MAILBOX_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct mailbox;

enum err mailbox_new(size_t messages_max, size_t octets_max,
		     struct mailbox **mailbox);
/* No callback may come any more.  NULL is accepted. */
void mailbox_free(struct mailbox *mailbox);

/* A broker_handler; `arg` is the mailbox.  From every thread. */
void mailbox_put(natsMsg *message, void *arg);

enum mail {
	MAIL_MESSAGE,
	MAIL_NONE /* the time is over */,
	MAIL_LOST,
	MAIL_CLOSED
};

/* The next message, which the caller destroys, waiting up to `wait_ms`.
 * MAIL_LOST: it was full; said once, the mailbox is empty and takes again.
 * MAIL_CLOSED at once after mailbox_close, whatever is left. */
enum mail mailbox_take(struct mailbox *mailbox, int64_t wait_ms,
		       natsMsg **message);

/* Waits up to `wait_ms`, taking nothing; returns early when it is closed. */
void mailbox_pause(struct mailbox *mailbox, int64_t wait_ms);

/* Forgets what is in it, and that it was full. */
void mailbox_clear(struct mailbox *mailbox);

/* Wakes the reader for good.  From every thread. */
void mailbox_close(struct mailbox *mailbox);

struct mailbox_state {
	bool closed;
	size_t count;       /* messages waiting */
	uint64_t overflows; /* how often it was full since it was made */
};
struct mailbox_state mailbox_state(struct mailbox *mailbox);

#endif
