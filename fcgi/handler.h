/*
 * fcgi/handler.h: what runs for an endpoint, found by its operationId.
 *
 * One const table.  An endpoint with an operation (x-osapi-operation) has no
 * row: the typed handler serves them all.
 */
#ifndef OSAPI_FCGI_HANDLER_H
#define OSAPI_FCGI_HANDLER_H

#include <stdbool.h>

#include "fcgi/request.h"
#include "lib/error.h"
#include "lib/spec.h"

enum handled {
	HANDLED, /* an answer was written; the caller finishes the request */
	PARKED,  /* the request is the waiters' and must not be touched */
};

struct handler {
	const char *id; /* operationId */
	enum handled (*run)(struct request *request);
	bool store; /* may wait for NATS: takes one of the bounded slots */
	/* What the schemas cannot say: appends to the errors of the request
	 * (reply_collect).  Its body may be NULL or have failed its schema. */
	void (*check)(const struct request *request, json_t *errors);
};

/* The row of an endpoint; NULL where there is none. */
const struct handler *handler_find(const struct spec_endpoint *endpoint);

/* Whether description and table agree in both directions; ERR_INTERNAL names
 * what is missing. */
enum err handler_check(const struct spec *spec, struct err_info *info);

/* handlers/health.c */
enum handled health(struct request *request);
enum handled health_ready(struct request *request);
enum handled health_status(struct request *request);
/* handlers/metrics.c */
enum handled metrics(struct request *request);
/* handlers/meta.c */
enum handled meta_version(struct request *request);
enum handled meta_openapi(struct request *request);
/* handlers/jobs.c */
enum handled jobs_create(struct request *request);
void jobs_create_check(const struct request *request, json_t *errors);
enum handled jobs_delete(struct request *request);
enum handled jobs_retry(struct request *request);
/* handlers/jobs_read.c */
enum handled jobs_get(struct request *request);
enum handled jobs_list(struct request *request);
enum handled jobs_status(struct request *request);
enum handled jobs_workers(struct request *request);
/* handlers/typed.c */
enum handled typed(struct request *request);

#endif
