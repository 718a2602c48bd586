/*
 * fcgi/waiters.h: clients that wait for a job, at the cost of no thread.
 *
 * A parked request leaves its thread; it comes back, once, on one of the
 * finisher threads that this module owns: when its job is as far as it waits
 * for, when its deadline is over, when its client has gone (noticed by poll,
 * POLLRDHUP), or when the process drains.  The table is bounded.
 *
 * Lock order: waiters.mutex before nothing; callbacks run without it.
 */
#ifndef OSAPI_FCGI_WAITERS_H
#define OSAPI_FCGI_WAITERS_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi/index.h"
#include "lib/error.h"
#include "lib/uuid.h"

struct waiters;

enum wake {
	WAKE_COMPLETE,
	WAKE_TIMEOUT,
	WAKE_GONE,  /* the client closed its connection */
	WAKE_DRAIN, /* the process is about to stop */
};

/* Finishes one parked request; owns `arg`. */
typedef void (*waiter_finish)(enum wake why, void *arg);

/* `progress` says how far a job is (index_progress); it is asked once after
 * parking, so that no answer is lost in between.  Starts its threads. */
enum err waiters_new(size_t max, size_t threads,
		     enum index_progress (*progress)(const char *job_id,
						     void *arg),
		     void *progress_arg, struct waiters **waiters);

/* Wakes all with WAKE_DRAIN, runs their callbacks, joins the threads. */
void waiters_free(struct waiters *waiters);

/* Whether one more would be taken: for a check before a job is made. */
bool waiters_room(const struct waiters *waiters);

/* How long one that waits for INDEX_TOLD goes on once the job is
 * INDEX_ANSWERED: its hosts' events are on their way then, unless a host has
 * died in between. */
#define WAITERS_STORY_MS 200

/*
 * Parks until the job is as far as `until`.  `client_fd` is polled for the
 * client's going (-1: is not).  ERR_BUSY when the table is full (then `arg`
 * stays the caller's).
 */
enum err waiters_park(struct waiters *waiters, const char *job_id,
		      enum index_progress until, int64_t timeout_ms,
		      int client_fd, waiter_finish finish, void *arg);

/* A job may have got further: index_on_change's callback.  Only enqueues. */
void waiters_changed(struct waiters *waiters, const char *job_id);

size_t waiters_count(const struct waiters *waiters);

#endif
