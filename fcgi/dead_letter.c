/*
 * fcgi/dead_letter.c: see dead_letter.h.
 *
 * An advisory is acknowledged when its event is stored; the event's time is
 * the advisory's, so that a second run writes the same key.
 */
#include "fcgi/dead_letter.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/mailbox.h"
#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/subject.h"

#define BATCH        8
#define PULL_MS      20000
#define ACK_WAIT_NS  (30 * CLOCK_NS_PER_S)
#define RETRY_MS     5000 /* of an advisory whose event could not be stored */
#define TRIES_MAX    8    /* to store an event */
#define BOX_MESSAGES 64
#define BOX_OCTETS   (1024 * 1024)
#define OWN_PREFIX \
	"worker-" /* of a worker's own consumers: worker-{host}-{hash} */

struct dead_letters {
	struct store *store;
	struct index *index;
	struct broker *broker;
	struct broker_subscription *subscription;
	struct mailbox *box;
	bool made; /* the consumer is there */
	int open;  /* messages that the latest pull may still bring */
	int64_t pulled_ms;
	uint64_t reconnects;
	char inbox[128];
	char stream[160];
};

struct advisory {
	char consumer[256];
	uint64_t sequence; /* in the stream JOBS */
	int64_t deliveries;
};

enum err
dead_letters_new(struct store *store, struct index *index,
		 struct dead_letters **out)
{
	struct dead_letters *d = calloc(1, sizeof(*d));
	enum err err;

	if (!d)
		return ERR_NO_MEMORY;
	d->store = store;
	d->index = index;
	d->broker = store_broker(store);
	snprintf(d->stream, sizeof(d->stream), "%s-DLQ",
		 store_jobs_stream(store));
	broker_inbox(d->broker, d->inbox);
	err = mailbox_new(BOX_MESSAGES, BOX_OCTETS, &d->box);
	if (err == ERR_OK)
		err = broker_subscribe(d->broker, d->inbox, mailbox_put, d->box,
				       &d->subscription, NULL);
	if (err == ERR_OK)
		*out = d;
	else
		dead_letters_free(d);
	return err;
}

void
dead_letters_free(struct dead_letters *d)
{
	if (!d)
		return;
	broker_unsubscribe(d->subscription);
	mailbox_free(d->box);
	free(d);
}

void
dead_letters_pause(struct dead_letters *d, int64_t wait_ms)
{
	mailbox_pause(d->box, wait_ms);
}

void
dead_letters_stop(struct dead_letters *d)
{
	mailbox_close(d->box);
}

/* ---- from an advisory to an event ---- */

static enum err
read_advisory(natsMsg *message, struct advisory *advisory,
	      struct err_info *info)
{
	json_auto_t *json = NULL;
	const char *consumer;
	json_int_t sequence;
	enum err err;

	err = json_parse(natsMsg_GetData(message),
			 (size_t)natsMsg_GetDataLength(message), &json, info);
	if (err != ERR_OK)
		return err;
	consumer = json_member_string(json, "consumer");
	sequence = json_member_int(json, "stream_seq", 0);
	if (!consumer || strlen(consumer) >= sizeof(advisory->consumer) ||
	    sequence <= 0)
		return err_set(info, ERR_INVALID, "no advisory");
	snprintf(advisory->consumer, sizeof(advisory->consumer), "%s",
		 consumer);
	advisory->sequence = (uint64_t)sequence;
	advisory->deliveries = json_member_int(json, "deliveries", 0);
	return ERR_OK;
}

/* The job id that the message in JOBS holds. */
static enum err
read_job_id(struct dead_letters *d, uint64_t sequence,
	    char id[static UUID_SIZE], struct err_info *info)
{
	json_auto_t *body = json_pack("{s:I}", "seq", (json_int_t)sequence);
	json_auto_t *reply = NULL;
	unsigned char text[64] = {0};
	const char *data;
	char what[192];
	enum err err;

	snprintf(what, sizeof(what), "STREAM.MSG.GET.%s",
		 store_jobs_stream(d->store));
	err = jetstream_api(d->broker, what, body, JETSTREAM_TIMEOUT_MS, &reply,
			    info);
	if (err != ERR_OK)
		return err;
	data = json_member_string(json_object_get(reply, "message"), "data");
	if (!data || strlen(data) != (UUID_SIZE - 1) / 3 * 4 ||
	    EVP_DecodeBlock(text, (const unsigned char *)data,
			    (int)strlen(data)) != UUID_SIZE - 1 ||
	    !uuid_valid((const char *)text))
		return err_set(info, ERR_INVALID, "no job id in message %llu",
			       (unsigned long long)sequence);
	memcpy(id, text, UUID_SIZE);
	return ERR_OK;
}

/* The host whose own consumer it is; false: the shared one, or unknown to the
 * job (long names are cut in a consumer's name). */
static bool
own_host(const char *consumer, const struct index_view *view,
	 char host[static SUBJECT_HOST_MAX + 1])
{
	char token[sizeof(((struct advisory *)0)->consumer) + 16];
	char *end;

	if (strncmp(consumer, OWN_PREFIX, strlen(OWN_PREFIX)) != 0)
		return false;
	snprintf(token, sizeof(token), "%s", consumer + strlen(OWN_PREFIX));
	end = strrchr(token, '-');
	if (!end || strlen(token) > SUBJECT_HOST_MAX)
		return false;
	*end = '\0';
	subject_token_host(token, host);
	for (size_t i = 0; i < view->host_count; i++)
		if (strcmp(view->hosts[i].hostname, host) == 0)
			return true;
	return false;
}

/* Whether the event would say what is known better. */
static bool
has_ended(const struct index_view *view, const char *host)
{
	if (strcmp(host, JOB_API_HOST) == 0)
		return job_status_final(view->status);
	for (size_t i = 0; i < view->host_count; i++)
		if (strcmp(view->hosts[i].hostname, host) == 0)
			return job_status_final(view->hosts[i].status) &&
			       !view->hosts[i].given_up;
	return false;
}

static enum err
write_event(struct dead_letters *d, const struct advisory *advisory,
	    const char *id, int64_t at_ns, uint64_t *handled,
	    struct err_info *info)
{
	struct event event = {.event = JOB_EVENT_FAILED,
			      .hostname = JOB_API_HOST,
			      .unix_nano = at_ns};
	struct index_view view;
	bool ended;
	enum err err = index_view(d->index, id, &view);

	if (err == ERR_GONE)
		return ERR_OK;
	if (err != ERR_OK)
		return err_set(info, err, "job %s is not known (yet)", id);
	own_host(advisory->consumer, &view, event.hostname);
	ended = has_ended(&view, event.hostname);
	index_view_release(&view);
	if (ended)
		return ERR_OK;
	memcpy(event.job_id, id, sizeof(event.job_id));
	snprintf(event.error, sizeof(event.error),
		 "delivered %lld times without an end, given up",
		 (long long)advisory->deliveries);
	err = store_event_append(d->store, &event, info);
	if (err != ERR_OK)
		return err;
	++*handled;
	log_warning("a job was delivered too often", LOG_S("job_id", id),
		    LOG_S("consumer", advisory->consumer),
		    LOG_I("deliveries", advisory->deliveries));
	return ERR_OK;
}

/* ERR_INVALID, ERR_NOT_FOUND: will never become an event. */
static enum err
handle(struct dead_letters *d, natsMsg *message,
       const struct jetstream_meta *meta, uint64_t *handled,
       struct err_info *info)
{
	struct advisory advisory = {.sequence = 0};
	char id[UUID_SIZE] = "";
	enum err err = read_advisory(message, &advisory, info);

	if (err == ERR_OK)
		err = read_job_id(d, advisory.sequence, id, info);
	if (err == ERR_OK)
		err = write_event(d, &advisory, id, meta->timestamp_ns, handled,
				  info);
	return err;
}

/* Acknowledges what is done, puts back what may succeed later, drops (with a
 * word in the log) what cannot. */
static enum err
settle(struct dead_letters *d, natsMsg *message, uint64_t *handled,
       struct err_info *info)
{
	const char *reply = natsMsg_GetReply(message);
	struct jetstream_meta meta;
	enum err err = jetstream_meta(message, &meta);

	if (err != ERR_OK)
		return err;
	d->open--;
	err = handle(d, message, &meta, handled, info);
	if (err == ERR_OK)
		return jetstream_ack(d->broker, reply);
	if (err == ERR_INVALID || meta.deliveries >= TRIES_MAX) {
		log_error("a dead letter cannot be told to its job",
			  LOG_I("sequence", (int64_t)meta.stream_sequence),
			  LOG_S("error", info->text));
		return jetstream_terminate(d->broker, reply);
	}
	jetstream_nak(d->broker, reply, RETRY_MS);
	return err;
}

/* ---- the consumer ---- */

static enum err
make_consumer(struct dead_letters *d, struct err_info *info)
{
	json_auto_t *config = NULL;
	enum err err;

	config = json_pack("{s:s, s:s, s:s, s:I, s:s}", "durable_name",
			   DEAD_LETTER_CONSUMER, "ack_policy", "explicit",
			   "deliver_policy", "all", "ack_wait",
			   (json_int_t)ACK_WAIT_NS, "replay_policy", "instant");
	if (!config)
		return ERR_NO_MEMORY;
	err = jetstream_consumer_ensure(d->broker, d->stream, config, info);
	d->made = err == ERR_OK;
	return err;
}

static enum err
ask(struct dead_letters *d, struct err_info *info)
{
	int64_t now_ms = clock_mono_ms();
	enum err err = ERR_OK;

	if (!broker_connected(d->broker))
		return err_set(info, ERR_UNAVAILABLE, "not connected to NATS");
	if (broker_reconnects(d->broker) != d->reconnects) {
		d->reconnects = broker_reconnects(d->broker);
		d->open = 0;
	}
	if (d->open > 0 && now_ms - d->pulled_ms < PULL_MS + 1000)
		return ERR_OK;
	if (!d->made)
		err = make_consumer(d, info);
	if (err == ERR_OK)
		err = jetstream_pull(d->broker, d->stream, DEAD_LETTER_CONSUMER,
				     d->inbox, BATCH, PULL_MS, 0, info);
	if (err != ERR_OK)
		return err;
	d->open = BATCH;
	d->pulled_ms = now_ms;
	return ERR_OK;
}

enum err
dead_letters_serve(struct dead_letters *d, int64_t wait_ms, uint64_t *handled,
		   struct err_info *info)
{
	natsMsg *message = NULL;
	enum err err = ask(d, info);
	int status;

	if (err != ERR_OK)
		return err_prefix(info, err, "%s", d->stream);
	if (mailbox_take(d->box, wait_ms, &message) != MAIL_MESSAGE)
		return ERR_TIMEOUT;
	status = jetstream_status(message);
	if (status == 0) {
		err = settle(d, message, handled, info);
	} else if (status == 404 || status == 408) {
		d->open = 0; /* the ordinary end of a pull */
	} else if (status != 100) {
		d->open = 0;
		d->made = false;
		err = err_set(info, ERR_UNAVAILABLE, "pull: status %d", status);
	}
	natsMsg_Destroy(message);
	return err == ERR_OK ? err : err_prefix(info, err, "%s", d->stream);
}
