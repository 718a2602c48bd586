/*
 * t/unit/follower.c: what a follower has told is what the bucket holds, after
 * whatever happened to the server, the connection, the bucket and the queue.
 *
 * A witness applies what the follower tells to a table of keys; at the end
 * the table is compared with what the server answers for each key.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/follower.h"
#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/log.h"
#include "lib/store.h"
#include "t/support/await.h"
#include "t/support/cut_proxy.h"
#include "t/support/nats_server.h"
#include "t/unit/unit.h"

#define GUARD_MS 60000 /* a failure guard, not a limit */
#define KEYS     500

/* ---- the witness ---- */

struct told {
	bool there; /* and not deleted */
	uint64_t revision;
	char value[64];
};

static struct witness {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct told keys[KEYS];
	uint64_t last; /* revision */
	uint64_t changes;
	unsigned resets;
	unsigned backwards; /* revisions that did not increase; must stay 0 */
	enum follower_op last_op;
	char last_header[64]; /* "Note" of the last change */
	bool blocked;         /* the callback is to wait */
	bool waits;           /* it does */
} witness;

static void
witness_reset(void)
{
	static bool ready;
	pthread_condattr_t attributes;

	if (!ready) {
		pthread_condattr_init(&attributes);
		pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
		pthread_cond_init(&witness.changed, &attributes);
		pthread_condattr_destroy(&attributes);
		pthread_mutex_init(&witness.mutex, NULL);
		ready = true;
	}
	pthread_mutex_lock(&witness.mutex);
	memset(witness.keys, 0, sizeof(witness.keys));
	witness.last = witness.changes = 0;
	witness.resets = witness.backwards = 0;
	witness.blocked = witness.waits = false;
	pthread_mutex_unlock(&witness.mutex);
}

static void
witness_change(const struct follower_change *change)
{
	unsigned long at = strtoul(change->key + strlen("key."), NULL, 10);
	const char *note = "";
	struct told *told;

	if (at >= KEYS)
		return;
	told = &witness.keys[at];
	witness.backwards += change->revision <= witness.last;
	witness.last = change->revision;
	told->revision = change->revision;
	told->there = change->op == FOLLOWER_PUT;
	snprintf(told->value, sizeof(told->value), "%.*s", (int)change->size,
		 change->value ? change->value : "");
	natsMsgHeader_Get(change->message, "Note", &note);
	snprintf(witness.last_header, sizeof(witness.last_header), "%s", note);
}

static void
apply(const struct follower_change *change, void *arg)
{
	(void)arg;
	if (change->op == FOLLOWER_FILL)
		return;
	pthread_mutex_lock(&witness.mutex);
	witness.waits = witness.blocked;
	while (witness.blocked)
		pthread_cond_wait(&witness.changed, &witness.mutex);
	witness.changes++;
	witness.last_op = change->op;
	if (change->op == FOLLOWER_RESET) {
		memset(witness.keys, 0, sizeof(witness.keys));
		witness.last = 0;
		witness.resets++;
	} else {
		witness_change(change);
	}
	pthread_cond_broadcast(&witness.changed);
	pthread_mutex_unlock(&witness.mutex);
}

static void
block(bool blocked)
{
	pthread_mutex_lock(&witness.mutex);
	witness.blocked = blocked;
	pthread_cond_broadcast(&witness.changed);
	pthread_mutex_unlock(&witness.mutex);
}

static bool
witness_waits(void)
{
	bool waits;

	pthread_mutex_lock(&witness.mutex);
	waits = witness.waits;
	pthread_mutex_unlock(&witness.mutex);
	return waits;
}

/* Waits until the witness was told of a revision (after `resets` resets). */
static bool
await_after(uint64_t revision, unsigned resets)
{
	struct timespec deadline = clock_mono_deadline(GUARD_MS);
	int error = 0;
	bool good;

	pthread_mutex_lock(&witness.mutex);
	while ((witness.last < revision || witness.resets < resets) &&
	       error == 0)
		error = pthread_cond_timedwait(&witness.changed, &witness.mutex,
					       &deadline);
	good = witness.last >= revision && witness.resets >= resets;
	pthread_mutex_unlock(&witness.mutex);
	return good;
}

static bool
await(uint64_t revision)
{
	return await_after(revision, 0);
}

/* ---- server, bucket ---- */

static struct nats_server *server;
static struct broker *writer;

static struct broker *
begin_to_connect(int port)
{
	struct config_nats config = *nats_server_config(server, "");
	struct broker *broker = NULL;
	struct err_info info = {.text = ""};

	config.port = port;
	if (broker_new(&config, "test", &broker, &info) != ERR_OK) {
		fprintf(stderr, "%s\n", info.text);
		abort();
	}
	return broker;
}

static struct broker *
connect_to(int port)
{
	struct broker *broker = begin_to_connect(port);

	OK("connected", broker_wait(broker, GUARD_MS) == ERR_OK);
	return broker;
}

static void
begin(void)
{
	static unsigned number;
	char name[32];

	snprintf(name, sizeof(name), "nats-%u", number++);
	witness_reset();
	log_init("unit", LOG_FORMAT_AUTO, LOG_LEVEL_WARNING);
	server = nats_server_start(unit_directory(), name, NULL);
	writer = connect_to(nats_server_port(server));
}

static void
end(void)
{
	broker_free(writer);
	nats_server_free(server);
}

static void
make_bucket(const char *bucket, bool republish)
{
	struct err_info info = {.text = ""};
	json_auto_t *config = NULL;
	char stream[64];
	char subject[64];
	char live[64];

	snprintf(stream, sizeof(stream), "KV_%s", bucket);
	snprintf(subject, sizeof(subject), "$KV.%s.>", bucket);
	snprintf(live, sizeof(live), "%s%s.>", STORE_CHANGES_PREFIX, bucket);
	config = json_pack("{s:s, s:[s], s:i, s:b, s:b, s:s}", "name", stream,
			   "subjects", subject, "max_msgs_per_subject", 1,
			   "allow_rollup_hdrs", 1, "allow_direct", 1, "discard",
			   "new");
	if (republish)
		json_object_set_new(
		    config, "republish",
		    json_pack("{s:s, s:s}", "src", subject, "dest", live));
	if (jetstream_stream_ensure(writer, config, &info) != ERR_OK) {
		fprintf(stderr, "%s\n", info.text);
		abort();
	}
}

static void
remove_bucket(const char *bucket)
{
	json_t *reply = NULL;
	char what[64];

	snprintf(what, sizeof(what), "STREAM.DELETE.KV_%s", bucket);
	if (jetstream_api(writer, what, NULL, GUARD_MS, &reply, NULL) == ERR_OK)
		json_decref(reply);
}

struct header {
	const char *name; /* NULL: none */
	const char *value;
};

/* Stores and returns the revision; tries again until it is acknowledged, with
 * an id that makes this safe. */
static uint64_t
put(const char *bucket, unsigned key, const char *value,
    const struct header *header)
{
	static atomic_uint id;
	int64_t until_ms = clock_mono_ms() + GUARD_MS;
	struct jetstream_ack ack = {.sequence = 0};
	natsMsg *message = NULL;
	char subject[128];
	char msg_id[32];
	enum err one;

	snprintf(subject, sizeof(subject), "$KV.%s.key.%u", bucket, key);
	snprintf(msg_id, sizeof(msg_id), "%u", atomic_fetch_add(&id, 1));
	natsMsg_Create(&message, subject, NULL, value, (int)strlen(value));
	natsMsgHeader_Set(message, "Nats-Msg-Id", msg_id);
	for (; header && header->name; header++)
		natsMsgHeader_Set(message, header->name, header->value);
	while (jetstream_publish(writer, &message, 1, 500, &ack, &one, NULL) !=
	       ERR_OK) {
		if (clock_mono_ms() > until_ms) {
			fprintf(stderr, "cannot store %s\n", subject);
			abort();
		}
		broker_wait(writer, 500);
	}
	natsMsg_Destroy(message);
	return ack.sequence;
}

static uint64_t
put_many(const char *bucket, unsigned count)
{
	uint64_t last = 0;
	char value[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(value, sizeof(value), "%u", i);
		last = put(bucket, i % KEYS, value, NULL);
	}
	return last;
}

/* Compares the witness with what the server answers for each key. */
static void
check_equal(const char *why, const char *bucket, unsigned keys)
{
	unsigned wrong = 0;
	char stream[64];

	snprintf(stream, sizeof(stream), "KV_%s", bucket);
	for (unsigned i = 0; i < keys; i++) {
		const struct told *told = &witness.keys[i];
		natsMsg *message = NULL;
		uint64_t sequence = 0;
		char subject[128];

		snprintf(subject, sizeof(subject), "$KV.%s.key.%u", bucket, i);
		if (jetstream_last(writer, stream, subject, JETSTREAM_LEADER,
				   &message, &sequence, NULL) != ERR_OK) {
			wrong += told->revision != 0;
			continue;
		}
		wrong += sequence != told->revision ||
			 strlen(told->value) !=
			     (size_t)natsMsg_GetDataLength(message) ||
			 strncmp(told->value, natsMsg_GetData(message),
				 strlen(told->value)) != 0;
		natsMsg_Destroy(message);
	}
	IS_INT(why, wrong, 0);
	IS_INT("numbers only grow", witness.backwards, 0);
}

static struct follower *
follow(struct broker *broker, const char *bucket)
{
	struct follower *follower = NULL;
	struct err_info info = {.text = ""};

	if (follower_new(broker, bucket, apply, NULL, &follower, &info) !=
	    ERR_OK) {
		fprintf(stderr, "%s\n", info.text);
		abort();
	}
	return follower;
}

static struct follower_state
state_of(struct follower *follower)
{
	struct follower_state state;

	follower_state(follower, &state);
	return state;
}

static bool
is_ready(struct follower *follower)
{
	return state_of(follower).ready;
}

static bool
await_ready(struct follower *follower, bool wanted)
{
	return AWAIT(is_ready(follower) == wanted);
}

/* ---- cases ---- */

/* Follows a new bucket "things". */
static struct follower *
begin_following(struct broker **reader, bool republish)
{
	begin();
	make_bucket("things", republish);
	*reader = connect_to(nats_server_port(server));
	return follow(*reader, "things");
}

static void
end_following(struct follower *follower, struct broker *reader)
{
	follower_free(follower);
	broker_free(reader);
	end();
}

static void
fills_then_follows(void)
{
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	begin();
	make_bucket("things", true);
	put_many("things", 1000);
	reader = connect_to(nats_server_port(server));
	follower = follow(reader, "things");
	last = put_many("things", 300);
	OK("all are told", await(last));
	check_equal("as the bucket holds them", "things", KEYS);
	OK("it is ready", await_ready(follower, true));
	OK("the number is known", AWAIT(state_of(follower).applied == last));
	OK("nothing is left to apply", AWAIT(state_of(follower).lag == 0));
	end_following(follower, reader);
}

static void
tells_operation_value_and_headers(void)
{
	static const struct {
		const char *why;
		struct header headers[4];
		enum follower_op op;
	} rows[] = {
	    {"a put", {{"Note", "one"}}, FOLLOWER_PUT},
	    {"a delete",
	     {{"Note", "two"}, {"KV-Operation", "DEL"}},
	     FOLLOWER_DELETE},
	    {"a purge",
	     {{"Note", "three"},
	      {"KV-Operation", "PURGE"},
	      {"Nats-Rollup", "sub"}},
	     FOLLOWER_PURGE},
	};
	struct follower *follower;
	struct broker *reader;

	begin();
	make_bucket("things", true);
	for (unsigned live = 0; live < 2; live++) {
		reader = connect_to(nats_server_port(server));
		witness_reset();
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			uint64_t last = 0;

			if (!live)
				last = put("things", 7, "v", rows[i].headers);
			follower = follow(reader, "things");
			OK("filled", live == 0 || await(1));
			if (live)
				last = put("things", 7, "v", rows[i].headers);
			OK("it is told", await(last));
			IS_INT(rows[i].why, witness.last_op, rows[i].op);
			IS_TEXT("with its headers", witness.last_header,
				rows[i].headers[0].value);
			follower_free(follower);
			witness_reset();
		}
		broker_free(reader);
	}
	end();
}

static void
waits_for_server_and_bucket(void)
{
	struct follower_state state;
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	begin();
	nats_server_kill(server);
	reader = begin_to_connect(nats_server_port(server));
	follower = follow(reader, "things");
	OK("nothing is ready without a server", !is_ready(follower));
	nats_server_restart(server);
	broker_wait(reader, GUARD_MS);
	broker_wait(writer, GUARD_MS);
	make_bucket("things", true);
	last = put_many("things", 10);
	OK("it finds the bucket once it is made", await(last));
	check_equal("and its content", "things", 10);
	follower_state(follower, &state);
	IS_INT("a bucket that was not there before is no other bucket",
	       state.resets, 0);
	end_following(follower, reader);
}

struct writing {
	const char *bucket;
	unsigned count;
	uint64_t last;
	atomic_uint done;
};

static void *
write_main(void *arg)
{
	struct writing *writing = arg;
	char value[32];

	for (unsigned i = 0; i < writing->count; i++) {
		snprintf(value, sizeof(value), "%u", i);
		writing->last = put(writing->bucket, i * 7 % KEYS, value, NULL);
		atomic_fetch_add(&writing->done, 1);
	}
	return NULL;
}

/* Waits until the writer has come this far. */
static void
await_writes(struct writing *writing, unsigned count)
{
	OK("they are written", AWAIT(atomic_load(&writing->done) >= count));
}

static void
survives_kill_and_restart(void)
{
	struct writing writing = {.bucket = "things", .count = 10000};
	struct follower *follower;
	struct broker *reader;
	pthread_t thread;

	follower = begin_following(&reader, true);
	pthread_create(&thread, NULL, write_main, &writing);
	for (unsigned i = 1; i <= 4; i++) {
		await_writes(&writing, i * 2000);
		nats_server_kill(server);
		nats_server_restart(server);
	}
	pthread_join(thread, NULL);
	OK("the last change is told", await(writing.last));
	check_equal(
	    "after four kills in 10,000 changes all is as in the bucket",
	    "things", KEYS);
	IS_INT("the bucket is still the same one", witness.resets, 0);
	end_following(follower, reader);
}

static void
survives_a_flapping_connection(void)
{
	struct writing writing = {.bucket = "things", .count = 10000};
	struct follower_state state;
	struct cut_proxy *proxy;
	struct follower *follower;
	struct broker *reader;
	pthread_t thread;
	unsigned until;

	begin();
	make_bucket("things", true);
	proxy = cut_proxy_start(nats_server_port(server));
	reader = connect_to(cut_proxy_port(proxy));
	follower = follow(reader, "things");
	OK("it follows", await(put_many("things", 5)));
	pthread_create(&thread, NULL, write_main, &writing);
	/* Cut again 1 to 200 writes after each time that it was connected. */
	for (unsigned cuts = 0; atomic_load(&writing.done) < writing.count;
	     cuts++) {
		broker_wait(reader, GUARD_MS);
		until = atomic_load(&writing.done) + 1 + cuts * 37 % 200;
		await_writes(&writing,
			     until < writing.count ? until : writing.count);
		cut_proxy_cut(proxy, false);
	}
	pthread_join(thread, NULL);
	OK("the last change is told", await(writing.last));
	check_equal("after cuts all along all is as in the bucket", "things",
		    KEYS);
	follower_state(follower, &state);
	OK("cuts made it replay", state.fills > 1);
	follower_free(follower);
	broker_free(reader);
	cut_proxy_free(proxy);
	end();
}

static void
notices_another_bucket_of_the_name(void)
{
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	follower = begin_following(&reader, true);
	OK("the first bucket is followed", await(put_many("things", 200)));
	remove_bucket("things");
	make_bucket("things", true);
	/* More than before, so that the numbers alone do not tell. */
	last = put_many("things", 450);
	OK("the second is followed after a reset", await_after(last, 1));
	check_equal("and only its content is known", "things", KEYS);
	end_following(follower, reader);
}

/* Publishes without waiting for each; the sequence is read from the server. */
static void
flood(const char *bucket, unsigned count)
{
	char subject[64];
	char value[32];

	for (unsigned i = 0; i < count; i++) {
		natsMsg *message = NULL;

		snprintf(subject, sizeof(subject), "$KV.%s.key.%u", bucket,
			 i % KEYS);
		snprintf(value, sizeof(value), "%u", i);
		natsMsg_Create(&message, subject, NULL, value,
			       (int)strlen(value));
		broker_publish(writer, message, NULL);
		natsMsg_Destroy(message);
	}
}

static void
overflow_is_mended(void)
{
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	follower = begin_following(&reader, true);
	OK("it follows", await(put_many("things", 5)));
	block(true);
	flood("things", FOLLOWER_QUEUE_MAX + 5000);
	OK("the queue was full", AWAIT(state_of(follower).overflows > 0));
	block(false);
	last = put_many("things", 5);
	OK("all that was dropped is read again", await(last));
	check_equal("and is as in the bucket", "things", KEYS);
	end_following(follower, reader);
}

/* A live message with this number, as the server makes it. */
static void
forge(const char *bucket, unsigned key, uint64_t number)
{
	natsMsg *message = NULL;
	char subject[128];
	char text[32];

	snprintf(subject, sizeof(subject), "%s%s.key.%u", STORE_CHANGES_PREFIX,
		 bucket, key);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	natsMsg_Create(&message, subject, NULL, "forged", 6);
	natsMsgHeader_Set(message, "Nats-Sequence", text);
	broker_publish(writer, message, NULL);
	natsMsg_Destroy(message);
}

static void
gap_in_the_numbers_is_mended(void)
{
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	follower = begin_following(&reader, true);
	last = put_many("things", 20);
	OK("it follows", await(last) && await_ready(follower, true));
	forge("things", 3, last + 100);
	forge("things", 4, last);
	forge("things", 5, 0);
	last = put_many("things", 10);
	OK("what comes later is told", await(last));
	OK("the gap made it read again", AWAIT(state_of(follower).fills > 1));
	check_equal("and nothing but what the bucket holds is known", "things",
		    KEYS);
	end_following(follower, reader);
}

/* As the server announces what several connections have stored. */
static void
numbers_out_of_turn_are_put_in_order(void)
{
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	follower = begin_following(&reader, true);
	OK("it follows", await_ready(follower, true));
	block(true);
	last = put_many("things", 1);
	OK("it is at work", AWAIT(witness_waits()));
	forge("things", 4, last + 3);
	forge("things", 3, last + 2);
	forge("things", 2, last + 1);
	OK("three came meanwhile", AWAIT(state_of(follower).lag == 3));
	block(false);
	OK("all are told", await(last + 3));
	IS_INT("in their order", witness.backwards, 0);
	IS_INT("nothing was read again", state_of(follower).fills, 1);
	put_many("things", 3);
	end_following(follower, reader);
}

static void
bucket_without_republish_is_followed_too(void)
{
	struct follower *follower;
	struct broker *reader;

	follower = begin_following(&reader, false);
	OK("what was there", await(put_many("things", 20)));
	OK("what comes later", await(put_many("things", 20)));
	check_equal("as the bucket holds it", "things", 20);
	end_following(follower, reader);
}

static void
purge(const char *bucket, unsigned key)
{
	json_auto_t *reply = NULL;
	json_auto_t *body = json_pack(
	    "{s:o}", "filter", json_sprintf("$KV.%s.key.%u", bucket, key));
	char what[64];

	snprintf(what, sizeof(what), "STREAM.PURGE.KV_%s", bucket);
	IS_INT("purged",
	       jetstream_api(writer, what, body, GUARD_MS, &reply, NULL),
	       ERR_OK);
}

/* The server sets all consumers to the end of the stream. */
static void
delete_during_a_fill_loses_nothing(void)
{
	static const struct {
		unsigned behind;
		const char *why;
	} rows[] = {
	    {10, "as the bucket holds it, where more is stored behind"},
	    {0, "as the bucket holds it, where nothing is"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct follower *follower;
		struct broker *reader;

		begin();
		make_bucket("things", true);
		put_many("things", 400);
		block(true);
		reader = connect_to(nats_server_port(server));
		follower = follow(reader, "things");
		OK("it is at work", AWAIT(witness_waits()));
		purge("things", 399);
		put_many("things", rows[i].behind);
		block(false);
		OK("it is ready", await_ready(follower, true));
		OK("all came", await(rows[i].behind ? 410 : 399));
		check_equal(rows[i].why, "things", 399);
		end_following(follower, reader);
	}
}

static void
frozen_server_makes_it_unready(void)
{
	struct follower *follower;
	struct broker *reader;
	uint64_t last;

	follower = begin_following(&reader, true);
	OK("it follows", await(put_many("things", 5)));
	OK("it is ready", await_ready(follower, true));
	nats_server_freeze(server);
	OK("out of step for long it is not", await_ready(follower, false));
	nats_server_thaw(server);
	last = put_many("things", 5);
	OK("it goes on", await(last));
	OK("and is ready again", await_ready(follower, true));
	end_following(follower, reader);
}

const char unit_name[] = "follower";
const struct unit_case unit_cases[] = {
    {"it fills, then follows", fills_then_follows},
    {"it tells operation, value and headers",
     tells_operation_value_and_headers},
    {"it waits for server and bucket", waits_for_server_and_bucket},
    {"it survives kill -9 and restart", survives_kill_and_restart},
    {"it survives a flapping connection", survives_a_flapping_connection},
    {"it notices another bucket of the name",
     notices_another_bucket_of_the_name},
    {"an overflow is mended", overflow_is_mended},
    {"a gap in the numbers is mended", gap_in_the_numbers_is_mended},
    {"numbers out of turn are put in order",
     numbers_out_of_turn_are_put_in_order},
    {"a bucket without RePublish is followed too",
     bucket_without_republish_is_followed_too},
    {"a delete during a fill loses nothing",
     delete_during_a_fill_loses_nothing},
    {"a frozen server makes it unready", frozen_server_makes_it_unready},
    {NULL, NULL},
};
