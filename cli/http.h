/*
 * cli/http.h: one HTTP request (RFC 9110) with libcurl, bounded in time and
 * size.  Redirects are not followed, so the token goes nowhere else.
 */
#ifndef OSAPI_CLI_HTTP_H
#define OSAPI_CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define HTTP_BODY_MAX    (64 * 1024 * 1024) /* octets of an answer */
#define HTTP_HEADERS_MAX (256 * 1024)
#define HTTP_CONNECT_MS  5000

struct http_request {
	const char *method;
	const char *url;         /* whole, http or https */
	const char *token;       /* "" or NULL: none */
	const char *traceparent; /* W3C Trace Context; "" or NULL: none */
	const char *tracestate;  /* the same */
	const char
	    *ca; /* PEM file of the authorities; "" or NULL: the system's */
	const char *body; /* NULL: none */
	size_t body_size;
	size_t header_count;
	const char *const *headers; /* "Name: value" */
	int64_t timeout_ms;         /* for the whole exchange */
	bool verbose; /* the exchange on stderr, without the token */
};

struct http_response {
	int status;
	char *body; /* NUL-terminated, never NULL */
	size_t size;
	char *headers;          /* status line and header lines as they came */
	char content_type[128]; /* lower case, without parameters */
	char request_id[129];   /* X-Request-Id */
};

/*
 * Sends and waits for the whole answer.  Any status is ERR_OK.
 * ERR_UNAVAILABLE: no answer from there, `info` says why; ERR_TIMEOUT;
 * ERR_SIGNATURE: its certificate; ERR_FORBIDDEN: the certificate is for another
 * name; ERR_INVALID: the URL; ERR_TOO_LARGE.  On success http_release is due.
 * From one thread.
 */
enum err http_send(const struct http_request *request,
		   struct http_response *response, struct err_info *info);

/* The value of the answer's last header of this name, "" where there is
 * none; cut to `size`. */
void http_header(const struct http_response *response, const char *name,
		 char *out, size_t size);

void http_release(struct http_response *response);

/* Appends `text` percent-encoded (RFC 3986: all but unreserved characters) to
 * `buf`, which has `size` octets; false: it does not fit. */
bool http_encode(char *buf, size_t size, const char *text);

#endif
