/*
 * lib/store.h: the job store in NATS JetStream.
 *
 *   KV job-queue
 *       jobs.{id}                                the signed job, immutable
 *       status.{id}.{event}.{host}.{unix_nano}   one event each
 *       idem.{name}                              Idempotency-Key -> job
 *   KV job-responses
 *       {host}.{id}                              the host's result
 *   KV worker-registry
 *       {host}                                   heartbeat, TTL 3 heartbeats
 *   stream JOBS
 *       jobs[.live].{kind}.{target}              the job id: a notification
 *   stream JOBS-DLQ
 *       max-deliveries advisories of JOBS
 *
 * KV first, stream as notification.  A bucket is the stream KV_{bucket} on
 * subjects $KV.{bucket}.>; {host} in a key is subject_host_token's.
 *
 * Changes.  The three buckets republish each stored change to
 * STORE_CHANGES_PREFIX "{bucket}.{key}", for whoever keeps an index.  Seen with
 * nats-server 2.9.10:
 * - the data and all headers of the stored message come along
 *   (Osapi-Signature, KV-Operation, ...), followed by
 *   Nats-Stream, Nats-Subject ("$KV.{bucket}.{key}"), Nats-Sequence, and
 *   Nats-Last-Sequence: the previous sequence of this *key* (0: new), not of
 *   the stream.  There is no time stamp among them (a get has Nats-Time-Stamp).
 * - Nats-Sequence grows by exactly 1 from change to change of one bucket, so a
 *   jump is a lost message.
 * - a write that was refused or was a duplicate is not republished; it uses
 *   no sequence.
 * - a deletion marker comes as any change: no data, "KV-Operation: PURGE".
 *   Expiry and the purge of a deleted job's events and responses are not
 *   announced: whoever sees the marker of jobs.{id} forgets all of the job.
 * - the two buckets are written one after the other but reach a subscriber in
 *   either order.
 *
 * A notification can overtake its job, as both travel in one round trip, and
 * may be there without one (the job was refused).  A worker that reads
 * ERR_NOT_FOUND for a notification (jetstream_meta) younger than
 * STORE_OVERTAKE_MS asks for redelivery with a short delay, and drops an older
 * one; ERR_GONE is final.
 *
 * Reads that must see what was acknowledged ask the stream's leader; with
 * replicas 1 the one server answers direct gets.  A worker (store_confine) has
 * direct gets only, as they alone can be confined to keys: what it does not
 * find may not have reached the replica that was asked.
 *
 * In keys that are confined to a host the host stands before the job: a direct
 * get finds the last message of a pattern too, and what is granted must not
 * have a wildcard in front of the host.  cli/nats_account.c grants a worker
 * what it needs of all this.
 *
 * All functions may be called from every thread; a call waits at most
 * JETSTREAM_TIMEOUT_MS for each answer.
 */
#ifndef OSAPI_LIB_STORE_H
#define OSAPI_LIB_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/broker.h"
#include "lib/config.h"
#include "lib/error.h"
#include "lib/jetstream.h"
#include "lib/job.h"

#define STORE_CHANGES_PREFIX   "osapi.changes." /* + bucket + "." + key */
#define STORE_SIGNATURE_HEADER "Osapi-Signature"
#define STORE_RETRY_MS         2000   /* of store_job_create, in all */
#define STORE_DUPLICATES_MS    600000 /* in which a Nats-Msg-Id is known */
#define STORE_OVERTAKE_MS      10000  /* by which a job may come later */

struct store;

/* Keeps `broker` and `config`, which outlive it.  No traffic. */
enum err store_new(struct broker *broker, const struct config *config,
		   struct store **store, struct err_info *info);
void store_free(struct store *store);

/* Lets it ask for nothing that a worker's account has not: direct gets alone,
 * and no stream's state.  Before it is used. */
void store_confine(struct store *store);

/*
 * Creates what is missing and updates what differs: buckets, streams, the
 * shared `_any` consumers (one a lane).  For the API, at start; may run in
 * several processes at the same time.  A refusal by NATS is ERR_INVALID and
 * says what was refused.
 */
enum err store_provision(struct store *store, struct err_info *info);

/* Whether everything that store_provision makes is there (for a worker that
 * starts before the API): ERR_NOT_FOUND names what is missing. */
enum err store_provisioned(struct store *store, struct err_info *info);

/*
 * A durable's configuration with the limits of job.consumer, for
 * jetstream_consumer_ensure on store_jobs_stream: explicit acks, delivering
 * from the beginning (`only_new`: from now on).  No back_off is given to the
 * server: it would replace ack_wait by its first value and knows only expiry,
 * not a nak; a worker naks with the delay of job.consumer.back_off.
 * `inactive_ms` 0: kept for ever, else the server removes it when nobody has
 * asked it for that long.  The caller owns the object; NULL: out of memory.
 */
json_t *store_consumer_config(const struct store *store, const char *durable,
			      const char *filter, bool only_new,
			      int64_t inactive_ms);

/*
 * Stores the job and its notification; one round trip.  `text` are the octets
 * that were signed, `signature` goes into STORE_SIGNATURE_HEADER.
 * *revision is the KV sequence.  Both are tried again for STORE_RETRY_MS
 * while NATS has no leader, and for 1 s while a lost connection comes back;
 * neither is stored twice (the key must not exist, Nats-Msg-Id).
 * ERR_EXISTS when the id is taken, by a deleted job too; ERR_BUSY when the
 * store is full, ERR_UNAVAILABLE: nothing was stored.  ERR_UNKNOWN_OUTCOME:
 * the job may have been stored, with or without its notification; the same
 * call again is safe, and so is store_job_notify for a job that is there.
 */
enum err store_job_create(struct store *store, const struct job *job,
			  const char *text, size_t size, const char *signature,
			  uint64_t *revision, struct err_info *info);

/* Publishes the notification of a stored job again, with the same Nats-Msg-Id.
 * *duplicate tells whether the server had it; it remembers them for
 * STORE_DUPLICATES_MS (or job.stream.max_age when that is shorter). */
enum err store_job_notify(struct store *store, const struct job *job,
			  bool *duplicate, struct err_info *info);

/*
 * Reads one job with its signature; what was acknowledged is seen.  *text and
 * *signature are the caller's to free, *signature is "" where the header is
 * missing. ERR_NOT_FOUND: never stored or expired, ERR_GONE: deleted.
 */
enum err store_job_read(struct store *store, const char *id, char **text,
			size_t *size, char **signature, uint64_t *revision,
			struct err_info *info);

/* Reads one job, as store_job_read, without its signature; *size is that of its
 * document.  job_release is due on success; *job is untouched on failure. */
enum err store_job_load(struct store *store, const char *id, struct job *job,
			size_t *size, uint64_t *revision,
			struct err_info *info);

/* What a host reads before it begins a job. */
struct store_assignment {
	char *text; /* as store_job_read */
	size_t size;
	char *signature;
	uint64_t revision;
	bool answered; /* this host has a response */
};

/* Reads a job, as store_job_read, and whether `host` has answered it, in one
 * round trip.  On success text and signature are the caller's to free. */
enum err store_assignment_read(struct store *store, const char *id,
			       const char *host,
			       struct store_assignment *assignment,
			       struct err_info *info);

/* Marks the job as deleted (a marker in its place, which followers see), then
 * removes its events and responses.  ERR_NOT_FOUND: never was or was deleted.
 * Works on a full store. */
enum err store_job_delete(struct store *store, const char *id,
			  struct err_info *info);

/* Appends one event; the same event (same unix_nano) twice is stored once. */
enum err store_event_append(struct store *store, const struct event *event,
			    struct err_info *info);

/* Events on their way; stays where it is in memory. */
#define STORE_FLIGHT_MAX 2
struct store_flight {
	struct store *store;
	size_t count; /* 0: none are */
	natsMsg *messages[STORE_FLIGHT_MAX];
	struct jetstream_flight sent;
};

/* store_event_append of up to STORE_FLIGHT_MAX events, in this order, without
 * waiting for them.  Where it is ERR_OK store_events_end is due. */
enum err store_events_begin(struct store *store, const struct event *events,
			    size_t count, struct store_flight *flight,
			    struct err_info *info);
/* Waits for them: ERR_OK, all are stored.  Nothing to do where none are on
 * their way. */
enum err store_events_end(struct store_flight *flight, struct err_info *info);

/*
 * Takes a job that any worker may do for event->hostname, whose `acknowledged`
 * event this is; it has one key for all workers.  ERR_OK: taken, now or
 * before; ERR_EXISTS: `holder` was first; ERR_UNKNOWN_OUTCOME: nobody knows.
 */
enum err store_job_take(struct store *store, const struct event *event,
			char holder[static SUBJECT_HOST_MAX + 1],
			struct err_info *info);

/* Whether a host has ended a job, by its completed or failed event: what a host
 * may know of another, whose result is not its business. */
enum err store_job_ended(struct store *store, const char *id, const char *host,
			 bool *ended, struct err_info *info);

/*
 * Claims the name of a request for the job `id`, with the digest of what was
 * asked.  *first is false when it was claimed before: `id` is then the earlier
 * claim's.  ERR_CONFLICT: it was, with another digest.  ERR_UNAVAILABLE,
 * ERR_UNKNOWN_OUTCOME, ERR_BUSY: the same call again is safe.
 */
enum err store_request_claim(struct store *store, const char *name,
			     const char *digest, char id[static UUID_SIZE],
			     bool *first, struct err_info *info);

/* The job that an earlier claim of the name is for; nothing is written.
 * ERR_NOT_FOUND: there is none; ERR_CONFLICT as above. */
enum err store_request_find(struct store *store, const char *name,
			    const char *digest, char id[static UUID_SIZE],
			    struct err_info *info);

/*
 * Writes a host's result, then its completed or failed event, in this order
 * and both acknowledged.  The same call again is safe (ERR_OK).  ERR_EXISTS:
 * another result of this host is there; it stands and nothing was written.
 */
enum err store_response_write(struct store *store,
			      const struct response *response,
			      const struct event *event, struct err_info *info);

/* Reads one host's result; ERR_NOT_FOUND.  On success
 * response_release is due. */
enum err store_response_read(struct store *store, const char *id,
			     const char *host, struct response *response,
			     struct err_info *info);

/* Appends the event of a host's stored result where it is missing: its writer
 * died between the two, or lost the broker.  Does nothing without a result. */
enum err store_response_tell(struct store *store, const char *id,
			     const char *host, struct err_info *info);

/* Writes this host's heartbeat.  `previous` is the sequence of its last one (0:
 * must not exist or have been deleted); ERR_CONFLICT when somebody else wrote
 * in between.  *sequence is the new one. */
enum err store_heartbeat_write(struct store *store,
			       const struct heartbeat *heartbeat,
			       uint64_t previous, uint64_t *sequence,
			       struct err_info *info);

/* Reads a host's heartbeat and its sequence; ERR_NOT_FOUND. */
enum err store_heartbeat_read(struct store *store, const char *host,
			      struct heartbeat *heartbeat, uint64_t *sequence,
			      struct err_info *info);

/* Removes this host's heartbeat at a clean stop. */
enum err store_heartbeat_delete(struct store *store, const char *host,
				struct err_info *info);

/* Names derived from the configuration; valid as long as the store. */
const char *store_jobs_stream(const struct store *store);
const char *store_subject_prefix(const struct store *store);
struct broker *store_broker(const struct store *store);

/* One round trip to JetStream's leader of the job bucket: readiness.  */
enum err store_ping(struct store *store, int64_t timeout_ms,
		    struct err_info *info);

#endif
