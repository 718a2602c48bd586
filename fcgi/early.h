/*
 * fcgi/early.h: live changes that came before their turn.
 *
 * nats-server stores the messages of several connections one after another,
 * but announces them when it no longer holds the stream's lock: a number may
 * come a moment before the one below it.  They wait here, which costs less
 * than to read them again.  Belongs to one thread.
 */
#ifndef OSAPI_FCGI_EARLY_H
#define OSAPI_FCGI_EARLY_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EARLY_MAX 64

struct early { /* zero: empty */
	size_t count;
	struct {
		uint64_t sequence;
		natsMsg *message;
	} items[EARLY_MAX];
};

/* Keeps the message, which is its own then; false: it is full, and the message
 * still the caller's. */
bool early_put(struct early *early, natsMsg *message, uint64_t sequence);

/* The message of that number, the caller's then; NULL: not here. */
natsMsg *early_take(struct early *early, uint64_t sequence);

/* Destroys all that is here. */
void early_clear(struct early *early);

#endif
