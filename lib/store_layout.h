/*
 * lib/store_layout.h: the names that the store's parts share; for lib/store*.c
 * only.
 */
#ifndef OSAPI_LIB_STORE_LAYOUT_H
#define OSAPI_LIB_STORE_LAYOUT_H

#include "lib/hearing.h"
#include "lib/jetstream.h"
#include "lib/store.h"
#include "lib/subject.h"

#define STORE_NAME_MAX    128 /* octets of a configured name */
#define STORE_STREAM_SIZE (STORE_NAME_MAX + 16)

/* Written by store_new only. */
struct store {
	struct broker *broker;
	const struct config *config;
	char jobs[STORE_STREAM_SIZE];      /* "JOBS" */
	char dlq[STORE_STREAM_SIZE];       /* "JOBS-DLQ" */
	char queue[STORE_STREAM_SIZE];     /* "KV_job-queue" */
	char responses[STORE_STREAM_SIZE]; /* "KV_job-responses" */
	char registry[STORE_STREAM_SIZE];  /* "KV_worker-registry" */
	char any[2][HEARING_NAME_SIZE];    /* durables, by enum job_lane */
	char prefix[SUBJECT_SIZE];         /* "jobs" */
	enum jetstream_read read; /* what sees every acknowledged write */
	bool confined;            /* only direct gets are allowed */
};

#define STORE_KEY_SIZE 1024 /* room for the subject of every key */

struct store_header {
	const char *name; /* NULL ends a list */
	const char *value;
};

/* "$KV.{bucket}.{key}"; `stream` is "KV_{bucket}"; returns buf. */
char *store_key(const char *stream, char buf[static STORE_KEY_SIZE],
		const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* An event's document; the caller frees *text. */
enum err store_event_encode(const struct event *event, char **text,
			    size_t *size, struct err_info *info);

/* The key of a host's result; returns buf. */
char *store_response_key(const struct store *store, const char *id,
			 const char *host, char buf[static STORE_KEY_SIZE]);

/* A new message; the caller destroys it.  NULL: out of memory. */
natsMsg *store_message(const char *subject, const char *data, size_t size,
		       const struct store_header *headers);

/* Publishes such a message, which it destroys (NULL: ERR_NO_MEMORY), and waits
 * for its acknowledgement. */
enum err store_put(struct store *store, natsMsg *message,
		   struct jetstream_ack *ack, struct err_info *info);

/* Whether a stored message marks a deletion (ADR-8). */
bool store_is_marker(natsMsg *message);

/* Writes the marker of jobs.{id} over the message with this sequence, and
 * makes room for it where the bucket is full.
 * ERR_CONFLICT: another is there. */
enum err store_mark_deleted(struct store *store, const char *id,
			    uint64_t sequence, struct err_info *info);

/* Removes all messages of a stream below a subject. */
enum err store_purge(struct store *store, const char *stream,
		     const char *subject, struct err_info *info);

#endif
