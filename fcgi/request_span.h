/*
 * fcgi/request_span.h: the spans of a request: its own (SERVER), and its wait
 * for a job (INTERNAL).
 */
#ifndef OSAPI_FCGI_REQUEST_SPAN_H
#define OSAPI_FCGI_REQUEST_SPAN_H

#include "fcgi/request.h"
#include "fcgi/waiters.h"

/* The request has ended; its parameters can still be read. */
void request_span(const struct request *request, const struct request_end *end);

/* It was parked and is not any more. */
void request_span_wait(const struct request *request, enum wake why);

#endif
