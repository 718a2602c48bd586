/*
 * lib/jetstream_read.c: reading what a stream holds, by direct gets or from the
 * leader, several in one round trip.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jetstream.h"
#include "lib/jetstream_wire.h"
#include "lib/json.h"
#include "lib/log.h"

/* ---- answers to direct gets ---- */

static enum err
take_direct(natsMsg *answer, struct jetstream_question *question,
	    struct err_info *info)
{
	const char *text = NULL;
	int status = jetstream_status(answer);
	enum err result = ERR_OK;

	if (status != 0)
		result =
		    err_set(info, status == 404 ? ERR_NOT_FOUND : ERR_INTERNAL,
			    "%s: status %d", question->subject, status);
	else if (natsMsgHeader_Get(answer, "Nats-Sequence", &text) != NATS_OK ||
		 jetstream_number(text, &question->sequence) != ERR_OK)
		result = err_set(info, ERR_INTERNAL, "%s: no sequence",
				 question->subject);
	if (result == ERR_OK)
		question->message = answer;
	else
		natsMsg_Destroy(answer);
	return result;
}

/* ---- answers of the leader ---- */

/* The octets of a base64 text; the caller frees, NUL after *size. */
static char *
decode(const char *text, size_t *size)
{
	size_t length = strlen(text);
	char *out = malloc(length + 1);
	int got;

	if (out == NULL)
		return NULL;
	got = length == 0
		  ? 0
		  : EVP_DecodeBlock((unsigned char *)out,
				    (const unsigned char *)text, (int)length);
	if (got < 0 || length % 4 != 0) {
		free(out);
		return NULL;
	}
	for (size_t i = length; i > 0 && text[i - 1] == '='; i--)
		got--;
	out[got] = '\0';
	*size = (size_t)got;
	return out;
}

/* Adds stored headers, "NATS/1.0\r\nName: value\r\n\r\n", to a message. */
static enum err
add_headers(natsMsg *message, char *text)
{
	char *line;
	char *value;

	(void)strsep(&text, "\r\n"); /* the version */
	while ((line = strsep(&text, "\r\n")) != NULL) {
		if (line[0] == '\0')
			continue;
		value = strchr(line, ':');
		if (value == NULL)
			return ERR_INVALID;
		*value++ = '\0';
		value += strspn(value, " ");
		if (natsMsgHeader_Add(message, line, value) != NATS_OK)
			return ERR_NO_MEMORY;
	}
	return ERR_OK;
}

static enum err
make_stored(const json_t *stored, const char *subject, natsMsg **message)
{
	const char *data64 = json_member_string(stored, "data");
	const char *headers64 = json_member_string(stored, "hdrs");
	size_t size = 0;
	size_t headers_size = 0;
	char *data = decode(data64 == NULL ? "" : data64, &size);
	char *headers =
	    decode(headers64 == NULL ? "" : headers64, &headers_size);
	natsMsg *made = NULL;
	enum err result = ERR_INTERNAL;

	if (data == NULL || headers == NULL)
		goto out;
	if (natsMsg_Create(&made, subject, NULL, data, (int)size) != NATS_OK)
		result = ERR_NO_MEMORY;
	else
		result = add_headers(made, headers);
out:
	free(data);
	free(headers);
	if (result == ERR_OK)
		*message = made;
	else
		natsMsg_Destroy(made);
	return result;
}

static enum err
take_stored(natsMsg *answer, struct jetstream_question *question,
	    struct err_info *info)
{
	json_auto_t *reply = NULL;
	const json_t *stored;
	json_int_t server = 0;
	enum err result;

	result =
	    jetstream_answer(answer, question->subject, &reply, &server, info);
	natsMsg_Destroy(answer);
	if (result != ERR_OK)
		return result;
	stored = json_object_get(reply, "message");
	result = make_stored(stored, question->subject, &question->message);
	if (result != ERR_OK)
		return err_set(info, result, "%s: unreadable answer of NATS",
			       question->subject);
	question->sequence = (uint64_t)json_member_int(stored, "seq", 0);
	return ERR_OK;
}

/* ---- asking ---- */

static enum err
make_question(const struct jetstream_question *question,
	      enum jetstream_read read, natsMsg **message,
	      struct err_info *info)
{
	json_auto_t *body = NULL;
	char what[JETSTREAM_SUBJECT_SIZE - 64];
	bool direct = read == JETSTREAM_DIRECT;
	int size =
	    snprintf(what, sizeof(what), "%s.%s%s%s",
		     direct ? "DIRECT.GET" : "STREAM.MSG.GET", question->stream,
		     direct ? "." : "", direct ? question->subject : "");
	enum err result;

	if (size >= (int)sizeof(what))
		return err_set(info, ERR_TOO_LARGE,
			       "%.64s...: subject too long", question->subject);
	if (!direct) {
		body = json_pack("{s:s}", "last_by_subj", question->subject);
		if (body == NULL)
			return err_set(info, ERR_NO_MEMORY, "no memory");
	}
	log_debug("NATS read", LOG_S("stream", question->stream),
		  LOG_S("key", question->subject));
	result = jetstream_request(what, body, message);
	if (result != ERR_OK)
		return err_set(info, result, "%s: %s", question->subject,
			       err_text(result));
	return ERR_OK;
}

/* Takes an answer over; NULL: none came, for the reason `sent`. */
static enum err
take(natsMsg *answer, enum jetstream_read read, enum err sent,
     struct jetstream_question *question, struct err_info *info)
{
	/* A read has no outcome that could be unknown. */
	if (answer == NULL)
		return sent == ERR_UNKNOWN_OUTCOME ? ERR_TIMEOUT : sent;
	if (natsMsg_IsNoResponders(answer)) {
		natsMsg_Destroy(answer);
		return err_set(info, ERR_UNAVAILABLE,
			       "%s: JetStream does not answer",
			       question->subject);
	}
	if (read == JETSTREAM_LEADER)
		return take_stored(answer, question, info);
	return take_direct(answer, question, info);
}

enum err
jetstream_last_many(struct broker *broker, enum jetstream_read read,
		    struct jetstream_question *questions, size_t count,
		    struct err_info *info)
{
	natsMsg *requests[JETSTREAM_PUBLISH_MAX] = {NULL};
	natsMsg *answers[JETSTREAM_PUBLISH_MAX] = {NULL};
	struct err_info words = {.text = ""};
	enum err first = ERR_OK;
	enum err sent = ERR_OK;

	if (count == 0 || count > JETSTREAM_PUBLISH_MAX)
		return err_set(info, ERR_INVALID, "%zu reads at once", count);
	for (size_t i = 0; i < count && sent == ERR_OK; i++)
		sent = make_question(&questions[i], read, &requests[i], &words);
	if (sent == ERR_OK)
		sent =
		    broker_request_many(broker, requests, count,
					JETSTREAM_TIMEOUT_MS, answers, &words);
	for (size_t i = 0; i < count; i++) {
		struct jetstream_question *q = &questions[i];

		q->message = NULL;
		q->result = take(answers[i], read, sent, q, &words);
		if (first == ERR_OK && q->result != ERR_OK)
			first = err_set(info, q->result, "%s", words.text);
		natsMsg_Destroy(requests[i]);
	}
	return first;
}

enum err
jetstream_last(struct broker *broker, const char *stream, const char *subject,
	       enum jetstream_read read, natsMsg **message, uint64_t *sequence,
	       struct err_info *info)
{
	struct jetstream_question question = {.stream = stream,
					      .subject = subject};
	enum err result = jetstream_last_many(broker, read, &question, 1, info);

	if (result != ERR_OK)
		return result;
	*message = question.message;
	if (sequence != NULL)
		*sequence = question.sequence;
	return ERR_OK;
}
