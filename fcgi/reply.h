/*
 * fcgi/reply.h: what goes back to the client.
 *
 * Each reply_* writes one whole answer, at most one per request: status,
 * Content-Type, Content-Length, Cache-Control: no-store, X-Request-Id, the
 * headers of reply_header, and the body (not for HEAD).  A client that
 * has gone is no error: the answer is dropped and counted.  On the thread
 * that owns the request.
 */
#ifndef OSAPI_FCGI_REPLY_H
#define OSAPI_FCGI_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "fcgi/request.h"
#include "lib/error.h"
#include "lib/schema.h"

/* Adds a header to the answer; `name` is static storage.  A value that is too
 * long or holds a control character is left out. */
void reply_header(struct request *request, const char *name, const char *value);

/* "Retry-After: {seconds}". */
void reply_retry_after(struct request *request, int seconds);

/* A JSON body; takes the reference (NULL, out of memory: 500). */
void reply_json(struct request *request, int status, json_t *body);

/* Any body. */
void reply_text(struct request *request, int status, const char *type,
		const char *text, size_t size);

/* No body: 204. */
void reply_empty(struct request *request, int status);

/* A body whose length is not known when it begins: status and headers, then
 * pieces; for answers that may be too large to be built in memory. */
void reply_begin(struct request *request, int status, const char *type);
void reply_piece(struct request *request, const char *text, size_t size);

/*
 * application/problem+json (RFC 9457): type, title, status, detail, error,
 * request_id, and the members of `extra` (an object, NULL: none; takes the
 * reference).
 */
void reply_problem(struct request *request, int status, json_t *extra,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The problem of an error code, with `info`'s words (NULL or "": err_text).
 * Adds Retry-After to 503. */
void reply_error(struct request *request, enum err code,
		 const struct err_info *info);

/* The same, naming the job that it is about. */
void reply_error_job(struct request *request, enum err code,
		     const struct err_info *info, const char *job_id);

/* Appends {in, field, detail} to `list` for each of `errors`. */
void reply_collect(json_t *list, const char *in,
		   const struct schema_errors *errors);

/* Appends one. */
void reply_collect_one(json_t *list, const char *in, const char *field,
		       const char *detail);

/* Whether `list` is empty; else the answer is 400 with all of it as `errors`.
 * Takes the reference. */
bool reply_collected(struct request *request, json_t *list);

#endif
