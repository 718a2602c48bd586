/*
 * lib/store_record.c: events, responses and heartbeats in the job store.
 *
 * Each is one key and one document.  An event's and a response's key must not
 * exist when it is written, which makes writing one twice harmless.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/store_layout.h"

/* A message to a key that must have this sequence (0: not exist). */
static natsMsg *
make_at(const char *key, const char *text, size_t size, uint64_t previous)
{
	char expected[24];
	const struct store_header headers[] = {
	    {"Nats-Expected-Last-Subject-Sequence", expected},
	    {NULL, NULL},
	};

	(void)snprintf(expected, sizeof(expected), "%llu",
		       (unsigned long long)previous);
	return store_message(key, text, size, headers);
}

/* ---- events ---- */

enum err
store_event_encode(const struct event *event, char **text, size_t *size,
		   struct err_info *info)
{
	enum err result = event_encode(event, text, size);

	return result == ERR_OK ? ERR_OK
				: err_set(info, result, "event of job %s: %s",
					  event->job_id, err_text(result));
}

static enum err
make_event(const struct store *store, const struct event *event,
	   natsMsg **message, struct err_info *info)
{
	char host[SUBJECT_HOST_MAX + 1];
	char key[STORE_KEY_SIZE];
	char *text = NULL;
	size_t size = 0;
	enum err result = store_event_encode(event, &text, &size, info);

	if (result != ERR_OK)
		return result;
	(void)store_key(store->queue, key, "status.%s.%s.%s.%lld",
			event->job_id, job_event_text(event->event),
			subject_host_token(event->hostname, host),
			(long long)event->unix_nano);
	*message = make_at(key, text, size, 0);
	free(text);
	return *message == NULL
		   ? err_set(info, ERR_NO_MEMORY, "%s: no memory", key)
		   : ERR_OK;
}

static void
end_flight(struct store_flight *flight)
{
	for (size_t i = 0; i < flight->count; i++)
		natsMsg_Destroy(flight->messages[i]);
	flight->count = 0;
}

enum err
store_events_begin(struct store *store, const struct event *events,
		   size_t count, struct store_flight *flight,
		   struct err_info *info)
{
	enum err result = ERR_OK;

	flight->store = store;
	flight->count = 0;
	if (count == 0 || count > STORE_FLIGHT_MAX)
		return err_set(info, ERR_INVALID, "%zu events at once", count);
	while (flight->count < count && result == ERR_OK) {
		result = make_event(store, &events[flight->count],
				    &flight->messages[flight->count], info);
		flight->count += result == ERR_OK;
	}
	if (result == ERR_OK)
		result = jetstream_publish_begin(store->broker, &flight->sent,
						 flight->messages, count, info);
	if (result != ERR_OK)
		end_flight(flight);
	return result;
}

enum err
store_events_end(struct store_flight *flight, struct err_info *info)
{
	struct jetstream_ack acks[STORE_FLIGHT_MAX];
	enum err errors[STORE_FLIGHT_MAX];
	struct err_info words = {.text = ""};
	enum err result = ERR_OK;

	if (flight->count == 0)
		return ERR_OK;
	(void)jetstream_publish_end(flight->store->broker, &flight->sent,
				    JETSTREAM_TIMEOUT_MS, acks, errors, &words);
	for (size_t i = 0; i < flight->count && result == ERR_OK; i++)
		if (errors[i] != ERR_OK && errors[i] != ERR_CONFLICT)
			result = err_set(info, errors[i], "%s", words.text);
	end_flight(flight);
	return result;
}

enum err
store_event_append(struct store *store, const struct event *event,
		   struct err_info *info)
{
	struct store_flight flight;
	enum err result = store_events_begin(store, event, 1, &flight, info);

	if (result != ERR_OK)
		return result;
	return store_events_end(&flight, info);
}

/* ---- responses ---- */

char *
store_response_key(const struct store *store, const char *id, const char *host,
		   char buf[static STORE_KEY_SIZE])
{
	char token[SUBJECT_HOST_MAX + 1];

	return store_key(store->responses, buf, "%s.%s",
			 subject_host_token(host, token), id);
}

/* The response that is there already: this one, or another? */
static enum err
compare_stored(struct store *store, const char *key, const char *text,
	       size_t size, struct err_info *info)
{
	natsMsg *message = NULL;
	bool same;
	enum err result = jetstream_last(store->broker, store->responses, key,
					 store->read, &message, NULL, info);

	if (result != ERR_OK)
		return result;
	same = size == (size_t)natsMsg_GetDataLength(message) &&
	       memcmp(text, natsMsg_GetData(message), size) == 0;
	natsMsg_Destroy(message);
	if (!same)
		return err_set(info, ERR_EXISTS, "%s: another result is there",
			       key);
	return ERR_OK;
}

enum err
store_response_write(struct store *store, const struct response *response,
		     const struct event *event, struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	struct jetstream_ack ack;
	char *text = NULL;
	size_t size = 0;
	enum err result = response_encode(response, &text, &size);

	if (result != ERR_OK)
		return err_set(info, result, "result of job %s: %s",
			       response->job_id, err_text(result));
	(void)store_response_key(store, response->job_id, response->hostname,
				 key);
	result = store_put(store, make_at(key, text, size, 0), &ack, info);
	if (result == ERR_CONFLICT)
		result = compare_stored(store, key, text, size, info);
	free(text);
	if (result != ERR_OK)
		return result;
	return store_event_append(store, event, info);
}

enum err
store_response_read(struct store *store, const char *id, const char *host,
		    struct response *response, struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	natsMsg *message = NULL;
	enum err result;

	(void)store_response_key(store, id, host, key);
	result = jetstream_last(store->broker, store->responses, key,
				store->read, &message, NULL, info);
	if (result != ERR_OK)
		return result;
	result = response_decode(natsMsg_GetData(message),
				 (size_t)natsMsg_GetDataLength(message),
				 response, info);
	natsMsg_Destroy(message);
	if (result != ERR_OK)
		return err_prefix(info, result, "%s", key);
	return ERR_OK;
}

enum err
store_response_tell(struct store *store, const char *id, const char *host,
		    struct err_info *info)
{
	struct response response = {.data = NULL};
	struct event event;
	bool told = false;
	enum err result = store_job_ended(store, id, host, &told, info);

	if (result != ERR_OK || told)
		return result;
	result = store_response_read(store, id, host, &response, info);
	if (result == ERR_NOT_FOUND)
		return ERR_OK;
	if (result != ERR_OK)
		return result;
	/* Read back it is cut to a millisecond: not before what came before. */
	event = (struct event){
	    .event = response.failed ? JOB_EVENT_FAILED : JOB_EVENT_COMPLETED,
	    .unix_nano = response.timestamp_ns + CLOCK_NS_PER_MS - 1,
	};
	(void)snprintf(event.job_id, sizeof(event.job_id), "%s", id);
	(void)snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	(void)snprintf(event.error, sizeof(event.error), "%s", response.error);
	response_release(&response);
	return store_event_append(store, &event, info);
}

/* ---- heartbeats ---- */

static char *
heartbeat_key(const struct store *store, const char *host,
	      char buf[static STORE_KEY_SIZE])
{
	char token[SUBJECT_HOST_MAX + 1];

	return store_key(store->registry, buf, "%s",
			 subject_host_token(host, token));
}

/* The sequence of a deletion marker; ERR_CONFLICT: there is a heartbeat. */
static enum err
find_marker(struct store *store, const char *key, uint64_t *sequence,
	    struct err_info *info)
{
	natsMsg *message = NULL;
	bool marker;
	enum err result = jetstream_last(store->broker, store->registry, key,
					 store->read, &message, sequence, info);

	if (result == ERR_NOT_FOUND) {
		*sequence = 0;
		return ERR_OK;
	}
	if (result != ERR_OK)
		return result;
	marker = store_is_marker(message);
	natsMsg_Destroy(message);
	return marker
		   ? ERR_OK
		   : err_set(info, ERR_CONFLICT,
			     "%s: another worker reports for this host", key);
}

enum err
store_heartbeat_write(struct store *store, const struct heartbeat *heartbeat,
		      uint64_t previous, uint64_t *sequence,
		      struct err_info *info)
{
	struct jetstream_ack ack = {.sequence = 0};
	char key[STORE_KEY_SIZE];
	char *text = NULL;
	size_t size = 0;
	enum err result = heartbeat_encode(heartbeat, &text, &size);

	if (result != ERR_OK)
		return err_set(info, result, "heartbeat: %s", err_text(result));
	(void)heartbeat_key(store, heartbeat->hostname, key);
	result =
	    store_put(store, make_at(key, text, size, previous), &ack, info);
	if (result == ERR_CONFLICT && previous == 0) {
		result = find_marker(store, key, &previous, info);
		if (result == ERR_OK)
			result =
			    store_put(store, make_at(key, text, size, previous),
				      &ack, info);
	}
	free(text);
	if (result == ERR_OK)
		*sequence = ack.sequence;
	return result;
}

enum err
store_heartbeat_read(struct store *store, const char *host,
		     struct heartbeat *heartbeat, uint64_t *sequence,
		     struct err_info *info)
{
	char key[STORE_KEY_SIZE];
	natsMsg *message = NULL;
	uint64_t at = 0;
	enum err result;

	(void)heartbeat_key(store, host, key);
	result = jetstream_last(store->broker, store->registry, key,
				store->read, &message, &at, info);
	if (result != ERR_OK)
		return result;
	if (store_is_marker(message))
		result = err_set(info, ERR_NOT_FOUND, "%s: went away", host);
	else
		result = heartbeat_decode(
		    natsMsg_GetData(message),
		    (size_t)natsMsg_GetDataLength(message), heartbeat, info);
	natsMsg_Destroy(message);
	if (result == ERR_OK)
		*sequence = at;
	return result;
}

enum err
store_heartbeat_delete(struct store *store, const char *host,
		       struct err_info *info)
{
	const struct store_header headers[] = {
	    {"KV-Operation", "PURGE"},
	    {NULL, NULL},
	};
	char key[STORE_KEY_SIZE];
	struct jetstream_ack ack;

	(void)heartbeat_key(store, host, key);
	return store_put(store, store_message(key, "", 0, headers), &ack, info);
}
