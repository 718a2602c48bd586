/*
 * fcgi/replay.c: see replay.h.
 *
 * A lost message shows in the consumer's own numbers, which have no gaps.  What
 * a purge by subject does to a consumer does not: nats-server 2.9 sets it to
 * the end of the stream as if all had been purged.  So behind the last message
 * that came the stream itself is asked for the next one.
 */
#include "fcgi/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/mailbox.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/uuid.h"

#define BATCH_FIRST  16
#define BATCH_MAX    512
#define BATCH_OCTETS (8 * 1024 * 1024)    /* aimed at, from the sizes seen */
#define BOX_OCTETS   (1024 * 1024 * 1024) /* the batch is the bound */
#define PULL_MS      2000                 /* until a pull ends by itself */
#define SILENCE_MS   3000 /* without any word from the server: failed */
#define LOOK_MS      100  /* between looks whether the connection was lost */
#define ECHO_MIN_MS  5    /* until the inbox is tried again, doubled */
#define ECHO_MAX_MS  1000 /* then it is given up */
#define IDLE_NS      (30 * CLOCK_NS_PER_S) /* an abandoned consumer goes */

struct replay {
	struct broker *broker;
	struct broker_subscription *subscription;
	struct mailbox *box;
	char inbox[128];
	char stream[128];
	char consumer[64];
};

struct run {           /* of replay_run */
	uint64_t next; /* wanted; 0: not known, by time */
	uint64_t to;
	replay_each each;
	void *arg;
	uint64_t consumer_sequence; /* of the last message */
	uint64_t left;              /* behind it */
	size_t got;                 /* of this batch */
	size_t octets;
	uint64_t
	    reconnects; /* at the start: later what was on its way is lost */
	bool done;
	bool stopped; /* by `each` */
};

enum err
replay_info(struct broker *broker, const char *stream,
	    struct replay_stream *out, struct err_info *info)
{
	struct replay_stream read = {.created = ""};
	json_auto_t *reply = NULL;
	const json_t *state;
	const char *created;
	char what[160];
	enum err err;

	snprintf(what, sizeof(what), "STREAM.INFO.%s", stream);
	err = jetstream_api(broker, what, NULL, JETSTREAM_TIMEOUT_MS, &reply,
			    info);
	if (err != ERR_OK)
		return err;
	state = json_object_get(reply, "state");
	created = json_member_string(reply, "created");
	if (!created || !json_is_object(state))
		return err_set(info, ERR_INTERNAL, "%s: no state in the answer",
			       what);
	snprintf(read.created, sizeof(read.created), "%s", created);
	read.first_sequence = (uint64_t)json_member_int(state, "first_seq", 0);
	read.last_sequence = (uint64_t)json_member_int(state, "last_seq", 0);
	read.bytes = (uint64_t)json_member_int(state, "bytes", 0);
	read.republishes = json_object_get(json_object_get(reply, "config"),
					   "republish") != NULL;
	*out = read;
	return ERR_OK;
}

/* ---- the inbox ---- */

static bool
is_echo(const struct replay *replay, natsMsg *message)
{
	return jetstream_status(message) == 0 &&
	       strcmp(natsMsg_GetSubject(message), replay->inbox) == 0;
}

static enum err
send_echo(struct replay *replay, struct err_info *info)
{
	natsMsg *echo = NULL;
	enum err err = ERR_NO_MEMORY;

	if (natsMsg_Create(&echo, replay->inbox, NULL, "", 0) == NATS_OK)
		err = broker_publish(replay->broker, echo, info);
	natsMsg_Destroy(echo);
	return err;
}

/* The SUB goes by one connection and the echo by another, so the first may
 * come too early. */
static enum err
await_echo(struct replay *replay, struct err_info *info)
{
	natsMsg *message = NULL;
	enum err err;

	for (int64_t wait_ms = ECHO_MIN_MS; wait_ms < ECHO_MAX_MS;
	     wait_ms *= 2) {
		err = send_echo(replay, info);
		if (err != ERR_OK)
			return err;
		if (mailbox_take(replay->box, wait_ms, &message) !=
		    MAIL_MESSAGE)
			continue;
		natsMsg_Destroy(message);
		return ERR_OK;
	}
	return err_set(info, ERR_TIMEOUT, "no echo on %s", replay->inbox);
}

static void
close_inbox(struct replay *replay)
{
	broker_unsubscribe(replay->subscription);
	mailbox_free(replay->box);
	replay->subscription = NULL;
	replay->box = NULL;
}

/* An inbox for one consumer: what an earlier one sends does not come there. */
static enum err
open_inbox(struct replay *replay, struct err_info *info)
{
	char id[UUID_SIZE];
	enum err err;

	uuid_make(id);
	snprintf(replay->consumer, sizeof(replay->consumer), "replay-%s", id);
	broker_inbox(replay->broker, replay->inbox);
	err = mailbox_new(BATCH_MAX * 2, BOX_OCTETS, &replay->box);
	if (err == ERR_OK)
		err =
		    broker_subscribe(replay->broker, replay->inbox, mailbox_put,
				     replay->box, &replay->subscription, info);
	return err == ERR_OK ? await_echo(replay, info) : err;
}

enum err
replay_open(struct broker *broker, const char *stream, struct replay **out,
	    struct err_info *info)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	enum err err;

	if (!replay)
		return ERR_NO_MEMORY;
	replay->broker = broker;
	snprintf(replay->stream, sizeof(replay->stream), "%s", stream);
	err = open_inbox(replay, info);
	if (err == ERR_OK)
		*out = replay;
	else
		replay_close(replay);
	return err;
}

void
replay_close(struct replay *replay)
{
	if (!replay)
		return;
	close_inbox(replay);
	free(replay);
}

/* ---- the consumer ---- */

static json_t *
describe(const struct replay *replay, const struct replay_range *range,
	 uint64_t from)
{
	char since[CLOCK_RFC3339_SIZE];
	json_t *config;
	bool bad;

	config = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:i}", "name",
			   replay->consumer, "description", "osapi replay",
			   "ack_policy", "none", "replay_policy", "instant",
			   "inactive_threshold", (json_int_t)IDLE_NS,
			   "mem_storage", 1, "num_replicas", 1);
	if (!from)
		bad = json_object_set_new(config, "deliver_policy",
					  json_string("by_start_time")) ||
		      json_object_set_new(
			  config, "opt_start_time",
			  json_string(clock_rfc3339(range->from_ns, since)));
	else
		bad = json_object_set_new(config, "deliver_policy",
					  json_string("by_start_sequence")) ||
		      json_object_set_new(config, "opt_start_seq",
					  json_integer((json_int_t)from));
	if (range->filter)
		bad |= json_object_set_new(config, "filter_subject",
					   json_string(range->filter)) != 0;
	if (!bad)
		return config;
	json_decref(config);
	return NULL;
}

static enum err
create_consumer(struct replay *replay, const struct replay_range *range,
		uint64_t from, uint64_t *pending, struct err_info *info)
{
	json_auto_t *body = NULL;
	json_auto_t *reply = NULL;
	json_t *config = describe(replay, range, from);
	char what[512];
	enum err err;

	if (config)
		body = json_pack("{s:s, s:o}", "stream_name", replay->stream,
				 "config", config);
	if (!body)
		return err_set(info, ERR_NO_MEMORY, "no room for a consumer");
	snprintf(what, sizeof(what), "CONSUMER.CREATE.%s.%s%s%s",
		 replay->stream, replay->consumer, range->filter ? "." : "",
		 range->filter ? range->filter : "");
	err = jetstream_api(replay->broker, what, body, JETSTREAM_TIMEOUT_MS,
			    &reply, info);
	if (err != ERR_OK)
		return err;
	*pending = (uint64_t)json_member_int(reply, "num_pending", 0);
	return ERR_OK;
}

/* Best effort: one that stays goes by itself after IDLE_NS. */
static void
delete_consumer(const struct replay *replay)
{
	json_t *reply = NULL;
	char what[256];

	snprintf(what, sizeof(what), "CONSUMER.DELETE.%s.%s", replay->stream,
		 replay->consumer);
	if (jetstream_api(replay->broker, what, NULL, JETSTREAM_TIMEOUT_MS,
			  &reply, NULL) == ERR_OK)
		json_decref(reply);
}

static enum err
handle_message(struct run *run, natsMsg *message, struct err_info *info)
{
	struct jetstream_meta meta;
	enum err err = jetstream_meta(message, &meta);

	if (err != ERR_OK)
		return err_set(info, err, "unreadable reply subject: %s",
			       natsMsg_GetReply(message));
	if (meta.consumer_sequence != run->consumer_sequence + 1)
		return err_set(info, ERR_IO, "a message was lost on the way");
	run->consumer_sequence = meta.consumer_sequence;
	run->left = meta.pending;
	run->got++;
	run->octets += (size_t)natsMsg_GetDataLength(message);
	run->done = meta.pending == 0 || meta.stream_sequence >= run->to;
	if (meta.stream_sequence > run->to)
		return ERR_OK;
	run->next = meta.stream_sequence + 1;
	run->stopped = !run->each(message, &meta, run->arg);
	run->done = run->done || run->stopped;
	return ERR_OK;
}

static enum err
await_message(struct replay *replay, const struct run *run, natsMsg **message,
	      struct err_info *info)
{
	for (int waited_ms = 0; waited_ms < SILENCE_MS; waited_ms += LOOK_MS) {
		switch (mailbox_take(replay->box, LOOK_MS, message)) {
		case MAIL_MESSAGE:
			return ERR_OK;
		case MAIL_LOST:
			return err_set(info, ERR_IO,
				       "more came than was asked for");
		case MAIL_NONE:
		case MAIL_CLOSED: /* nobody closes it */
			break;
		}
		if (broker_reconnects(replay->broker) != run->reconnects)
			return err_set(info, ERR_UNAVAILABLE,
				       "the connection was lost");
	}
	return err_set(info, ERR_TIMEOUT, "no answer for %d ms", SILENCE_MS);
}

/* Takes what one pull brings; *ended: the server says that it is over. */
static enum err
take_one(struct replay *replay, struct run *run, bool *ended,
	 struct err_info *info)
{
	natsMsg *message = NULL;
	enum err err = await_message(replay, run, &message, info);
	int status;

	if (err != ERR_OK)
		return err;
	status = jetstream_status(message);
	if (status == 404 || status == 408)
		*ended = true;
	else if (status != 0 && status != 100)
		err = err_set(info, ERR_UNAVAILABLE, "pull ended: status %d",
			      status);
	else if (status == 0 && !is_echo(replay, message))
		err = handle_message(run, message, info);
	natsMsg_Destroy(message);
	return err;
}

static size_t
next_batch(const struct run *run, size_t batch)
{
	size_t average = run->got ? run->octets / run->got + 256 : 256;
	size_t next = BATCH_OCTETS / average;

	/* Not at once from small to large: the next may be larger. */
	next = next < batch * 4 ? next : batch * 4;
	if (next > BATCH_MAX)
		next = BATCH_MAX;
	return next ? next : 1;
}

static enum err
pull_all(struct replay *replay, struct run *run, struct err_info *info)
{
	size_t batch = BATCH_FIRST;
	enum err err = ERR_OK;

	while (!run->done && err == ERR_OK) {
		bool ended = false;

		run->got = run->octets = 0;
		err = jetstream_pull(replay->broker, replay->stream,
				     replay->consumer, replay->inbox,
				     (int)batch, PULL_MS, 0, info);
		while (err == ERR_OK && !run->done && !ended &&
		       run->got < batch)
			err = take_one(replay, run, &ended, info);
		run->done = run->done || (ended && !run->got);
		batch = next_batch(run, batch);
	}
	return err;
}

static enum err
run_once(struct replay *replay, struct run *run,
	 const struct replay_range *range, struct err_info *info)
{
	uint64_t pending = 0;
	enum err err;

	run->done = false;
	run->consumer_sequence = 0;
	err = create_consumer(replay, range, run->next, &pending, info);
	if (err != ERR_OK)
		return err;
	if (pending > 0)
		err = pull_all(replay, run, info);
	delete_consumer(replay);
	mailbox_clear(replay->box);
	if (err == ERR_OK && pending > 0 && !run->next)
		err = err_set(info, ERR_IO, "nothing of what is there came");
	return err;
}

/* Whether the stream has a message of the range that did not come. */
static enum err
look_behind(struct replay *replay, const struct run *run,
	    const struct replay_range *range, bool *more, struct err_info *info)
{
	json_auto_t *body = NULL;
	json_auto_t *reply = NULL;
	json_int_t found;
	char what[160];
	enum err err;

	*more = false;
	if (run->stopped || !run->next || run->next > run->to)
		return ERR_OK;
	body = json_pack("{s:I, s:s}", "seq", (json_int_t)run->next,
			 "next_by_subj", range->filter ? range->filter : ">");
	if (!body)
		return err_set(info, ERR_NO_MEMORY, "no room for a request");
	snprintf(what, sizeof(what), "STREAM.MSG.GET.%s", replay->stream);
	err = jetstream_api(replay->broker, what, body, JETSTREAM_TIMEOUT_MS,
			    &reply, info);
	if (err == ERR_NOT_FOUND)
		return ERR_OK;
	if (err != ERR_OK)
		return err;
	found = json_member_int(json_object_get(reply, "message"), "seq", 0);
	*more = found > 0 && (uint64_t)found <= run->to;
	return ERR_OK;
}

enum err
replay_run(struct replay *replay, const struct replay_range *range,
	   replay_each each, void *arg, struct err_info *info)
{
	struct run run = {.next = range->from ? range->from : 1,
			  .to = range->to,
			  .each = each,
			  .arg = arg,
			  .reconnects = broker_reconnects(replay->broker)};
	uint64_t before;
	bool more;
	enum err err;

	if (range->from_ns)
		run.next = 0;
	for (;;) {
		before = run.next;
		err = run_once(replay, &run, range, info);
		if (err == ERR_OK)
			err = look_behind(replay, &run, range, &more, info);
		if (err != ERR_OK || !more)
			return err;
		if (run.next == before)
			return err_set(info, ERR_IO,
				       "messages were passed over");
		close_inbox(replay);
		err = open_inbox(replay, info);
		if (err != ERR_OK)
			return err;
	}
}
