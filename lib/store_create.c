/*
 * lib/store_create.c: storing a new job and its notification.
 *
 * Both travel in one round trip, so each can be taken without the other:
 *
 * - job taken, notification unknown: ERR_UNKNOWN_OUTCOME.  The job is there
 *   and nobody was told; store_job_notify tells, with the same Nats-Msg-Id,
 *   so a notification that was taken after all is not doubled.
 * - job taken, notification refused (JOBS is full): the job is taken back,
 *   followers see it go, and the refusal is returned: nothing is stored.
 * - notification taken, job refused: a worker finds no job and drops it after
 *   STORE_OVERTAKE_MS.  When the same id is created later within the
 *   duplicates' window, its notification would count as a duplicate of that
 *   dead one: recognised by the two messages' times, and sent under another
 *   Nats-Msg-Id.
 * - the process dies, or its client, in between: the client asks again with
 *   the same id (Idempotency-Key), and gets ERR_EXISTS for a job that is there.
 *
 * A second creation of an id, at the same time, publishes the same
 * notification id, so the job that won is run once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/store_layout.h"

#define LOST_MS  1000 /* for which a lost or mute connection is waited for */
#define PAUSE_MS 100  /* between tries while a stream has no leader */

enum part { JOB, NOTE, PARTS };

struct creation {
	struct store *store;
	natsMsg *messages[PARTS];
	struct jetstream_ack acks[PARTS];
	enum err errors[PARTS];
	bool open[PARTS];  /* not answered for good */
	bool maybe[PARTS]; /* an unanswered try may have been taken */
};

static natsMsg *
make_note(const struct store *store, const struct job *job, const char *note_id)
{
	const struct store_header headers[] = {
	    {"Nats-Msg-Id", note_id},
	    {job->traceparent[0] == '\0' ? NULL : "traceparent",
	     job->traceparent},
	    {job->tracestate[0] == '\0' ? NULL : "tracestate", job->tracestate},
	    {NULL, NULL},
	};
	char subject[SUBJECT_SIZE];

	if (subject_job(store->prefix, job->lane, job->kind, &job->target,
			subject) != ERR_OK)
		return NULL;
	return store_message(subject, job->id, strlen(job->id), headers);
}

/* No Nats-Msg-Id: that the key must not exist guards better, for ever, and lets
 * an id be used again that was taken back. */
static natsMsg *
make_job(const struct store *store, const struct job *job, const char *text,
	 size_t size, const char *signature)
{
	const struct store_header headers[] = {
	    {"Nats-Expected-Last-Subject-Sequence", "0"},
	    {STORE_SIGNATURE_HEADER, signature},
	    {NULL, NULL},
	};
	char key[STORE_KEY_SIZE];

	(void)store_key(store->queue, key, "jobs.%s", job->id);
	return store_message(key, text, size, headers);
}

/* ---- trying ---- */

static void
try_once(struct creation *c, struct err_info *info)
{
	natsMsg *messages[PARTS];
	struct jetstream_ack acks[PARTS];
	enum err errors[PARTS];
	enum part parts[PARTS];
	size_t count = 0;

	for (enum part part = JOB; part < PARTS; part++)
		if (c->open[part]) {
			messages[count] = c->messages[part];
			parts[count++] = part;
		}
	(void)jetstream_publish(c->store->broker, messages, count,
				JETSTREAM_TIMEOUT_MS, acks, errors, info);
	for (size_t i = 0; i < count; i++) {
		enum part part = parts[i];

		c->errors[part] = errors[i];
		if (errors[i] == ERR_OK)
			c->acks[part] = acks[i];
		if (errors[i] == ERR_UNKNOWN_OUTCOME)
			c->maybe[part] = true;
		c->open[part] = errors[i] == ERR_UNAVAILABLE ||
				errors[i] == ERR_UNKNOWN_OUTCOME;
	}
}

/* Whether to try again; waits as long as is due. */
static bool
wait_for_retry(const struct creation *c, int64_t begun_ms)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * CLOCK_NS_PER_MS};
	int64_t spent_ms = clock_mono_ms() - begun_ms;
	bool unknown = false;
	bool touched = false;

	for (enum part part = JOB; part < PARTS; part++) {
		unknown |= c->errors[part] == ERR_UNKNOWN_OUTCOME;
		touched |= c->maybe[part] || c->errors[part] == ERR_OK;
	}
	if ((!c->open[JOB] && !c->open[NOTE]) ||
	    (!c->open[JOB] && c->errors[JOB] != ERR_OK))
		return false;
	if (unknown || !broker_connected(c->store->broker))
		return touched && spent_ms < LOST_MS &&
		       broker_wait(c->store->broker, LOST_MS - spent_ms) ==
			   ERR_OK;
	if (spent_ms >= STORE_RETRY_MS)
		return false;
	/* No leader, or no stream: nothing tells when there is one. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return true;
}

/* ---- judging ---- */

/* The id is taken: by our own try that got no answer, or by another? */
static enum err
whose(struct creation *c, const char *id, uint64_t *revision,
      struct err_info *info)
{
	natsMsg *mine = c->messages[JOB];
	char *text = NULL;
	char *signature = NULL;
	uint64_t sequence = 0;
	size_t size = 0;
	bool same;
	enum err result;

	if (!c->maybe[JOB])
		return err_set(info, ERR_EXISTS, "job %s exists", id);
	result = store_job_read(c->store, id, &text, &size, &signature,
				&sequence, info);
	if (result == ERR_GONE)
		return err_set(info, ERR_EXISTS, "job %s was deleted", id);
	if (result != ERR_OK)
		return err_prefix(info, ERR_UNKNOWN_OUTCOME, "job %s", id);
	same = size == (size_t)natsMsg_GetDataLength(mine) &&
	       memcmp(text, natsMsg_GetData(mine), size) == 0;
	free(text);
	free(signature);
	if (!same)
		return err_set(info, ERR_EXISTS, "job %s exists", id);
	*revision = sequence;
	return ERR_OK;
}

static enum err
judge_job(struct creation *c, const char *id, uint64_t *revision,
	  struct err_info *info)
{
	if (c->errors[JOB] == ERR_CONFLICT)
		return whose(c, id, revision, info);
	if (c->errors[JOB] == ERR_OK) {
		*revision = c->acks[JOB].sequence;
		return ERR_OK;
	}
	if (c->maybe[JOB])
		return err_prefix(info, ERR_UNKNOWN_OUTCOME,
				  "job %s may have been stored", id);
	return c->errors[JOB];
}

/* When a message was stored, by the server's clock. */
static enum err
stored_at(struct store *store, const char *stream, uint64_t sequence,
	  int64_t *time_ns)
{
	json_auto_t *body = json_pack("{s:I}", "seq", (json_int_t)sequence);
	json_auto_t *reply = NULL;
	const char *text;
	char what[STORE_STREAM_SIZE + 32];
	enum err result;

	(void)snprintf(what, sizeof(what), "STREAM.MSG.GET.%s", stream);
	result = jetstream_api(store->broker, what, body, JETSTREAM_TIMEOUT_MS,
			       &reply, NULL);
	if (result != ERR_OK)
		return result;
	text = json_member_string(json_object_get(reply, "message"), "time");
	return text == NULL ? ERR_INTERNAL : clock_parse_rfc3339(text, time_ns);
}

/* Our notification is the duplicate of one that was there before: too old for
 * a worker to be still waiting for its job? */
static bool
is_dead(struct creation *c, uint64_t revision)
{
	struct store *store = c->store;
	int64_t note_ns = 0;
	int64_t job_ns = 0;
	enum err result =
	    stored_at(store, store->jobs, c->acks[NOTE].sequence, &note_ns);

	if (result == ERR_NOT_FOUND)
		return true;
	return result == ERR_OK &&
	       stored_at(store, store->queue, revision, &job_ns) == ERR_OK &&
	       job_ns - note_ns > STORE_OVERTAKE_MS / 2 * CLOCK_NS_PER_MS;
}

static enum err
notify_anew(struct creation *c, const struct job *job, uint64_t revision,
	    struct err_info *info)
{
	char note_id[UUID_SIZE + 24];
	struct jetstream_ack ack;
	natsMsg *note;
	enum err error;
	enum err result;

	(void)snprintf(note_id, sizeof(note_id), "%s.%llu", job->id,
		       (unsigned long long)revision);
	note = make_note(c->store, job, note_id);
	if (note == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory");
	result = jetstream_publish(c->store->broker, &note, 1,
				   JETSTREAM_TIMEOUT_MS, &ack, &error, info);
	natsMsg_Destroy(note);
	return result;
}

static enum err
take_back(struct creation *c, const char *id, uint64_t revision,
	  struct err_info *info)
{
	struct store *store = c->store;
	char key[STORE_KEY_SIZE];
	enum err result;

	/* A marker, so that followers forget it; then the marker goes too, so
	 * that the id may be used again. */
	result = store_mark_deleted(store, id, revision, NULL);
	if (result == ERR_OK)
		result = store_purge(
		    store, store->queue,
		    store_key(store->queue, key, "jobs.%s", id), NULL);
	if (result == ERR_OK)
		return c->errors[NOTE];
	return err_prefix(info, ERR_UNKNOWN_OUTCOME,
			  "job %s is stored without its notification", id);
}

static enum err
judge_note(struct creation *c, const struct job *job, uint64_t revision,
	   struct err_info *info)
{
	enum err error = c->errors[NOTE];

	if (error == ERR_OK && c->acks[NOTE].duplicate && !c->maybe[NOTE] &&
	    is_dead(c, revision))
		error = c->errors[NOTE] = notify_anew(c, job, revision, info);
	if (error == ERR_OK)
		return ERR_OK;
	if (error == ERR_UNAVAILABLE || error == ERR_UNKNOWN_OUTCOME)
		return err_prefix(
		    info, ERR_UNKNOWN_OUTCOME,
		    "job %s is stored, its notification may not be", job->id);
	return take_back(c, job->id, revision, info);
}

enum err
store_job_create(struct store *store, const struct job *job, const char *text,
		 size_t size, const char *signature, uint64_t *revision,
		 struct err_info *info)
{
	struct creation c = {.store = store,
			     .errors = {ERR_INTERNAL, ERR_INTERNAL},
			     .open = {true, true}};
	int64_t begun_ms = clock_mono_ms();
	uint64_t stored = 0;
	enum err result;

	c.messages[JOB] = make_job(store, job, text, size, signature);
	c.messages[NOTE] = make_note(store, job, job->id);
	if (c.messages[JOB] == NULL || c.messages[NOTE] == NULL) {
		result =
		    err_set(info, ERR_NO_MEMORY, "job %s: no memory", job->id);
		goto out;
	}
	do
		try_once(&c, info);
	while (wait_for_retry(&c, begun_ms));
	result = judge_job(&c, job->id, &stored, info);
	if (result == ERR_OK)
		result = judge_note(&c, job, stored, info);
	if (result == ERR_OK)
		*revision = stored;
out:
	natsMsg_Destroy(c.messages[JOB]);
	natsMsg_Destroy(c.messages[NOTE]);
	return result;
}

enum err
store_job_notify(struct store *store, const struct job *job, bool *duplicate,
		 struct err_info *info)
{
	struct jetstream_ack ack = {.duplicate = false};
	natsMsg *note = make_note(store, job, job->id);
	enum err error;
	enum err result;

	if (note == NULL)
		return err_set(info, ERR_NO_MEMORY, "job %s: no memory",
			       job->id);
	result = jetstream_publish(store->broker, &note, 1,
				   JETSTREAM_TIMEOUT_MS, &ack, &error, info);
	natsMsg_Destroy(note);
	if (result == ERR_OK)
		*duplicate = ack.duplicate;
	return result;
}
