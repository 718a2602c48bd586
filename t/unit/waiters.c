/*
 * t/unit/waiters.c: each parked request is finished once, for the right
 * reason, whatever else happens at the same time.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi/waiters.h"
#include "lib/clock.h"
#include "t/unit/unit.h"

#define GUARD_MS 20000 /* a failure guard, not a limit */
#define LONG_MS  600000

/* ---- guests ---- */

static pthread_mutex_t mutex =
    PTHREAD_MUTEX_INITIALIZER; /* guests' members, finished */
static pthread_cond_t told;
static unsigned finished; /* in all */

struct guest {
	char id[UUID_SIZE];
	unsigned times; /* finished; must become 1 */
	unsigned order; /* among all that were finished */
	enum wake why;
	_Atomic enum index_progress progress; /* of its job */
};

static void
finish(enum wake why, void *arg)
{
	struct guest *guest = arg;

	pthread_mutex_lock(&mutex);
	guest->times++;
	guest->why = why;
	guest->order = finished++;
	pthread_cond_broadcast(&told);
	pthread_mutex_unlock(&mutex);
}

/* Waits until `count` have been finished since reset_guests. */
static unsigned
await(unsigned count)
{
	struct timespec deadline = clock_mono_deadline(GUARD_MS);
	unsigned got;
	int error = 0;

	pthread_mutex_lock(&mutex);
	while (finished < count && error == 0)
		error = pthread_cond_timedwait(&told, &mutex, &deadline);
	got = finished;
	pthread_mutex_unlock(&mutex);
	return got;
}

static void
reset_guests(struct guest *guests, size_t count)
{
	static bool ready;
	pthread_condattr_t attributes;

	if (!ready) {
		pthread_condattr_init(&attributes);
		pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
		pthread_cond_init(&told, &attributes);
		pthread_condattr_destroy(&attributes);
		ready = true;
	}
	finished = 0;
	for (size_t i = 0; i < count; i++) {
		guests[i] = (struct guest){.times = 0};
		uuid_make(guests[i].id);
	}
}

/* The jobs' state: `arg` is the array of guests, ended by an empty id. */
static enum index_progress
progress(const char *job_id, void *arg)
{
	for (struct guest *guest = arg; guest->id[0]; guest++)
		if (strcmp(guest->id, job_id) == 0)
			return atomic_load(&guest->progress);
	return INDEX_OPEN;
}

static struct waiters *
new_waiters(size_t max, size_t threads, struct guest *guests)
{
	struct waiters *waiters = NULL;

	if (waiters_new(max, threads, progress, guests, &waiters) != ERR_OK)
		abort();
	return waiters;
}

static const char *
wake_text(enum wake why)
{
	static const char *const texts[] = {"complete", "timeout", "gone",
					    "drain"};

	return texts[why];
}

/* ---- one reason each ---- */

static void
wakes_when_the_job_is_complete(void)
{
	struct guest guests[3];
	struct waiters *waiters;

	reset_guests(guests, 2);
	guests[2].id[0] = '\0';
	waiters = new_waiters(4, 2, guests);
	waiters_park(waiters, guests[0].id, INDEX_ANSWERED, LONG_MS, -1, finish,
		     &guests[0]);
	waiters_park(waiters, guests[1].id, INDEX_ANSWERED, LONG_MS, -1, finish,
		     &guests[1]);
	IS_INT("both wait", waiters_count(waiters), 2);
	waiters_changed(waiters, guests[0].id);
	atomic_store(&guests[1].progress, INDEX_TOLD);
	waiters_changed(waiters, guests[1].id);
	IS_INT("one job is complete", await(1), 1);
	IS_INT("it is the second", guests[1].times, 1);
	IS_TEXT("because of that", wake_text(guests[1].why), "complete");
	IS_INT("a change that completes nothing wakes nobody", guests[0].times,
	       0);
	waiters_free(waiters);
	IS_INT("the other is finished at the end", guests[0].times, 1);
	IS_TEXT("by the drain", wake_text(guests[0].why), "drain");
	IS_INT("nobody is finished twice", guests[1].times, 1);
}

static void
job_complete_before_parking_is_noticed(void)
{
	struct guest guests[2];
	struct waiters *waiters;

	reset_guests(guests, 1);
	guests[1].id[0] = '\0';
	atomic_store(&guests[0].progress, INDEX_TOLD);
	waiters = new_waiters(1, 1, guests);
	IS_INT("it is parked",
	       waiters_park(waiters, guests[0].id, INDEX_ANSWERED, LONG_MS, -1,
			    finish, &guests[0]),
	       ERR_OK);
	IS_INT("and finished without any change", await(1), 1);
	IS_TEXT("as complete", wake_text(guests[0].why), "complete");
	waiters_free(waiters);
}

/* Two wait for the same job: for its answers, and for its whole story. */
static void
whole_story_is_waited_for(void)
{
	struct guest guests[3];
	struct waiters *waiters;

	reset_guests(guests, 2);
	guests[2].id[0] = '\0';
	waiters = new_waiters(2, 1, guests);
	for (size_t i = 0; i < 2; i++)
		waiters_park(waiters, guests[0].id,
			     i == 0 ? INDEX_TOLD : INDEX_ANSWERED, LONG_MS, -1,
			     finish, &guests[i]);
	atomic_store(&guests[0].progress, INDEX_ANSWERED);
	waiters_changed(waiters, guests[0].id);
	await(1);
	IS_INT("its answers wake the one", guests[1].times, 1);
	atomic_store(&guests[0].progress, INDEX_TOLD);
	waiters_changed(waiters, guests[0].id);
	IS_INT("and its story the other", await(2), 2);
	IS_TEXT("as complete", wake_text(guests[0].why), "complete");
	waiters_free(waiters);
}

/* The host has died between its answer and its last event. */
static void
story_that_does_not_come_is_given_up(void)
{
	struct guest guests[3];
	struct waiters *waiters;

	reset_guests(guests, 2);
	guests[2].id[0] = '\0';
	waiters = new_waiters(2, 1, guests);
	waiters_park(waiters, guests[0].id, INDEX_TOLD, LONG_MS, -1, finish,
		     &guests[0]);
	atomic_store(&guests[0].progress, INDEX_ANSWERED);
	waiters_changed(waiters, guests[0].id);
	IS_INT("one that was parked before", await(1), 1);
	IS_TEXT("is told what there is", wake_text(guests[0].why), "complete");
	atomic_store(&guests[1].progress, INDEX_ANSWERED);
	waiters_park(waiters, guests[1].id, INDEX_TOLD, LONG_MS, -1, finish,
		     &guests[1]);
	IS_INT("and one that comes later", await(2), 2);
	IS_TEXT("too", wake_text(guests[1].why), "complete");
	waiters_free(waiters);
}

static void
deadlines_come_in_their_order(void)
{
	static const int64_t after_ms[] = {90, 10, 50, 30, 70, 0, -5, 20};
	enum { COUNT = sizeof(after_ms) / sizeof(after_ms[0]) };
	struct guest guests[COUNT + 1];
	struct waiters *waiters;
	int64_t earliest_ms[COUNT];
	int64_t latest_ms[COUNT];

	reset_guests(guests, COUNT);
	guests[COUNT].id[0] = '\0';
	waiters = new_waiters(COUNT, 1, guests);
	for (size_t i = 0; i < COUNT; i++) {
		int64_t after = after_ms[i] > 0 ? after_ms[i] : 0;

		earliest_ms[i] = clock_mono_ms() + after;
		waiters_park(waiters, guests[i].id, INDEX_ANSWERED, after_ms[i],
			     -1, finish, &guests[i]);
		latest_ms[i] = clock_mono_ms() + after;
	}
	IS_INT("all are over", await(COUNT), COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		IS_TEXT("by their deadline", wake_text(guests[i].why),
			"timeout");
		for (size_t j = 0; j < COUNT; j++)
			OK("one that ends earlier is finished earlier",
			   latest_ms[i] >= earliest_ms[j] ||
			       guests[i].order < guests[j].order);
	}
	IS_INT("the table is empty", waiters_count(waiters), 0);
	waiters_free(waiters);
}

static void
deadlines_hold_when_others_have_left(void)
{
	enum { COUNT = 256 };
	static struct guest guests[COUNT + 1];
	struct waiters *waiters;
	int64_t earliest_ms[COUNT];
	int64_t latest_ms[COUNT];

	reset_guests(guests, COUNT);
	guests[COUNT].id[0] = '\0';
	waiters = new_waiters(COUNT, 1, guests);
	for (unsigned i = 0; i < COUNT; i++) {
		int64_t after_ms = 300 + i * 37 % COUNT;

		earliest_ms[i] = clock_mono_ms() + after_ms;
		waiters_park(waiters, guests[i].id, INDEX_ANSWERED, after_ms,
			     -1, finish, &guests[i]);
		latest_ms[i] = clock_mono_ms() + after_ms;
	}
	for (unsigned i = 0; i < COUNT; i += 2) {
		atomic_store(&guests[i].progress, INDEX_TOLD);
		waiters_changed(waiters, guests[i].id);
	}
	IS_INT("all are finished", await(COUNT), COUNT);
	for (unsigned i = 1; i < COUNT; i += 2)
		for (unsigned j = 1; j < COUNT; j += 2)
			OK("the earlier deadline first",
			   latest_ms[i] >= earliest_ms[j] ||
			       guests[i].order < guests[j].order);
	waiters_free(waiters);
}

static void
client_that_leaves_is_noticed(void)
{
	struct guest guests[3];
	struct waiters *waiters;
	int pair[2];

	reset_guests(guests, 2);
	guests[2].id[0] = '\0';
	waiters = new_waiters(2, 1, guests);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	/* A body that was not read yet is no sign of leaving. */
	IS_INT("octets on their way", write(pair[0], "x", 1), 1);
	waiters_park(waiters, guests[0].id, INDEX_ANSWERED, LONG_MS, pair[1],
		     finish, &guests[0]);
	waiters_park(waiters, guests[1].id, INDEX_ANSWERED, 20, -1, finish,
		     &guests[1]);
	await(1);
	IS_INT("unread octets finish nothing", guests[0].times, 0);
	close(pair[0]);
	IS_INT("a closed connection does", await(2), 2);
	IS_TEXT("as gone", wake_text(guests[0].why), "gone");
	waiters_free(waiters);
	close(pair[1]);
}

static void
full_table_refuses(void)
{
	struct guest guests[4];
	struct waiters *waiters;

	reset_guests(guests, 3);
	guests[3].id[0] = '\0';
	waiters = new_waiters(2, 1, guests);
	OK("there is room", waiters_room(waiters));
	waiters_park(waiters, guests[0].id, INDEX_ANSWERED, LONG_MS, -1, finish,
		     &guests[0]);
	waiters_park(waiters, guests[1].id, INDEX_ANSWERED, LONG_MS, -1, finish,
		     &guests[1]);
	OK("there is none", !waiters_room(waiters));
	IS_INT("a third is refused",
	       waiters_park(waiters, guests[2].id, INDEX_ANSWERED, LONG_MS, -1,
			    finish, &guests[2]),
	       ERR_BUSY);
	atomic_store(&guests[0].progress, INDEX_TOLD);
	waiters_changed(waiters, guests[0].id);
	await(1);
	IS_INT("one has left: the third is taken",
	       waiters_park(waiters, guests[2].id, INDEX_ANSWERED, LONG_MS, -1,
			    finish, &guests[2]),
	       ERR_OK);
	waiters_free(waiters);
	IS_INT("the refused call finished nothing", guests[2].times, 1);
}

static void
many_wait_for_one_job(void)
{
	enum { COUNT = 50 };
	struct guest guests[COUNT + 1];
	struct waiters *waiters;
	char id[UUID_SIZE];

	reset_guests(guests, COUNT);
	guests[COUNT].id[0] = '\0';
	memcpy(id, guests[0].id, sizeof(id));
	waiters = new_waiters(COUNT, 3, guests);
	for (size_t i = 0; i < COUNT; i++)
		waiters_park(waiters, id, INDEX_ANSWERED, LONG_MS, -1, finish,
			     &guests[i]);
	atomic_store(&guests[0].progress, INDEX_TOLD);
	waiters_changed(waiters, id);
	IS_INT("all are woken", await(COUNT), COUNT);
	for (size_t i = 0; i < COUNT; i++)
		IS_TEXT("as complete", wake_text(guests[i].why), "complete");
	waiters_free(waiters);
}

/* ---- all at the same time ---- */

#define PARKERS     4
#define PARK_ROUNDS 400
#define CROWD       (PARKERS * PARK_ROUNDS)

static struct guest crowd[CROWD + 1];
static atomic_uint parked_count;
static struct waiters *crowd_waiters;

/* As progress, but at a cost that does not grow: the number is in the id. */
static enum index_progress
crowd_progress(const char *job_id, void *arg)
{
	unsigned long at = strtoul(job_id, NULL, 16);

	(void)arg;
	return at < CROWD ? atomic_load(&crowd[at].progress) : INDEX_OPEN;
}

static void *
park_many(void *arg)
{
	unsigned first = *(unsigned *)arg;

	for (unsigned i = first; i < first + PARK_ROUNDS; i++) {
		int64_t timeout_ms = i % 3 == 0 ? (int64_t)(i % 7) : LONG_MS;

		/* Every fourth is complete before, the others while parked. */
		if (i % 4 == 0)
			atomic_store(&crowd[i].progress, INDEX_TOLD);
		while (waiters_park(crowd_waiters, crowd[i].id, INDEX_ANSWERED,
				    timeout_ms, -1, finish,
				    &crowd[i]) == ERR_BUSY)
			sched_yield();
		atomic_fetch_add(&parked_count, 1);
		if (i % 4) {
			atomic_store(&crowd[i].progress, INDEX_TOLD);
			waiters_changed(crowd_waiters, crowd[i].id);
		}
	}
	return NULL;
}

static void
nobody_is_lost_or_finished_twice(void)
{
	pthread_t threads[PARKERS];
	unsigned firsts[PARKERS];

	reset_guests(crowd, CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		snprintf(crowd[i].id, UUID_SIZE, "%08x-%s", i, "0000-7000");
	/* Fewer slots than requests: they are used again all the time. */
	if (waiters_new(16, 3, crowd_progress, NULL, &crowd_waiters) != ERR_OK)
		abort();
	for (unsigned i = 0; i < PARKERS; i++) {
		firsts[i] = i * PARK_ROUNDS;
		pthread_create(&threads[i], NULL, park_many, &firsts[i]);
	}
	for (unsigned i = 0; i < PARKERS; i++)
		pthread_join(threads[i], NULL);
	IS_INT("all were parked", atomic_load(&parked_count), CROWD);
	IS_INT("all are finished before the end", await(CROWD), CROWD);
	waiters_free(crowd_waiters);
	for (unsigned i = 0; i < CROWD; i++) {
		IS_INT("each once", crowd[i].times, 1);
		OK("each by its job or by its deadline",
		   crowd[i].why == WAKE_COMPLETE ||
		       (crowd[i].why == WAKE_TIMEOUT && i % 3 == 0));
	}
}

const char unit_name[] = "waiters";
const struct unit_case unit_cases[] = {
    {"a waiter wakes when its job is complete", wakes_when_the_job_is_complete},
    {"a job that was complete before parking is noticed",
     job_complete_before_parking_is_noticed},
    {"the whole story of a job is waited for", whole_story_is_waited_for},
    {"a story that does not come is given up",
     story_that_does_not_come_is_given_up},
    {"deadlines come in their order", deadlines_come_in_their_order},
    {"deadlines hold when others have left",
     deadlines_hold_when_others_have_left},
    {"a client that leaves is noticed", client_that_leaves_is_noticed},
    {"a full table refuses", full_table_refuses},
    {"many wait for one job", many_wait_for_one_job},
    {"nobody is lost or finished twice", nobody_is_lost_or_finished_twice},
    {NULL, NULL},
};
