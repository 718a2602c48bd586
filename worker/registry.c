/* worker/registry.c: see the header. */
#include "worker/registry.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "worker/providers/os_release.h"

struct registry {
	struct worker *worker;
	char os[128];
	uint64_t sequence; /* of our last entry; of the thread */
	pthread_t thread;
	bool thread_runs;
	pthread_mutex_t lock; /* stopping, listening, changed */
	pthread_cond_t wake;
	bool stopping;
	bool listening;
	bool changed; /* `listening` is not in the entry yet */
};

static int64_t
ttl_ms(const struct worker *worker)
{
	return REGISTRY_TTL_BEATS * worker->config->job.worker.heartbeat_ms;
}

static bool
take_listening(struct registry *registry)
{
	bool listening;

	pthread_mutex_lock(&registry->lock);
	listening = registry->listening;
	registry->changed = false;
	pthread_mutex_unlock(&registry->lock);
	return listening;
}

static enum err
write_entry(struct registry *registry, uint64_t previous, struct err_info *info)
{
	struct worker *w = registry->worker;
	struct heartbeat heartbeat = {
	    .labels = json_incref(w->labels),
	    .providers = provider_choices(),
	    .listening = take_listening(registry),
	    .started_ns = w->started_ns,
	    .seen_ns = clock_wall_ns(),
	    .running = atomic_load(&w->running),
	    .completed = atomic_load(&w->completed),
	    .failed = atomic_load(&w->failed),
	};
	uint64_t sequence = 0;
	enum err err;

	snprintf(heartbeat.hostname, sizeof(heartbeat.hostname), "%s",
		 w->hostname);
	snprintf(heartbeat.instance, sizeof(heartbeat.instance), "%s",
		 w->instance);
	snprintf(heartbeat.version, sizeof(heartbeat.version), "%s",
		 OSAPI_VERSION);
	snprintf(heartbeat.os, sizeof(heartbeat.os), "%s", registry->os);
	err = store_heartbeat_write(w->store, &heartbeat, previous, &sequence,
				    info);
	heartbeat_release(&heartbeat);
	if (err == ERR_OK)
		registry->sequence = sequence;
	return err;
}

/* Waits, less long when there is something to tell; true: we are to stop. */
static bool
pause_ms(struct registry *registry, int64_t ms)
{
	struct timespec until = clock_mono_deadline(ms);
	bool stopping;
	int rc = 0;

	pthread_mutex_lock(&registry->lock);
	while (!registry->stopping && !registry->changed && rc == 0)
		rc = pthread_cond_timedwait(&registry->wake, &registry->lock,
					    &until);
	stopping = registry->stopping;
	pthread_mutex_unlock(&registry->lock);
	return stopping;
}

static enum err
name_taken(const struct worker *w, const struct heartbeat *other,
	   struct err_info *info)
{
	char seen[CLOCK_RFC3339_SIZE];

	return err_set(info, ERR_CONFLICT,
		       "another worker is %s (instance %s, last seen %s): "
		       "give this one its own job.worker.hostname, or try "
		       "again when that one has been silent for %" PRId64 " s",
		       w->hostname, other->instance,
		       clock_rfc3339(other->seen_ns, seen), ttl_ms(w) / 1000);
}

static enum err
watched(const struct worker *w, const struct heartbeat *other,
	struct err_info *info)
{
	char seen[CLOCK_RFC3339_SIZE];

	return err_set(info, ERR_BUSY,
		       "whether the worker that was %s (instance %s, last seen "
		       "%s) is gone: it is, if it stays silent for %" PRId64
		       " s",
		       w->hostname, other->instance,
		       clock_rfc3339(other->seen_ns, seen), ttl_ms(w) / 1000);
}

/*
 * The entry is another instance's.  Old by our clock may only mean that the
 * clocks differ: watched for a TTL, over several calls, one that is not written
 * again is dead.  ERR_OK: it may be taken over; ERR_BUSY: it is watched.
 */
static enum err
judge(struct worker *w, const struct heartbeat *other, uint64_t sequence,
      struct err_info *info)
{
	bool old =
	    clock_wall_ns() - other->seen_ns > ttl_ms(w) * CLOCK_NS_PER_MS;
	char before[UUID_SIZE];

	journal_instance(w->journal, before);
	if (strcmp(other->instance, before) == 0 ||
	    strcmp(other->instance, w->instance) == 0)
		return ERR_OK;
	if (!old || (w->watched.sequence && w->watched.sequence != sequence))
		return name_taken(w, other, info);
	if (!w->watched.sequence) {
		w->watched.sequence = sequence;
		w->watched.since_ms = clock_mono_ms();
	}
	if (clock_mono_ms() - w->watched.since_ms < ttl_ms(w))
		return watched(w, other, info);
	return ERR_OK;
}

static enum err
claim(struct registry *registry, struct err_info *info)
{
	struct worker *w = registry->worker;
	struct heartbeat other = {.labels = NULL};
	uint64_t sequence = 0;
	enum err err = store_heartbeat_read(w->store, w->hostname, &other,
					    &sequence, info);

	if (err == ERR_OK) {
		err = judge(w, &other, sequence, info);
		heartbeat_release(&other);
	} else if (err == ERR_NOT_FOUND) {
		err = ERR_OK;
		sequence = 0;
	}
	if (err != ERR_OK)
		return err;
	err = write_entry(registry, sequence, info);
	if (err == ERR_CONFLICT) /* somebody was faster: look at who */
		return err_set(info, ERR_BUSY,
			       "the registry entry of %s has just changed",
			       w->hostname);
	if (err == ERR_OK)
		err = journal_set_instance(w->journal, w->instance, info);
	return err;
}

/* Somebody else wrote our entry, or it is gone (TTL, a new store). */
static void
resolve(struct registry *registry)
{
	struct worker *w = registry->worker;
	struct heartbeat other = {.labels = NULL};
	struct err_info info = {""};
	uint64_t sequence = 0;
	enum err err = store_heartbeat_read(w->store, w->hostname, &other,
					    &sequence, &info);

	if (err == ERR_NOT_FOUND) {
		registry->sequence = 0;
		return;
	}
	if (err != ERR_OK)
		return;
	if (strcmp(other.instance, w->instance) == 0) {
		registry->sequence = sequence;
	} else {
		log_error("another worker has taken this host's name, this "
			  "one stops",
			  LOG_S("hostname", w->hostname),
			  LOG_S("instance", other.instance));
		atomic_store(&w->lost, true);
		worker_wake(w);
	}
	heartbeat_release(&other);
}

static void *
registry_main(void *arg)
{
	struct registry *registry = arg;
	struct worker *w = registry->worker;
	int64_t beat_ms = w->config->job.worker.heartbeat_ms;
	int64_t next_ms = beat_ms;
	bool complained = false;

	pulse_beat(&w->pulse, PULSE_REGISTER, next_ms);
	while (!pause_ms(registry, next_ms) && !atomic_load(&w->lost)) {
		struct err_info info = {""};
		enum err err = write_entry(registry, registry->sequence, &info);

		if (err == ERR_CONFLICT) {
			resolve(registry);
			if (atomic_load(&w->lost))
				break;
			err = write_entry(registry, registry->sequence, &info);
		}
		if (err != ERR_OK && !complained)
			log_warning("heartbeat not written",
				    LOG_S("error", info.text),
				    LOG_S("code", err_name(err)));
		complained = err != ERR_OK;
		next_ms = err == ERR_OK || beat_ms < 1000 ? beat_ms : 1000;
		pulse_beat(&w->pulse, PULSE_REGISTER, next_ms);
	}
	pulse_end(&w->pulse, PULSE_REGISTER);
	return NULL;
}

static void
read_os(struct registry *registry)
{
	struct err_info info = {""};
	struct os_release os;

	if (os_release_read(&os, &info) == ERR_OK)
		snprintf(registry->os, sizeof(registry->os), "%.80s%s%.40s",
			 os.distribution, os.version[0] ? " " : "", os.version);
	else
		log_warning("os-release not read", LOG_S("error", info.text));
}

enum err
registry_new(struct worker *worker, struct registry **registry,
	     struct err_info *info)
{
	struct registry *r = calloc(1, sizeof(*r));
	pthread_condattr_t monotonic;
	enum err err;

	if (!r)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	r->worker = worker;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	read_os(r);
	err = claim(r, info);
	if (err == ERR_OK) {
		r->thread_runs =
		    pthread_create(&r->thread, NULL, registry_main, r) == 0;
		if (!r->thread_runs)
			err = err_set(info, ERR_NO_MEMORY,
				      "no thread for the heartbeat");
	}
	if (err == ERR_OK)
		*registry = r;
	else
		registry_free(r);
	return err;
}

void
registry_listening(struct registry *registry, bool listening)
{
	pthread_mutex_lock(&registry->lock);
	registry->changed =
	    registry->changed || registry->listening != listening;
	registry->listening = listening;
	pthread_cond_broadcast(&registry->wake);
	pthread_mutex_unlock(&registry->lock);
}

void
registry_stop(struct registry *registry)
{
	struct worker *w = registry->worker;
	struct err_info info = {""};
	enum err err;

	if (!registry->thread_runs)
		return;
	pthread_mutex_lock(&registry->lock);
	registry->stopping = true;
	pthread_cond_broadcast(&registry->wake);
	pthread_mutex_unlock(&registry->lock);
	pthread_join(registry->thread, NULL);
	registry->thread_runs = false;
	if (atomic_load(&w->lost))
		return;
	err = store_heartbeat_delete(w->store, w->hostname, &info);
	if (err != ERR_OK && err != ERR_NOT_FOUND)
		log_warning("registry entry not removed, it expires",
			    LOG_S("error", info.text));
}

void
registry_free(struct registry *registry)
{
	if (!registry)
		return;
	pthread_mutex_destroy(&registry->lock);
	pthread_cond_destroy(&registry->wake);
	free(registry);
}
