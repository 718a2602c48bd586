/*
 * worker/consumer.c: see the header.
 *
 *   missing --> ready --> asked --> ready ...
 *      ^______________________|  (lost: silent, deleted, reconnected)
 *
 * One thread makes consumers and asks; the inbox's handler only enqueues (in
 * the runner, or here what must be handed back).  The mutex guards what both
 * touch; nothing is sent under it.
 */
#include "worker/consumer.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "lib/hearing.h"
#include "lib/jetstream.h"
#include "lib/log.h"
#include "worker/registry.h"
#include "worker/runner.h"

#define CONSUMERS_MAX 256
#define RETURNED_MAX  1024
#define IDLE_MIN_MS   (INT64_C(72) * 3600 * 1000) /* inactive_threshold */
#define RETRY_MIN_MS  250
#define RETRY_MAX_MS  10000
#define RETURN_OWN_MS 1000 /* nobody else could do it */

/* How long a request stands, and how often the server says that it does. A
 * shared one is short: the worker may get busy meanwhile. */
struct pace {
	int64_t expires_ms;
	int64_t heartbeat_ms;
};
static const struct pace pace_shared = {5000, 2000};
static const struct pace pace_own = {20000, 6000};

enum state { STATE_MISSING, STATE_READY, STATE_ASKED };

struct consumer {
	char name[HEARING_NAME_SIZE];
	char filter[SUBJECT_SIZE];
	enum job_lane lane;
	bool shared;
	const struct pace *pace;
	enum state state;
	uint64_t request; /* number of the last one */
	int open;         /* messages that it may still bring */
	uint64_t behind;  /* messages that waited behind the last one */
	int64_t heard_ms; /* monotonic: last sign of it */
	int64_t ends_ms;  /* monotonic: of the request */
	int64_t retry_ms; /* monotonic: not made before */
	int64_t delay_ms; /* until the retry after that */
	bool complained;
};

struct returned {
	natsMsg *message;
	bool shared;
};

struct consumers {
	struct worker *worker;
	pthread_t thread;
	bool thread_runs;
	/* Of the thread, while it runs: */
	struct broker_subscription *subscription;
	uint64_t reconnects;
	bool told;            /* the registry knows that we listen */
	pthread_mutex_t lock; /* all below */
	char inbox[128];      /* one is as long as the other */
	bool cut_off;         /* the server drops what should come there */
	size_t count;
	struct consumer *items; /* fixed: name, filter, lane, shared, pace */
	struct returned returned[RETURNED_MAX];
	size_t returned_count;
	bool stopping;
};

/* ---- what there is to hear ---- */

static enum err
add(const struct hearing *hearing, void *arg, struct err_info *info)
{
	struct consumers *consumers = arg;
	struct consumer *c = &consumers->items[consumers->count];

	if (consumers->count == CONSUMERS_MAX)
		return err_set(info, ERR_INVALID,
			       "more than %d subjects to hear", CONSUMERS_MAX);
	snprintf(c->name, sizeof(c->name), "%s", hearing->consumer);
	snprintf(c->filter, sizeof(c->filter), "%s", hearing->filter);
	c->lane = hearing->lane;
	c->shared = hearing->shared;
	c->pace = c->shared ? &pace_shared : &pace_own;
	c->delay_ms = RETRY_MIN_MS;
	consumers->count++;
	return ERR_OK;
}

static enum err
add_all(struct consumers *consumers, struct err_info *info)
{
	const struct worker *w = consumers->worker;
	enum err err =
	    hearing_each(w->config, w->hostname, &w->config->job.worker.labels,
			 add, consumers, info);

	if (err != ERR_OK)
		return err_prefix(info, err, "job.worker.labels");
	return ERR_OK;
}

/* ---- making them ---- */

/* Long after nothing of the stream is left that it could have missed. */
static int64_t
idle_ms(const struct config *config)
{
	return config->job.stream.max_age_ms > IDLE_MIN_MS
		   ? config->job.stream.max_age_ms
		   : IDLE_MIN_MS;
}

static enum err
make(struct consumers *consumers, const struct consumer *c,
     struct err_info *info)
{
	const struct worker *w = consumers->worker;
	const char *stream = store_jobs_stream(w->store);
	json_auto_t *reply = NULL;
	json_auto_t *config = NULL;
	char what[2 * HEARING_NAME_SIZE];

	if (c->shared) {
		snprintf(what, sizeof(what), "CONSUMER.INFO.%s.%s", stream,
			 c->name);
		return jetstream_api(w->broker, what, NULL,
				     JETSTREAM_TIMEOUT_MS, &reply, info);
	}
	config = store_consumer_config(w->store, c->name, c->filter, true,
				       idle_ms(w->config));
	if (!config)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	return jetstream_consumer_ensure(w->broker, stream, config, info);
}

static void
made(struct consumers *consumers, struct consumer *c, enum err err,
     const struct err_info *info)
{
	bool complain = false;

	pthread_mutex_lock(&consumers->lock);
	if (err == ERR_OK) {
		c->state = STATE_READY;
		c->delay_ms = RETRY_MIN_MS;
		c->complained = false;
	} else {
		complain = !c->complained;
		c->complained = true;
		c->retry_ms = clock_mono_ms() + c->delay_ms;
		c->delay_ms *= c->delay_ms < RETRY_MAX_MS ? 2 : 1;
	}
	pthread_mutex_unlock(&consumers->lock);
	if (complain)
		log_warning(
		    "consumer not there, trying on", LOG_S("consumer", c->name),
		    LOG_S("filter", c->filter), LOG_S("error", info->text),
		    LOG_S("code", err_name(err)));
}

/* ---- asking ---- */

static void
ask(struct consumers *consumers, size_t i, int batch)
{
	const struct worker *w = consumers->worker;
	struct consumer *c = &consumers->items[i];
	int64_t now_ms = clock_mono_ms();
	struct err_info info = {""};
	char reply[sizeof(consumers->inbox) + 48];
	enum err err;

	pthread_mutex_lock(&consumers->lock);
	c->request++;
	c->open = batch;
	c->heard_ms = now_ms;
	c->ends_ms = now_ms + c->pace->expires_ms;
	c->state = STATE_ASKED;
	snprintf(reply, sizeof(reply), "%s.%zu.%llu", consumers->inbox, i,
		 (unsigned long long)c->request);
	pthread_mutex_unlock(&consumers->lock);
	err = jetstream_pull(w->broker, store_jobs_stream(w->store), c->name,
			     reply, batch, c->pace->expires_ms,
			     c->pace->heartbeat_ms, &info);
	if (err != ERR_OK)
		made(consumers, c, err, &info);
}

/* An open request that is silent for longer than two of its heartbeats was
 * lost, and perhaps its consumer with it. */
static void
age(struct consumer *c, int64_t now_ms)
{
	if (c->state != STATE_ASKED)
		return;
	if (c->open <= 0 || now_ms > c->ends_ms + c->pace->heartbeat_ms)
		c->state = STATE_READY;
	else if (now_ms > c->heard_ms + 2 * c->pace->heartbeat_ms +
			      JETSTREAM_TIMEOUT_MS) {
		c->state = STATE_MISSING;
		c->retry_ms = now_ms;
	}
}

/*
 * A request for more than is there stays open, and brings work when the worker
 * may be busy: of what all share, one is asked for unless more are known to
 * wait.
 */
static void
attend(struct consumers *consumers, size_t i, int64_t now_ms)
{
	struct consumer *c = &consumers->items[i];
	struct err_info info = {""};
	enum state state;
	uint64_t behind;
	bool due;
	int batch;

	pthread_mutex_lock(&consumers->lock);
	age(c, now_ms);
	due = c->state == STATE_MISSING && now_ms >= c->retry_ms;
	pthread_mutex_unlock(&consumers->lock);
	if (due) {
		enum err err = make(consumers, c, &info);

		made(consumers, c, err, &info);
	}
	pthread_mutex_lock(&consumers->lock);
	state = c->state;
	behind = c->behind;
	pthread_mutex_unlock(&consumers->lock);
	if (state != STATE_READY)
		return;
	batch = runner_free_slots(consumers->worker->runner, c->lane);
	if (c->shared && behind < (uint64_t)batch)
		batch = batch && !behind ? 1 : (int)behind;
	if (batch)
		ask(consumers, i, batch);
}

/* After a reconnect nobody knows what the server still has: see renew_inbox. */
static void
start_over(struct consumers *consumers)
{
	uint64_t reconnects = broker_reconnects(consumers->worker->broker);
	size_t i;

	if (reconnects == consumers->reconnects)
		return;
	consumers->reconnects = reconnects;
	pthread_mutex_lock(&consumers->lock);
	consumers->cut_off = true;
	for (i = 0; i < consumers->count; i++) {
		consumers->items[i].state = STATE_MISSING;
		consumers->items[i].retry_ms = 0;
		consumers->items[i].delay_ms = RETRY_MIN_MS;
	}
	pthread_mutex_unlock(&consumers->lock);
}

/* ---- the inbox ---- */

static void receive(natsMsg *message, void *arg);

/* Subscribes an inbox for all requests from now on. */
static enum err
open_inbox(struct consumers *consumers, struct err_info *info)
{
	struct broker *broker = consumers->worker->broker;
	struct broker_subscription *subscription;
	char inbox[sizeof(consumers->inbox)];
	char wildcard[sizeof(inbox) + 2];
	enum err err;
	size_t i;

	broker_inbox(broker, inbox);
	snprintf(wildcard, sizeof(wildcard), "%s.>", inbox);
	err = broker_subscribe(broker, wildcard, receive, consumers,
			       &subscription, info);
	if (err != ERR_OK)
		return err;
	pthread_mutex_lock(&consumers->lock);
	memcpy(consumers->inbox, inbox, sizeof(inbox));
	consumers->cut_off = false;
	for (i = 0; i < consumers->count; i++)
		if (consumers->items[i].state == STATE_ASKED)
			consumers->items[i].state = STATE_READY;
	pthread_mutex_unlock(&consumers->lock);
	broker_unsubscribe(consumers->subscription);
	consumers->subscription = subscription;
	return ERR_OK;
}

/*
 * What a worker is sent comes from another account as the responses to its
 * request.  nats-server forgets the way back of a request when its connection
 * ends, and after an empty message without headers, which is to it the last
 * response; yet it goes on to serve the request as long as somebody listens
 * to its inbox, and whatever it should still bring is lost until ack_wait.  So
 * the next requests have another inbox.
 */
static void
renew_inbox(struct consumers *consumers)
{
	struct err_info info = {""};
	bool cut_off;

	pthread_mutex_lock(&consumers->lock);
	cut_off = consumers->cut_off;
	pthread_mutex_unlock(&consumers->lock);
	if (!cut_off)
		return;
	if (open_inbox(consumers, &info) == ERR_OK)
		log_info("asking anew, what was asked for before is lost");
	else
		log_warning("no new inbox, trying on",
			    LOG_S("error", info.text));
}

/* Before nats.c subscribes it anew, and what was asked for before is served. */
static void
close_inbox(struct consumers *consumers)
{
	if (!consumers->subscription)
		return;
	broker_unsubscribe(consumers->subscription);
	consumers->subscription = NULL;
	pthread_mutex_lock(&consumers->lock);
	consumers->cut_off = true;
	pthread_mutex_unlock(&consumers->lock);
}

static void
hand_back(struct consumers *consumers)
{
	for (;;) {
		struct returned r = {NULL, false};

		pthread_mutex_lock(&consumers->lock);
		if (consumers->returned_count)
			r = consumers->returned[--consumers->returned_count];
		pthread_mutex_unlock(&consumers->lock);
		if (!r.message)
			return;
		jetstream_nak(consumers->worker->broker,
			      natsMsg_GetReply(r.message),
			      r.shared ? 0 : RETURN_OWN_MS);
		natsMsg_Destroy(r.message);
	}
}

/* Milliseconds until something is due. */
static int
next_due(struct consumers *consumers, int64_t now_ms)
{
	int64_t due_ms = now_ms + JETSTREAM_TIMEOUT_MS;
	size_t i;

	pthread_mutex_lock(&consumers->lock);
	for (i = 0; i < consumers->count; i++) {
		const struct consumer *c = &consumers->items[i];

		if (c->state == STATE_MISSING && c->retry_ms < due_ms)
			due_ms = c->retry_ms;
	}
	pthread_mutex_unlock(&consumers->lock);
	return due_ms > now_ms ? (int)(due_ms - now_ms) : 0;
}

static bool
stopping(struct consumers *consumers)
{
	bool is;

	pthread_mutex_lock(&consumers->lock);
	is = consumers->stopping;
	pthread_mutex_unlock(&consumers->lock);
	return is;
}

/* What is published from now on reaches us; before, nobody
 * should wait for us. */
static void
tell(struct consumers *consumers)
{
	bool complete = true;
	size_t i;

	if (consumers->told || !consumers->worker->registry)
		return;
	pthread_mutex_lock(&consumers->lock);
	for (i = 0; i < consumers->count; i++)
		complete =
		    complete && consumers->items[i].state != STATE_MISSING;
	pthread_mutex_unlock(&consumers->lock);
	if (!complete)
		return;
	consumers->told = true;
	registry_listening(consumers->worker->registry, true);
}

static void *
consumers_main(void *arg)
{
	struct consumers *consumers = arg;
	struct worker *w = consumers->worker;
	struct pollfd wait = {.fd = w->pull_fd, .events = POLLIN};
	eventfd_t count;
	int due_ms;
	size_t i;

	while (!stopping(consumers)) {
		bool up = broker_connected(w->broker);

		start_over(consumers);
		if (up)
			renew_inbox(consumers);
		else
			close_inbox(consumers);
		hand_back(consumers);
		for (i = 0;
		     up && consumers->subscription && i < consumers->count;
		     i++) {
			pulse_beat(&w->pulse, PULSE_FETCH, PULSE_IDLE_MS);
			attend(consumers, i, clock_mono_ms());
		}
		tell(consumers);
		pulse_beat(&w->pulse, PULSE_FETCH, PULSE_IDLE_MS);
		due_ms = up ? next_due(consumers, clock_mono_ms())
			    : JETSTREAM_TIMEOUT_MS;
		poll(&wait, 1, due_ms < PULSE_IDLE_MS ? due_ms : PULSE_IDLE_MS);
		eventfd_read(w->pull_fd, &count);
	}
	pulse_end(&w->pulse, PULSE_FETCH);
	return NULL;
}

/* ---- what comes (on a thread of nats.c) ---- */

/* The consumer that a delivered message's reply subject names. */
static struct consumer *
find_sender(struct consumers *consumers, const char *reply)
{
	const char *tokens[12] = {NULL};
	const char *name;
	size_t count = 0;
	size_t i;

	while (reply && count < 12) {
		tokens[count++] = reply;
		reply = strchr(reply, '.');
		reply += !!reply;
	}
	/* $JS.ACK.{stream}.{consumer}... or
	 * $JS.ACK.{domain}.{account}.{stream}.{consumer}... */
	if (count < 9)
		return NULL;
	name = count == 9 ? tokens[3] : tokens[5];
	for (i = 0; i < consumers->count; i++) {
		struct consumer *c = &consumers->items[i];
		size_t length = strlen(c->name);

		if (strncmp(name, c->name, length) == 0 && name[length] == '.')
			return c;
	}
	return NULL;
}

/* A status of our last request ends it, the heartbeat (100) apart. */
static void
take_status(struct consumers *consumers, const char *subject, int status)
{
	const char *text = subject + strlen(consumers->inbox);
	struct consumer *c;
	unsigned long long request;
	size_t i;

	if (sscanf(text, ".%zu.%llu", &i, &request) != 2 ||
	    i >= consumers->count)
		return;
	c = &consumers->items[i];
	if (c->request != request || c->state != STATE_ASKED)
		return;
	c->heard_ms = clock_mono_ms();
	if (status == 100)
		return;
	c->open = 0;
	c->behind = 0;
	if (status == 404 || status == 408) {
		c->state = STATE_READY;
		return;
	}
	c->state = STATE_MISSING;
	c->retry_ms = c->heard_ms + c->delay_ms;
}

static void
give_back(struct consumers *consumers, natsMsg *message, bool shared)
{
	bool kept = false;

	pthread_mutex_lock(&consumers->lock);
	if (consumers->returned_count < RETURNED_MAX) {
		consumers->returned[consumers->returned_count++] =
		    (struct returned){message, shared};
		kept = true;
	}
	pthread_mutex_unlock(&consumers->lock);
	if (kept)
		return;
	log_error("notification dropped, the server delivers it again",
		  LOG_S("nats_subject", natsMsg_GetSubject(message)));
	natsMsg_Destroy(message);
}

/* Whether nats-server takes it for the last response to a request. */
static bool
is_last_response(natsMsg *message)
{
	const char **keys = NULL;
	int count = 0;

	if (natsMsg_GetDataLength(message) ||
	    natsMsgHeader_Keys(message, &keys, &count) == NATS_OK) {
		free((void *)keys);
		return false;
	}
	return true;
}

static void
receive(natsMsg *message, void *arg)
{
	struct consumers *consumers = arg;
	int status = jetstream_status(message);
	struct consumer *c = NULL;
	enum job_lane lane = JOB_BATCH;
	struct jetstream_meta meta = {.pending = 0};
	bool shared = false;

	if (!status)
		jetstream_meta(message, &meta);
	pthread_mutex_lock(&consumers->lock);
	if (status)
		take_status(consumers, natsMsg_GetSubject(message), status);
	else
		c = find_sender(consumers, natsMsg_GetReply(message));
	if (c) {
		lane = c->lane;
		shared = c->shared;
		c->open--;
		c->behind = meta.pending;
		c->heard_ms = clock_mono_ms();
		consumers->cut_off =
		    consumers->cut_off || is_last_response(message);
	}
	pthread_mutex_unlock(&consumers->lock);
	if (!c) {
		if (!status)
			log_warning(
			    "message of no consumer of ours, dropped",
			    LOG_S("nats_subject", natsMsg_GetSubject(message)));
		natsMsg_Destroy(message);
	} else if (runner_offer(consumers->worker->runner, message, lane,
				shared) == RUNNER_FULL) {
		give_back(consumers, message, shared);
	}
	eventfd_write(consumers->worker->pull_fd, 1);
}

/* ---- life ---- */

enum err
consumers_new(struct worker *worker, struct consumers **consumers,
	      struct err_info *info)
{
	struct consumers *c = calloc(1, sizeof(*c));
	enum err err;

	if (!c)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	c->worker = worker;
	pthread_mutex_init(&c->lock, NULL);
	c->reconnects = broker_reconnects(worker->broker);
	c->items = calloc(CONSUMERS_MAX + 1, sizeof(*c->items));
	err = c->items ? add_all(c, info)
		       : err_set(info, ERR_NO_MEMORY, "out of memory");
	if (err == ERR_OK)
		err = open_inbox(c, info);
	if (err == ERR_OK) {
		c->thread_runs =
		    pthread_create(&c->thread, NULL, consumers_main, c) == 0;
		if (!c->thread_runs)
			err = err_set(info, ERR_NO_MEMORY,
				      "no thread for the consumers");
	}
	if (err == ERR_OK) {
		*consumers = c;
		return ERR_OK;
	}
	consumers_stop(c);
	consumers_free(c);
	return err;
}

void
consumers_stop(struct consumers *consumers)
{
	pthread_mutex_lock(&consumers->lock);
	consumers->stopping = true;
	pthread_mutex_unlock(&consumers->lock);
	eventfd_write(consumers->worker->pull_fd, 1);
	if (consumers->thread_runs)
		pthread_join(consumers->thread, NULL);
	consumers->thread_runs = false;
	broker_unsubscribe(consumers->subscription);
	consumers->subscription = NULL;
	hand_back(consumers);
	if (consumers->told)
		registry_listening(consumers->worker->registry, false);
	consumers->told = false;
}

void
consumers_free(struct consumers *consumers)
{
	if (!consumers)
		return;
	pthread_mutex_destroy(&consumers->lock);
	free(consumers->items);
	free(consumers);
}
