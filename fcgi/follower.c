/*
 * fcgi/follower.c: see follower.h.
 *
 * The thread is either out of step, then it replays from the last number
 * applied to what STREAM.INFO names as the end, or in step, then it takes
 * live messages. A live message is applied only when its number is the last
 * one plus 1, so nothing can be skipped; one that is known already is dropped,
 * one that is early waits for its turn, and where that does not come the
 * thread is out of step.  Live messages that come during a replay wait in the
 * mailbox.
 *
 * `mutex` guards `shared`; all else is the thread's own or set once.
 */
#include "fcgi/follower.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/early.h"
#include "fcgi/mailbox.h"
#include "fcgi/replay.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/store.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
#define LOOK_MS      100 /* between looks whether the connection was lost */
#define BEHIND_MAX \
	3 /* then it has lost data, and is no new leader that catches up */
#define RECORD_ROOM 192 /* octets of a stored message's head and headers */
#define RECHECK_MS  100 /* until what should have come live is fetched */
#define TURN_MS     20  /* that an early message waits for the one before */

struct follower {
	struct broker *broker; /* set once, as all down to `thread` */
	follower_apply apply;
	void *apply_arg;
	char bucket[64];
	char stream[72];
	char live_prefix[128]; /* of the subjects of live changes */
	char kept_prefix[80];  /* of the subjects in the stream */
	struct mailbox *live;
	struct broker_subscription *subscription;
	pthread_t thread;

	bool in_step;
	bool met; /* `created` is known */
	bool republishes;
	char created[64];
	unsigned behind; /* checks in a row that found lower numbers */
	uint64_t applied;
	uint64_t bytes; /* by the latest check, and what came since */
	uint64_t reconnects;
	uint64_t announced;      /* last number by the latest check */
	uint64_t announced_once; /* and by the one before */
	int64_t announced_ms;
	int64_t check_ms; /* when the next is due */
	struct early early;
	int64_t turn_ms; /* until when the next number is waited for */
	int64_t retry_ms;

	pthread_mutex_t mutex;
	pthread_cond_t told; /* `shared.applied` has grown */
	struct {
		bool filled;
		uint64_t applied;
		uint64_t bytes;
		uint64_t announced;
		int64_t in_step_ms; /* when it was known to be; 0 never */
		uint64_t fills;
		uint64_t resets;
		char error[512];
	} shared;
};

/* ---- what others see ---- */

static void
tell(struct follower *f)
{
	pthread_mutex_lock(&f->mutex);
	f->shared.applied = f->applied;
	f->shared.bytes = f->bytes;
	f->shared.announced = f->announced;
	if (f->announced_ms && f->applied >= f->announced)
		f->shared.in_step_ms = f->announced_ms;
	pthread_cond_broadcast(&f->told);
	pthread_mutex_unlock(&f->mutex);
}

static void
tell_error(struct follower *f, enum err err, const struct err_info *info)
{
	bool news;

	pthread_mutex_lock(&f->mutex);
	news = f->shared.error[0] == '\0';
	snprintf(f->shared.error, sizeof(f->shared.error), "%s",
		 info->text[0] ? info->text : err_text(err));
	pthread_mutex_unlock(&f->mutex);
	if (news && err != ERR_ABORTED)
		log_warning(
		    "cannot follow a bucket", LOG_S("bucket", f->bucket),
		    LOG_S("error", info->text[0] ? info->text : err_text(err)));
}

static void
tell_good(struct follower *f, bool filled)
{
	bool again;

	pthread_mutex_lock(&f->mutex);
	again = f->shared.error[0] != '\0';
	f->shared.error[0] = '\0';
	if (filled) {
		f->shared.filled = true;
		f->shared.fills++;
	}
	pthread_mutex_unlock(&f->mutex);
	if (again)
		log_info("following a bucket again", LOG_S("bucket", f->bucket),
			 LOG_I("sequence", (int64_t)f->applied));
}

void
follower_state(struct follower *f, struct follower_state *state)
{
	int64_t now_ms = clock_mono_ms();
	struct mailbox_state live = mailbox_state(f->live);

	*state = (struct follower_state){.overflows = live.overflows,
					 .in_step_ms = -1};
	pthread_mutex_lock(&f->mutex);
	state->filled = f->shared.filled;
	state->applied = f->shared.applied;
	state->bytes = f->shared.bytes;
	state->fills = f->shared.fills;
	state->resets = f->shared.resets;
	state->lag = live.count;
	if (f->shared.announced > f->shared.applied + live.count)
		state->lag = f->shared.announced - f->shared.applied;
	if (f->shared.in_step_ms)
		state->in_step_ms = now_ms - f->shared.in_step_ms;
	memcpy(state->error, f->shared.error, sizeof(state->error));
	pthread_mutex_unlock(&f->mutex);
	state->ready = state->filled && state->in_step_ms >= 0 &&
		       state->in_step_ms < FOLLOWER_STALE_MS;
}

enum err
follower_catch_up(struct follower *f, int64_t timeout_ms, struct err_info *info)
{
	struct timespec until = clock_mono_deadline(timeout_ms);
	struct replay_stream stream;
	enum err err = replay_info(f->broker, f->stream, &stream, info);

	if (err != ERR_OK)
		return err;
	pthread_mutex_lock(&f->mutex);
	while (f->shared.applied < stream.last_sequence && err == ERR_OK)
		if (pthread_cond_clockwait(&f->told, &f->mutex, CLOCK_MONOTONIC,
					   &until) != 0)
			err = err_set(info, ERR_TIMEOUT,
				      "%s is not followed in time", f->bucket);
	pthread_mutex_unlock(&f->mutex);
	return err;
}

/* ---- giving changes to the callback ---- */

static enum follower_op
operation(natsMsg *message)
{
	const char *text;

	if (natsMsgHeader_Get(message, "KV-Operation", &text) != NATS_OK)
		return FOLLOWER_PUT;
	if (strcmp(text, "DEL") == 0)
		return FOLLOWER_DELETE;
	return strcmp(text, "PURGE") == 0 ? FOLLOWER_PURGE : FOLLOWER_PUT;
}

static void
deliver(struct follower *f, natsMsg *message, const char *prefix,
	uint64_t sequence, int64_t timestamp_ns)
{
	const char *subject = natsMsg_GetSubject(message);
	size_t size = (size_t)natsMsg_GetDataLength(message);
	struct follower_change change = {
	    .op = operation(message),
	    .bucket = f->bucket,
	    .value = size ? natsMsg_GetData(message) : NULL,
	    .size = size,
	    .message = message,
	    .revision = sequence,
	    .timestamp_ns = timestamp_ns,
	};

	if (strncmp(subject, prefix, strlen(prefix)) == 0) {
		change.key = subject + strlen(prefix);
		f->apply(&change, f->apply_arg);
	}
	f->applied = sequence;
}

static void
reset(struct follower *f)
{
	struct follower_change change = {
	    .op = FOLLOWER_RESET, .bucket = f->bucket, .key = ""};

	log_warning("a bucket begins anew", LOG_S("bucket", f->bucket),
		    LOG_I("sequence_before", (int64_t)f->applied));
	f->applied = f->announced = f->announced_once = 0;
	pthread_mutex_lock(&f->mutex);
	f->shared.filled = false;
	f->shared.resets++;
	pthread_mutex_unlock(&f->mutex);
	f->apply(&change, f->apply_arg);
}

/* ---- out of step: replay ---- */

static bool
apply_kept(natsMsg *message, const struct jetstream_meta *meta, void *arg)
{
	struct follower *f = arg;

	if (meta->stream_sequence > f->applied) {
		deliver(f, message, f->kept_prefix, meta->stream_sequence,
			meta->timestamp_ns);
		tell(f);
	}
	return !mailbox_state(f->live).closed;
}

/* Asks for the stream's last number, and notices another stream of its name. */
static enum err
check(struct follower *f, struct err_info *info)
{
	int64_t asked_ms = clock_mono_ms();
	struct replay_stream stream;
	enum err err = replay_info(f->broker, f->stream, &stream, info);

	f->check_ms = asked_ms + FOLLOWER_CHECK_MS;
	if (err != ERR_OK)
		return err;
	if (f->met && strcmp(f->created, stream.created) == 0 &&
	    stream.last_sequence < f->applied && ++f->behind < BEHIND_MAX)
		return err_set(info, ERR_UNAVAILABLE,
			       "the stream is behind what was applied");
	if (f->met && (f->behind == BEHIND_MAX ||
		       strcmp(f->created, stream.created) != 0)) {
		reset(f);
		f->in_step = false;
	}
	f->met = true;
	f->behind = 0;
	f->republishes = stream.republishes;
	memcpy(f->created, stream.created, sizeof(f->created));
	f->announced_once = f->announced;
	f->announced = stream.last_sequence;
	f->announced_ms = asked_ms;
	f->bytes = stream.bytes;
	tell(f);
	return ERR_OK;
}

static enum err
replay_missing(struct follower *f, struct replay *replay, struct err_info *info)
{
	struct replay_range range = {.from = 0};
	struct follower_change begins = {
	    .op = FOLLOWER_FILL, .bucket = f->bucket, .key = ""};
	enum err err = check(f, info);

	if (err != ERR_OK)
		return err;
	begins.revision = f->announced;
	f->apply(&begins, f->apply_arg);
	if (f->applied == f->announced)
		return ERR_OK;
	range.from = f->applied + 1;
	range.to = f->announced;
	err = replay_run(replay, &range, apply_kept, f, info);
	if (err == ERR_OK && mailbox_state(f->live).closed)
		err = ERR_ABORTED;
	/* What lies behind the last that came was deleted. */
	if (err == ERR_OK && f->applied < range.to)
		f->applied = range.to;
	return err;
}

static enum err
fill(struct follower *f, struct err_info *info)
{
	struct replay *replay = NULL;
	enum err err;

	if (!broker_connected(f->broker))
		return err_set(info, ERR_UNAVAILABLE, "not connected to NATS");
	f->reconnects = broker_reconnects(f->broker);
	early_clear(&f->early);
	err = replay_open(f->broker, f->stream, &replay, info);
	if (err == ERR_OK)
		err = replay_missing(f, replay, info);
	replay_close(replay);
	if (err != ERR_OK)
		return err_prefix(info, err, "%s", f->stream);
	f->in_step = true;
	tell(f);
	tell_good(f, true);
	return ERR_OK;
}

/* One attempt; after a failure a pause, in which nothing is taken. */
static void
get_in_step(struct follower *f)
{
	struct err_info info = {.text = ""};
	enum err err = fill(f, &info);

	if (err == ERR_OK) {
		f->retry_ms = RETRY_MIN_MS;
		return;
	}
	tell_error(f, err, &info);
	mailbox_pause(f->live, f->retry_ms);
	f->retry_ms =
	    f->retry_ms * 2 < RETRY_MAX_MS ? f->retry_ms * 2 : RETRY_MAX_MS;
}

/* ---- in step: live changes ---- */

static uint64_t
republished_number(natsMsg *message)
{
	const char *text;
	char *end;
	uint64_t number;

	if (natsMsgHeader_Get(message, "Nats-Sequence", &text) != NATS_OK)
		return 0;
	number = strtoull(text, &end, 10);
	return *end ? 0 : number;
}

static void
apply_live(struct follower *f, natsMsg *message)
{
	deliver(f, message, f->live_prefix, f->applied + 1, clock_wall_ns());
	f->bytes += (uint64_t)natsMsg_GetDataLength(message) +
		    strlen(natsMsg_GetSubject(message)) + RECORD_ROOM;
	natsMsg_Destroy(message);
}

static void
take_live(struct follower *f, natsMsg *message)
{
	uint64_t sequence = republished_number(message);

	if (sequence <= f->applied) {
		natsMsg_Destroy(message);
	} else if (sequence == f->applied + 1) {
		while (message) {
			apply_live(f, message);
			message = early_take(&f->early, f->applied + 1);
		}
		tell(f);
		f->turn_ms = clock_mono_ms() + TURN_MS;
	} else {
		if (f->early.count == 0)
			f->turn_ms = clock_mono_ms() + TURN_MS;
		if (!early_put(&f->early, message, sequence)) {
			natsMsg_Destroy(message);
			f->in_step = false;
		}
	}
}

/* Whether what should have come before an early message does not come. */
static bool
missed_its_turn(const struct follower *f)
{
	return f->early.count > 0 && clock_mono_ms() >= f->turn_ms;
}

/* Until there is something to look at, if nothing comes. */
static int64_t
patience_ms(const struct follower *f, int64_t now_ms)
{
	int64_t wait_ms = f->check_ms - now_ms;

	if (wait_ms > LOOK_MS)
		wait_ms = LOOK_MS;
	if (f->early.count > 0 && wait_ms > f->turn_ms - now_ms)
		wait_ms = f->turn_ms - now_ms;
	return wait_ms > 0 ? wait_ms : 0;
}

/* What a check named is given a moment to come live, then it is fetched. */
static void
check_in_step(struct follower *f)
{
	struct err_info info = {.text = ""};
	enum err err = check(f, &info);

	if (err != ERR_OK) {
		tell_error(f, err, &info);
		return;
	}
	if (!f->in_step)
		return;
	tell_good(f, false);
	if (f->applied >= f->announced || mailbox_state(f->live).count > 0)
		return;
	if (!f->republishes || f->applied < f->announced_once)
		f->in_step = false;
	else
		f->check_ms = clock_mono_ms() + RECHECK_MS;
}

static void
follow(struct follower *f)
{
	natsMsg *message = NULL;
	int64_t now_ms = clock_mono_ms();

	if (broker_reconnects(f->broker) != f->reconnects) {
		f->in_step = false;
		return;
	}
	if (now_ms >= f->check_ms) {
		check_in_step(f);
		return;
	}
	switch (mailbox_take(f->live, patience_ms(f, now_ms), &message)) {
	case MAIL_MESSAGE:
		take_live(f, message);
		break;
	case MAIL_LOST:
		f->in_step = false;
		break;
	case MAIL_NONE:
		f->in_step = !missed_its_turn(f);
		break;
	case MAIL_CLOSED:
		break;
	}
}

static void *
follower_main(void *arg)
{
	struct follower *f = arg;

	while (!mailbox_state(f->live).closed) {
		if (f->in_step)
			follow(f);
		else
			get_in_step(f);
	}
	return NULL;
}

/* ---- lifecycle ---- */

static void
release(struct follower *f)
{
	broker_unsubscribe(f->subscription);
	early_clear(&f->early);
	mailbox_free(f->live);
	pthread_cond_destroy(&f->told);
	pthread_mutex_destroy(&f->mutex);
	free(f);
}

static enum err
prepare(struct follower *f, const char *bucket, struct err_info *info)
{
	char subject[160];
	enum err err;

	if (strlen(bucket) >= sizeof(f->bucket) || strpbrk(bucket, ".*> \t"))
		return err_set(info, ERR_INVALID, "no name of a bucket: %s",
			       bucket);
	snprintf(f->bucket, sizeof(f->bucket), "%s", bucket);
	snprintf(f->stream, sizeof(f->stream), "KV_%s", bucket);
	snprintf(f->kept_prefix, sizeof(f->kept_prefix), "$KV.%s.", bucket);
	snprintf(f->live_prefix, sizeof(f->live_prefix), "%s%s.",
		 STORE_CHANGES_PREFIX, bucket);
	snprintf(subject, sizeof(subject), "%s>", f->live_prefix);
	err = mailbox_new(FOLLOWER_QUEUE_MAX, FOLLOWER_OCTETS_MAX, &f->live);
	if (err == ERR_OK)
		err = broker_subscribe(f->broker, subject, mailbox_put, f->live,
				       &f->subscription, info);
	return err;
}

enum err
follower_new(struct broker *broker, const char *bucket, follower_apply apply,
	     void *arg, struct follower **out, struct err_info *info)
{
	struct follower *f = calloc(1, sizeof(*f));
	enum err err;

	if (!f)
		return ERR_NO_MEMORY;
	f->broker = broker;
	f->apply = apply;
	f->apply_arg = arg;
	f->retry_ms = RETRY_MIN_MS;
	pthread_mutex_init(&f->mutex, NULL);
	pthread_cond_init(&f->told, NULL);
	err = prepare(f, bucket, info);
	if (err == ERR_OK &&
	    pthread_create(&f->thread, NULL, follower_main, f) != 0)
		err = err_set(info, ERR_NO_MEMORY, "no thread for %s", bucket);
	if (err == ERR_OK)
		*out = f;
	else
		release(f);
	return err;
}

void
follower_free(struct follower *f)
{
	if (!f)
		return;
	mailbox_close(f->live);
	pthread_join(f->thread, NULL);
	release(f);
}
