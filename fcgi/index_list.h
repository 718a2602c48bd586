/*
 * fcgi/index_list.h: jobs in the order of their ids, reachable by position.
 *
 * A list is a row of chunks of up to INDEX_CHUNK entries, each with its first
 * id and its number of entries side by side in one array.  A position is found
 * by adding up the chunks' numbers (2,000 additions for a million jobs,
 * in order in memory), an id by binary search.  Ids that come in order fill
 * the chunks whole.  The caller holds the index's mutex.
 */
#ifndef OSAPI_FCGI_INDEX_LIST_H
#define OSAPI_FCGI_INDEX_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi/index_entry.h"

#define INDEX_CHUNK 512

struct index_chunk; /* an array of entries */

struct index_list {
	size_t count; /* entries in all */
	size_t chunk_count;
	size_t chunk_room;
	struct index_chunk *chunks;
};

void index_list_release(struct index_list *list);

/* The entry must not be in the list. */
void index_list_add(struct index_list *list, struct entry *entry);

/* The entry must be in the list. */
void index_list_remove(struct index_list *list, const struct entry *entry);

/* The entry at a position, 0 the oldest; NULL beyond the end. */
struct entry *index_list_at(const struct index_list *list, size_t position);

/* How many entries have an id below `key`. */
size_t index_list_rank(const struct index_list *list,
		       const struct entry_key *key);

#endif
