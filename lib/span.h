/*
 * lib/span.h: one span, and its text: JSON as OTLP has it (opentelemetry-proto,
 * "JSON Protobuf encoding": ids in hexadecimal, 64 bit numbers as strings).
 *
 * A span's text has at most SPAN_SIZE octets, whatever was put into it: texts
 * are cut at SPAN_TEXT_MAX octets, attributes that do not fit are left out and
 * counted.  It holds no line feed.
 */
#ifndef OSAPI_LIB_SPAN_H
#define OSAPI_LIB_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/trace.h"

#define SPAN_SIZE     2816
#define SPAN_TEXT_MAX 256

/* SPAN_PREFIX_SIZE octets have room for what stands before a span, so that one
 * with all around it goes through a pipe in one piece (PIPE_BUF). */
#define SPAN_PREFIX_SIZE 1264
#define SPAN_SUFFIX      "]}]}]}"

/* The numbers are those of OTLP. */
enum span_kind {
	SPAN_INTERNAL = 1,
	SPAN_SERVER = 2,
	SPAN_CLIENT = 3,
	SPAN_PRODUCER = 4,
	SPAN_CONSUMER = 5,
};

struct span_attribute {
	const char *key; /* NULL ends a list; plain ASCII of ours */
	enum { SPAN_TEXT, SPAN_NUMBER } type;
	const char *text; /* NULL or "": the attribute is left out */
	int64_t number;   /* 0: the same */
};

#define SPAN_T(k, v)                                       \
	{                                                  \
		.key = (k), .type = SPAN_TEXT, .text = (v) \
	}
#define SPAN_N(k, v)                                           \
	{                                                      \
		.key = (k), .type = SPAN_NUMBER, .number = (v) \
	}

/* Nothing is owned. */
struct span {
	const struct trace *trace;
	const char *parent; /* span id, "" or NULL: none */
	bool remote;        /* the parent is another process's */
	enum span_kind kind;
	const char *name;
	int64_t start_ns; /* wall clock */
	int64_t end_ns;
	bool failed;
	const char *error; /* why, NULL or "" unknown */
	const struct span_attribute *attributes;
};

/* What all spans of a process have in common. */
struct span_resource {
	const char *service; /* "osapi-fcgi" */
	const char *version;
	const char *host;
	const char *instance; /* unique for this process */
};

/* Writes the text of a span; returns its length. */
size_t span_write(const struct span *span, char buf[static SPAN_SIZE]);

/*
 * Writes what stands before the text of one or more spans, which are separated
 * by ",", in an ExportTraceServiceRequest; SPAN_SUFFIX ends it.  Returns its
 * length.
 */
size_t span_prefix(const struct span_resource *resource,
		   char buf[static SPAN_PREFIX_SIZE]);

#endif
