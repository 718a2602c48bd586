/*
 * fcgi/waiters.c: see waiters.h.
 *
 * Each parked request has a slot.  A slot is FREE, PARKED (in the hash table
 * by job id and in the heap by deadline, its client's descriptor in the epoll
 * set) or READY (in the queue of those to finish); `claim` is the one way
 * from PARKED to READY, so each request is finished once whatever happens at
 * the same time.  A reference to a slot from outside the mutex is a ticket,
 * slot and generation: one that is old finds another generation and is
 * dropped.
 *
 * Threads: one poller (client descriptors, deadlines), `threads` finishers
 * (ready slots, and jobs that changed).  All of struct waiters is guarded by
 * `mutex` but what is set once.
 */
#include "fcgi/waiters.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

#define NIL         UINT32_MAX
#define WAKE_TICKET UINT64_MAX /* the poller's own eventfd */
#define EVENTS_MAX  256

enum state { FREE, PARKED, READY };

struct slot {
	enum state state;
	enum wake why; /* of a READY one */
	bool asked;    /* is in that queue, whoever has the slot */
	bool answered; /* only what led to it is waited for */
	enum index_progress until;
	uint32_t generation; /* grows each time that the slot becomes FREE */
	uint32_t next;       /* free list, hash bucket or ready queue */
	uint32_t heap_at;
	int fd;
	int64_t deadline_ms;
	waiter_finish finish;
	void *arg;
	char job_id[UUID_SIZE];
};

struct queue { /* a ring of slots; room for each once */
	uint32_t *items;
	size_t first;
	size_t count;
};

struct waiters {
	pthread_mutex_t mutex;
	pthread_cond_t work; /* ready, asked or draining */
	size_t max;          /* set once */
	enum index_progress (*progress)(const char *job_id,
					void *arg); /* set once */
	void *progress_arg;
	int epoll_fd; /* set once */
	int wake_fd;  /* set once */
	pthread_t poller;
	pthread_t *finishers;
	size_t finisher_count;
	atomic_bool draining; /* written under the mutex */
	struct slot *slots;
	uint32_t free_first;
	atomic_size_t
	    used; /* slots that are not FREE; written under the mutex */
	uint32_t *buckets;
	size_t bucket_count; /* a power of two */
	uint32_t *heap;      /* slots by deadline, the earliest first */
	size_t heap_count;
	struct queue ready;
	struct queue asked;
};

/* ---- tickets ---- */

static uint64_t
ticket(const struct waiters *w, uint32_t at)
{
	return (uint64_t)w->slots[at].generation << 32 | at;
}

/* The slot that a ticket was made for, if it is still parked. */
static struct slot *
parked(const struct waiters *w, uint64_t of)
{
	uint32_t at = (uint32_t)of;
	struct slot *slot = at < w->max ? &w->slots[at] : NULL;

	if (!slot || slot->state != PARKED ||
	    slot->generation != (uint32_t)(of >> 32))
		return NULL;
	return slot;
}

static void
push(const struct waiters *w, struct queue *queue, uint32_t item)
{
	queue->items[(queue->first + queue->count++) % w->max] = item;
}

static uint32_t
pop(const struct waiters *w, struct queue *queue)
{
	uint32_t item = queue->items[queue->first];

	queue->first = (queue->first + 1) % w->max;
	queue->count--;
	return item;
}

/* ---- hash by job id ---- */

static uint32_t *
bucket(const struct waiters *w, const char *job_id)
{
	uint32_t h = 2166136261U; /* FNV-1a: ids are ours, their ends random */

	for (; *job_id; job_id++)
		h = (h ^ (unsigned char)*job_id) * 16777619U;
	return &w->buckets[h & (w->bucket_count - 1)];
}

static void
unhash(struct waiters *w, uint32_t at)
{
	uint32_t *from = bucket(w, w->slots[at].job_id);

	while (*from != at)
		from = &w->slots[*from].next;
	*from = w->slots[at].next;
}

/* ---- heap by deadline ---- */

static void
heap_set(struct waiters *w, size_t at, uint32_t slot)
{
	w->heap[at] = slot;
	w->slots[slot].heap_at = (uint32_t)at;
}

static void
heap_up(struct waiters *w, size_t at)
{
	uint32_t slot = w->heap[at];
	int64_t deadline_ms = w->slots[slot].deadline_ms;

	while (at > 0) {
		size_t above = (at - 1) / 2;

		if (w->slots[w->heap[above]].deadline_ms <= deadline_ms)
			break;
		heap_set(w, at, w->heap[above]);
		at = above;
	}
	heap_set(w, at, slot);
}

static void
heap_down(struct waiters *w, size_t at)
{
	uint32_t slot = w->heap[at];
	int64_t deadline_ms = w->slots[slot].deadline_ms;

	for (;;) {
		size_t below = at * 2 + 1;

		if (below >= w->heap_count)
			break;
		if (below + 1 < w->heap_count &&
		    w->slots[w->heap[below + 1]].deadline_ms <
			w->slots[w->heap[below]].deadline_ms)
			below++;
		if (w->slots[w->heap[below]].deadline_ms >= deadline_ms)
			break;
		heap_set(w, at, w->heap[below]);
		at = below;
	}
	heap_set(w, at, slot);
}

static void
heap_add(struct waiters *w, uint32_t slot)
{
	heap_set(w, w->heap_count, slot);
	heap_up(w, w->heap_count++);
}

static void
heap_remove(struct waiters *w, uint32_t slot)
{
	size_t at = w->slots[slot].heap_at;
	uint32_t last = w->heap[--w->heap_count];

	if (last == slot)
		return;
	heap_set(w, at, last);
	heap_up(w, at);
	heap_down(w, w->slots[last].heap_at);
}

/* ---- from PARKED to READY to FREE ---- */

static void
wake_poller(const struct waiters *w)
{
	uint64_t one = 1;

	if (write(w->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("waiters: eventfd", LOG_S("error", strerror(errno)));
}

static void
claim(struct waiters *w, struct slot *slot, enum wake why)
{
	uint32_t at = (uint32_t)(slot - w->slots);

	unhash(w, at);
	heap_remove(w, at);
	if (slot->fd >= 0)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
	slot->state = READY;
	slot->why = why;
	push(w, &w->ready, at);
	pthread_cond_signal(&w->work);
}

/* Frees the next ready slot and runs its callback; the mutex is let go
 * meanwhile. */
static void
finish_one(struct waiters *w)
{
	uint32_t at = pop(w, &w->ready);
	struct slot *slot = &w->slots[at];
	waiter_finish finish = slot->finish;
	void *arg = slot->arg;
	enum wake why = slot->why;

	slot->state = FREE;
	slot->generation++;
	slot->next = w->free_first;
	w->free_first = at;
	w->used--;
	pthread_mutex_unlock(&w->mutex);
	finish(why, arg);
	pthread_mutex_lock(&w->mutex);
}

/* The answers are there: what led to them is given a moment to come. */
static void
hurry(struct waiters *w, struct slot *slot)
{
	int64_t deadline_ms = clock_mono_ms() + WAITERS_STORY_MS;

	if (slot->answered)
		return;
	slot->answered = true;
	if (deadline_ms >= slot->deadline_ms)
		return;
	slot->deadline_ms = deadline_ms;
	heap_up(w, slot->heap_at);
	if (slot->heap_at == 0)
		wake_poller(w);
}

/* Asks how far a parked one's job is; the mutex is let go meanwhile. */
static void
look(struct waiters *w, uint64_t of)
{
	struct slot *slot = parked(w, of);
	enum index_progress progress;
	char job_id[UUID_SIZE];

	if (!slot)
		return;
	memcpy(job_id, slot->job_id, sizeof(job_id));
	pthread_mutex_unlock(&w->mutex);
	progress = w->progress(job_id, w->progress_arg);
	pthread_mutex_lock(&w->mutex);
	slot = parked(w, of);
	if (!slot || progress == INDEX_OPEN)
		return;
	if (progress >= slot->until)
		claim(w, slot, WAKE_COMPLETE);
	else
		hurry(w, slot);
}

/* Asks about one job that changed. */
static void
look_at_one(struct waiters *w)
{
	uint32_t at = pop(w, &w->asked);

	w->slots[at].asked = false;
	look(w, ticket(w, at));
}

static void *
finisher_main(void *arg)
{
	struct waiters *w = arg;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		if (w->ready.count > 0)
			finish_one(w);
		else if (w->asked.count > 0)
			look_at_one(w);
		else if (w->draining)
			break;
		else
			pthread_cond_wait(&w->work, &w->mutex);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* ---- the poller ---- */

/* Claims what is over; returns how long to sleep, -1 for ever. Mutex held. */
static int
claim_late(struct waiters *w)
{
	int64_t now_ms = clock_mono_ms();

	while (w->heap_count > 0) {
		struct slot *slot = &w->slots[w->heap[0]];

		if (slot->deadline_ms > now_ms) {
			int64_t left_ms = slot->deadline_ms - now_ms;

			return left_ms < 60000 ? (int)left_ms : 60000;
		}
		claim(w, slot, slot->answered ? WAKE_COMPLETE : WAKE_TIMEOUT);
	}
	return -1;
}

static void
drain_wake_fd(const struct waiters *w)
{
	uint64_t number;

	if (read(w->wake_fd, &number, sizeof(number)) < 0 && errno != EAGAIN)
		log_error("waiters: eventfd", LOG_S("error", strerror(errno)));
}

static void
handle_events(struct waiters *w, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		struct slot *slot;

		if (events[i].data.u64 == WAKE_TICKET) {
			drain_wake_fd(w);
			continue;
		}
		slot = parked(w, events[i].data.u64);
		if (slot)
			claim(w, slot, WAKE_GONE);
	}
}

static void *
poller_main(void *arg)
{
	struct waiters *w = arg;
	struct epoll_event events[EVENTS_MAX];
	int timeout_ms;
	int count;

	pthread_mutex_lock(&w->mutex);
	while (!w->draining) {
		timeout_ms = claim_late(w);
		pthread_mutex_unlock(&w->mutex);
		count = epoll_wait(w->epoll_fd, events, EVENTS_MAX, timeout_ms);
		if (count < 0 && errno != EINTR)
			log_error("waiters: epoll_wait",
				  LOG_S("error", strerror(errno)));
		pthread_mutex_lock(&w->mutex);
		handle_events(w, events, count);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* ---- lifecycle ---- */

static enum err
make_tables(struct waiters *w, size_t threads)
{
	w->bucket_count = 64;
	while (w->bucket_count < w->max)
		w->bucket_count *= 2;
	w->slots = calloc(w->max, sizeof(*w->slots));
	w->heap = calloc(w->max, sizeof(*w->heap));
	w->ready.items = calloc(w->max, sizeof(uint32_t));
	w->asked.items = calloc(w->max, sizeof(uint32_t));
	w->buckets = malloc(w->bucket_count * sizeof(*w->buckets));
	w->finishers = calloc(threads, sizeof(*w->finishers));
	if (!w->slots || !w->heap || !w->ready.items || !w->asked.items ||
	    !w->buckets || !w->finishers)
		return ERR_NO_MEMORY;
	memset(w->buckets, 0xff, w->bucket_count * sizeof(*w->buckets));
	for (uint32_t i = 0; i < w->max; i++)
		w->slots[i].next = i + 1 < w->max ? i + 1 : NIL;
	return ERR_OK;
}

static enum err
make_descriptors(struct waiters *w)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = WAKE_TICKET};

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll_fd < 0 || w->wake_fd < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &event) < 0)
		return ERR_IO;
	return ERR_OK;
}

static void
release(struct waiters *w)
{
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->mutex);
	free(w->slots);
	free(w->heap);
	free(w->ready.items);
	free(w->asked.items);
	free(w->buckets);
	free(w->finishers);
	free(w);
}

static void
join_finishers(struct waiters *w)
{
	pthread_mutex_lock(&w->mutex);
	w->draining = true;
	while (w->heap_count > 0)
		claim(w, &w->slots[w->heap[0]], WAKE_DRAIN);
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->mutex);
	for (size_t i = 0; i < w->finisher_count; i++)
		pthread_join(w->finishers[i], NULL);
}

enum err
waiters_new(size_t max, size_t threads,
	    enum index_progress (*progress)(const char *job_id, void *arg),
	    void *progress_arg, struct waiters **waiters)
{
	struct waiters *w;
	enum err err;

	if (max == 0 || max >= NIL || threads == 0)
		return ERR_INVALID;
	w = calloc(1, sizeof(*w));
	if (!w)
		return ERR_NO_MEMORY;
	w->max = max;
	w->progress = progress;
	w->progress_arg = progress_arg;
	w->epoll_fd = w->wake_fd = -1;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->work, NULL);
	err = make_tables(w, threads);
	if (err == ERR_OK)
		err = make_descriptors(w);
	for (; err == ERR_OK && w->finisher_count < threads;
	     w->finisher_count++)
		if (pthread_create(&w->finishers[w->finisher_count], NULL,
				   finisher_main, w) != 0) {
			err = ERR_NO_MEMORY;
			break;
		}
	if (err == ERR_OK &&
	    pthread_create(&w->poller, NULL, poller_main, w) != 0)
		err = ERR_NO_MEMORY;
	if (err != ERR_OK) {
		join_finishers(w);
		release(w);
		return err;
	}
	*waiters = w;
	return ERR_OK;
}

void
waiters_free(struct waiters *w)
{
	if (!w)
		return;
	join_finishers(w);
	wake_poller(w);
	pthread_join(w->poller, NULL);
	release(w);
}

/* ---- what others call ---- */

bool
waiters_room(const struct waiters *w)
{
	return !atomic_load(&w->draining) && atomic_load(&w->used) < w->max;
}

size_t
waiters_count(const struct waiters *w)
{
	return atomic_load(&w->used);
}

/* Puts one into a free slot; its ticket. Mutex held, room checked. */
static uint64_t
take_slot(struct waiters *w, const struct slot *what)
{
	uint32_t at = w->free_first;
	struct slot *slot = &w->slots[at];
	uint32_t *from = bucket(w, what->job_id);
	uint32_t generation = slot->generation;
	bool asked = slot->asked;

	w->free_first = slot->next;
	w->used++;
	*slot = *what;
	slot->generation = generation;
	slot->asked = asked;
	slot->state = PARKED;
	slot->next = *from;
	*from = at;
	heap_add(w, at);
	return ticket(w, at);
}

/* One that cannot be watched is not: its waiter still has a deadline. */
static void
watch(struct waiters *w, uint64_t of)
{
	struct slot *slot = &w->slots[(uint32_t)of];
	struct epoll_event event = {.events = EPOLLRDHUP, .data.u64 = of};

	if (slot->fd < 0)
		return;
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) < 0) {
		log_warning("cannot watch a waiting client",
			    LOG_S("error", strerror(errno)));
		slot->fd = -1;
	}
}

enum err
waiters_park(struct waiters *w, const char *job_id, enum index_progress until,
	     int64_t timeout_ms, int client_fd, waiter_finish finish, void *arg)
{
	struct slot what = {
	    .until = until,
	    .fd = client_fd,
	    .deadline_ms = clock_mono_ms() + (timeout_ms > 0 ? timeout_ms : 0),
	    .finish = finish,
	    .arg = arg,
	};
	uint64_t of;
	bool first;

	if (strlen(job_id) >= sizeof(what.job_id))
		return ERR_INVALID;
	memcpy(what.job_id, job_id, strlen(job_id));
	pthread_mutex_lock(&w->mutex);
	if (w->draining || w->used == w->max) {
		pthread_mutex_unlock(&w->mutex);
		return ERR_BUSY;
	}
	of = take_slot(w, &what);
	watch(w, of);
	first = w->slots[w->heap[0]].deadline_ms == what.deadline_ms;
	pthread_mutex_unlock(&w->mutex);
	if (first)
		wake_poller(w);
	/* Its last answer may have come before it was parked. */
	pthread_mutex_lock(&w->mutex);
	look(w, of);
	pthread_mutex_unlock(&w->mutex);
	return ERR_OK;
}

void
waiters_changed(struct waiters *w, const char *job_id)
{
	pthread_mutex_lock(&w->mutex);
	for (uint32_t at = *bucket(w, job_id); at != NIL;
	     at = w->slots[at].next) {
		struct slot *slot = &w->slots[at];

		if (slot->asked || strcmp(slot->job_id, job_id) != 0)
			continue;
		slot->asked = true;
		push(w, &w->asked, at);
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->mutex);
}
