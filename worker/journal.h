/*
 * worker/journal.h: what this host has begun and done, on its own disk.
 *
 * The broker's memory of acknowledgements does not survive its own crash, so
 * a worker decides by this file whether a job that changes the host has run:
 *
 *   (unknown) --> claimed --> result --> delivered --> forgotten
 *
 * A claim is on disk before a change begins, the result before it is sent; a
 * claim that has no result when the file is opened means that nobody knows how
 * the change ended, and it is never begun again.  Ids are remembered until
 * their job's own deadline refuses them.
 *
 * All functions may be called from every thread, journal_open and
 * journal_close excepted.
 */
#ifndef OSAPI_WORKER_JOURNAL_H
#define OSAPI_WORKER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/job.h"

#define JOURNAL_FILE     "journal"
#define JOURNAL_IDS_MAX  100000 /* jobs remembered at the same time */
#define JOURNAL_LINE_MAX (4 * JOB_SIZE_MAX)

enum journal_state {
	JOURNAL_UNKNOWN,
	JOURNAL_CLAIMED,
	JOURNAL_RESULT, /* has a result that is not in the store yet */
	JOURNAL_DELIVERED,
	JOURNAL_STATE_COUNT
};

struct journal;

/*
 * Opens or creates `directory`/journal and locks it: ERR_BUSY when another
 * process has it.  A last line without its end (a crash while writing) is cut
 * off.  A damaged line elsewhere is logged, the file kept aside as
 * "journal.damaged", and every job created before now then counts as one whose
 * outcome is unknown.  `now_ns` is the wall clock.
 */
enum err journal_open(const char *directory, int64_t now_ns,
		      struct journal **journal, struct err_info *info);

/* Closes and unlocks; NULL is accepted. */
void journal_close(struct journal *journal);

enum journal_state journal_find(struct journal *journal, const char *id);

/*
 * Writes the claim and waits until it is on disk; only then may the change
 * begin.  ERR_EXISTS: this id was claimed before; ERR_UNKNOWN_OUTCOME: the job
 * is older than damage to this journal; ERR_BUSY: too many are remembered;
 * ERR_IO: it is not on disk.  The id is remembered until the job expired.
 */
enum err journal_claim(struct journal *journal, const struct job *job,
		       int64_t now_ns, struct err_info *info);

/*
 * Writes what came of a claimed job and waits until it is on disk. ERR_IO: it
 * is remembered in memory only.  ERR_NOT_FOUND: not claimed.
 */
enum err journal_result(struct journal *journal,
			const struct response *response,
			const struct event *event, struct err_info *info);

/* The result is in the store.  Not synchronized: at worst it is sent again. */
enum err journal_delivered(struct journal *journal, const char *id,
			   struct err_info *info);

/* A copy of a result that is not delivered; response_release is due.
 * ERR_NOT_FOUND. */
enum err journal_read(struct journal *journal, const char *id,
		      struct response *response, struct event *event,
		      struct err_info *info);

/* The ids that are in `state`, in a new array that the caller frees. */
enum err journal_list(struct journal *journal, enum journal_state state,
		      char (**ids)[UUID_SIZE], size_t *count);

/* The registry's instance id of the worker that had this journal last, "" for
 * none; buf is returned. */
char *journal_instance(struct journal *journal, char buf[static UUID_SIZE]);

/* Remembers this worker's. */
enum err journal_set_instance(struct journal *journal, const char *instance,
			      struct err_info *info);

#endif
