/*
 * lib/store.c: the job store in NATS JetStream: names, jobs, their deletion.
 *
 * store_provision.c makes the streams, store_create.c stores a new job,
 * store_claim.c has what only the first may write, store_record.c events,
 * responses and heartbeats.
 */
#include "lib/store.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hearing.h"
#include "lib/json.h"
#include "lib/store_layout.h"

/* ---- names ---- */

static enum err
check_name(const char *key, const char *name, struct err_info *info)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' &&
		    name[i] != '_')
			return err_set(info, ERR_INVALID,
				       "%s: \"%s\": only letters, digits, "
				       "\"-\" and \"_\"",
				       key, name);
	if (size == 0 || size > STORE_NAME_MAX)
		return err_set(info, ERR_INVALID, "%s: 1 to %d characters", key,
			       STORE_NAME_MAX);
	return ERR_OK;
}

static enum err
check_names(const struct config *config, struct err_info *info)
{
	const struct {
		const char *key;
		const char *name;
	} names[] = {
	    {"job.stream_name", config->job.stream_name},
	    {"job.kv_bucket", config->job.kv_bucket},
	    {"job.kv_response_bucket", config->job.kv_response_bucket},
	    {"job.registry_bucket", config->job.registry_bucket},
	    {"job.consumer_name", config->job.consumer_name},
	};
	enum err result = ERR_OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		result = check_name(names[i].key, names[i].name, info);
		if (result != ERR_OK)
			break;
	}
	return result;
}

static void
name_all(struct store *store)
{
	const struct config *config = store->config;
	const size_t size = STORE_STREAM_SIZE;

	(void)snprintf(store->jobs, size, "%s", config->job.stream_name);
	(void)snprintf(store->dlq, size, "%s-DLQ", config->job.stream_name);
	(void)snprintf(store->queue, size, "KV_%s", config->job.kv_bucket);
	(void)snprintf(store->responses, size, "KV_%s",
		       config->job.kv_response_bucket);
	(void)snprintf(store->registry, size, "KV_%s",
		       config->job.registry_bucket);
	(void)hearing_shared(config, JOB_BATCH, store->any[JOB_BATCH]);
	(void)hearing_shared(config, JOB_LIVE, store->any[JOB_LIVE]);
}

enum err
store_new(struct broker *broker, const struct config *config,
	  struct store **store, struct err_info *info)
{
	struct store *made;
	enum err result = check_names(config, info);

	if (result != ERR_OK)
		return result;
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory for a store");
	made->broker = broker;
	made->config = config;
	/* The only replica is the leader; its direct gets
	 * lag behind nothing. */
	made->read =
	    config->job.kv.replicas > 1 ? JETSTREAM_LEADER : JETSTREAM_DIRECT;
	name_all(made);
	result =
	    subject_prefix(config->job.stream_subjects, made->prefix, info);
	if (result != ERR_OK) {
		free(made);
		return result;
	}
	*store = made;
	return ERR_OK;
}

void
store_confine(struct store *store)
{
	store->read = JETSTREAM_DIRECT;
	store->confined = true;
}

void
store_free(struct store *store)
{
	free(store);
}

const char *
store_jobs_stream(const struct store *store)
{
	return store->jobs;
}

const char *
store_subject_prefix(const struct store *store)
{
	return store->prefix;
}

struct broker *
store_broker(const struct store *store)
{
	return store->broker;
}

/* ---- messages ---- */

char *
store_key(const char *stream, char buf[static STORE_KEY_SIZE], const char *fmt,
	  ...)
{
	va_list args;
	int used = snprintf(buf, STORE_KEY_SIZE, "$KV.%s.", stream + 3);

	va_start(args, fmt);
	(void)vsnprintf(buf + used, STORE_KEY_SIZE - (size_t)used, fmt, args);
	va_end(args);
	return buf;
}

natsMsg *
store_message(const char *subject, const char *data, size_t size,
	      const struct store_header *headers)
{
	natsMsg *message = NULL;

	if (natsMsg_Create(&message, subject, NULL, data, (int)size) != NATS_OK)
		return NULL;
	for (; headers != NULL && headers->name != NULL; headers++)
		if (natsMsgHeader_Set(message, headers->name, headers->value) !=
		    NATS_OK) {
			natsMsg_Destroy(message);
			return NULL;
		}
	return message;
}

enum err
store_put(struct store *store, natsMsg *message, struct jetstream_ack *ack,
	  struct err_info *info)
{
	enum err one;
	enum err result;

	if (message == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory for a message");
	result = jetstream_publish(store->broker, &message, 1,
				   JETSTREAM_TIMEOUT_MS, ack, &one, info);
	natsMsg_Destroy(message);
	return result;
}

bool
store_is_marker(natsMsg *message)
{
	const char *operation = NULL;

	return natsMsgHeader_Get(message, "KV-Operation", &operation) ==
		   NATS_OK &&
	       operation != NULL && strcmp(operation, "PUT") != 0;
}

/* ---- one job ---- */

static char *
copy(const char *data, size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		return NULL;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Takes a job out of its stored message, which it destroys. */
static enum err
take_job(natsMsg *message, const char *id, struct store_assignment *out,
	 struct err_info *info)
{
	const char *signed_by = NULL;
	enum err result = ERR_OK;

	if (store_is_marker(message)) {
		natsMsg_Destroy(message);
		return err_set(info, ERR_GONE, "job %s was deleted", id);
	}
	(void)natsMsgHeader_Get(message, STORE_SIGNATURE_HEADER, &signed_by);
	out->size = (size_t)natsMsg_GetDataLength(message);
	out->text = copy(natsMsg_GetData(message), out->size);
	out->signature = strdup(signed_by == NULL ? "" : signed_by);
	if (out->text == NULL || out->signature == NULL) {
		free(out->text);
		free(out->signature);
		(void)err_set(info, ERR_NO_MEMORY, "job %s: no memory", id);
		result = ERR_NO_MEMORY;
	}
	natsMsg_Destroy(message);
	return result;
}

enum err
store_job_read(struct store *store, const char *id, char **text, size_t *size,
	       char **signature, uint64_t *revision, struct err_info *info)
{
	struct store_assignment job = {.text = NULL};
	char key[STORE_KEY_SIZE];
	natsMsg *message = NULL;
	enum err result;

	result = jetstream_last(store->broker, store->queue,
				store_key(store->queue, key, "jobs.%s", id),
				store->read, &message, &job.revision, info);
	if (result == ERR_NOT_FOUND)
		return err_set(info, result, "no job %s", id);
	if (result == ERR_OK)
		result = take_job(message, id, &job, info);
	if (result != ERR_OK)
		return result;
	*text = job.text;
	*size = job.size;
	*signature = job.signature;
	*revision = job.revision;
	return ERR_OK;
}

enum err
store_job_load(struct store *store, const char *id, struct job *job,
	       size_t *size, uint64_t *revision, struct err_info *info)
{
	char *text = NULL;
	char *signature = NULL;
	enum err result =
	    store_job_read(store, id, &text, size, &signature, revision, info);

	if (result == ERR_OK)
		result = job_decode(text, *size, job, info);
	free(text);
	free(signature);
	return result;
}

enum err
store_assignment_read(struct store *store, const char *id, const char *host,
		      struct store_assignment *assignment,
		      struct err_info *info)
{
	char job_key[STORE_KEY_SIZE];
	char response_key[STORE_KEY_SIZE];
	struct jetstream_question questions[] = {
	    {.stream = store->queue, .subject = job_key},
	    {.stream = store->responses, .subject = response_key},
	};
	struct store_assignment job = {.text = NULL};
	enum err result;

	(void)store_key(store->queue, job_key, "jobs.%s", id);
	(void)store_response_key(store, id, host, response_key);
	(void)jetstream_last_many(store->broker, store->read, questions, 2,
				  info);
	job.answered = questions[1].result == ERR_OK;
	natsMsg_Destroy(questions[1].message);
	result = questions[0].result;
	if (result == ERR_NOT_FOUND)
		return err_set(info, result, "no job %s", id);
	if (result != ERR_OK)
		return result;
	if (!job.answered && questions[1].result != ERR_NOT_FOUND) {
		natsMsg_Destroy(questions[0].message);
		return questions[1].result;
	}
	job.revision = questions[0].sequence;
	result = take_job(questions[0].message, id, &job, info);
	if (result == ERR_OK)
		*assignment = job;
	return result;
}

/* ---- deletion ---- */

enum err
store_purge(struct store *store, const char *stream, const char *subject,
	    struct err_info *info)
{
	json_auto_t *body = json_pack("{s:s}", "filter", subject);
	json_auto_t *reply = NULL;
	char what[STORE_STREAM_SIZE + 32];

	/* Without its filter a purge empties the stream. */
	if (body == NULL || json_member_string(body, "filter") == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory for a purge");
	(void)snprintf(what, sizeof(what), "STREAM.PURGE.%s", stream);
	return jetstream_api(store->broker, what, body, JETSTREAM_TIMEOUT_MS,
			     &reply, info);
}

static enum err
put_marker(struct store *store, const char *key, const char *sequence,
	   struct err_info *info)
{
	const struct store_header headers[] = {
	    {"KV-Operation", "PURGE"},
	    {sequence == NULL ? NULL : "Nats-Expected-Last-Subject-Sequence",
	     sequence},
	    {NULL, NULL},
	};
	struct jetstream_ack ack;

	return store_put(store, store_message(key, "", 0, headers), &ack, info);
}

enum err
store_mark_deleted(struct store *store, const char *id, uint64_t sequence,
		   struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	char text[24];
	enum err result;

	(void)store_key(store->queue, key, "jobs.%s", id);
	(void)snprintf(text, sizeof(text), "%llu",
		       (unsigned long long)sequence);
	result = put_marker(store, key, text, info);
	if (result != ERR_BUSY)
		return result;
	/* Full: the job itself makes room for its smaller marker. */
	result = store_purge(store, store->queue, key, info);
	if (result == ERR_OK)
		result = put_marker(store, key, NULL, info);
	return result;
}

enum err
store_job_delete(struct store *store, const char *id, struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	natsMsg *message = NULL;
	uint64_t sequence = 0;
	bool marked = false;
	enum err result;

	result = jetstream_last(store->broker, store->queue,
				store_key(store->queue, key, "jobs.%s", id),
				store->read, &message, &sequence, info);
	if (result == ERR_NOT_FOUND)
		return err_set(info, result, "no job %s", id);
	if (result != ERR_OK)
		return result;
	marked = store_is_marker(message);
	natsMsg_Destroy(message);
	if (!marked)
		result = store_mark_deleted(store, id, sequence, info);
	if (result == ERR_CONFLICT)
		marked = true;
	else if (result != ERR_OK)
		return result;
	/* Done again for a job that was marked before: its deletion may have
	 * been cut short here. */
	result =
	    store_purge(store, store->queue,
			store_key(store->queue, key, "status.%s.>", id), info);
	if (result == ERR_OK)
		result = store_purge(
		    store, store->responses,
		    store_key(store->responses, key, "*.%s", id), info);
	if (result == ERR_OK && marked)
		return err_set(info, ERR_NOT_FOUND, "job %s was deleted", id);
	return result;
}
