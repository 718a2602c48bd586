/*
 * t/support/changes.h: jobs, events and responses for tests of the index.
 */
#ifndef OSAPI_T_SUPPORT_CHANGES_H
#define OSAPI_T_SUPPORT_CHANGES_H

#include "fcgi/index.h"
#include "lib/job.h"

#define CHANGES_TTL_MS  86400000
#define CHANGES_BASE_MS INT64_C(1790000000000)
#define CHANGES_AT(ms)  ((CHANGES_BASE_MS + (ms)) * CLOCK_NS_PER_MS)

enum change_kind { CHANGE_JOB, CHANGE_EVENT, CHANGE_RESPONSE, CHANGE_DELETE };

struct change {
	enum change_kind kind;
	uint64_t revision;
	struct job job;
	struct event event;
	struct response response;
};

struct fact {
	char kind; /* a, s: events; C, F: events; c, f: responses */
	const char *host;
	int64_t ms;
};

/* A version 7 id of a time in ms after CHANGES_BASE_MS; `n` tells those of
 * one millisecond apart.  Returns buf. */
const char *changes_id(int64_t ms, unsigned n, char buf[static UUID_SIZE]);

/* The next of a row of numbers that is the same on every machine
 * (xorshift64*). */
uint64_t changes_draw(uint64_t *state);

/* A job; `expected` ends with NULL (NULL: none). job_release is due. */
struct job changes_job(const char *id, const char *target,
		       const char *const *expected);

struct event changes_event(const char *id, enum job_event what,
			   const char *host, int64_t ms);

/* response_release is due. */
struct response changes_response(const char *id, const char *host, bool failed,
				 int64_t ms);

/* Tells the index. */
void changes_apply(struct index *index, const struct change *change);

/* Releases what `count` changes own. */
void changes_release(struct change *changes, size_t count);

/* An empty index with CHANGES_TTL_MS; index_free is due. */
struct index *changes_index(void);

/* Tells the index one fact in short. */
void changes_apply_fact(struct index *index, const char *id,
			const struct fact *fact, uint64_t revision);

#endif
