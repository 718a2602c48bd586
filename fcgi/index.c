/*
 * fcgi/index.c: see index.h; the table and its writers.
 *
 * Every entry is in the hash table and in exactly one of `all` (with one
 * status list) and `shadow`; file_entry is the one place that moves it.
 */
#include "fcgi/index.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "fcgi/index_table.h"
#include "lib/clock.h"

#define BUCKETS_MIN  1024
#define EXPIRE_BATCH 256 /* entries dropped in one hold of the mutex */

enum err
index_new(const struct spec *spec, int64_t ttl_ms, struct index **out)
{
	struct index *index = calloc(1, sizeof(*index));
	size_t operations = 0;

	if (!index)
		return ERR_NO_MEMORY;
	index->buckets = calloc(BUCKETS_MIN, sizeof(struct entry *));
	if (!index->buckets) {
		free(index);
		return ERR_NO_MEMORY;
	}
	index->bucket_count = BUCKETS_MIN;
	index->spec = spec;
	index->ttl_ms = ttl_ms;
	if (getrandom(index->seed, sizeof(index->seed), 0) < 0)
		index->seed[0] = (uint64_t)clock_wall_ns();
	if (spec)
		spec_operations(spec, &operations);
	if (operations > INDEX_OPERATIONS_MAX)
		operations = INDEX_OPERATIONS_MAX;
	index->counts.operation_count = operations;
	pthread_mutex_init(&index->mutex, NULL);
	*out = index;
	return ERR_OK;
}

void
index_free(struct index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->bucket_count; i++) {
		while (index->buckets[i]) {
			struct entry *entry = index->buckets[i];

			index->buckets[i] = entry->next;
			entry_free(entry);
		}
	}
	for (unsigned i = 0; i < JOB_STATUS_COUNT; i++)
		index_list_release(&index->status[i]);
	index_list_release(&index->all);
	index_list_release(&index->shadow);
	pthread_mutex_destroy(&index->mutex);
	free(index->buckets);
	free(index);
}

void
index_on_change(struct index *index,
		void (*changed)(const char *job_id, void *arg), void *arg)
{
	index->changed = changed;
	index->changed_arg = arg;
}

/* ---- hash table ---- */

static size_t
hash(const struct index *index, const struct entry_key *key)
{
	uint64_t h =
	    (key->high ^ index->seed[0]) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 32;
	h = (h ^ key->low ^ index->seed[1]) * UINT64_C(0xc2b2ae3d27d4eb4f);
	h ^= h >> 29;
	return (size_t)h & (index->bucket_count - 1);
}

struct entry *
index_find(const struct index *index, const struct entry_key *key)
{
	struct entry *entry = index->buckets[hash(index, key)];

	while (entry && entry_key_compare(&entry->key, key) != 0)
		entry = entry->next;
	return entry;
}

static void
grow(struct index *index)
{
	struct entry **old = index->buckets;
	size_t old_count = index->bucket_count;

	index->bucket_count = old_count * 2;
	index->buckets =
	    entry_must(calloc(index->bucket_count, sizeof(struct entry *)));
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct entry *entry = old[i];
			size_t at = hash(index, &entry->key);

			old[i] = entry->next;
			entry->next = index->buckets[at];
			index->buckets[at] = entry;
		}
	}
	free(old);
}

static struct entry *
find_or_make(struct index *index, const struct entry_key *key)
{
	struct entry *entry = index_find(index, key);
	size_t at;

	if (entry)
		return entry;
	if (index->entry_count >= index->bucket_count)
		grow(index);
	entry = entry_must(calloc(1, sizeof(*entry)));
	entry->key = *key;
	entry->list = -1;
	entry->operation = -1;
	at = hash(index, key);
	entry->next = index->buckets[at];
	index->buckets[at] = entry;
	index->entry_count++;
	index_list_add(&index->shadow, entry);
	return entry;
}

/* ---- lists ---- */

static int
operation_number(const struct index *index, const struct entry *entry)
{
	const struct spec_operation *operation;
	size_t number;
	size_t operations;

	operation = index->spec && entry->doc
			? spec_operation(index->spec, entry->doc->type)
			: NULL;
	if (!operation)
		return -1;
	number =
	    (size_t)(operation - spec_operations(index->spec, &operations));
	return number < index->counts.operation_count ? (int)number : -1;
}

static void
count_entry(struct index *index, const struct entry *entry, size_t step)
{
	index->counts.jobs += step;
	if (entry->operation >= 0)
		index->counts.by_operation[entry->operation] += step;
}

static void
count_state(struct index *index, const struct entry *entry, size_t step)
{
	size_t operation = entry->operation >= 0 ? (size_t)entry->operation
						 : INDEX_OPERATIONS_MAX;

	index->counts.by_state[operation][entry->list] += step;
}

/* Counts the hosts of an entry that may still speak, where it is filed now. */
static void
count_open(struct index *index, struct entry *entry)
{
	bool open =
	    entry->list == JOB_SUBMITTED || entry->list == JOB_PROCESSING;
	uint32_t hosts = open ? 1 : 0;

	if (open && entry->doc->expected_count > 1)
		hosts = (uint32_t)entry->doc->expected_count;
	index->open_hosts += (size_t)hosts - entry->open_hosts;
	entry->open_hosts = hosts;
}

/* Takes an entry out of the lists and counters that it is in. */
static void
unfile_entry(struct index *index, struct entry *entry)
{
	if (entry->list < 0) {
		index_list_remove(&index->shadow, entry);
		return;
	}
	index_list_remove(&index->all, entry);
	index_list_remove(&index->status[entry->list], entry);
	count_entry(index, entry, (size_t)-1);
	count_state(index, entry, (size_t)-1);
	entry->list = -1;
	count_open(index, entry);
}

/* Puts an entry where its facts want it. */
static void
file_entry(struct index *index, struct entry *entry)
{
	int list = entry_known(entry) ? (int)entry_status(entry) : -1;

	if (list == entry->list)
		return;
	if (list >= 0 && entry->list >= 0) {
		index_list_remove(&index->status[entry->list], entry);
		index_list_add(&index->status[list], entry);
		count_state(index, entry, (size_t)-1);
		entry->list = list;
		count_state(index, entry, 1);
		count_open(index, entry);
		return;
	}
	unfile_entry(index, entry);
	entry->list = list;
	if (list < 0) {
		index_list_add(&index->shadow, entry);
		return;
	}
	index_list_add(&index->all, entry);
	index_list_add(&index->status[list], entry);
	entry->operation = operation_number(index, entry);
	count_entry(index, entry, 1);
	count_state(index, entry, 1);
	count_open(index, entry);
}

static void
drop_entry(struct index *index, struct entry *entry)
{
	struct entry **at = &index->buckets[hash(index, &entry->key)];

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	index->entry_count--;
	unfile_entry(index, entry);
	entry_free(entry);
}

/* ---- writers ---- */

/* The entry of an id, locked; NULL (unlocked) for one that is not ours. */
static struct entry *
begin(struct index *index, const char *id)
{
	struct entry_key key;

	if (!entry_key_make(id, &key))
		return NULL;
	pthread_mutex_lock(&index->mutex);
	return find_or_make(index, &key);
}

static void
end(struct index *index, struct entry *entry, bool changed, const char *id)
{
	file_entry(index, entry);
	pthread_mutex_unlock(&index->mutex);
	if (changed && index->changed)
		index->changed(id, index->changed_arg);
}

void
index_put_job(struct index *index, const struct job *job, size_t size,
	      uint64_t revision)
{
	struct entry *entry = begin(index, job->id);

	if (entry)
		end(index, entry, entry_put_job(entry, job, size, revision),
		    job->id);
}

/* Before the entry refuses what comes late for it. */
static void
note_late(struct index *index, const struct entry *entry, const char *id,
	  bool late)
{
	size_t i;

	if (!late || !entry->deleted || entry->doc ||
	    index->leftover_count == LEFTOVERS_MAX)
		return;
	for (i = 0; i < index->leftover_count; i++)
		if (strcmp(index->leftovers[i], id) == 0)
			return;
	memcpy(index->leftovers[index->leftover_count++], id, UUID_SIZE);
}

void
index_put_event(struct index *index, const struct event *event,
		uint64_t revision, struct index_step *step)
{
	struct index_step unwanted;
	struct entry *entry = begin(index, event->job_id);

	if (!step)
		step = &unwanted;
	*step =
	    (struct index_step){.operation = -1, .queued_ns = -1, .ran_ns = -1};
	if (!entry)
		return;
	note_late(index, entry, event->job_id, revision > entry->deleted);
	end(index, entry, entry_put_event(entry, event, revision, step),
	    event->job_id);
}

void
index_put_response(struct index *index, const struct response *response,
		   size_t size, uint64_t revision)
{
	struct entry *entry = begin(index, response->job_id);

	if (!entry)
		return;
	/* Its revision is of another stream: it may be older than the delete,
	 * which has then removed it or is about to. */
	note_late(index, entry, response->job_id, true);
	end(index, entry, entry_put_response(entry, response, size, revision),
	    response->job_id);
}

void
index_delete_job(struct index *index, const char *id, uint64_t revision)
{
	struct entry *entry = begin(index, id);

	if (entry)
		end(index, entry, entry_delete(entry, revision), id);
}

size_t
index_take_leftovers(struct index *index, char (*ids)[UUID_SIZE], size_t max)
{
	size_t taken = 0;

	pthread_mutex_lock(&index->mutex);
	while (taken < max && index->leftover_count)
		memcpy(ids[taken++], index->leftovers[--index->leftover_count],
		       UUID_SIZE);
	pthread_mutex_unlock(&index->mutex);
	return taken;
}

/* ---- forgetting ---- */

void
index_reset(struct index *index, enum index_part part)
{
	pthread_mutex_lock(&index->mutex);
	for (size_t i = 0; i < index->bucket_count; i++) {
		struct entry *entry = index->buckets[i];

		while (entry) {
			struct entry *next = entry->next;

			if (entry_reset(entry, part))
				file_entry(index, entry);
			else
				drop_entry(index, entry);
			entry = next;
		}
	}
	pthread_mutex_unlock(&index->mutex);
}

/* Drops up to EXPIRE_BATCH of a list's oldest; returns how many. */
static size_t
expire_some(struct index *index, struct index_list *list, int64_t before_ms)
{
	size_t dropped = 0;

	pthread_mutex_lock(&index->mutex);
	while (dropped < EXPIRE_BATCH) {
		struct entry *oldest = index_list_at(list, 0);

		if (!oldest || entry_key_time_ms(&oldest->key) > before_ms)
			break;
		drop_entry(index, oldest);
		dropped++;
	}
	pthread_mutex_unlock(&index->mutex);
	return dropped;
}

size_t
index_expire(struct index *index, int64_t now_ns)
{
	int64_t before_ms = now_ns / CLOCK_NS_PER_MS - index->ttl_ms;
	size_t jobs = 0;
	size_t dropped;

	if (index->ttl_ms <= 0)
		return 0;
	do {
		dropped = expire_some(index, &index->all, before_ms);
		jobs += dropped;
	} while (dropped == EXPIRE_BATCH);
	do
		dropped = expire_some(index, &index->shadow, before_ms);
	while (dropped == EXPIRE_BATCH);
	return jobs;
}
