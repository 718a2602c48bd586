/*
 * lib/broker.c: the connection to NATS.
 *
 * Requests go out on `ask`, whose one inbox subscription takes their replies
 * to lib/pending.c: the server tells a requester that nobody listens only on
 * the connection that subscribed to the reply.  `listen` has all other
 * subscriptions.
 */
#include "lib/broker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/greeting.h"
#include "lib/inbox.h"
#include "lib/link.h"
#include "lib/pending.h"
#include "lib/readdress.h"
#include "lib/uuid.h"

#define GREETING_MS 1000
#define FLUSH_MS    1000
#define INBOX_SIZE  128
#define DENIED_SIZE 2048

_Static_assert(BROKER_MANY_MAX == PENDING_CALL_MAX, "one bound, two names");

struct broker_subscription {
	struct broker *broker;
	natsSubscription *subscription;
	char *subject;
	broker_handler handler;
	void *arg;
	int running; /* nats.c's subscriptions that may still call it */
	struct broker_subscription *next;
};

struct broker {
	struct link ask;
	struct link listen;
	natsSubscription *replies;
	struct pending *pending;
	char *url;
	char prefix[INBOX_PREFIX_SIZE]; /* "_INBOX_api" */
	char inbox[INBOX_SIZE];         /* base of the replies' subjects */
	char *js_prefix;                /* NULL: BROKER_JS_API is what it is */
	atomic_uint_fast64_t reconnects;
	void (*published)(int64_t us, enum err result, void *arg); /* once */
	void *published_arg;
	pthread_mutex_t mutex;  /* guards all below, `replies`,
				 * and the members of subscriptions */
	pthread_cond_t changed; /* signals a change of any of them */
	bool up;                /* as last told to on_change */
	void (*on_change)(bool connected, void *arg);
	void *on_change_arg;
	struct broker_subscription *subscriptions;
	struct broker_subscription *buried; /* ended, perhaps still in use */
};

/* ---- what happens to the links ---- */

static void
note_change(void *arg)
{
	struct broker *broker = arg;
	void (*tell)(bool, void *) = NULL;
	void *tell_arg = NULL;
	bool up;

	(void)pthread_mutex_lock(&broker->mutex);
	up = broker_connected(broker);
	if (up != broker->up) {
		broker->up = up;
		tell = broker->on_change;
		tell_arg = broker->on_change_arg;
	}
	(void)pthread_cond_broadcast(&broker->changed);
	(void)pthread_mutex_unlock(&broker->mutex);
	if (tell != NULL)
		tell(up, tell_arg);
}

static void
end_requests(void *arg)
{
	struct broker *broker = arg;

	pending_lost(broker->pending);
}

static void
count_missed(void *arg)
{
	struct broker *broker = arg;

	atomic_fetch_add(&broker->reconnects, 1);
}

/* The server names a subject of JetStream's API as we have sent it. */
static void
end_denied(const char *words, void *arg)
{
	struct broker *broker = arg;
	const char *at =
	    broker->js_prefix ? strstr(words, broker->js_prefix) : NULL;
	char text[DENIED_SIZE];

	if (at != NULL) {
		(void)snprintf(text, sizeof(text), "%.*s" BROKER_JS_API "%s",
			       (int)(at - words), words,
			       at + strlen(broker->js_prefix));
		words = text;
	}
	pending_denied(broker->pending, words);
}

static void
ignore(void *arg)
{
	(void)arg;
}

static void
take_reply(natsConnection *connection, natsSubscription *subscription,
	   natsMsg *message, void *arg)
{
	struct broker *broker = arg;
	const char *subject = natsMsg_GetSubject(message);
	size_t size = strlen(broker->inbox);

	(void)connection;
	(void)subscription;
	if (strlen(subject) <= size + 1) {
		natsMsg_Destroy(message);
		return;
	}
	pending_reply(broker->pending, subject + size + 1, message);
}

static void
take_message(natsConnection *connection, natsSubscription *nats_subscription,
	     natsMsg *message, void *arg)
{
	struct broker_subscription *subscription = arg;

	(void)connection;
	(void)nats_subscription;
	subscription->handler(message, subscription->arg);
}

static void
note_ended(void *arg)
{
	struct broker_subscription *subscription = arg;
	struct broker *broker = subscription->broker;

	(void)pthread_mutex_lock(&broker->mutex);
	subscription->running--;
	(void)pthread_cond_broadcast(&broker->changed);
	(void)pthread_mutex_unlock(&broker->mutex);
}

/* Whether `s` only says that nats.c has given the connection up: the
 * subscription is made again when there is another one. */
static bool
is_given_up(natsStatus s)
{
	return s == NATS_CONNECTION_CLOSED || s == NATS_INVALID_SUBSCRIPTION;
}

/* Under the mutex. */
static natsStatus
listen_to(struct broker_subscription *subscription)
{
	natsStatus s = link_subscribe(
	    &subscription->broker->listen, &subscription->subscription,
	    subscription->subject, take_message, subscription);

	if (s == NATS_OK)
		s = natsSubscription_SetOnCompleteCB(subscription->subscription,
						     note_ended, subscription);
	if (s == NATS_OK)
		subscription->running++;
	return is_given_up(s) ? NATS_OK : s;
}

static natsStatus
listen_to_replies(struct broker *broker)
{
	char subject[INBOX_SIZE + 2];
	natsStatus s;

	(void)snprintf(subject, sizeof(subject), "%s.*", broker->inbox);
	(void)pthread_mutex_lock(&broker->mutex);
	natsSubscription_Destroy(broker->replies);
	broker->replies = NULL;
	s = link_subscribe(&broker->ask, &broker->replies, subject, take_reply,
			   broker);
	/* BROKER_PENDING_MAX bounds the replies. */
	if (s == NATS_OK)
		s = natsSubscription_SetPendingLimits(broker->replies, -1, -1);
	(void)pthread_mutex_unlock(&broker->mutex);
	return is_given_up(s) ? NATS_OK : s;
}

static void
resubscribe_replies(void *arg)
{
	(void)listen_to_replies(arg);
}

static void
resubscribe(void *arg)
{
	struct broker *broker = arg;
	struct broker_subscription *at;

	(void)pthread_mutex_lock(&broker->mutex);
	for (at = broker->subscriptions; at != NULL; at = at->next) {
		natsSubscription_Destroy(at->subscription);
		at->subscription = NULL;
		(void)listen_to(at);
	}
	(void)pthread_mutex_unlock(&broker->mutex);
}

static const struct link_events ask_events = {
    .changed = note_change,
    .lost = end_requests,
    .missed = count_missed,
    .denied = end_denied,
    .replaced = resubscribe_replies,
};

static const struct link_events listen_events = {
    .changed = note_change,
    .lost = ignore,
    .missed = count_missed,
    .denied = end_denied,
    .replaced = resubscribe,
};

static void
free_subscription(struct broker_subscription *subscription)
{
	natsSubscription_Destroy(subscription->subscription);
	free(subscription->subject);
	free(subscription);
}

static void
free_list(struct broker_subscription *at)
{
	while (at != NULL) {
		struct broker_subscription *next = at->next;

		free_subscription(at);
		at = next;
	}
}

/*
 * nats.c 3.4.1 looks a subscription up for a message and then locks it without
 * having taken a reference, so one that is destroyed in between is used after
 * it was freed (seen).  Behind a round trip no message looks at it any more;
 * where none succeeds it waits for the next one that does.
 */
static void
bury(struct broker *broker, struct broker_subscription *subscription)
{
	struct broker_subscription *last = subscription;
	bool behind;

	(void)pthread_mutex_lock(&broker->mutex);
	subscription->next = broker->buried;
	broker->buried = NULL;
	(void)pthread_mutex_unlock(&broker->mutex);
	behind = atomic_load(&broker->listen.up) &&
		 link_flush(&broker->listen, FLUSH_MS) == NATS_OK;
	if (behind) {
		free_list(subscription);
		return;
	}
	while (last->next != NULL)
		last = last->next;
	(void)pthread_mutex_lock(&broker->mutex);
	last->next = broker->buried;
	broker->buried = subscription;
	(void)pthread_mutex_unlock(&broker->mutex);
}

/* Ends one that is on no list any more; waits for its handler. */
static void
end_subscription(struct broker_subscription *subscription)
{
	struct broker *broker = subscription->broker;

	if (subscription->subscription != NULL)
		(void)natsSubscription_Unsubscribe(subscription->subscription);
	(void)pthread_mutex_lock(&broker->mutex);
	while (subscription->running > 0)
		(void)pthread_cond_wait(&broker->changed, &broker->mutex);
	(void)pthread_mutex_unlock(&broker->mutex);
	bury(broker, subscription);
}

/* ---- its life ---- */

static bool
given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static void
make_prefix(struct broker *broker, const struct config_nats *config,
	    const char *name)
{
	if (given(config->user))
		name = config->user;
	else if (given(config->client_name))
		name = config->client_name;
	(void)inbox_prefix(name, broker->prefix);
}

static enum err
check_files(const struct config_nats *config, struct err_info *info)
{
	const char *const files[] = {config->creds_file, config->tls.ca,
				     config->tls.certificate, config->tls.key};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (given(files[i]) && access(files[i], R_OK) != 0)
			return err_set(info, ERR_INVALID, "cannot read %s: %m",
				       files[i]);
	return ERR_OK;
}

static enum err
make(const struct config_nats *config, const char *name, struct broker *broker)
{
	pthread_condattr_t attributes;

	(void)pthread_mutex_init(&broker->mutex, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&broker->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	make_prefix(broker, config, name);
	if (given(config->js_prefix) &&
	    strcmp(config->js_prefix, BROKER_JS_API) != 0) {
		broker->js_prefix = strdup(config->js_prefix);
		if (broker->js_prefix == NULL)
			return ERR_NO_MEMORY;
	}
	(void)broker_inbox(broker, broker->inbox);
	broker->url = link_address(config);
	if (broker->url == NULL)
		return ERR_NO_MEMORY;
	return pending_new(BROKER_PENDING_MAX, &broker->pending);
}

static enum err
connect_all(struct broker *broker, const struct config_nats *config,
	    const char *name, struct err_info *info)
{
	enum err result;
	natsStatus s;

	if (given(config->client_name))
		name = config->client_name;
	result = link_open(&broker->ask, broker->url, config, name,
			   broker->prefix, &ask_events, broker, info);
	if (result != ERR_OK)
		return result;
	s = listen_to_replies(broker);
	if (s != NATS_OK)
		return link_refuse(info, s, broker->inbox);
	return link_open(&broker->listen, broker->url, config, name,
			 broker->prefix, &listen_events, broker, info);
}

enum err
broker_new(const struct config_nats *config, const char *name,
	   struct broker **broker, struct err_info *info)
{
	struct broker *made;
	enum err result = check_files(config, info);

	if (result != ERR_OK)
		return result;
	/* Spinning for nats.c's locks takes the CPU from their holders. */
	if (nats_Open(0) != NATS_OK)
		return err_set(info, ERR_NO_MEMORY, "nats.c does not start");
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory for a broker");
	result = make(config, name, made);
	if (result == ERR_OK)
		result = connect_all(made, config, name, info);
	if (result != ERR_OK) {
		broker_free(made);
		return result;
	}
	*broker = made;
	return ERR_OK;
}

void
broker_free(struct broker *broker)
{
	struct broker_subscription *next;

	if (broker == NULL)
		return;
	(void)pthread_mutex_lock(&broker->mutex);
	next = broker->subscriptions;
	broker->subscriptions = NULL;
	(void)pthread_mutex_unlock(&broker->mutex);
	while (next != NULL) {
		struct broker_subscription *at = next;

		next = at->next;
		end_subscription(at);
	}
	link_close(&broker->listen);
	link_close(&broker->ask);
	natsSubscription_Destroy(broker->replies);
	free_list(broker->buried);
	link_release(&broker->listen);
	link_release(&broker->ask);
	pending_free(broker->pending);
	(void)pthread_cond_destroy(&broker->changed);
	(void)pthread_mutex_destroy(&broker->mutex);
	free(broker->url);
	free(broker->js_prefix);
	free(broker);
}

/* ---- state ---- */

bool
broker_connected(const struct broker *broker)
{
	return atomic_load(&broker->ask.up) && atomic_load(&broker->listen.up);
}

enum err
broker_wait(struct broker *broker, int64_t timeout_ms)
{
	struct timespec end = clock_mono_deadline(timeout_ms);
	int over = 0;

	(void)pthread_mutex_lock(&broker->mutex);
	while (!broker_connected(broker) && over == 0)
		over = pthread_cond_timedwait(&broker->changed, &broker->mutex,
					      &end);
	(void)pthread_mutex_unlock(&broker->mutex);
	return broker_connected(broker) ? ERR_OK : ERR_TIMEOUT;
}

uint64_t
broker_reconnects(const struct broker *broker)
{
	return atomic_load(&broker->reconnects);
}

const char *
broker_url(const struct broker *broker)
{
	return broker->url;
}

char *
broker_server_version(const struct broker *broker, char buf[static 32])
{
	char version[GREETING_VERSION_SIZE] = "";
	char url[256] = "";
	char *host = url + strlen("nats://");
	char *port;

	if (broker_connected(broker))
		link_url(&broker->ask, url, sizeof(url));
	port = strrchr(url, ':');
	if (port != NULL && port > host) {
		*port++ = '\0';
		if (*host == '[' && port[-2] == ']') {
			port[-2] = '\0';
			host++;
		}
		if (greeting_version(host, strtol(port, NULL, 10), GREETING_MS,
				     version) != ERR_OK)
			version[0] = '\0';
	}
	(void)snprintf(buf, 32, "%s", version);
	return buf;
}

enum err
broker_ping(struct broker *broker, int64_t timeout_ms, int64_t *rtt_us)
{
	struct timespec begun;
	struct timespec now;
	natsStatus s;

	if (!broker_connected(broker))
		return ERR_UNAVAILABLE;
	(void)clock_gettime(CLOCK_MONOTONIC, &begun);
	s = link_flush(&broker->ask, timeout_ms);
	if (s != NATS_OK)
		return link_code(s) == ERR_TIMEOUT ? ERR_TIMEOUT
						   : ERR_UNAVAILABLE;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	*rtt_us = (now.tv_sec - begun.tv_sec) * INT64_C(1000000) +
		  (now.tv_nsec - begun.tv_nsec) / 1000;
	return ERR_OK;
}

void
broker_on_change(struct broker *broker,
		 void (*changed)(bool is_connected, void *arg), void *arg)
{
	(void)pthread_mutex_lock(&broker->mutex);
	broker->on_change = changed;
	broker->on_change_arg = arg;
	(void)pthread_mutex_unlock(&broker->mutex);
}

char *
broker_inbox(struct broker *broker, char buf[static 128])
{
	char id[UUID_SIZE];

	uuid_make(id);
	(void)snprintf(buf, 128, "%s.%s", broker->prefix, id);
	return buf;
}

/* ---- publishing and asking ---- */

/* Where a message goes to; what is made for it is the caller's to free. */
static const char *
address(const struct broker *broker, const char *subject, char **made)
{
	size_t size = strlen(BROKER_JS_API);

	*made = NULL;
	if (broker->js_prefix == NULL ||
	    strncmp(subject, BROKER_JS_API ".", size + 1) != 0)
		return subject;
	if (asprintf(made, "%s%s", broker->js_prefix, subject + size) < 0)
		*made = NULL;
	return *made;
}

static natsStatus
readdressed(const struct broker *broker, natsMsg *from, const char *reply,
	    natsMsg **to)
{
	char *own = NULL;
	const char *subject = address(broker, natsMsg_GetSubject(from), &own);
	natsStatus s = NATS_NO_MEMORY;

	if (subject != NULL)
		s = readdress(from, subject, reply, to);
	free(own);
	return s;
}

static enum err
publish(const struct broker *broker, struct link *link, natsMsg *message,
	struct err_info *info)
{
	natsMsg *sent = NULL;
	natsStatus s;

	if (broker->js_prefix == NULL) {
		s = link_publish(link, message);
	} else {
		s = readdressed(broker, message, natsMsg_GetReply(message),
				&sent);
		if (s == NATS_OK)
			s = link_publish(link, sent);
		natsMsg_Destroy(sent);
	}
	if (s != NATS_OK)
		return link_refuse(info, s, natsMsg_GetSubject(message));
	return ERR_OK;
}

enum err
broker_publish(struct broker *broker, natsMsg *message, struct err_info *info)
{
	return publish(broker, &broker->ask, message, info);
}

enum err
broker_publish_listener(struct broker *broker, natsMsg *message,
			struct err_info *info)
{
	return publish(broker, &broker->listen, message, info);
}

static natsStatus
send_one(struct broker *broker, const struct pending_call *call, size_t i)
{
	char reply[INBOX_SIZE + PENDING_TOKEN_SIZE];
	char token[PENDING_TOKEN_SIZE];
	natsMsg *message = NULL;
	natsStatus s;

	(void)snprintf(reply, sizeof(reply), "%s.%s", broker->inbox,
		       pending_token(broker->pending, call, i, token));
	s = readdressed(broker, call->messages[i], reply, &message);
	if (s == NATS_OK)
		s = link_publish(&broker->ask, message);
	natsMsg_Destroy(message);
	return s;
}

/* Whether a publish that failed so may have reached the server all the same. */
static bool
perhaps_sent(natsStatus s)
{
	return s == NATS_IO_ERROR || s == NATS_TIMEOUT || s == NATS_SSL_ERROR;
}

enum err
broker_ask(struct broker *broker, struct broker_call *call,
	   natsMsg *const *messages, size_t count, natsMsg **replies,
	   struct err_info *info)
{
	enum err result;

	call->status = NATS_OK;
	call->sent = 0;
	/* One connection may notice that the server is gone before the other:
	 * what is not sent now is certainly not done. */
	if (!broker_connected(broker))
		return link_refuse(info, NATS_CONNECTION_DISCONNECTED,
				   natsMsg_GetSubject(messages[0]));
	result = pending_begin(broker->pending, &call->pending, messages, count,
			       replies);
	if (result != ERR_OK)
		return err_set(info, result, "%zu requests to NATS at once: %s",
			       count, err_text(result));
	while (call->sent < count && call->status == NATS_OK) {
		call->status = send_one(broker, &call->pending, call->sent);
		if (call->status == NATS_OK)
			call->sent++;
	}
	pending_sent(broker->pending, &call->pending, call->sent);
	if (call->status == NATS_OK || call->sent > 0 ||
	    perhaps_sent(call->status))
		return ERR_OK;
	(void)pending_end(broker->pending, &call->pending, 0, info);
	return link_refuse(info, call->status, natsMsg_GetSubject(messages[0]));
}

enum err
broker_collect(struct broker *broker, struct broker_call *call,
	       int64_t timeout_ms, struct err_info *info)
{
	enum err result =
	    pending_end(broker->pending, &call->pending, timeout_ms, info);

	if (call->status != NATS_OK || result == ERR_TIMEOUT ||
	    result == ERR_ABORTED)
		return err_set(info, ERR_UNKNOWN_OUTCOME, "%s: %s",
			       natsMsg_GetSubject(call->pending.messages[0]),
			       result == ERR_TIMEOUT
				   ? "no answer from NATS"
				   : "connection to NATS lost");
	return result;
}

enum err
broker_request_many(struct broker *broker, natsMsg *const *messages,
		    size_t count, int64_t timeout_ms, natsMsg **replies,
		    struct err_info *info)
{
	struct broker_call call;
	enum err result =
	    broker_ask(broker, &call, messages, count, replies, info);

	if (result != ERR_OK)
		return result;
	return broker_collect(broker, &call, timeout_ms, info);
}

void
broker_on_published(struct broker *broker,
		    void (*published)(int64_t us, enum err result, void *arg),
		    void *arg)
{
	broker->published_arg = arg;
	broker->published = published;
}

void
broker_published(struct broker *broker, int64_t us, enum err result)
{
	if (broker->published != NULL)
		broker->published(us, result, broker->published_arg);
}

enum err
broker_request(struct broker *broker, natsMsg *message, int64_t timeout_ms,
	       natsMsg **reply, struct err_info *info)
{
	struct pending_call call;
	natsMsg *got = NULL;
	natsStatus s;
	enum err result;

	result = pending_begin(broker->pending, &call, &message, 1, &got);
	if (result != ERR_OK)
		return err_set(info, result, "too many requests to NATS");
	s = send_one(broker, &call, 0);
	pending_sent(broker->pending, &call, s == NATS_OK ? 1 : 0);
	result = pending_end(broker->pending, &call, timeout_ms, info);
	if (s != NATS_OK && !perhaps_sent(s))
		return link_refuse(info, s, natsMsg_GetSubject(message));
	if (s != NATS_OK || result == ERR_ABORTED)
		result = ERR_UNKNOWN_OUTCOME;
	if (result != ERR_OK) {
		natsMsg_Destroy(got);
		return err_prefix(info, result, "%s",
				  natsMsg_GetSubject(message));
	}
	if (natsMsg_IsNoResponders(got)) {
		natsMsg_Destroy(got);
		return err_set(info, ERR_UNAVAILABLE, "%s: nobody listens",
			       natsMsg_GetSubject(message));
	}
	*reply = got;
	return ERR_OK;
}

/* ---- listening ---- */

enum err
broker_subscribe(struct broker *broker, const char *subject,
		 broker_handler handler, void *arg,
		 struct broker_subscription **subscription,
		 struct err_info *info)
{
	struct broker_subscription *made = calloc(1, sizeof(*made));
	natsStatus s = NATS_NO_MEMORY;

	if (made == NULL)
		return err_set(info, ERR_NO_MEMORY, "no memory to subscribe");
	made->broker = broker;
	made->handler = handler;
	made->arg = arg;
	made->subject = strdup(subject);
	(void)pthread_mutex_lock(&broker->mutex);
	if (made->subject != NULL)
		s = listen_to(made);
	if (s == NATS_OK) {
		made->next = broker->subscriptions;
		broker->subscriptions = made;
	}
	(void)pthread_mutex_unlock(&broker->mutex);
	if (s != NATS_OK) {
		free_subscription(made);
		return link_refuse(info, s, subject);
	}
	*subscription = made;
	return ERR_OK;
}

void
broker_unsubscribe(struct broker_subscription *subscription)
{
	struct broker_subscription **at;
	struct broker *broker;

	if (subscription == NULL)
		return;
	broker = subscription->broker;
	(void)pthread_mutex_lock(&broker->mutex);
	for (at = &broker->subscriptions; *at != subscription;)
		at = &(*at)->next;
	*at = subscription->next;
	(void)pthread_mutex_unlock(&broker->mutex);
	end_subscription(subscription);
}
