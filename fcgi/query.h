/*
 * fcgi/query.h: the texts of a request line and of its headers, read strictly.
 *
 * Pure functions over memory; from every thread.
 */
#ifndef OSAPI_FCGI_QUERY_H
#define OSAPI_FCGI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define QUERY_SIZE_MAX   8192 /* octets of a query string */
#define QUERY_ITEMS_MAX  32   /* parameters */
#define QUERY_HEADER_MAX 128  /* characters of X-Request-Id */

struct query_item {
	char *name;
	char *value; /* percent-decoded, valid UTF-8 without NUL */
};

struct query {
	size_t count;
	struct query_item items[QUERY_ITEMS_MAX];
	char *text; /* what the items point into */
};

/*
 * Reads "a=1&b=x%20y" ("+" is a blank; an empty piece is skipped).  A name
 * twice, a bad escape, NUL, invalid UTF-8, a nameless value and too much of
 * either are ERR_INVALID, with the place in `info`.  query_release is due on
 * success.
 */
enum err query_parse(const char *text, struct query *query,
		     struct err_info *info);
void query_release(struct query *query);

/* The value of a name, NULL where it is missing. */
const char *query_value(const struct query *query, const char *name);

/* Whether `text` is UTF-8 (RFC 3629) without NUL. */
bool query_utf8(const char *text, size_t size);

/*
 * CONTENT_LENGTH: digits only; NULL and "" are 0.  ERR_INVALID for other
 * text, ERR_TOO_LARGE above `max` (also where it would not fit a number).
 */
enum err query_content_length(const char *text, size_t max, size_t *size);

/* Whether a Content-Type is application/json, alone or with charset=utf-8. */
bool query_is_json(const char *content_type);

/* Whether `text` may go on as a request id: ^[A-Za-z0-9._-]{1,128}$. */
bool query_request_id(const char *text);

#endif
