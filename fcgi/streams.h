/*
 * fcgi/streams.h: what a JetStream stream holds, asked of the server.
 */
#ifndef OSAPI_FCGI_STREAMS_H
#define OSAPI_FCGI_STREAMS_H

#include <stdint.h>

#include "lib/broker.h"
#include "lib/error.h"

struct stream_state {
	int64_t messages;
	int64_t bytes;
	int64_t consumers;
	int64_t subjects; /* of a bucket: keys */
};

/* One round trip; ERR_UNAVAILABLE, ERR_NOT_FOUND, ERR_TIMEOUT. */
enum err stream_state(struct broker *broker, const char *stream,
		      struct stream_state *state, struct err_info *info);

/* The messages of "{jobs_stream}-DLQ". */
enum err stream_dead_letters(struct broker *broker, const char *jobs_stream,
			     int64_t *count, struct err_info *info);

#endif
