/*
 * fcgi/workers.c: which workers are alive, from their heartbeats.
 *
 * An array sorted by host name under one mutex.  Entries that died stay for
 * WORKERS_REMEMBER_MS, so that they are missed by those who watch; for jobs
 * they are skipped.
 */
#include "fcgi/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/follower.h"
#include "lib/clock.h"
#include "lib/log.h"

struct member {
	struct heartbeat heartbeat; /* owned */
	uint64_t revision;
	int64_t until_ms; /* alive before this, CLOCK_MONOTONIC */
	bool gone;        /* its heartbeat was deleted */
};

struct workers {
	int64_t life_ms;
	struct follower *follower;
	pthread_mutex_t mutex; /* of what follows */
	size_t count;
	size_t room;
	struct member *members; /* by host name */
};

/* Where `host` is, or belongs. */
static size_t
place(const struct workers *r, const char *host, bool *found)
{
	size_t low = 0, high = r->count;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(r->members[mid].heartbeat.hostname, host);

		if (order == 0)
			*found = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Drops entries that have been dead for `for_ms`, so that hosts that never
 * return leave no memory behind. */
static void
forget_dead(struct workers *r, int64_t now_ms, int64_t for_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->count; i++) {
		if (r->members[i].until_ms > now_ms - for_ms)
			r->members[kept++] = r->members[i];
		else
			heartbeat_release(&r->members[i].heartbeat);
	}
	r->count = kept;
}

/* Makes an empty entry at `at`. */
static enum err
insert(struct workers *r, size_t at)
{
	struct member *grown;
	size_t room = r->room ? r->room * 2 : 16;

	if (r->count == WORKERS_HOSTS_MAX)
		return ERR_TOO_LARGE;
	if (r->count == r->room) {
		grown = reallocarray(r->members, room, sizeof(*grown));
		if (!grown)
			return ERR_NO_MEMORY;
		r->members = grown;
		r->room = room;
	}
	memmove(&r->members[at + 1], &r->members[at],
		(r->count - at) * sizeof(*r->members));
	memset(&r->members[at], 0, sizeof(*r->members));
	r->count++;
	return ERR_OK;
}

enum err
workers_put(struct workers *r, const struct heartbeat *heartbeat,
	    uint64_t revision, int64_t now_ms)
{
	enum err err = ERR_OK;
	struct member *member;
	bool found;
	size_t at;

	pthread_mutex_lock(&r->mutex);
	at = place(r, heartbeat->hostname, &found);
	if (!found) {
		forget_dead(r, now_ms, WORKERS_REMEMBER_MS);
		if (r->count == WORKERS_HOSTS_MAX)
			forget_dead(r, now_ms, 0);
		at = place(r, heartbeat->hostname, &found);
		err = insert(r, at);
	}
	if (!err && r->members[at].revision <= revision) {
		member = &r->members[at];
		if (found)
			heartbeat_release(&member->heartbeat);
		member->heartbeat = *heartbeat;
		json_incref(member->heartbeat.labels);
		json_incref(member->heartbeat.providers);
		member->revision = revision;
		member->until_ms = now_ms + r->life_ms;
		member->gone = false;
	}
	pthread_mutex_unlock(&r->mutex);
	return err;
}

void
workers_remove(struct workers *r, const char *host, uint64_t revision)
{
	bool found;
	size_t at;

	pthread_mutex_lock(&r->mutex);
	at = place(r, host, &found);
	if (found && r->members[at].revision <= revision) {
		r->members[at].gone = true;
		r->members[at].revision = revision;
	}
	pthread_mutex_unlock(&r->mutex);
}

static void
reset(struct workers *r)
{
	pthread_mutex_lock(&r->mutex);
	for (size_t i = 0; i < r->count; i++)
		heartbeat_release(&r->members[i].heartbeat);
	r->count = 0;
	pthread_mutex_unlock(&r->mutex);
}

static void
apply(const struct follower_change *change, void *arg)
{
	char host[SUBJECT_HOST_MAX + 1];
	struct workers *r = arg;
	struct heartbeat heartbeat = {0};
	struct err_info info = {""};
	enum err err;

	if (change->op == FOLLOWER_RESET) {
		reset(r);
		return;
	}
	if (change->op == FOLLOWER_FILL ||
	    strlen(change->key) > SUBJECT_HOST_MAX)
		return;
	if (change->op != FOLLOWER_PUT) {
		workers_remove(r, subject_token_host(change->key, host),
			       change->revision);
		return;
	}
	err = heartbeat_decode(change->value, change->size, &heartbeat, &info);
	if (!err) {
		/* A host may write its own key, and speaks for itself only. */
		if (strcmp(subject_host_token(heartbeat.hostname, host),
			   change->key) == 0)
			err = workers_put(r, &heartbeat, change->revision,
					  clock_mono_ms());
		else
			err = err_set(&info, ERR_INVALID,
				      "the heartbeat is of %s",
				      heartbeat.hostname);
		heartbeat_release(&heartbeat);
	}
	if (err)
		log_warning(
		    "a heartbeat cannot be used", LOG_S("key", change->key),
		    LOG_S("error", *info.text ? info.text : err_text(err)));
}

enum err
workers_new(struct broker *broker, const char *bucket, int64_t heartbeat_ms,
	    struct workers **workers, struct err_info *info)
{
	struct workers *r = calloc(1, sizeof(*r));
	enum err err = ERR_OK;

	if (!r)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	r->life_ms = heartbeat_ms * WORKERS_BEATS;
	pthread_mutex_init(&r->mutex, NULL);
	if (broker)
		err =
		    follower_new(broker, bucket, apply, r, &r->follower, info);
	if (err)
		workers_free(r);
	else
		*workers = r;
	return err;
}

void
workers_free(struct workers *r)
{
	if (!r)
		return;
	follower_free(r->follower);
	reset(r);
	pthread_mutex_destroy(&r->mutex);
	free(r->members);
	free(r);
}

bool
workers_ready(struct workers *r)
{
	struct follower_state state;

	if (!r->follower)
		return true;
	follower_state(r->follower, &state);
	return state.filled;
}

/* Whether `target` means this worker; labels as arrays for target_matches. */
static bool
meant(const struct target *target, const struct member *member)
{
	json_t *labels = member->heartbeat.labels, *value;
	char *keys[64], *values[64];
	const char *key;
	bool matches = false;
	size_t n = 0;

	json_object_foreach (labels, key, value) {
		if (n == sizeof(keys) / sizeof(keys[0]))
			break;
		if (!json_is_string(value))
			continue;
		keys[n] = strdup(key);
		values[n] = strdup(json_string_value(value));
		if (keys[n] && values[n]) {
			n++;
			continue;
		}
		free(keys[n]);
		free(values[n]);
	}
	matches =
	    target_matches(target, member->heartbeat.hostname, n, keys, values);
	while (n--) {
		free(keys[n]);
		free(values[n]);
	}
	return matches;
}

/* One that does not listen yet, or no more, would be waited for in vain. */
static bool
alive(const struct member *member, int64_t now_ms)
{
	return !member->gone && member->heartbeat.listening &&
	       member->until_ms > now_ms;
}

enum err
workers_expected(struct workers *r, const struct target *target, int64_t now_ms,
		 json_t **hosts, size_t *live)
{
	json_t *list = json_array();
	bool any = target->kind == TARGET_ANY;
	enum err err = list ? ERR_OK : ERR_NO_MEMORY;
	size_t count = 0;

	pthread_mutex_lock(&r->mutex);
	for (size_t i = 0; i < r->count && !err; i++) {
		struct member *member = &r->members[i];

		if (!alive(member, now_ms) || (!any && !meant(target, member)))
			continue;
		count++;
		if (any)
			continue;
		if (json_array_append_new(
			list, json_string(member->heartbeat.hostname)) < 0)
			err = ERR_NO_MEMORY;
	}
	pthread_mutex_unlock(&r->mutex);
	if (err) {
		json_decref(list);
		return err;
	}
	*hosts = list;
	*live = count;
	return ERR_OK;
}

/* Nothing is shared: the last of two threads that let go of a value of
 * jansson's (2.14) need not see all that the other has done with it. */
static json_t *
row(const struct heartbeat *beat)
{
	char started[CLOCK_RFC3339_SIZE], seen[CLOCK_RFC3339_SIZE];
	json_t *labels =
	    beat->labels ? json_deep_copy(beat->labels) : json_object();

	return json_pack(
	    "{s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:s*}", "hostname",
	    beat->hostname, "labels", labels, "version", beat->version,
	    "started_at", clock_rfc3339(beat->started_ns, started), "last_seen",
	    clock_rfc3339(beat->seen_ns, seen), "running",
	    (json_int_t)beat->running, "completed", (json_int_t)beat->completed,
	    "failed", (json_int_t)beat->failed, "os",
	    *beat->os ? beat->os : NULL);
}

json_t *
workers_list(struct workers *r, int64_t now_ms)
{
	json_t *list = json_array();

	pthread_mutex_lock(&r->mutex);
	for (size_t i = 0; i < r->count; i++)
		if (alive(&r->members[i], now_ms))
			json_array_append_new(list,
					      row(&r->members[i].heartbeat));
	pthread_mutex_unlock(&r->mutex);
	return list;
}

/* ---- for who watches ---- */

const char *
worker_state_text(enum worker_state state)
{
	static const char *const texts[] = {[WORKER_ALIVE] = "alive",
					    [WORKER_STARTING] = "starting",
					    [WORKER_SILENT] = "silent"};

	return texts[state];
}

static enum worker_state
state_of(const struct member *member, int64_t now_ms)
{
	if (member->until_ms <= now_ms)
		return WORKER_SILENT;
	return member->heartbeat.listening ? WORKER_ALIVE : WORKER_STARTING;
}

static void
describe(const struct workers *r, const struct member *member, int64_t now_ms,
	 struct worker_figures *figures)
{
	const struct heartbeat *beat = &member->heartbeat;
	int64_t heard_ms = member->until_ms - r->life_ms;

	*figures = (struct worker_figures){
	    .state = state_of(member, now_ms),
	    .started_ns = beat->started_ns,
	    /* one may have come since the clock was read */
	    .silent_ms = now_ms > heard_ms ? now_ms - heard_ms : 0,
	    .running = beat->running,
	    .completed = beat->completed,
	    .failed = beat->failed,
	};
	memcpy(figures->hostname, beat->hostname, sizeof(figures->hostname));
	memcpy(figures->version, beat->version, sizeof(figures->version));
}

enum err
workers_census(struct workers *r, int64_t now_ms, size_t max,
	       struct worker_census *census)
{
	struct worker_census made = {.count = 0};
	int64_t since_ms = now_ms - WORKERS_REMEMBER_MS;

	pthread_mutex_lock(&r->mutex);
	made.list =
	    calloc(r->count < max ? r->count + 1 : max + 1, sizeof(*made.list));
	for (size_t i = 0; made.list && i < r->count; i++) {
		const struct member *member = &r->members[i];

		if (member->gone || member->until_ms <= since_ms)
			continue;
		made.by_state[state_of(member, now_ms)]++;
		if (made.count < max)
			describe(r, member, now_ms, &made.list[made.count++]);
		else
			made.left_out++;
	}
	pthread_mutex_unlock(&r->mutex);
	if (!made.list)
		return ERR_NO_MEMORY;
	*census = made;
	return ERR_OK;
}
