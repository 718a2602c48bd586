/*
 * lib/trace.h: where one is in a trace: W3C Trace Context (Recommendation of
 * 23 November 2021) as read, made and passed on.
 *
 * A struct trace is the context of one span: what that span's children name as
 * their parent.  All functions may be called from every thread.
 */
#ifndef OSAPI_LIB_TRACE_H
#define OSAPI_LIB_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#define TRACE_ID_SIZE     33  /* hexadecimal digits and a NUL */
#define TRACE_SPAN_SIZE   17  /* the same of a span's id */
#define TRACE_PARENT_SIZE 56  /* "00-{32}-{16}-{2}" and a NUL */
#define TRACE_STATE_SIZE  513 /* at most 512 octets are passed on */

struct trace {
	char id[TRACE_ID_SIZE];       /* of the trace, "" none */
	char span[TRACE_SPAN_SIZE];   /* of the span */
	bool sampled;                 /* its spans are wanted */
	char state[TRACE_STATE_SIZE]; /* tracestate, "" none */
};

/*
 * Reads the two headers; NULL: missing.  False: there is no traceparent that
 * can be used, *trace is untouched.  A version above 00 is read as far as 00
 * goes.  A tracestate that breaks its grammar is dropped whole; of one that is
 * too long whole members are dropped, those over 128 octets first.
 */
bool trace_read(struct trace *trace, const char *traceparent,
		const char *tracestate);

/* Whether a text is a traceparent of version 00, as we write them. */
bool trace_parent_valid(const char *text);

/* Whether a text is a tracestate, as we write them; "" is none. */
bool trace_state_valid(const char *text);

/* A trace that begins here, with random ids. */
void trace_start(struct trace *trace, bool sampled);

/* A new span of the same trace. */
void trace_child(const struct trace *parent, struct trace *child);

/* The traceparent that children of this span are sent; buf is returned. */
char *trace_parent_text(const struct trace *trace,
			char buf[static TRACE_PARENT_SIZE]);

#endif
