/*
 * lib/tracer_post.h: one OTLP/HTTP request to a collector at a time, over a
 * connection that is kept.  For lib/tracer.c; one thread at a time.
 */
#ifndef OSAPI_LIB_TRACER_POST_H
#define OSAPI_LIB_TRACER_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct tracer_post;

/* `endpoint` as in telemetry.tracing.otlp_endpoint.  `give_up` is asked about
 * once a second whether a request is to be broken off.  ERR_NO_MEMORY. */
enum err tracer_post_new(const char *endpoint, bool (*give_up)(void *arg),
			 void *arg, struct tracer_post **post);

/* NULL is accepted. */
void tracer_post_free(struct tracer_post *post);

/*
 * Sends prefix, text and SPAN_SUFFIX as one body.  *rejected is how many spans
 * a collector that took the rest did not want, with its words in `info`.
 * ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_BUSY (429, 502, 503, 504): again later, as
 * OTLP says; ERR_INVALID: refused for good; `info` says where and why.
 */
enum err tracer_post_send(struct tracer_post *post, const char *prefix,
			  size_t prefix_size, const char *text, size_t size,
			  int64_t timeout_ms, size_t *rejected,
			  struct err_info *info);

#endif
