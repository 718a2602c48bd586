/*
 * lib/error.h: the one list of error codes, and the text that goes with one.
 *
 * A function that can fail returns `enum err` (ERR_OK is 0) and, where its
 * caller may have to tell a person, takes a `struct err_info *` for the words.
 * On failure out-parameters are untouched.  lib/ only returns errors; the
 * programs log each failure once.
 */
#ifndef OSAPI_LIB_ERROR_H
#define OSAPI_LIB_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

/* name, text, HTTP status, exit code of the CLI, worth trying again */
#define ERR_LIST(X)                                                          \
	X(OK, "no error", 200, 0, false)                                     \
	X(INVALID, "invalid input", 400, 2, false)                           \
	X(UNAUTHENTICATED, "not authenticated", 401, 4, false)               \
	X(FORBIDDEN, "not allowed", 403, 4, false)                           \
	X(NOT_FOUND, "not found", 404, 1, false)                             \
	X(METHOD, "method not allowed", 405, 1, false)                       \
	X(CONFLICT, "conflict", 409, 1, false)                               \
	X(EXISTS, "exists already", 409, 1, false)                           \
	X(GONE, "was deleted", 404, 1, false)                                \
	X(TOO_LARGE, "too large", 413, 1, false)                             \
	X(MEDIA_TYPE, "unsupported media type", 415, 1, false)               \
	X(EXPIRED, "expired", 401, 4, false)                                 \
	X(SIGNATURE, "signature does not verify", 401, 4, false)             \
	X(UNSUPPORTED, "not supported here", 500, 1, false)                  \
	X(INTERNAL, "internal error", 500, 1, false)                         \
	X(NO_MEMORY, "out of memory", 500, 1, true)                          \
	X(IO, "input/output error", 500, 1, false)                           \
	X(ABORTED, "the other side went away", 400, 1, false)                \
	X(BUSY, "too busy", 503, 3, true)                                    \
	X(UNAVAILABLE, "not available", 503, 3, true)                        \
	X(UNKNOWN_OUTCOME, "no answer, it may have been done", 503, 3, true) \
	X(TIMEOUT, "timed out", 504, 1, true)

enum err {
#define ERR_ENUM(name, text, http, cli, retry) ERR_##name,
	ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
	    ERR_COUNT /* number of codes, not one of them */
};

/* Room for one sentence that a person reads; always NUL-terminated. */
struct err_info {
	char text[512];
};

/* The enumerator's name without "ERR_"; static storage, never NULL. */
const char *err_name(enum err code);

/* The general text of a code; static storage, never NULL. */
const char *err_text(enum err code);

/* The HTTP status (RFC 9110) with which a code is answered. */
int err_http(enum err code);

/* The exit code with which the CLI ends. */
int err_exit(enum err code);

/* Whether the same call may succeed a little later. */
bool err_retryable(enum err code);

/*
 * Writes a sentence into `info` (NULL is allowed, then it is dropped) and
 * returns `code`, so that a failing function can end with
 * `return err_set(info, ERR_INVALID, "port %d: out of range", port);`.
 * Longer text is cut.
 */
enum err err_set(struct err_info *info, enum err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence that `info` holds; returns `code`. */
enum err err_prefix(struct err_info *info, enum err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
