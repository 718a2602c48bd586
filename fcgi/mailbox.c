/* fcgi/mailbox.c: see mailbox.h.  `mutex` guards all that is not set once. */
#include "fcgi/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/clock.h"

struct mailbox {
	pthread_mutex_t mutex;
	pthread_cond_t filled; /* a message, lost or closed */
	size_t messages_max;   /* set once */
	size_t octets_max;     /* set once */
	natsMsg **ring;
	size_t first;
	size_t count;
	size_t octets;
	uint64_t overflows;
	bool lost;
	bool closed;
};

enum err
mailbox_new(size_t messages_max, size_t octets_max, struct mailbox **out)
{
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox));
	pthread_condattr_t attributes;

	if (!mailbox)
		return ERR_NO_MEMORY;
	mailbox->ring = calloc(messages_max, sizeof(natsMsg *));
	if (!mailbox->ring) {
		free(mailbox);
		return ERR_NO_MEMORY;
	}
	mailbox->messages_max = messages_max;
	mailbox->octets_max = octets_max;
	pthread_mutex_init(&mailbox->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&mailbox->filled, &attributes);
	pthread_condattr_destroy(&attributes);
	*out = mailbox;
	return ERR_OK;
}

static natsMsg *
shift(struct mailbox *mailbox)
{
	natsMsg *message = mailbox->ring[mailbox->first];

	mailbox->first = (mailbox->first + 1) % mailbox->messages_max;
	mailbox->count--;
	mailbox->octets -= (size_t)natsMsg_GetDataLength(message);
	return message;
}

static void
empty(struct mailbox *mailbox)
{
	while (mailbox->count > 0)
		natsMsg_Destroy(shift(mailbox));
}

void
mailbox_free(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	empty(mailbox);
	pthread_cond_destroy(&mailbox->filled);
	pthread_mutex_destroy(&mailbox->mutex);
	free(mailbox->ring);
	free(mailbox);
}

void
mailbox_put(natsMsg *message, void *arg)
{
	struct mailbox *mailbox = arg;
	size_t size = (size_t)natsMsg_GetDataLength(message);
	bool full;

	pthread_mutex_lock(&mailbox->mutex);
	full = mailbox->count == mailbox->messages_max ||
	       mailbox->octets + size > mailbox->octets_max;
	if (full && !mailbox->lost) {
		mailbox->lost = true;
		mailbox->overflows++;
		empty(mailbox);
	}
	if (!mailbox->lost && !mailbox->closed) {
		mailbox->ring[(mailbox->first + mailbox->count++) %
			      mailbox->messages_max] = message;
		mailbox->octets += size;
		message = NULL;
	}
	pthread_cond_signal(&mailbox->filled);
	pthread_mutex_unlock(&mailbox->mutex);
	natsMsg_Destroy(message);
}

/* Waits, with the mutex, until it is closed or, with `anything`, there is
 * something to say; up to `wait_ms`. */
static void
await(struct mailbox *mailbox, int64_t wait_ms, bool anything)
{
	struct timespec deadline = clock_mono_deadline(wait_ms);
	int error = 0;

	while (!mailbox->closed &&
	       !(anything && (mailbox->count || mailbox->lost)) &&
	       error != ETIMEDOUT)
		error = pthread_cond_timedwait(&mailbox->filled,
					       &mailbox->mutex, &deadline);
}

enum mail
mailbox_take(struct mailbox *mailbox, int64_t wait_ms, natsMsg **message)
{
	enum mail mail = MAIL_MESSAGE;

	pthread_mutex_lock(&mailbox->mutex);
	await(mailbox, wait_ms, true);
	if (mailbox->closed) {
		mail = MAIL_CLOSED;
	} else if (mailbox->lost) {
		mailbox->lost = false;
		mail = MAIL_LOST;
	} else if (mailbox->count == 0) {
		mail = MAIL_NONE;
	} else {
		*message = shift(mailbox);
	}
	pthread_mutex_unlock(&mailbox->mutex);
	return mail;
}

void
mailbox_pause(struct mailbox *mailbox, int64_t wait_ms)
{
	pthread_mutex_lock(&mailbox->mutex);
	await(mailbox, wait_ms, false);
	pthread_mutex_unlock(&mailbox->mutex);
}

void
mailbox_clear(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->mutex);
	empty(mailbox);
	mailbox->lost = false;
	pthread_mutex_unlock(&mailbox->mutex);
}

void
mailbox_close(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->mutex);
	mailbox->closed = true;
	pthread_cond_broadcast(&mailbox->filled);
	pthread_mutex_unlock(&mailbox->mutex);
}

struct mailbox_state
mailbox_state(struct mailbox *mailbox)
{
	struct mailbox_state state;

	pthread_mutex_lock(&mailbox->mutex);
	state = (struct mailbox_state){.closed = mailbox->closed,
				       .count = mailbox->count,
				       .overflows = mailbox->overflows};
	pthread_mutex_unlock(&mailbox->mutex);
	return state;
}
