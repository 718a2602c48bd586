/*
 * fcgi/dimension.h: the labels that a metric may have, each with all its
 * values.
 *
 * Values are numbers below a count that is known when the description is:
 * routes, operations, states.  What comes from a client is turned into one of
 * these numbers, or into the one that stands for all others, so that nobody
 * can make names.  Made once at start, read-only afterwards.
 */
#ifndef OSAPI_FCGI_DIMENSION_H
#define OSAPI_FCGI_DIMENSION_H

#include <stddef.h>

#include "lib/error.h"
#include "lib/spec.h"

enum dimension {
	DIMENSION_NONE,      /* one value, no label */
	DIMENSION_ROUTE,     /* http_request_method and http_route */
	DIMENSION_CODE,      /* http_response_status_code */
	DIMENSION_REASON,    /* enum auth_reason */
	DIMENSION_OPERATION, /* as spec_operations, one more for others */
	DIMENSION_STATUS,    /* enum job_status */
	DIMENSION_FINAL,     /* job_status of jobs that ended, from 0 */
	DIMENSION_OUTCOME,   /* of one host: completed, failed */
	DIMENSION_BUCKET,    /* jobs, responses: as feed_states */
	DIMENSION_COUNT
};

struct dimensions;

/* ERR_NO_MEMORY.  `spec` outlives it. */
enum err dimensions_new(const struct spec *spec,
			struct dimensions **dimensions);
void dimensions_free(struct dimensions *dimensions);

/* How many values a dimension has. */
size_t dimension_size(const struct dimensions *dimensions,
		      enum dimension dimension);

/* A value as labels of the exposition format, `a="x",b="y"`, "" none. */
const char *dimension_labels(const struct dimensions *dimensions,
			     enum dimension dimension, size_t value);

/* The number of a request's route and method; `endpoint` NULL: none matched.
 * `method` is one of dimension_method's. */
size_t dimension_route(const struct dimensions *dimensions,
		       const struct spec_endpoint *endpoint,
		       const char *method);

/* The number of an HTTP status. */
size_t dimension_code(const struct dimensions *dimensions, int status);

/* The number of an operation (-1: an unknown one). */
size_t dimension_operation(const struct dimensions *dimensions, int number);

/* The method where it is one of HTTP's, else "_OTHER"; static storage.  NULL
 * is accepted. */
const char *dimension_method(const char *method);

#endif
