/*
 * fcgi/sweeper.h: what has to be done about jobs when nobody asks.
 *
 *  - A job whose deadline is over gets a `failed` event of "api" that says
 *    so. Its time is the deadline itself, so all processes write the same
 *    key.
 *  - A job that nobody has begun: its notification is published again.
 *    Within the stream's duplicates window the server tells a duplicate; for
 *    older ones (after a restart) the stream is read once to find those that
 *    have none.
 *  - A message that was delivered max_deliver times (JOBS-DLQ) becomes a
 *    `failed` event of its job.
 *  - What a worker still said of a job that was being deleted is removed.
 *  - The index drops what is older than the bucket's TTL.
 *
 * Every responder process runs one; nothing here goes wrong when several do
 * the same at the same time.
 */
#ifndef OSAPI_FCGI_SWEEPER_H
#define OSAPI_FCGI_SWEEPER_H

#include <stdint.h>

#include "fcgi/feed.h"
#include "fcgi/index.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/store.h"

struct sweeper;

struct sweeper_counts {
	uint64_t expired;      /* jobs ended because of their deadline */
	uint64_t renotified;   /* notifications that were missing */
	uint64_t dead_letters; /* advisories turned into events */
	uint64_t failures;     /* attempts that will be made again */
};

/* Starts its thread, which does nothing until feed_ready.  All arguments
 * outlive it. */
enum err sweeper_new(struct store *store, const struct config *config,
		     struct feed *feed, struct index *index,
		     struct sweeper **sweeper, struct err_info *info);

/* Stops and joins (at most a few seconds).  NULL is accepted. */
void sweeper_free(struct sweeper *sweeper);

void sweeper_counts(struct sweeper *sweeper, struct sweeper_counts *counts);

#endif
