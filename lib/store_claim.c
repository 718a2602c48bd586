/*
 * lib/store_claim.c: keys of the job bucket that only the first can write:
 *
 *   status.{id}.acknowledged._any.0   who has taken a job that any may do
 *   idem.{name}                       which job an Idempotency-Key has made
 *
 * The shared consumer gives each job to one worker, but its memory does not
 * survive a crash of the broker; the key does.  No host is called "_any".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/store_layout.h"

/* Writes the key, which must not exist.  ERR_EXISTS: *found is what is there,
 * the caller's.  Without an acknowledgement what is there is read too: it may
 * be ours. */
static enum err
claim(struct store *store, const char *key, const char *text, size_t size,
      natsMsg **found, struct err_info *info)
{
	static const struct store_header new[] = {
	    {"Nats-Expected-Last-Subject-Sequence", "0"},
	    {NULL, NULL},
	};
	struct jetstream_ack ack;
	enum err result =
	    store_put(store, store_message(key, text, size, new), &ack, info);
	enum err read;

	if (result != ERR_CONFLICT && result != ERR_UNKNOWN_OUTCOME)
		return result;
	read = jetstream_last(store->broker, store->queue, key,
			      store->confined ? JETSTREAM_DIRECT
					      : JETSTREAM_LEADER,
			      found, NULL, NULL);
	if (read == ERR_OK)
		return ERR_EXISTS;
	if (result == ERR_UNKNOWN_OUTCOME) /* it names the key */
		return result;
	return err_prefix(info, ERR_UNKNOWN_OUTCOME, "%s", key);
}

enum err
store_job_take(struct store *store, const struct event *event,
	       char holder[static SUBJECT_HOST_MAX + 1], struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	struct event first;
	natsMsg *found = NULL;
	char *text = NULL;
	size_t size = 0;
	enum err result = store_event_encode(event, &text, &size, info);

	if (result != ERR_OK)
		return result;
	(void)store_key(store->queue, key, "status.%s.%s._any.0", event->job_id,
			job_event_text(event->event));
	result = claim(store, key, text, size, &found, info);
	free(text);
	if (result != ERR_EXISTS)
		return result;
	result =
	    event_decode(natsMsg_GetData(found),
			 (size_t)natsMsg_GetDataLength(found), &first, info);
	natsMsg_Destroy(found);
	if (result != ERR_OK)
		return err_prefix(info, result, "%s", key);
	if (strcmp(first.hostname, event->hostname) == 0)
		return ERR_OK;
	(void)snprintf(holder, SUBJECT_HOST_MAX + 1, "%s", first.hostname);
	return err_set(info, ERR_EXISTS, "%s has taken it", holder);
}

enum err
store_job_ended(struct store *store, const char *id, const char *host,
		bool *ended, struct err_info *info)
{
	static const enum job_event ends[] = {JOB_EVENT_COMPLETED,
					      JOB_EVENT_FAILED};
	char keys[2][STORE_KEY_SIZE];
	struct jetstream_question questions[] = {
	    {.stream = store->queue, .subject = keys[0]},
	    {.stream = store->queue, .subject = keys[1]},
	};
	char token[SUBJECT_HOST_MAX + 1];
	enum err result = ERR_OK;

	/* The time in the key is not known: a pattern finds it all the same. */
	for (size_t i = 0; i < 2; i++)
		(void)store_key(store->queue, keys[i], "status.%s.%s.%s.*", id,
				job_event_text(ends[i]),
				subject_host_token(host, token));
	(void)jetstream_last_many(store->broker, store->read, questions, 2,
				  info);
	*ended = false;
	for (size_t i = 0; i < 2; i++) {
		*ended = *ended || questions[i].result == ERR_OK;
		natsMsg_Destroy(questions[i].message);
		if (questions[i].result != ERR_OK &&
		    questions[i].result != ERR_NOT_FOUND)
			result = questions[i].result;
	}
	return *ended ? ERR_OK : result;
}

/* Reads an earlier claim of an Idempotency-Key. */
static enum err
read_request(const natsMsg *found, const char *digest,
	     char id[static UUID_SIZE], struct err_info *info)
{
	json_auto_t *value = NULL;
	const char *job = NULL;
	const char *body = NULL;

	if (json_parse(natsMsg_GetData(found),
		       (size_t)natsMsg_GetDataLength(found), &value,
		       info) == ERR_OK) {
		job = json_member_string(value, "job_id");
		body = json_member_string(value, "body");
	}
	if (job == NULL || !uuid_valid(job) || body == NULL)
		return err_set(info, ERR_INTERNAL,
			       "what is stored of the Idempotency-Key cannot "
			       "be read");
	if (strcmp(body, digest) != 0)
		return err_set(info, ERR_CONFLICT,
			       "this Idempotency-Key was used with another "
			       "body (job %s)",
			       job);
	memcpy(id, job, UUID_SIZE);
	return ERR_OK;
}

enum err
store_request_claim(struct store *store, const char *name, const char *digest,
		    char id[static UUID_SIZE], bool *first,
		    struct err_info *info)
{
	json_auto_t *value =
	    json_pack("{s:s, s:s}", "job_id", id, "body", digest);
	char own[UUID_SIZE];
	char key[STORE_KEY_SIZE];
	natsMsg *found = NULL;
	size_t size = 0;
	char *text = value == NULL ? NULL : json_text(value, &size);
	enum err result;

	if (text == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory for a claim");
	(void)store_key(store->queue, key, "idem.%s", name);
	result = claim(store, key, text, size, &found, info);
	free(text);
	if (result == ERR_OK)
		*first = true;
	if (result != ERR_EXISTS)
		return result;
	memcpy(own, id, sizeof(own));
	result = read_request(found, digest, id, info);
	natsMsg_Destroy(found);
	if (result == ERR_OK)
		*first = strcmp(own, id) == 0;
	return result;
}

enum err
store_request_find(struct store *store, const char *name, const char *digest,
		   char id[static UUID_SIZE], struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	natsMsg *found = NULL;
	enum err result;

	(void)store_key(store->queue, key, "idem.%s", name);
	result = jetstream_last(store->broker, store->queue, key, store->read,
				&found, NULL, info);
	if (result == ERR_OK)
		result = read_request(found, digest, id, info);
	natsMsg_Destroy(found);
	return result;
}
