/*
 * lib/jetstream.c: the part of JetStream that osapi speaks, as JSON on the
 * $JS.API subjects: publishing, requests, streams and consumers.
 * jetstream_read.c reads what is stored, jetstream_delivery.c has pulls and the
 * answers to deliveries.
 *
 * Every answer of the server goes through one table of its error codes.
 */
#include "lib/jetstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream_wire.h"
#include "lib/json.h"
#include "lib/log.h"

#define ENSURE_TRIES 3

enum {
	NO_CONSUMER = 10014,
	STREAM_NAME_IN_USE = 10058,
	NO_STREAM = 10059,
	SUBJECTS_OVERLAP = 10065,
};

static const struct {
	int server;
	enum err code;
} server_codes[] = {
    {10005, ERR_UNAVAILABLE}, /* not enough servers at the moment */
    {10008, ERR_UNAVAILABLE}, /* no leader at the moment */
    {10009, ERR_UNAVAILABLE}, /* not the leader */
    {10014, ERR_NOT_FOUND},   /* consumer */
    {10023, ERR_BUSY},        /* resources of the server */
    {10028, ERR_BUSY},        /* memory of the account */
    {10037, ERR_NOT_FOUND},   /* message */
    {10047, ERR_BUSY},        /* storage of the account */
    {10054, ERR_TOO_LARGE},   /* message over the stream's limit */
    {10059, ERR_NOT_FOUND},   /* stream */
    {10071, ERR_CONFLICT},    /* last sequence of the subject */
    {10077, ERR_BUSY},        /* stream is full and discards new */
    {10158, ERR_UNAVAILABLE}, /* the same Nats-Msg-Id is being stored */
};

static enum err
server_code(json_int_t server)
{
	for (size_t i = 0; i < sizeof(server_codes) / sizeof(server_codes[0]);
	     i++)
		if (server_codes[i].server == server)
			return server_codes[i].code;
	return ERR_INTERNAL;
}

enum err
jetstream_answer(natsMsg *message, const char *what, json_t **reply,
		 json_int_t *server, struct err_info *info)
{
	const char *words;
	const json_t *error;
	json_t *root = NULL;

	if (natsMsg_IsNoResponders(message))
		return err_set(info, ERR_UNAVAILABLE,
			       "%s: JetStream does not answer", what);
	if (json_parse(natsMsg_GetData(message),
		       (size_t)natsMsg_GetDataLength(message), &root,
		       info) != ERR_OK)
		return err_prefix(info, ERR_INTERNAL, "%s: answer of NATS",
				  what);
	error = json_object_get(root, "error");
	if (error == NULL) {
		*reply = root;
		return ERR_OK;
	}
	*server = json_member_int(error, "err_code", 0);
	words = json_member_string(error, "description");
	(void)err_set(info, ERR_INTERNAL, "%s: %s (NATS error %lld)", what,
		      words == NULL ? "refused" : words, (long long)*server);
	json_decref(root);
	return server_code(*server);
}

/* ---- publishing ---- */

static enum err
read_ack(natsMsg *message, const char *what, struct jetstream_ack *ack,
	 struct err_info *info)
{
	json_auto_t *root = NULL;
	json_int_t server = 0;
	enum err result = jetstream_answer(message, what, &root, &server, info);

	if (result != ERR_OK)
		return result;
	ack->sequence = (uint64_t)json_member_int(root, "seq", 0);
	ack->duplicate = json_is_true(json_object_get(root, "duplicate"));
	if (ack->sequence == 0)
		return err_set(info, ERR_INTERNAL,
			       "%s: acknowledged without a sequence", what);
	return ERR_OK;
}

enum err
jetstream_publish_begin(struct broker *broker, struct jetstream_flight *flight,
			natsMsg *const *messages, size_t count,
			struct err_info *info)
{
	if (count == 0 || count > JETSTREAM_PUBLISH_MAX)
		return err_set(info, ERR_INVALID, "%zu messages at once",
			       count);
	flight->count = count;
	flight->messages = messages;
	flight->begun_us = clock_mono_us();
	memset(flight->replies, 0, sizeof(flight->replies));
	return broker_ask(broker, &flight->call, messages, count,
			  flight->replies, info);
}

enum err
jetstream_publish_end(struct broker *broker, struct jetstream_flight *flight,
		      int64_t timeout_ms, struct jetstream_ack *acks,
		      enum err *errors, struct err_info *info)
{
	struct err_info words = {.text = ""};
	enum err first = ERR_OK;
	enum err sent = broker_collect(broker, &flight->call, timeout_ms, info);
	int64_t spent_us = clock_mono_us() - flight->begun_us;

	for (size_t i = 0; i < flight->count; i++) {
		errors[i] = sent;
		if (flight->replies[i] == NULL)
			continue;
		errors[i] = read_ack(flight->replies[i],
				     natsMsg_GetSubject(flight->messages[i]),
				     &acks[i], &words);
		if (first == ERR_OK && errors[i] != ERR_OK)
			first = err_set(info, errors[i], "%s", words.text);
		natsMsg_Destroy(flight->replies[i]);
	}
	/* What was answered says more than that something was not. */
	if (first == ERR_OK)
		first = sent;
	broker_published(broker, spent_us, first);
	return first;
}

enum err
jetstream_publish(struct broker *broker, natsMsg *const *messages, size_t count,
		  int64_t timeout_ms, struct jetstream_ack *acks,
		  enum err *errors, struct err_info *info)
{
	struct jetstream_flight flight;
	enum err result =
	    jetstream_publish_begin(broker, &flight, messages, count, info);

	if (result == ERR_OK)
		return jetstream_publish_end(broker, &flight, timeout_ms, acks,
					     errors, info);
	for (size_t i = 0; i < count; i++)
		errors[i] = result;
	return result;
}

/* ---- requests ---- */

enum err
jetstream_request(const char *what, const json_t *body, natsMsg **message)
{
	char subject[JETSTREAM_SUBJECT_SIZE];
	size_t size = 0;
	char *text = NULL;
	natsStatus s;

	if (snprintf(subject, sizeof(subject), "%s%s", JETSTREAM_API, what) >=
	    (int)sizeof(subject))
		return ERR_TOO_LARGE;
	if (body != NULL) {
		text = json_text(body, &size);
		if (text == NULL)
			return ERR_NO_MEMORY;
	}
	s = natsMsg_Create(message, subject, NULL, text, (int)size);
	free(text);
	return s == NATS_OK ? ERR_OK : ERR_NO_MEMORY;
}

/* As jetstream_api; *server is the server's own code where it gave one. */
static enum err
ask(struct broker *broker, const char *what, const json_t *body,
    int64_t timeout_ms, json_t **reply, json_int_t *server,
    struct err_info *info)
{
	natsMsg *message = NULL;
	natsMsg *answer = NULL;
	enum err result = jetstream_request(what, body, &message);

	*server = 0;
	if (result != ERR_OK)
		return err_set(info, result, "%s: %s", what, err_text(result));
	result = broker_request(broker, message, timeout_ms, &answer, info);
	if (result == ERR_OK)
		result = jetstream_answer(answer, what, reply, server, info);
	natsMsg_Destroy(answer);
	natsMsg_Destroy(message);
	return result;
}

enum err
jetstream_api(struct broker *broker, const char *what, const json_t *body,
	      int64_t timeout_ms, json_t **reply, struct err_info *info)
{
	json_int_t server;

	return ask(broker, what, body, timeout_ms, reply, &server, info);
}

/* ---- streams and consumers ---- */

static bool
is_nothing(const json_t *value)
{
	if (json_is_number(value))
		return json_number_value(value) == 0;
	if (json_is_string(value))
		return json_string_length(value) == 0;
	return json_is_null(value) || json_is_false(value) ||
	       (json_is_array(value) && json_array_size(value) == 0) ||
	       (json_is_object(value) && json_object_size(value) == 0);
}

static bool holds(const json_t *theirs, const json_t *ours);

static bool
holds_members(const json_t *theirs, const json_t *ours)
{
	const char *key;
	json_t *value;
	void *at = json_object_iter((json_t *)(uintptr_t)ours);

	for (; at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)ours, at)) {
		key = json_object_iter_key(at);
		value = json_object_iter_value(at);
		if (!holds(json_object_get(theirs, key), value))
			return false;
	}
	return true;
}

/* Whether `theirs` says all that `ours` says; the server adds defaults and
 * leaves out what is empty. */
static bool
holds(const json_t *theirs, const json_t *ours)
{
	if (theirs == NULL)
		return is_nothing(ours);
	if (json_is_object(ours))
		return json_is_object(theirs) && holds_members(theirs, ours);
	if (json_is_array(ours)) {
		if (json_array_size(theirs) != json_array_size(ours))
			return false;
		for (size_t i = 0; i < json_array_size(ours); i++)
			if (!holds(json_array_get(theirs, i),
				   json_array_get(ours, i)))
				return false;
		return true;
	}
	return json_equal(theirs, ours) == 1;
}

/* What the server refuses for reasons of its own is our
 * configuration's fault. */
static enum err
refused(enum err result, json_int_t server, const char *what, const char *name,
	struct err_info *info)
{
	if (result == ERR_OK)
		return ERR_OK;
	if (result == ERR_INTERNAL && server != 0)
		result = ERR_INVALID;
	return err_prefix(info, result, "%s %s", what, name);
}

/* Their configuration with ours over it. */
static json_t *
merge(const json_t *theirs, const json_t *ours)
{
	json_t *merged = json_deep_copy(theirs);

	if (merged != NULL &&
	    json_object_update(merged, (json_t *)(uintptr_t)ours) != 0) {
		json_decref(merged);
		return NULL;
	}
	return merged;
}

static enum err
stream_once(struct broker *broker, const json_t *config, json_int_t *server,
	    struct err_info *info)
{
	const char *name = json_member_string(config, "name");
	const json_t *theirs;
	json_auto_t *found = NULL;
	json_auto_t *body = NULL;
	json_auto_t *done = NULL;
	char what[JETSTREAM_SUBJECT_SIZE];
	bool create;
	enum err result;

	(void)snprintf(what, sizeof(what), "STREAM.INFO.%s", name);
	result =
	    ask(broker, what, NULL, JETSTREAM_TIMEOUT_MS, &found, server, info);
	create = result == ERR_NOT_FOUND && *server == NO_STREAM;
	if (result != ERR_OK && !create)
		return result;
	theirs = json_object_get(found, "config");
	/* A lone server (2.9) takes such an update and keeps one copy. */
	if (!create && json_member_int(config, "num_replicas", 1) > 1 &&
	    json_object_get(found, "cluster") == NULL)
		return err_set(info, ERR_INVALID,
			       "stream %s: replicas > 1 need a cluster of NATS "
			       "servers",
			       name);
	if (!create && holds(theirs, config))
		return ERR_OK;
	(void)snprintf(what, sizeof(what), "STREAM.%s.%s",
		       create ? "CREATE" : "UPDATE", name);
	body = create ? json_deep_copy(config) : merge(theirs, config);
	if (body == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory");
	result = ask(broker, what, body, 5 * JETSTREAM_TIMEOUT_MS, &done,
		     server, info);
	return refused(result, *server, "stream", name, info);
}

enum err
jetstream_stream_ensure(struct broker *broker, const json_t *config,
			struct err_info *info)
{
	json_int_t server = 0;
	enum err result = ERR_OK;

	if (json_member_string(config, "name") == NULL)
		return err_set(info, ERR_INVALID, "a stream has no name");
	/* Somebody else may create it between question and creation: the server
	 * then says that of its name, or of its subjects. */
	for (int i = 0; i < ENSURE_TRIES; i++) {
		result = stream_once(broker, config, &server, info);
		if (result == ERR_OK || (server != STREAM_NAME_IN_USE &&
					 server != SUBJECTS_OVERLAP))
			break;
	}
	return result;
}

static enum err
consumer_once(struct broker *broker, const char *stream, const char *name,
	      const json_t *config, struct err_info *info)
{
	const char *filter = json_member_string(config, "filter_subject");
	const json_t *theirs;
	json_auto_t *found = NULL;
	json_auto_t *body = NULL;
	json_auto_t *done = NULL;
	char what[JETSTREAM_SUBJECT_SIZE];
	json_int_t server;
	bool create;
	enum err result;

	(void)snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s", stream, name);
	result = ask(broker, what, NULL, JETSTREAM_TIMEOUT_MS, &found, &server,
		     info);
	create = result == ERR_NOT_FOUND && server == NO_CONSUMER;
	if (result != ERR_OK && !create)
		return result;
	theirs = json_object_get(found, "config");
	if (!create && holds(theirs, config))
		return ERR_OK;
	/* With the filter in the subject, where permissions see it. */
	if (snprintf(what, sizeof(what), "CONSUMER.CREATE.%s.%s%s%s", stream,
		     name, filter == NULL ? "" : ".",
		     filter == NULL ? "" : filter) >= (int)sizeof(what))
		return err_set(info, ERR_TOO_LARGE, "%.64s...: too long", what);
	body =
	    json_pack("{s:s, s:o*}", "stream_name", stream, "config",
		      create ? json_deep_copy(config) : merge(theirs, config));
	if (json_object_set_new(json_object_get(body, "config"), "name",
				json_string(name)) != 0)
		return err_set(info, ERR_NO_MEMORY, "no memory");
	result = ask(broker, what, body, 5 * JETSTREAM_TIMEOUT_MS, &done,
		     &server, info);
	return refused(result, server, "consumer", name, info);
}

/*
 * A stream is known to nats-server (seen with 2.9.10) a moment before it can
 * send.  A consumer that another client makes in that moment, as when several
 * programs start on a new server, is there and looks well, and what it should
 * deliver or say goes nowhere until the server is started again.  So each is
 * asked for something: a request that cannot be read is refused at once and
 * costs no message.  ERR_TIMEOUT: silence.
 */
static enum err
hear(struct broker *broker, const char *stream, const char *name,
     int64_t timeout_ms, struct err_info *info)
{
	char subject[JETSTREAM_SUBJECT_SIZE];
	natsMsg *message = NULL;
	natsMsg *answer = NULL;
	enum err result;

	if (snprintf(subject, sizeof(subject), "%sCONSUMER.MSG.NEXT.%s.%s",
		     JETSTREAM_API, stream, name) >= (int)sizeof(subject))
		return err_set(info, ERR_TOO_LARGE, "consumer name too long");
	if (natsMsg_Create(&message, subject, NULL, "{", 1) != NATS_OK)
		return err_set(info, ERR_NO_MEMORY, "no memory for a pull");
	result = broker_request(broker, message, timeout_ms, &answer, info);
	natsMsg_Destroy(answer);
	natsMsg_Destroy(message);
	return result;
}

/* Makes it or finds it.  *mute: the server answers and the consumer does not,
 * again and again. */
static enum err
consumer_heard(struct broker *broker, const char *stream, const char *name,
	       const json_t *config, bool *mute, struct err_info *info)
{
	static const int64_t waits_ms[] = {250, 500, 1000};
	enum err result;

	for (size_t i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		result = consumer_once(broker, stream, name, config, info);
		if (result != ERR_OK)
			return result;
		result = hear(broker, stream, name, waits_ms[i], info);
		if (result != ERR_TIMEOUT)
			return result;
	}
	*mute = true;
	return ERR_OK;
}

/* Whether somebody has acknowledged what it delivered: such a one is not mute,
 * but slow. */
static enum err
consumer_acked(struct broker *broker, const char *stream, const char *name,
	       bool *acked, struct err_info *info)
{
	json_auto_t *found = NULL;
	char what[JETSTREAM_SUBJECT_SIZE];
	enum err result;

	(void)snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s", stream, name);
	result = jetstream_api(broker, what, NULL, JETSTREAM_TIMEOUT_MS, &found,
			       info);
	if (result == ERR_OK)
		*acked = json_member_int(json_object_get(found, "ack_floor"),
					 "consumer_seq", 0) > 0;
	return result == ERR_NOT_FOUND ? ERR_OK : result;
}

static enum err
consumer_delete(struct broker *broker, const char *stream, const char *name,
		struct err_info *info)
{
	json_auto_t *done = NULL;
	char what[JETSTREAM_SUBJECT_SIZE];
	enum err result;

	(void)snprintf(what, sizeof(what), "CONSUMER.DELETE.%s.%s", stream,
		       name);
	result = jetstream_api(broker, what, NULL, 5 * JETSTREAM_TIMEOUT_MS,
			       &done, info);
	return result == ERR_NOT_FOUND ? ERR_OK : result;
}

enum err
jetstream_consumer_ensure(struct broker *broker, const char *stream,
			  const json_t *config, struct err_info *info)
{
	const char *name = json_member_string(config, "durable_name");
	enum err result = ERR_OK;

	if (name == NULL)
		return err_set(info, ERR_INVALID, "a consumer has no name");
	for (int i = 0; i < ENSURE_TRIES; i++) {
		bool acked = false;
		bool mute = false;

		result =
		    consumer_heard(broker, stream, name, config, &mute, info);
		if (result != ERR_OK || !mute)
			return result;
		result = consumer_acked(broker, stream, name, &acked, info);
		if (result != ERR_OK)
			return result;
		if (acked)
			break;
		log_warning("a consumer is mute, it is made anew",
			    LOG_S("stream", stream), LOG_S("consumer", name));
		result = consumer_delete(broker, stream, name, info);
		if (result != ERR_OK)
			return err_prefix(info, result, "mute consumer %s",
					  name);
	}
	return err_set(info, ERR_TIMEOUT,
		       "consumer %s of stream %s does not answer", name,
		       stream);
}
