/*
 * fcgi/sweeper.c: see sweeper.h.
 *
 * One thread: it waits for dead letters, and sweeps every SWEEP_MS.  `mutex`
 * guards `counts`; all else is the thread's own or set once.
 */
#include "fcgi/sweeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/dead_letter.h"
#include "fcgi/renotify.h"
#include "lib/clock.h"
#include "lib/log.h"

#define SWEEP_MS     1000
#define SLICE_MS     200   /* of a wait for dead letters or for a pause */
#define GRACE_MS     2000  /* for clocks of hosts, and answers on their way */
#define EXPIRE_MS    10000 /* between looks for what is too old */
#define SCAN_BATCH   256
#define LEFTOVERS    16    /* taken at a time */
#define LOG_AGAIN_MS 60000 /* a failure that stays is logged so often */

struct sweeper {
	struct store *store;
	const struct config *config;
	struct feed *feed;
	struct index *index;
	struct renotify *renotify;
	struct dead_letters *letters;
	pthread_t thread;
	atomic_bool stop;
	int64_t sweep_ms; /* when the next is due */
	int64_t expire_ms;
	int64_t logged_ms;                    /* 0 never */
	char leftovers[LEFTOVERS][UUID_SIZE]; /* taken from the index */
	size_t leftover_count;
	pthread_mutex_t mutex;
	struct sweeper_counts counts;
};

static void
add(struct sweeper *s, const struct sweeper_counts *more)
{
	pthread_mutex_lock(&s->mutex);
	s->counts.expired += more->expired;
	s->counts.renotified += more->renotified;
	s->counts.dead_letters += more->dead_letters;
	s->counts.failures += more->failures;
	pthread_mutex_unlock(&s->mutex);
}

static void
failed(struct sweeper *s, const char *what, enum err err,
       const struct err_info *info)
{
	struct sweeper_counts more = {.failures = 1};
	int64_t now_ms = clock_mono_ms();

	add(s, &more);
	if (s->logged_ms && now_ms - s->logged_ms < LOG_AGAIN_MS)
		return;
	s->logged_ms = now_ms;
	log_warning("a background duty failed, will be tried again",
		    LOG_S("duty", what), LOG_S("code", err_name(err)),
		    LOG_S("error", info->text));
}

/* ---- deadlines ---- */

static enum err
end_job(struct sweeper *s, const struct index_brief *job, const char *why,
	struct err_info *info)
{
	struct event event = {.event = JOB_EVENT_FAILED,
			      .hostname = JOB_API_HOST,
			      .unix_nano = job->expires_ns};

	memcpy(event.job_id, job->id, sizeof(event.job_id));
	memccpy(event.error, why, '\0', sizeof(event.error));
	return store_event_append(s->store, &event, info);
}

/* Ends the jobs of one status whose deadline was over `grace_ms` ago. */
static enum err
end_late(struct sweeper *s, enum job_status status, int64_t grace_ms,
	 const char *why, struct err_info *info)
{
	int64_t due_ns = clock_wall_ns() - grace_ms * CLOCK_NS_PER_MS;
	struct index_brief briefs[SCAN_BATCH];
	struct sweeper_counts more = {.expired = 0};
	char after[UUID_SIZE] = "";
	enum err err = ERR_OK;
	size_t n;

	do {
		n = index_scan(s->index, status, after, briefs, SCAN_BATCH);
		for (size_t i = 0; i < n && err == ERR_OK; i++) {
			memcpy(after, briefs[i].id, sizeof(after));
			if (briefs[i].expires_ns > due_ns)
				continue;
			err = end_job(s, &briefs[i], why, info);
			more.expired += err == ERR_OK;
		}
	} while (n == SCAN_BATCH && err == ERR_OK && !atomic_load(&s->stop));
	add(s, &more);
	return err;
}

static enum err
sweep_deadlines(struct sweeper *s, struct err_info *info)
{
	int64_t running_ms = GRACE_MS + s->config->job.consumer.ack_wait_ms;
	enum err err;

	err = end_late(s, JOB_SUBMITTED, GRACE_MS,
		       "no worker began it before its deadline", info);
	if (err != ERR_OK)
		return err;
	/* A host that began in time may end late; one that is alive says so
	 * within ack_wait. */
	return end_late(s, JOB_PROCESSING, running_ms,
			"not every host had answered at its deadline", info);
}

static enum err
sweep_notifications(struct sweeper *s, struct err_info *info)
{
	struct sweeper_counts more = {.renotified = 0};
	enum err err;

	err = renotify_sweep(s->renotify, clock_wall_ns(), &s->stop,
			     &more.renotified, info);
	add(s, &more);
	return err;
}

/* Deletes such jobs again, which removes their events and responses. */
static enum err
sweep_leftovers(struct sweeper *s, struct err_info *info)
{
	do {
		while (s->leftover_count) {
			const char *id = s->leftovers[s->leftover_count - 1];
			enum err err = store_job_delete(s->store, id, info);

			if (err != ERR_OK && err != ERR_NOT_FOUND)
				return err;
			s->leftover_count--;
		}
		s->leftover_count =
		    index_take_leftovers(s->index, s->leftovers, LEFTOVERS);
	} while (s->leftover_count && !atomic_load(&s->stop));
	return ERR_OK;
}

/* ---- the thread ---- */

static void
sweep(struct sweeper *s)
{
	static const struct {
		const char *name;
		enum err (*run)(struct sweeper *, struct err_info *);
	} duties[] = {
	    {"deadlines", sweep_deadlines},
	    {"notifications", sweep_notifications},
	    {"leftovers of deleted jobs", sweep_leftovers},
	};

	for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
		struct err_info info = {.text = ""};
		enum err err = duties[i].run(s, &info);

		if (err != ERR_OK && !atomic_load(&s->stop))
			failed(s, duties[i].name, err, &info);
	}
	if (clock_mono_ms() >= s->expire_ms) {
		index_expire(s->index, clock_wall_ns());
		s->expire_ms = clock_mono_ms() + EXPIRE_MS;
	}
}

/* Until the next sweep is due: dead letters, or nothing. */
static void
wait_for_work(struct sweeper *s)
{
	struct sweeper_counts more = {.dead_letters = 0};
	struct err_info info = {.text = ""};
	enum err err =
	    dead_letters_serve(s->letters, SLICE_MS, &more.dead_letters, &info);

	add(s, &more);
	if (err == ERR_OK || err == ERR_TIMEOUT || atomic_load(&s->stop))
		return;
	failed(s, "dead letters", err, &info);
	dead_letters_pause(s->letters, SLICE_MS);
}

static void *
sweeper_main(void *arg)
{
	struct sweeper *s = arg;

	while (!atomic_load(&s->stop)) {
		if (!feed_ready(s->feed, NULL)) {
			dead_letters_pause(s->letters, SLICE_MS);
			continue;
		}
		if (clock_mono_ms() >= s->sweep_ms) {
			sweep(s);
			s->sweep_ms = clock_mono_ms() + SWEEP_MS;
		}
		wait_for_work(s);
	}
	return NULL;
}

enum err
sweeper_new(struct store *store, const struct config *config, struct feed *feed,
	    struct index *index, struct sweeper **out, struct err_info *info)
{
	struct sweeper *s = calloc(1, sizeof(*s));
	enum err err;

	if (!s)
		return ERR_NO_MEMORY;
	s->store = store;
	s->config = config;
	s->feed = feed;
	s->index = index;
	s->sweep_ms = clock_mono_ms();
	pthread_mutex_init(&s->mutex, NULL);
	err = renotify_new(store, index, &s->renotify);
	if (err == ERR_OK)
		err = dead_letters_new(store, index, &s->letters);
	if (err == ERR_OK &&
	    pthread_create(&s->thread, NULL, sweeper_main, s) != 0)
		err = err_set(info, ERR_NO_MEMORY, "no thread for the sweeper");
	if (err == ERR_OK) {
		*out = s;
		return ERR_OK;
	}
	dead_letters_free(s->letters);
	renotify_free(s->renotify);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	return err;
}

void
sweeper_free(struct sweeper *s)
{
	if (!s)
		return;
	atomic_store(&s->stop, true);
	dead_letters_stop(s->letters);
	pthread_join(s->thread, NULL);
	dead_letters_free(s->letters);
	renotify_free(s->renotify);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

void
sweeper_counts(struct sweeper *s, struct sweeper_counts *counts)
{
	pthread_mutex_lock(&s->mutex);
	*counts = s->counts;
	pthread_mutex_unlock(&s->mutex);
}
