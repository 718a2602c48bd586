/*
 * fcgi/dead_letter.h: a message that was delivered max_deliver times becomes
 * a `failed` event of its job.
 *
 * The server writes an advisory into the stream JOBS-DLQ; all responder
 * processes share one durable consumer of it, so each advisory goes to one of
 * them, and to another if that one dies.  Where the advisory is of a worker's
 * own consumer the event is that host's, else (shared consumer) it is the
 * API's and ends the job; a host that has ended meanwhile is left alone.
 *
 * One thread uses it.
 */
#ifndef OSAPI_FCGI_DEAD_LETTER_H
#define OSAPI_FCGI_DEAD_LETTER_H

#include <stdint.h>

#include "fcgi/index.h"
#include "lib/error.h"
#include "lib/store.h"

#define DEAD_LETTER_CONSUMER "osapi-dead-letters"

struct dead_letters;

enum err dead_letters_new(struct store *store, struct index *index,
			  struct dead_letters **letters);
void dead_letters_free(struct dead_letters *letters);

/*
 * Waits up to `wait_ms` for one advisory and handles it; makes the consumer
 * and asks it where that is due.  *handled counts events written.
 * ERR_TIMEOUT: nothing came.  Other errors have not waited.
 */
enum err dead_letters_serve(struct dead_letters *letters, int64_t wait_ms,
			    uint64_t *handled, struct err_info *info);

/* Waits up to `wait_ms` and takes nothing. */
void dead_letters_pause(struct dead_letters *letters, int64_t wait_ms);

/* Ends a wait, for good.  From every thread. */
void dead_letters_stop(struct dead_letters *letters);

#endif
