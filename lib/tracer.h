/*
 * lib/tracer.h: where the spans of a process go.
 *
 * tracer_end writes a span's text into a buffer of TRACER_BUFFER octets; a
 * thread of its own takes the whole buffer, once a second or when half of it
 * is used, and hands it on:
 *
 *   stdout  one ExportTraceServiceRequest of OTLP/JSON a line and span, as
 *           opentelemetry-collector's otlpjsonfile receiver reads them
 *   otlp    POST {telemetry.tracing.otlp_endpoint}/v1/traces
 *
 * What a collector refuses for the moment is tried again, TRACER_TRIES times;
 * meanwhile one more buffer fills, and what comes then is dropped and counted.
 * A failure is logged once, and again when it is over.
 *
 * A process without tracing has a NULL tracer, which all functions take.  Make
 * it after fork(2).  All functions may be called from every thread unless they
 * say otherwise.
 */
#ifndef OSAPI_LIB_TRACER_H
#define OSAPI_LIB_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/span.h"
#include "lib/trace.h"

#define TRACER_BUFFER   (512 * 1024)
#define TRACER_BATCH_MS 1000
#define TRACER_TRIES    4
#define TRACER_POST_MS  5000 /* for one answer of a collector */
#define TRACER_FLUSH_MS 2000 /* for tracer_free, where nothing else is said */

struct tracer;

struct tracer_options {
	struct span_resource resource; /* copied */
	int fd;                        /* where "stdout" writes, stays open */
	/* Told of spans that left, or never will; on any thread.  NULL: not. */
	void (*counted)(size_t exported, size_t dropped, void *arg);
	void *arg;
};

/* *tracer is NULL where telemetry.tracing.enabled is false.  Not while other
 * threads use libcurl for the first time. ERR_NO_MEMORY. */
enum err tracer_new(const struct config *config,
		    const struct tracer_options *options,
		    struct tracer **tracer, struct err_info *info);

/* Hands on what there is, for at most so long, and ends. */
void tracer_free(struct tracer *tracer, int64_t flush_ms);

/* Whether a span of this trace would be exported. */
bool tracer_wants(const struct tracer *tracer, const struct trace *trace);

/* A span has ended: exported if tracer_wants.  Never blocks. */
void tracer_end(struct tracer *tracer, const struct span *span);

/*
 * Where one is who is called by `parent` (NULL: by nobody that says so): a new
 * span of the caller's trace, or of a new one.  Without a tracer the parent's
 * own context is passed on, and a new trace is not sampled.
 */
void tracer_begin(const struct tracer *tracer, const struct trace *parent,
		  struct trace *own);

#endif
