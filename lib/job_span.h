/*
 * lib/job_span.h: the two spans of a job's way through NATS: the API publishes
 * it (PRODUCER), a worker processes it (CONSUMER, a child of the former).
 */
#ifndef OSAPI_LIB_JOB_SPAN_H
#define OSAPI_LIB_JOB_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/trace.h"
#include "lib/tracer.h"

struct job_span {       /* nothing is owned */
	bool processed; /* by a worker, else published */
	const struct trace *trace;
	const char *parent;  /* span id, "" none */
	const char *subject; /* of NATS */
	const char *job_id;
	const char *operation;
	int64_t start_ns; /* wall clock */
	int64_t end_ns;
	bool failed;
	const char *error; /* why */
};

/* As tracer_end. */
void job_span_end(struct tracer *tracer, const struct job_span *span);

#endif
