/*
 * fcgi/slots.c: how many threads of a process may wait for NATS at a time.
 */
#include "fcgi/slots.h"

#include <pthread.h>
#include <stdlib.h>

struct slots {
	pthread_mutex_t mutex; /* of what follows */
	size_t free;
	size_t queued;
	struct request *first;
	struct request **last; /* where the next one is hung */
};

enum err
slots_new(size_t threads, struct slots **slots)
{
	struct slots *made = calloc(1, sizeof(*made));

	if (!made)
		return ERR_NO_MEMORY;
	pthread_mutex_init(&made->mutex, NULL);
	made->free = threads > 1 ? threads - (threads + 3) / 4 : 1;
	if (!made->free)
		made->free = 1;
	made->last = &made->first;
	*slots = made;
	return ERR_OK;
}

void
slots_free(struct slots *slots)
{
	if (!slots)
		return;
	pthread_mutex_destroy(&slots->mutex);
	free(slots);
}

enum slot
slots_enter(struct slots *slots, struct request *request)
{
	enum slot slot = SLOT_TAKEN;

	pthread_mutex_lock(&slots->mutex);
	if (slots->free) {
		slots->free--;
	} else if (slots->queued < SLOTS_QUEUE_MAX) {
		request->next = NULL;
		*slots->last = request;
		slots->last = &request->next;
		slots->queued++;
		slot = SLOT_QUEUED;
	} else {
		slot = SLOT_FULL;
	}
	pthread_mutex_unlock(&slots->mutex);
	return slot;
}

struct request *
slots_leave(struct slots *slots)
{
	struct request *next;

	pthread_mutex_lock(&slots->mutex);
	next = slots->first;
	if (next) {
		slots->first = next->next;
		if (!slots->first)
			slots->last = &slots->first;
		slots->queued--;
	} else {
		slots->free++;
	}
	pthread_mutex_unlock(&slots->mutex);
	return next;
}
