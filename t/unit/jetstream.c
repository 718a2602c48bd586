/*
 * t/unit/jetstream.c: JetStream by hand, against a real nats-server.
 */
#include "lib/jetstream.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "t/support/nats_server.h"
#include "t/unit/unit.h"

#define GUARD_MS 30000 /* a guard against a hang, not a measure */
#define NO_MORE  "no more"

/* One server, one connection, streams S (s.>) and T (t.>, at most 3). */
struct on {
	struct nats_server *server;
	struct broker *broker;
};

static void
ensure(struct on *on, const char *config)
{
	struct err_info info = {.text = ""};
	json_auto_t *object = json_loads(config, 0, NULL);

	IS_INT(config, jetstream_stream_ensure(on->broker, object, &info),
	       ERR_OK);
}

static void
begin(struct on *on)
{
	static int number;
	struct err_info info = {.text = ""};
	char name[32];

	(void)snprintf(name, sizeof(name), "js-%d", ++number);
	on->server = nats_server_start(unit_directory(), name, "");
	if (broker_new(nats_server_config(on->server, ""), "unit", &on->broker,
		       &info) != ERR_OK ||
	    broker_wait(on->broker, GUARD_MS) != ERR_OK)
		abort();
	ensure(on, "{\"name\":\"S\",\"subjects\":[\"s.>\"],"
		   "\"allow_direct\":true}");
	ensure(on, "{\"name\":\"T\",\"subjects\":[\"t.>\"],\"max_msgs\":3,"
		   "\"discard\":\"new\",\"max_msg_size\":100}");
}

static void
finish(struct on *on)
{
	broker_free(on->broker);
	nats_server_free(on->server);
}

static natsMsg *
message(const char *subject, const char *text, const char *header,
	const char *value)
{
	natsMsg *made = NULL;

	if (natsMsg_Create(&made, subject, NULL, text, (int)strlen(text)) !=
	    NATS_OK)
		abort();
	if (header != NULL && natsMsgHeader_Set(made, header, value) != NATS_OK)
		abort();
	return made;
}

static enum err
put(struct on *on, const char *subject, const char *text, const char *name,
    const char *value, struct jetstream_ack *ack, struct err_info *info)
{
	natsMsg *made = message(subject, text, name, value);
	struct jetstream_ack own;
	enum err one;
	enum err result =
	    jetstream_publish(on->broker, &made, 1, GUARD_MS,
			      ack == NULL ? &own : ack, &one, info);

	natsMsg_Destroy(made);
	return result;
}

/* ---- publishing ---- */

struct told { /* to who measures */
	int count;
	int64_t us;
	enum err result;
};

static void
tell(int64_t us, enum err result, void *arg)
{
	struct told *told = arg;

	told->count++;
	told->us = us;
	told->result = result;
}

static void
tells_the_fate_of_each_message(void)
{
	struct on on;
	struct jetstream_ack acks[4];
	struct err_info info = {.text = ""};
	enum err errors[4];
	natsMsg *messages[4];
	struct told told = {.count = 0};

	begin(&on);
	broker_on_published(on.broker, tell, &told);
	messages[0] = message("s.a", "1", "Nats-Msg-Id", "x");
	messages[1] = message("nowhere.a", "1", NULL, NULL);
	messages[2] = message("s.a", "1", "Nats-Msg-Id", "x");
	messages[3] =
	    message("s.b", "1", "Nats-Expected-Last-Subject-Sequence", "7");
	IS_INT("the first that failed",
	       jetstream_publish(on.broker, messages, 4, GUARD_MS, acks, errors,
				 &info),
	       ERR_UNAVAILABLE);
	HAS_TEXT("is named", info.text, "nowhere.a");
	IS_INT("stored", errors[0], ERR_OK);
	OK("as new", !acks[0].duplicate);
	IS_INT("its sequence", (int)acks[0].sequence, 1);
	IS_INT("no stream", errors[1], ERR_UNAVAILABLE);
	IS_INT("known already", errors[2], ERR_OK);
	OK("is said", acks[2].duplicate);
	IS_INT("with the sequence of the first", (int)acks[2].sequence, 1);
	IS_INT("a wrong last sequence", errors[3], ERR_CONFLICT);
	IS_INT("who measures is told once", told.count, 1);
	IS_INT("with the result", told.result, ERR_UNAVAILABLE);
	OK("and the time", told.us > 0 && told.us < GUARD_MS * 1000);
	for (int i = 0; i < 4; i++)
		natsMsg_Destroy(messages[i]);
	finish(&on);
}

static void
maps_the_servers_errors(void)
{
	struct on on;
	struct err_info info = {.text = ""};
	json_auto_t *reply = NULL;
	natsMsg *got = NULL;
	char large[200];
	char *huge = malloc(3000001);

	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	memset(huge, 'x', 3000000);
	huge[3000000] = '\0';
	begin(&on);
	for (int i = 0; i < 3; i++)
		IS_INT("room", put(&on, "t.a", "x", NULL, NULL, NULL, &info),
		       ERR_OK);
	IS_INT("a full stream", put(&on, "t.a", "x", NULL, NULL, NULL, &info),
	       ERR_BUSY);
	HAS_TEXT("in the server's words", info.text,
		 "maximum messages exceeded");
	IS_INT("over the stream's limit",
	       put(&on, "t.a", large, NULL, NULL, NULL, &info), ERR_TOO_LARGE);
	IS_INT("over the server's limit",
	       put(&on, "t.a", huge, NULL, NULL, NULL, &info), ERR_TOO_LARGE);
	IS_INT("no such stream",
	       jetstream_api(on.broker, "STREAM.INFO.NONE", NULL, GUARD_MS,
			     &reply, &info),
	       ERR_NOT_FOUND);
	IS_INT("no such consumer",
	       jetstream_api(on.broker, "CONSUMER.INFO.S.none", NULL, GUARD_MS,
			     &reply, &info),
	       ERR_NOT_FOUND);
	IS_INT("no such message",
	       jetstream_last(on.broker, "S", "s.none", JETSTREAM_LEADER, &got,
			      NULL, &info),
	       ERR_NOT_FOUND);
	IS_INT("read directly",
	       jetstream_last(on.broker, "S", "s.none", JETSTREAM_DIRECT, &got,
			      NULL, &info),
	       ERR_NOT_FOUND);
	IS_INT("a stream without direct gets",
	       jetstream_last(on.broker, "T", "t.a", JETSTREAM_DIRECT, &got,
			      NULL, &info),
	       ERR_TIMEOUT);
	IS_INT(
	    "the server keeps silent on an unknown request",
	    jetstream_api(on.broker, "NO.SUCH.THING", NULL, 50, &reply, &info),
	    ERR_TIMEOUT);
	OK("nothing was given out", reply == NULL && got == NULL);
	free(huge);
	finish(&on);
}

/* ---- reading ---- */

static void
reads_data_and_headers(void)
{
	static const enum jetstream_read ways[] = {JETSTREAM_DIRECT,
						   JETSTREAM_LEADER};
	static const char *const texts[] = {"", "a", "ab", "abc",
					    "\xff\x01 binary \n and more"};
	struct on on;
	struct jetstream_ack ack;
	struct err_info info = {.text = ""};
	const char *value;
	natsMsg *got;
	uint64_t sequence;

	begin(&on);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		IS_INT("put",
		       put(&on, "s.k", texts[i], "Osapi-Signature", "a..b: c",
			   &ack, &info),
		       ERR_OK);
		for (size_t way = 0; way < 2; way++) {
			got = NULL;
			value = NULL;
			sequence = 0;
			IS_INT("read",
			       jetstream_last(on.broker, "S", "s.k", ways[way],
					      &got, &sequence, &info),
			       ERR_OK);
			IS_INT("its sequence", (int)sequence,
			       (int)ack.sequence);
			IS_INT("its size", natsMsg_GetDataLength(got),
			       (int)strlen(texts[i]));
			OK("its octets", memcmp(natsMsg_GetData(got), texts[i],
						strlen(texts[i])) == 0);
			(void)natsMsgHeader_Get(got, "Osapi-Signature", &value);
			IS_TEXT("its header", value, "a..b: c");
			natsMsg_Destroy(got);
		}
	}
	finish(&on);
}

/* ---- streams and consumers ---- */

static void
updates_only_what_differs(void)
{
	struct on on;
	struct err_info info = {.text = ""};
	json_auto_t *reply = NULL;
	json_auto_t *same = NULL;

	begin(&on);
	ensure(&on, "{\"name\":\"T\",\"subjects\":[\"t.>\"],\"max_msgs\":5,"
		    "\"deny_delete\":false}");
	IS_INT("read",
	       jetstream_api(on.broker, "STREAM.INFO.T", NULL, GUARD_MS, &reply,
			     &info),
	       ERR_OK);
	same = json_copy(json_object_get(reply, "config"));
	IS_INT("changed", json_member_int(same, "max_msgs", -1), 5);
	IS_TEXT("what was not named stays", json_member_string(same, "discard"),
		"new");
	IS_INT("so does this", json_member_int(same, "max_msg_size", -1), 100);
	IS_INT("the server's own words are no change",
	       jetstream_stream_ensure(on.broker, same, &info), ERR_OK);
	(void)json_object_set_new(same, "subjects", json_pack("[s]", "s.x"));
	IS_INT("subjects of another stream",
	       jetstream_stream_ensure(on.broker, same, &info), ERR_INVALID);
	HAS_TEXT("in the server's words", info.text, "overlap");
	IS_INT("a stream without a name",
	       jetstream_stream_ensure(on.broker, reply, &info), ERR_INVALID);
	finish(&on);
}

/* ---- delivery ---- */

struct inbox {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	natsMsg *messages[64];
	size_t put;
	size_t taken;
};

static void
receive(natsMsg *got, void *arg)
{
	struct inbox *inbox = arg;

	(void)pthread_mutex_lock(&inbox->mutex);
	if (inbox->put < 64)
		inbox->messages[inbox->put++] = got;
	else
		natsMsg_Destroy(got);
	(void)pthread_cond_broadcast(&inbox->changed);
	(void)pthread_mutex_unlock(&inbox->mutex);
}

/* The next message, in order; NULL: none came. */
static natsMsg *
take(struct inbox *inbox)
{
	struct timespec end;
	natsMsg *got = NULL;
	int failed = 0;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += GUARD_MS / 1000;
	(void)pthread_mutex_lock(&inbox->mutex);
	while (inbox->taken == inbox->put && failed == 0)
		failed = pthread_cond_timedwait(&inbox->changed, &inbox->mutex,
						&end);
	if (inbox->taken < inbox->put)
		got = inbox->messages[inbox->taken++];
	(void)pthread_mutex_unlock(&inbox->mutex);
	return got;
}

/* The text of a message, or NO_MORE with its status; destroys it. */
static void
is_next(struct inbox *inbox, const char *why, const char *text, int deliveries,
	char reply[static 256])
{
	struct jetstream_meta meta = {.deliveries = 0};
	natsMsg *got = take(inbox);

	if (got == NULL) {
		OK(why, false);
		return;
	}
	IS_INT(why, jetstream_status(got), 0);
	IS_TEXT(why, natsMsg_GetData(got), text);
	IS_INT("its subject tells", jetstream_meta(got, &meta), ERR_OK);
	IS_INT("how often it was sent", (int)meta.deliveries, deliveries);
	OK("when it was stored", meta.timestamp_ns > 0);
	OK("its place", meta.stream_sequence > 0);
	(void)snprintf(reply, 256, "%s", natsMsg_GetReply(got));
	natsMsg_Destroy(got);
}

static void
is_status(struct inbox *inbox, const char *why, int status)
{
	natsMsg *got = take(inbox);

	IS_INT(why, got == NULL ? -1 : jetstream_status(got), status);
	natsMsg_Destroy(got);
}

static void
make_consumer(struct on *on)
{
	struct err_info info = {.text = ""};
	json_auto_t *config =
	    json_pack("{s:s, s:s, s:s, s:I}", "durable_name", "c",
		      "filter_subject", "s.job.*", "ack_policy", "explicit",
		      "ack_wait", (json_int_t)(60 * CLOCK_NS_PER_S));

	IS_INT("made",
	       jetstream_consumer_ensure(on->broker, "S", config, &info),
	       ERR_OK);
	IS_INT("there already",
	       jetstream_consumer_ensure(on->broker, "S", config, &info),
	       ERR_OK);
	(void)json_object_set_new(config, "max_deliver", json_integer(9));
	IS_INT("changed",
	       jetstream_consumer_ensure(on->broker, "S", config, &info),
	       ERR_OK);
	(void)json_object_set_new(config, "replay_policy",
				  json_string("original"));
	IS_INT("refused",
	       jetstream_consumer_ensure(on->broker, "S", config, &info),
	       ERR_INVALID);
	IS_INT("of no stream",
	       jetstream_consumer_ensure(on->broker, "NONE", config, &info),
	       ERR_NOT_FOUND);
}

static void
pull(struct on *on, const char *subject, int batch, int64_t expires_ms)
{
	IS_INT("asked",
	       jetstream_pull(on->broker, "S", "c", subject, batch, expires_ms,
			      0, NULL),
	       ERR_OK);
}

/* Waits until the consumer's state has this: the server counts later than it
 * answers. */
static bool
comes_to(struct on *on, const char *member, json_int_t wanted)
{
	int64_t end = clock_mono_ms() + GUARD_MS;
	json_int_t got;

	do {
		json_auto_t *reply = NULL;

		(void)jetstream_api(on->broker, "CONSUMER.INFO.S.c", NULL,
				    GUARD_MS, &reply, NULL);
		got = json_member_int(reply, member, -1);
	} while (got != wanted && clock_mono_ms() < end);
	return got == wanted;
}

static void
delivers_and_is_answered(void)
{
	struct inbox inbox = {.mutex = PTHREAD_MUTEX_INITIALIZER,
			      .changed = PTHREAD_COND_INITIALIZER};
	struct broker_subscription *subscription = NULL;
	struct on on;
	json_auto_t *reply = NULL;
	char subject[128];
	char first[256];
	char second[256];

	begin(&on);
	make_consumer(&on);
	(void)broker_inbox(on.broker, subject);
	(void)broker_subscribe(on.broker, subject, receive, &inbox,
			       &subscription, NULL);
	pull(&on, subject, 1, 0);
	is_status(&inbox, "nothing there", 404);
	pull(&on, subject, 1, 50);
	is_status(&inbox, "nothing came", 408);
	(void)put(&on, "s.job.a", "1", NULL, NULL, NULL, NULL);
	(void)put(&on, "s.other", "x", NULL, NULL, NULL, NULL);
	(void)put(&on, "s.job.b", "2", NULL, NULL, NULL, NULL);
	pull(&on, subject, 2, GUARD_MS);
	is_next(&inbox, "the first", "1", 1, first);
	is_next(&inbox, "the second", "2", 1, second);
	IS_INT("still busy", jetstream_progress(on.broker, first), ERR_OK);
	IS_INT("done", jetstream_ack(on.broker, first), ERR_OK);
	IS_INT("again, soon", jetstream_nak(on.broker, second, 0), ERR_OK);
	pull(&on, subject, 1, GUARD_MS);
	is_next(&inbox, "it comes again", "2", 2, second);
	IS_INT("later", jetstream_nak(on.broker, second, 300), ERR_OK);
	pull(&on, subject, 1, GUARD_MS);
	is_next(&inbox, "and again", "2", 3, second);
	IS_INT("never", jetstream_terminate(on.broker, second), ERR_OK);
	pull(&on, subject, 1, 0);
	is_status(&inbox, "nothing is left", 404);
	OK("nothing waits for an answer", comes_to(&on, "num_ack_pending", 0));
	pull(&on, subject, 1, GUARD_MS);
	OK("a pull is open", comes_to(&on, "num_waiting", 1));
	IS_INT("deleted",
	       jetstream_api(on.broker, "CONSUMER.DELETE.S.c", NULL, GUARD_MS,
			     &reply, NULL),
	       ERR_OK);
	is_status(&inbox, "a pull ends with its consumer", 409);
	IS_INT("not a delivered message", jetstream_ack(on.broker, "a.b"),
	       ERR_INVALID);
	broker_unsubscribe(subscription);
	finish(&on);
}

static void
reads_what_a_reply_subject_says(void)
{
	static const struct {
		const char *why;
		const char *reply;
		enum err result;
	} rows[] = {
	    {"as nats-server sends it", "$JS.ACK.S.c.2.11.7.1700000000.3",
	     ERR_OK},
	    {"with domain and account",
	     "$JS.ACK._.hash.S.c.2.11.7.1700000000.3.token", ERR_OK},
	    {"the same without its last token",
	     "$JS.ACK._.hash.S.c.2.11.7.1700000000.3", ERR_OK},
	    {"too short", "$JS.ACK.S.c.2.11.7.1700000000", ERR_INVALID},
	    {"ten tokens", "$JS.ACK.S.c.2.11.7.1700000000.3.4", ERR_INVALID},
	    {"not a number", "$JS.ACK.S.c.2.x.7.1700000000.3", ERR_INVALID},
	    {"negative", "$JS.ACK.S.c.2.-1.7.1700000000.3", ERR_INVALID},
	    {"empty", "$JS.ACK.S.c.2..7.1700000000.3", ERR_INVALID},
	    {"another subject", "_INBOX.S.c.2.11.7.1700000000.3", ERR_INVALID},
	    {"none", NULL, ERR_INVALID},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jetstream_meta meta = {.deliveries = 99};
		natsMsg *made = NULL;

		(void)natsMsg_Create(&made, "a", rows[i].reply, "", 0);
		IS_INT(rows[i].why, jetstream_meta(made, &meta),
		       rows[i].result);
		natsMsg_Destroy(made);
		if (rows[i].result != ERR_OK) {
			IS_INT("untouched", (int)meta.deliveries, 99);
			continue;
		}
		IS_INT("deliveries", (int)meta.deliveries, 2);
		IS_INT("stream", (int)meta.stream_sequence, 11);
		IS_INT("consumer", (int)meta.consumer_sequence, 7);
		IS_INT("time", (int)meta.timestamp_ns, 1700000000);
		IS_INT("pending", (int)meta.pending, 3);
	}
}

/* ---- a mute consumer ---- */

#define RACE_ROUNDS 1500 /* a guard; one of some hundred is mute */

/* The stream of this round, and what its subjects begin with.  Each has a name
 * of its own: nats-server 2.9 can lose one that is made again under the name of
 * one that was just deleted (seen). */
static char raced[16];

static char *
of_raced(const char *before, const char *after, char buf[static 64])
{
	(void)snprintf(buf, 64, "%s%s%s", before, raced, after);
	return buf;
}

/* A message on a subject with its name, which must go off. */
static natsMsg *
to_raced(const char *before, const char *after, const char *body)
{
	char subject[64];

	return message(of_raced(before, after, subject), body, NULL, NULL);
}

/* Whether the consumer c refuses nonsense: its answer and the
 * acknowledgement of what is published then have one way, so it comes first or
 * never. */
static bool
answers(struct broker *broker)
{
	natsMsg *asked = to_raced("$JS.API.CONSUMER.MSG.NEXT.", ".c", "{");
	natsMsg *after = to_raced("", ".after", "");
	struct broker_call call;
	struct jetstream_ack ack;
	natsMsg *answer = NULL;
	enum err error;
	bool came;

	IS_INT("asked", broker_ask(broker, &call, &asked, 1, &answer, NULL),
	       ERR_OK);
	IS_INT(
	    "acknowledged",
	    jetstream_publish(broker, &after, 1, GUARD_MS, &ack, &error, NULL),
	    ERR_OK);
	(void)broker_collect(broker, &call, 1, NULL);
	came = answer != NULL;
	natsMsg_Destroy(answer);
	natsMsg_Destroy(after);
	natsMsg_Destroy(asked);
	return came;
}

/* Makes a stream, and meanwhile from a second connection its consumer. */
static void
race(struct on *on, struct broker *second, unsigned round)
{
	char name[64];
	char what[64];
	json_auto_t *config = NULL;
	json_auto_t *consumer = NULL;
	json_auto_t *there = NULL;
	struct broker_call call;
	natsMsg *stream = NULL;
	natsMsg *made = NULL;
	char *text;

	(void)snprintf(raced, sizeof(raced), "M%u", round);
	config = json_pack("{s:s, s:[s]}", "name", raced, "subjects",
			   of_raced("", ".>", name));
	consumer = json_pack("{s:s, s:{s:s, s:s, s:s, s:s}}", "stream_name",
			     raced, "config", "name", "c", "durable_name", "c",
			     "ack_policy", "explicit", "filter_subject", name);
	text = json_dumps(config, 0);
	stream = to_raced("$JS.API.STREAM.CREATE.", "", text);
	free(text);
	(void)snprintf(what, sizeof(what), "CONSUMER.CREATE.%s.c.%s.>", raced,
		       raced);
	IS_INT("asked", broker_ask(on->broker, &call, &stream, 1, &made, NULL),
	       ERR_OK);
	while (jetstream_api(second, what, consumer, GUARD_MS, &there, NULL) !=
	       ERR_OK)
		;
	IS_INT("made", broker_collect(on->broker, &call, GUARD_MS, NULL),
	       ERR_OK);
	natsMsg_Destroy(made);
	natsMsg_Destroy(stream);
}

static void
remove_stream(struct broker *broker)
{
	json_auto_t *deleted = NULL;
	char what[64];

	(void)jetstream_api(broker, of_raced("STREAM.DELETE.", "", what), NULL,
			    GUARD_MS, &deleted, NULL);
}

/* Waits until the consumer c has so many in `member`. */
static bool
has_come_to(struct broker *broker, const char *member, json_int_t wanted)
{
	int64_t end = clock_mono_ms() + GUARD_MS;
	char what[64];
	json_int_t got;

	of_raced("CONSUMER.INFO.", ".c", what);
	do {
		json_auto_t *there = NULL;

		(void)jetstream_api(broker, what, NULL, GUARD_MS, &there, NULL);
		got = json_member_int(json_object_get(there, member),
				      "consumer_seq", 0);
	} while (got != wanted && clock_mono_ms() < end);
	return got == wanted;
}

/* What the mute consumer has sent to nobody is acknowledged all the same. */
static void
acknowledge_one(struct broker *broker)
{
	natsMsg *ack = to_raced("$JS.ACK.", ".c.1.1.1.1700000000.0", "+ACK");
	natsMsg *pull = to_raced("$JS.API.CONSUMER.MSG.NEXT.", ".c", "1");
	struct broker_call call;
	natsMsg *answer = NULL;

	IS_INT("a pull", broker_ask(broker, &call, &pull, 1, &answer, NULL),
	       ERR_OK);
	OK("sent to nobody", has_come_to(broker, "delivered", 1));
	(void)broker_publish(broker, ack, NULL);
	OK("acknowledged", has_come_to(broker, "ack_floor", 1));
	(void)broker_collect(broker, &call, 1, NULL);
	natsMsg_Destroy(answer);
	natsMsg_Destroy(pull);
	natsMsg_Destroy(ack);
}

/* nats-server 2.9 has such; whether this one does. */
static bool
find_mute(struct on *on, struct broker *second)
{
	static unsigned round;

	for (int i = 0; i < RACE_ROUNDS; i++) {
		race(on, second, round++);
		if (!answers(second))
			return true;
		remove_stream(second);
	}
	return false;
}

static enum err
ensure_raced(struct on *on, struct err_info *info)
{
	char filter[64];
	json_auto_t *config =
	    json_pack("{s:s, s:s, s:s}", "durable_name", "c", "filter_subject",
		      of_raced("", ".>", filter), "ack_policy", "explicit");

	return jetstream_consumer_ensure(on->broker, raced, config, info);
}

static void
makes_a_mute_consumer_anew(void)
{
	struct broker *second = NULL;
	struct err_info info = {.text = ""};
	struct on on;

	begin(&on);
	if (broker_new(nats_server_config(on.server, ""), "second", &second,
		       &info) != ERR_OK ||
	    broker_wait(second, GUARD_MS) != ERR_OK)
		abort();
	if (find_mute(&on, second)) {
		IS_INT("as if it were there", ensure_raced(&on, &info), ERR_OK);
		OK("it answers", answers(second));
	}
	remove_stream(second);
	if (find_mute(&on, second)) {
		acknowledge_one(second);
		IS_INT("one that has been of use is only waited for",
		       ensure_raced(&on, &info), ERR_TIMEOUT);
		HAS_TEXT("is named", info.text, "consumer c of stream M");
	}
	broker_free(second);
	finish(&on);
}

const struct unit_case unit_cases[] = {
    {"tells the fate of each message", tells_the_fate_of_each_message},
    {"maps the server's errors", maps_the_servers_errors},
    {"reads data and headers in both ways", reads_data_and_headers},
    {"updates only what differs", updates_only_what_differs},
    {"delivers, and answers deliveries", delivers_and_is_answered},
    {"makes a consumer anew that is mute", makes_a_mute_consumer_anew},
    {"reads what a reply subject says", reads_what_a_reply_subject_says},
    {NULL, NULL},
};

const char unit_name[] = "jetstream";
