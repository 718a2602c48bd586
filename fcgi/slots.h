/*
 * fcgi/slots.h: how many threads of a process may wait for NATS at a time.
 *
 * Fewer than there are threads, so that a NATS that hangs never keeps /health
 * from being answered.  A request that finds no free slot is queued, and runs
 * on the thread that frees one: nobody waits on a lock.
 */
#ifndef OSAPI_FCGI_SLOTS_H
#define OSAPI_FCGI_SLOTS_H

#include <stddef.h>

#include "fcgi/request.h"
#include "lib/error.h"

#define SLOTS_QUEUE_MAX 4096

struct slots;

enum slot {
	SLOT_TAKEN,  /* run it, then slots_leave */
	SLOT_QUEUED, /* another thread runs it: do not touch it any more */
	SLOT_FULL,   /* the queue is full: refuse it */
};

/* For a process of `threads` threads. */
enum err slots_new(size_t threads, struct slots **slots);
/* When no thread uses it; the queue is empty then. */
void slots_free(struct slots *slots);

enum slot slots_enter(struct slots *slots, struct request *request);

/* Gives a slot back: NULL, or the next request, for which the caller keeps
 * the slot. */
struct request *slots_leave(struct slots *slots);

#endif
