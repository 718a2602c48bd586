/*
 * cli/api_trace.h: the trace that a client command begins.
 *
 * All requests of one command belong to one trace, which every program behind
 * the API goes on with.  It is the one of the environment's TRACEPARENT (and
 * TRACESTATE) where that names one, so that a script's commands can be one
 * trace.  With telemetry.tracing.enabled the command exports spans of its own:
 * of itself (INTERNAL) and of each request (CLIENT).  From one thread.
 */
#ifndef OSAPI_CLI_API_TRACE_H
#define OSAPI_CLI_API_TRACE_H

#include <stdint.h>

#include "cli/http.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/trace.h"
#include "lib/tracer.h"

struct api_trace {
	struct tracer *tracer; /* NULL: no spans of our own */
	struct trace trace;    /* of the command's span */
	char parent[TRACE_SPAN_SIZE];
	int64_t begun_ns; /* wall clock */
};

/* api_trace_end is due; after that a failure to export was said on stderr. */
enum err api_trace_begin(const struct config *config, struct api_trace *trace,
			 struct err_info *info);
void api_trace_end(struct api_trace *trace);

/* One request. */
struct api_trace_call {
	struct trace trace;
	char parent_text[TRACE_PARENT_SIZE];
	int64_t begun_ns;
};

/* Sets the request's trace headers, which point into *call. */
void api_trace_send(const struct api_trace *trace, struct api_trace_call *call,
		    struct http_request *request);

/* Its answer came, or `code` says why not; the URL is still that of
 * `request`. */
void api_trace_sent(const struct api_trace *trace,
		    const struct api_trace_call *call,
		    const struct http_request *request,
		    const struct http_response *response, enum err code);

#endif
