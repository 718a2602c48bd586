/*
 * lib/pending.c: requests under way, found by the token in their reply subject.
 *
 * Invariants, under the mutex: a slot is either on the free list or belongs to
 * one call that has begun and not ended; its generation changes each time that
 * it is given back, so no two uses share a token.
 */
#include "lib/pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

struct slot {
	struct pending_call *call; /* NULL: free */
	uint32_t index;            /* of the message within the call */
	uint32_t generation;
	uint32_t next_free; /* of the free list */
};

struct pending {
	pthread_mutex_t mutex; /* guards all below, and all calls under way */
	uint32_t max;
	uint32_t free_count;
	uint32_t first_free;
	struct slot *slots;
};

enum err
pending_new(size_t max, struct pending **pending)
{
	struct pending *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return ERR_NO_MEMORY;
	made->slots = calloc(max, sizeof(*made->slots));
	if (made->slots == NULL) {
		free(made);
		return ERR_NO_MEMORY;
	}
	made->max = (uint32_t)max;
	made->free_count = (uint32_t)max;
	for (uint32_t i = 0; i < made->max; i++)
		made->slots[i].next_free = i + 1;
	(void)pthread_mutex_init(&made->mutex, NULL);
	*pending = made;
	return ERR_OK;
}

void
pending_free(struct pending *pending)
{
	if (pending == NULL)
		return;
	(void)pthread_mutex_destroy(&pending->mutex);
	free(pending->slots);
	free(pending);
}

static void
init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

static uint32_t
take_slot(struct pending *pending, struct pending_call *call, uint32_t index)
{
	uint32_t at = pending->first_free;
	struct slot *slot = &pending->slots[at];

	pending->first_free = slot->next_free;
	pending->free_count--;
	slot->call = call;
	slot->index = index;
	return at;
}

static void
give_slot(struct pending *pending, uint32_t at)
{
	struct slot *slot = &pending->slots[at];

	slot->call = NULL;
	slot->generation++;
	slot->next_free = pending->first_free;
	pending->first_free = at;
	pending->free_count++;
}

enum err
pending_begin(struct pending *pending, struct pending_call *call,
	      natsMsg *const *messages, size_t count, natsMsg **replies)
{
	if (count == 0 || count > PENDING_CALL_MAX)
		return ERR_INVALID;
	*call = (struct pending_call){.count = count,
				      .left = count,
				      .messages = messages,
				      .replies = replies};
	for (size_t i = 0; i < count; i++)
		replies[i] = NULL;
	(void)pthread_mutex_lock(&pending->mutex);
	if (pending->free_count < count) {
		(void)pthread_mutex_unlock(&pending->mutex);
		return ERR_BUSY;
	}
	init_condition(&call->done);
	for (uint32_t i = 0; i < count; i++)
		call->slots[i] = take_slot(pending, call, i);
	(void)pthread_mutex_unlock(&pending->mutex);
	return ERR_OK;
}

char *
pending_token(struct pending *pending, const struct pending_call *call,
	      size_t i, char buf[static PENDING_TOKEN_SIZE])
{
	uint32_t at = call->slots[i];
	uint32_t generation;

	/* Only this call's own thread changes it while the slot is taken. */
	generation = pending->slots[at].generation;
	(void)snprintf(buf, PENDING_TOKEN_SIZE, "%x-%x", at, generation);
	return buf;
}

void
pending_sent(struct pending *pending, struct pending_call *call, size_t sent)
{
	(void)pthread_mutex_lock(&pending->mutex);
	call->left -= call->count - sent;
	(void)pthread_mutex_unlock(&pending->mutex);
}

static enum err
await(struct pending *pending, struct pending_call *call, int64_t timeout_ms)
{
	struct timespec end = clock_mono_deadline(timeout_ms);
	int failed = 0;

	while (call->left > 0 && !call->lost && call->denied[0] == '\0' &&
	       failed == 0)
		failed =
		    pthread_cond_timedwait(&call->done, &pending->mutex, &end);
	if (call->denied[0] != '\0')
		return ERR_INTERNAL;
	if (call->left == 0)
		return ERR_OK;
	return call->lost ? ERR_ABORTED : ERR_TIMEOUT;
}

enum err
pending_end(struct pending *pending, struct pending_call *call,
	    int64_t timeout_ms, struct err_info *info)
{
	enum err result;

	(void)pthread_mutex_lock(&pending->mutex);
	result = await(pending, call, timeout_ms);
	for (size_t i = 0; i < call->count; i++)
		give_slot(pending, call->slots[i]);
	(void)pthread_mutex_unlock(&pending->mutex);
	(void)pthread_cond_destroy(&call->done);
	if (result == ERR_INTERNAL)
		return err_set(info, result, "NATS refuses: %s", call->denied);
	if (result == ERR_ABORTED)
		return err_set(info, result, "the connection to NATS was lost");
	if (result == ERR_TIMEOUT)
		return err_set(info, result, "NATS did not answer in %lld ms",
			       (long long)timeout_ms);
	return result;
}

static struct slot *
find(struct pending *pending, const char *token)
{
	char *end;
	unsigned long at = strtoul(token, &end, 16);
	unsigned long generation;

	if (end == token || *end != '-' || at >= pending->max)
		return NULL;
	generation = strtoul(end + 1, &end, 16);
	if (*end != '\0' || pending->slots[at].call == NULL ||
	    pending->slots[at].generation != generation)
		return NULL;
	return &pending->slots[at];
}

void
pending_reply(struct pending *pending, const char *token, natsMsg *message)
{
	struct pending_call *call;
	struct slot *slot;

	(void)pthread_mutex_lock(&pending->mutex);
	slot = find(pending, token);
	if (slot != NULL && slot->call->replies[slot->index] == NULL) {
		call = slot->call;
		call->replies[slot->index] = message;
		message = NULL;
		if (--call->left == 0)
			(void)pthread_cond_signal(&call->done);
	}
	(void)pthread_mutex_unlock(&pending->mutex);
	natsMsg_Destroy(message);
}

void
pending_lost(struct pending *pending)
{
	(void)pthread_mutex_lock(&pending->mutex);
	for (uint32_t i = 0; i < pending->max; i++) {
		struct pending_call *call = pending->slots[i].call;

		if (call != NULL) {
			call->lost = true;
			(void)pthread_cond_signal(&call->done);
		}
	}
	(void)pthread_mutex_unlock(&pending->mutex);
}

static bool
quotes(const char *words, const char *subject)
{
	size_t size = strlen(subject);
	const char *at = strchr(words, '"');

	return at != NULL && strncmp(at + 1, subject, size) == 0 &&
	       at[1 + size] == '"';
}

void
pending_denied(struct pending *pending, const char *words)
{
	(void)pthread_mutex_lock(&pending->mutex);
	for (uint32_t i = 0; i < pending->max; i++) {
		struct slot *slot = &pending->slots[i];
		struct pending_call *call = slot->call;

		if (call == NULL ||
		    !quotes(words,
			    natsMsg_GetSubject(call->messages[slot->index])))
			continue;
		(void)snprintf(call->denied, sizeof(call->denied), "%s", words);
		(void)pthread_cond_signal(&call->done);
	}
	(void)pthread_mutex_unlock(&pending->mutex);
}
