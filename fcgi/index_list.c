/*
 * fcgi/index_list.c: see index_list.h.
 *
 * Invariants: no chunk is empty; ids increase within a chunk and from chunk
 * to chunk; `first` is the id of a chunk's first entry.
 */
#include "fcgi/index_list.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct index_chunk {
	struct entry_key first;
	size_t count;
	struct entry **items; /* room for INDEX_CHUNK */
};

void
index_list_release(struct index_list *list)
{
	for (size_t i = 0; i < list->chunk_count; i++)
		free(list->chunks[i].items);
	free(list->chunks);
	*list = (struct index_list){0};
}

/* The last chunk whose first id is not above `key`; 0 where all are. */
static size_t
find_chunk(const struct index_list *list, const struct entry_key *key)
{
	size_t low = 0;
	size_t high = list->chunk_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (entry_key_compare(&list->chunks[middle].first, key) <= 0)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* How many entries of a chunk have an id below `key`. */
static size_t
find_item(const struct index_chunk *chunk, const struct entry_key *key)
{
	size_t low = 0;
	size_t high = chunk->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_key_compare(&chunk->items[middle]->key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct index_chunk *
insert_chunk(struct index_list *list, size_t at)
{
	struct index_chunk *chunk;

	if (list->chunk_count == list->chunk_room) {
		list->chunk_room = list->chunk_room ? list->chunk_room * 2 : 4;
		list->chunks = entry_must(reallocarray(
		    list->chunks, list->chunk_room, sizeof(*list->chunks)));
	}
	chunk = list->chunks + at;
	memmove(chunk + 1, chunk, (list->chunk_count - at) * sizeof(*chunk));
	list->chunk_count++;
	*chunk = (struct index_chunk){
	    .items = entry_must(calloc(INDEX_CHUNK, sizeof(struct entry *)))};
	return chunk;
}

static void
remove_chunk(struct index_list *list, size_t at)
{
	struct index_chunk *chunk = list->chunks + at;

	free(chunk->items);
	list->chunk_count--;
	memmove(chunk, chunk + 1, (list->chunk_count - at) * sizeof(*chunk));
}

/* Moves the upper half of a full chunk into a new one behind it. */
static void
split(struct index_list *list, size_t at)
{
	struct index_chunk *upper = insert_chunk(list, at + 1);
	struct index_chunk *lower = upper - 1;

	lower->count = INDEX_CHUNK / 2;
	upper->count = INDEX_CHUNK - lower->count;
	memcpy(upper->items, lower->items + lower->count,
	       upper->count * sizeof(struct entry *));
	upper->first = upper->items[0]->key;
}

/* Makes room in a full chunk; *at and *position follow the place. */
static void
make_room(struct index_list *list, size_t *at, size_t *position)
{
	if (*position == INDEX_CHUNK && *at + 1 == list->chunk_count) {
		insert_chunk(list, ++*at);
		*position = 0;
		return;
	}
	split(list, *at);
	if (*position > INDEX_CHUNK / 2) {
		++*at;
		*position -= INDEX_CHUNK / 2;
	}
}

void
index_list_add(struct index_list *list, struct entry *entry)
{
	size_t at = find_chunk(list, &entry->key);
	struct index_chunk *chunk;
	size_t position;

	if (list->chunk_count == 0)
		insert_chunk(list, 0);
	position = find_item(list->chunks + at, &entry->key);
	if (list->chunks[at].count == INDEX_CHUNK)
		make_room(list, &at, &position);
	chunk = list->chunks + at;
	assert(chunk->items);
	memmove(chunk->items + position + 1, chunk->items + position,
		(chunk->count - position) * sizeof(struct entry *));
	chunk->items[position] = entry;
	chunk->count++;
	chunk->first = chunk->items[0]->key;
	list->count++;
}

/* Joins a chunk with the one behind it when both are half empty, so that a
 * list from which most has gone is short again. */
static void
join(struct index_list *list, size_t at)
{
	struct index_chunk *chunk = list->chunks + at;

	if (at + 1 >= list->chunk_count ||
	    chunk[0].count + chunk[1].count > INDEX_CHUNK / 2)
		return;
	memcpy(chunk[0].items + chunk[0].count, chunk[1].items,
	       chunk[1].count * sizeof(struct entry *));
	chunk[0].count += chunk[1].count;
	remove_chunk(list, at + 1);
}

void
index_list_remove(struct index_list *list, const struct entry *entry)
{
	size_t at = find_chunk(list, &entry->key);
	struct index_chunk *chunk = list->chunks + at;
	size_t position;

	assert(list->count > 0);
	position = find_item(chunk, &entry->key);
	assert(position < chunk->count && chunk->items[position] == entry);
	chunk->count--;
	memmove(chunk->items + position, chunk->items + position + 1,
		(chunk->count - position) * sizeof(struct entry *));
	list->count--;
	if (chunk->count == 0) {
		remove_chunk(list, at);
		return;
	}
	chunk->first = chunk->items[0]->key;
	join(list, at);
	if (at > 0)
		join(list, at - 1);
}

struct entry *
index_list_at(const struct index_list *list, size_t position)
{
	size_t at = 0;

	if (position >= list->count)
		return NULL;
	/* The newest are what is asked for most: count from the near end. */
	if (position >= list->count / 2) {
		size_t above = list->count;

		at = list->chunk_count - 1;
		while (above - list->chunks[at].count > position)
			above -= list->chunks[at--].count;
		position -= above - list->chunks[at].count;
	} else {
		while (position >= list->chunks[at].count)
			position -= list->chunks[at++].count;
	}
	return list->chunks[at].items[position];
}

size_t
index_list_rank(const struct index_list *list, const struct entry_key *key)
{
	size_t at = find_chunk(list, key);
	size_t rank = 0;

	if (list->count == 0)
		return 0;
	for (size_t i = 0; i < at; i++)
		rank += list->chunks[i].count;
	return rank + find_item(list->chunks + at, key);
}
