/*
 * lib/jetstream_delivery.c: pulling messages from a consumer and answering
 * them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/jetstream_wire.h"

enum err
jetstream_number(const char *text, uint64_t *value)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return ERR_INVALID;
	*value = strtoull(text, &end, 10);
	return *end == '\0' || *end == '.' ? ERR_OK : ERR_INVALID;
}

enum err
jetstream_pull(struct broker *broker, const char *stream, const char *consumer,
	       const char *reply_subject, int batch, int64_t expires_ms,
	       int64_t heartbeat_ms, struct err_info *info)
{
	char subject[JETSTREAM_SUBJECT_SIZE];
	char body[160];
	natsMsg *message = NULL;
	enum err result;

	if (expires_ms == 0)
		(void)snprintf(body, sizeof(body),
			       "{\"batch\":%d,\"no_wait\":true}", batch);
	else
		(void)snprintf(body, sizeof(body),
			       "{\"batch\":%d,\"expires\":%" PRId64
			       ",\"idle_heartbeat\":%" PRId64 "}",
			       batch, expires_ms * CLOCK_NS_PER_MS,
			       heartbeat_ms * CLOCK_NS_PER_MS);
	if (snprintf(subject, sizeof(subject), "%sCONSUMER.MSG.NEXT.%s.%s",
		     JETSTREAM_API, stream, consumer) >= (int)sizeof(subject))
		return err_set(info, ERR_TOO_LARGE, "consumer name too long");
	if (natsMsg_Create(&message, subject, reply_subject, body,
			   (int)strlen(body)) != NATS_OK)
		return err_set(info, ERR_NO_MEMORY, "no memory for a pull");
	result = broker_publish_listener(broker, message, info);
	natsMsg_Destroy(message);
	return result;
}

int
jetstream_status(natsMsg *message)
{
	const char *text = NULL;
	uint64_t value = 0;

	if (natsMsg_GetDataLength(message) != 0 ||
	    natsMsgHeader_Get(message, "Status", &text) != NATS_OK ||
	    text == NULL || strlen(text) != 3 ||
	    jetstream_number(text, &value) != ERR_OK)
		return 0;
	return (int)value;
}

/*
 * $JS.ACK.{stream}.{consumer}.{deliveries}.{stream seq}.{consumer seq}.{ns}.
 * {pending}, or with {domain}.{account} behind $JS.ACK and a random token last.
 */
enum err
jetstream_meta(const natsMsg *message, struct jetstream_meta *meta)
{
	const char *reply = natsMsg_GetReply(message);
	const char *tokens[12];
	const char *at;
	uint64_t values[5];
	size_t count = 0;
	size_t first;

	if (reply == NULL || strncmp(reply, "$JS.ACK.", 8) != 0)
		return ERR_INVALID;
	for (at = reply; at != NULL && count < 12; count++) {
		tokens[count] = at;
		at = strchr(at, '.');
		at = at == NULL ? NULL : at + 1;
	}
	if (count != 9 && count < 11)
		return ERR_INVALID;
	first = count == 9 ? 4 : 6;
	for (size_t i = 0; i < 5; i++)
		if (jetstream_number(tokens[first + i], &values[i]) != ERR_OK)
			return ERR_INVALID;
	*meta = (struct jetstream_meta){
	    .deliveries = values[0],
	    .stream_sequence = values[1],
	    .consumer_sequence = values[2],
	    .timestamp_ns = (int64_t)values[3],
	    .pending = values[4],
	};
	return ERR_OK;
}

static enum err
answer(struct broker *broker, const char *reply, const char *word)
{
	natsMsg *message = NULL;
	enum err result;

	if (reply == NULL || strncmp(reply, "$JS.ACK.", 8) != 0)
		return ERR_INVALID;
	if (natsMsg_Create(&message, reply, NULL, word, (int)strlen(word)) !=
	    NATS_OK)
		return ERR_NO_MEMORY;
	result = broker_publish(broker, message, NULL);
	natsMsg_Destroy(message);
	return result;
}

enum err
jetstream_ack(struct broker *broker, const char *reply)
{
	return answer(broker, reply, "+ACK");
}

enum err
jetstream_nak(struct broker *broker, const char *reply, int64_t delay_ms)
{
	char word[64];

	(void)snprintf(word, sizeof(word), "-NAK {\"delay\": %" PRId64 "}",
		       delay_ms * CLOCK_NS_PER_MS);
	return answer(broker, reply, delay_ms > 0 ? word : "-NAK");
}

enum err
jetstream_progress(struct broker *broker, const char *reply)
{
	return answer(broker, reply, "+WPI");
}

enum err
jetstream_terminate(struct broker *broker, const char *reply)
{
	return answer(broker, reply, "+TERM");
}
