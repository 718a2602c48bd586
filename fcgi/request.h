/*
 * fcgi/request.h: one HTTP request, from the connection to the log line.
 *
 *   request_read -> (handler, reply_*) -> request_finish
 *                        \-> parked in waiters -> reply_* -> request_finish
 *
 * On the heap, because a parked request outlives its thread's interest in it.
 * One thread at a time owns it.  The body is read when it is asked for; what
 * is left of it is thrown away by request_finish before the connection can
 * carry another request, so that a client's octets are never read as FastCGI
 * records.  The process closes connections by itself (libfcgi would block on
 * that), and only after a body that was not read to its end it lingers.
 */
#ifndef OSAPI_FCGI_REQUEST_H
#define OSAPI_FCGI_REQUEST_H

#include <fcgiapp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/query.h"
#include "fcgi/waiters.h"
#include "lib/error.h"
#include "lib/spec.h"
#include "lib/token.h"
#include "lib/trace.h"

#define REQUEST_BODY_MAX    (1024 * 1024)     /* octets of a body */
#define REQUEST_DRAIN_MAX   (4 * 1024 * 1024) /* thrown away before closing */
#define REQUEST_PATH_MAX    4096
#define REQUEST_HEADERS_MAX 8

struct responder;
struct handler;

struct request_header {   /* of the answer */
	const char *name; /* static storage */
	char value[256];
};

struct request {
	struct responder *responder;
	FCGX_Request fcgi;
	bool keep;        /* the web server wants the connection kept */
	bool parked;      /* was in the table of waiters */
	bool answered;    /* an answer was written */
	bool head;        /* HEAD: the answer has no body */
	int status;       /* of the answer */
	int64_t begun_ns; /* wall clock */
	int64_t begun_us; /* CLOCK_MONOTONIC */
	char id[QUERY_HEADER_MAX + 1];
	struct trace trace;           /* of its own span */
	char parent[TRACE_SPAN_SIZE]; /* the client's span, "" none */
	int64_t parked_ns;            /* wall clock: it began to wait, 0 not */
	const char *method;           /* of the parameters */
	char path[REQUEST_PATH_MAX];  /* still percent-encoded, no query */
	struct query query;
	struct spec_match match;       /* endpoint NULL: none matched */
	const struct handler *handler; /* of the endpoint */
	char allow[64];                /* for 405 and OPTIONS */
	struct token token;            /* role ROLE_NONE: none was needed */
	json_t *parameters;            /* object: checked path, query and header
				      parameters with their defaults */
	json_t *body;                  /* checked body, NULL: none */
	size_t header_count;
	struct request_header headers[REQUEST_HEADERS_MAX];
	struct request *next;   /* in fcgi/slots.c's queue */
	char job_id[UUID_SIZE]; /* the job it is about, "" none */
	/* Answers a parked request (fcgi/park.c). */
	void (*render)(struct request *request, enum wake why);
};

/* How a request ended: what metrics, the log line and traces are fed with. */
struct request_end {
	const char *method; /* one that is known, else "_OTHER"; static */
	const struct spec_endpoint *endpoint; /* NULL: none matched */
	int status;                           /* 499: the client left first */
	int64_t duration_us; /* from accepting it to handing out the answer */
	bool answered;       /* an answer was written */
	bool gone;           /* its client was seen to leave */
};

/* The calling thread's log lines are about this request from now on. */
void request_context(const struct request *request);

/*
 * Reads one request's head from a connection that can be read; owns `fd` in
 * any case.  NULL: the connection broke the protocol or ended, and is closed.
 */
struct request *request_read(struct responder *responder, int fd);

/* A parameter that the web server gave, NULL: missing.  Valid until
 * request_finish. */
const char *request_param(const struct request *request, const char *name);

/* Whether it comes more than once, as nginx passes a repeated header on. */
bool request_param_repeated(const struct request *request, const char *name);

/*
 * What is wrong with method and path.  ERR_INVALID with the reason.  Called
 * once, fills path.
 */
enum err request_line(struct request *request, struct err_info *info);

/* The same of the query, which is judged after the token.  Called once, fills
 * query, which stays empty after an error. */
enum err request_query(struct request *request, struct err_info *info);

/* The octets of the body; *text is the caller's to free.  *size is
 * CONTENT_LENGTH.  ERR_ABORTED when fewer came, ERR_INVALID when more. */
enum err request_body(struct request *request, size_t size, char **text,
		      struct err_info *info);

/* Reads a body that nobody wants to its end; false when it is too long or
 * ends too early.  May be called again. */
bool request_drain(struct request *request);

/*
 * Ends the request: answers 500 where no answer was written (unless its
 * client is `gone`), throws the rest of the body away, writes the log line,
 * counts, gives the connection back or closes it, and frees the request.
 */
void request_finish(struct request *request, bool gone);

#endif
