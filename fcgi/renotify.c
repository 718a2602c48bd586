/*
 * fcgi/renotify.c: see renotify.h.
 *
 * Jobs are looked at in the order of their ids; `done` is the last one whose
 * notification is known to be there.  Ids that turn up below it later (clocks
 * of API hosts differ) are found when all are looked at once more.
 */
#include "fcgi/renotify.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/replay.h"
#include "lib/clock.h"
#include "lib/log.h"

#define SKEW_MS 60000 /* between the clocks of an API host and of NATS */

struct candidate { /* in the order of their ids */
	char id[UUID_SIZE];
	int64_t made_ns; /* the time in the id, so that it grows with it */
	bool noted;
};

struct renotify {
	struct store *store;
	struct index *index;
	char done[UUID_SIZE];
	int64_t begun_ms; /* of this round over all jobs */
	size_t count;
	size_t left;             /* of `count`, without a notification so far */
	const atomic_bool *stop; /* of the call under way */
	struct candidate candidates[RENOTIFY_BATCH];
};

enum err
renotify_new(struct store *store, struct index *index, struct renotify **out)
{
	struct renotify *r = calloc(1, sizeof(*r));

	if (!r)
		return ERR_NO_MEMORY;
	r->store = store;
	r->index = index;
	r->begun_ms = clock_mono_ms();
	*out = r;
	return ERR_OK;
}

void
renotify_free(struct renotify *r)
{
	free(r);
}

/* Collects those that are due, in the order of their ids. */
static void
collect(struct renotify *r, int64_t now_ns)
{
	struct index_brief briefs[128];
	int64_t due_ns = now_ns - RENOTIFY_AGE_MS * CLOCK_NS_PER_MS;
	char after[UUID_SIZE];
	size_t n;

	memcpy(after, r->done, sizeof(after));
	r->count = 0;
	do {
		n = index_scan(r->index, JOB_SUBMITTED, after, briefs, 128);
		for (size_t i = 0; i < n && r->count < RENOTIFY_BATCH; i++) {
			struct candidate *c = &r->candidates[r->count];
			int64_t made_ns =
			    uuid_time_ms(briefs[i].id) * CLOCK_NS_PER_MS;

			memcpy(after, briefs[i].id, sizeof(after));
			if (made_ns > due_ns)
				return;
			if (briefs[i].expires_ns <= now_ns)
				continue;
			memcpy(c->id, briefs[i].id, sizeof(c->id));
			c->made_ns = made_ns;
			c->noted = false;
			r->count++;
		}
	} while (n == 128 && r->count < RENOTIFY_BATCH);
}

static int
compare(const void *id, const void *candidate)
{
	return strcmp(id, ((const struct candidate *)candidate)->id);
}

/* One message of the stream: its body is a job id. */
static bool
note(natsMsg *message, const struct jetstream_meta *meta, void *arg)
{
	struct renotify *r = arg;
	struct candidate *found;
	char id[UUID_SIZE];

	(void)meta;
	if (natsMsg_GetDataLength(message) != UUID_SIZE - 1)
		return true;
	memcpy(id, natsMsg_GetData(message), UUID_SIZE - 1);
	id[UUID_SIZE - 1] = '\0';
	found = bsearch(id, r->candidates, r->count, sizeof(*found), compare);
	if (found && !found->noted) {
		found->noted = true;
		r->left--;
	}
	return r->left > 0 && !atomic_load(r->stop);
}

static enum err
read_stream(struct renotify *r, struct err_info *info)
{
	struct broker *broker = store_broker(r->store);
	const char *name = store_jobs_stream(r->store);
	struct replay_range range = {.from = 0};
	struct replay_stream stream;
	struct replay *replay;
	enum err err;

	err = replay_info(broker, name, &stream, info);
	if (err == ERR_OK)
		err = replay_open(broker, name, &replay, info);
	if (err != ERR_OK)
		return err;
	range.from_ns = r->candidates[0].made_ns - SKEW_MS * CLOCK_NS_PER_MS;
	range.to = stream.last_sequence;
	r->left = r->count;
	err = replay_run(replay, &range, note, r, info);
	replay_close(replay);
	return err;
}

/* Publishes one job's notification, unless the job has gone meanwhile. */
static enum err
publish(struct renotify *r, const struct candidate *c, uint64_t *published,
	struct err_info *info)
{
	struct job job = {.id = ""};
	bool duplicate = true;
	uint64_t revision;
	size_t size;
	enum err err;

	err = store_job_load(r->store, c->id, &job, &size, &revision, info);
	if (err == ERR_NOT_FOUND || err == ERR_GONE)
		return ERR_OK;
	if (err != ERR_OK)
		return err;
	err = store_job_notify(r->store, &job, &duplicate, info);
	if (err == ERR_OK && !duplicate) {
		++*published;
		log_warning("a job's notification was missing",
			    LOG_S("job_id", c->id));
	}
	job_release(&job);
	return err;
}

static bool
need_stream(const struct renotify *r, int64_t now_ns)
{
	int64_t known_ns = now_ns - STORE_DUPLICATES_MS / 2 * CLOCK_NS_PER_MS;

	return r->count > RENOTIFY_FEW ||
	       (r->count > 0 && r->candidates[0].made_ns < known_ns);
}

enum err
renotify_sweep(struct renotify *r, int64_t now_ns, const atomic_bool *stop,
	       uint64_t *published, struct err_info *info)
{
	enum err err = ERR_OK;

	if (clock_mono_ms() - r->begun_ms > RENOTIFY_AGAIN_MS) {
		r->begun_ms = clock_mono_ms();
		r->done[0] = '\0';
	}
	r->stop = stop;
	collect(r, now_ns);
	if (need_stream(r, now_ns))
		err = read_stream(r, info);
	for (size_t i = 0; i < r->count && err == ERR_OK; i++) {
		const struct candidate *c = &r->candidates[i];

		if (atomic_load(stop))
			return ERR_OK;
		if (!c->noted)
			err = publish(r, c, published, info);
		if (err == ERR_OK)
			memcpy(r->done, c->id, sizeof(r->done));
	}
	return err;
}
