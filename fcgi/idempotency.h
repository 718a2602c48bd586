/*
 * fcgi/idempotency.h: the same request twice makes one job.
 *
 * A key of the job bucket, idem.{SHA-256 of token subject and Idempotency-Key},
 * is created once (compare-and-set) before the job, and holds the job's id and
 * the SHA-256 of the request's body.  Whoever finds it there uses its id: the
 * job is made under it if that has not happened yet (its maker died between the
 * two), and the job's own key, created once too, lets only one of several win.
 * It is forgotten with the bucket's TTL, as the job is.
 */
#ifndef OSAPI_FCGI_IDEMPOTENCY_H
#define OSAPI_FCGI_IDEMPOTENCY_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/error.h"
#include "lib/store.h"
#include "lib/uuid.h"

/*
 * Claims `key` of `subject` for the job `id` and this body.  *first is false
 * when it was claimed before: `id` is then the earlier claim's.  ERR_CONFLICT:
 * it was, for another body.  ERR_UNAVAILABLE, ERR_UNKNOWN_OUTCOME, ERR_BUSY:
 * no job may be made; trying again is safe.
 */
enum err idempotency_claim(struct store *store, const char *subject,
			   const char *key, const json_t *body,
			   char id[static UUID_SIZE], bool *first,
			   struct err_info *info);

/* The job of an earlier claim, for when no new one may be made.
 * ERR_NOT_FOUND: there is none; ERR_CONFLICT as above. */
enum err idempotency_find(struct store *store, const char *subject,
			  const char *key, const json_t *body,
			  char id[static UUID_SIZE], struct err_info *info);

#endif
