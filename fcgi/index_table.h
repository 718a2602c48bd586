/*
 * fcgi/index_table.h: the index's own structure, shared by index.c (writers)
 * and index_view.c (readers).  `mutex` guards all of it but what is set once.
 */
#ifndef OSAPI_FCGI_INDEX_TABLE_H
#define OSAPI_FCGI_INDEX_TABLE_H

#include <pthread.h>

#include "fcgi/index_entry.h"
#include "fcgi/index_list.h"

#define LEFTOVERS_MAX 64

struct index {
	pthread_mutex_t mutex;
	const struct spec *spec;                        /* set once */
	int64_t ttl_ms;                                 /* set once */
	uint64_t seed[2];                               /* set once */
	void (*changed)(const char *job_id, void *arg); /* set once */
	void *changed_arg;
	struct entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t entry_count;
	size_t open_hosts;        /* sum of the entries' */
	struct index_list all;    /* known jobs */
	struct index_list shadow; /* entries that are no job (yet, any more) */
	struct index_list status[JOB_STATUS_COUNT];
	struct index_counts counts;
	char leftovers[LEFTOVERS_MAX][UUID_SIZE]; /* see index_take_leftovers */
	size_t leftover_count;
};

/* The entry of a key, NULL where there is none.  Mutex held. */
struct entry *index_find(const struct index *index,
			 const struct entry_key *key);

#endif
