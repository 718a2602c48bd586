/*
 * lib/broker.h: the connection to NATS.
 *
 * Two connections a process, one to publish and to ask, one that listens, so
 * that a slow subscriber never delays an acknowledgement.  They reconnect for
 * ever (every 250 ms), nothing is buffered while they are down: a call then
 * fails at once with ERR_UNAVAILABLE.  A server that is mute is noticed after
 * 3 s. NATS callbacks only enqueue.  Make it after fork(2), once a process.
 *
 * All inboxes, and so all replies, are below INBOX_PREFIX + "{name}.",
 * where {name} is the configured user, else client_name, else `name`, with
 * every character that is not a letter, digit, "-" or "_" turned into "_":
 * "_INBOX_worker.>" is what NATS permissions let user "worker" subscribe to.
 *
 * A subject below BROKER_JS_API is sent below the configured js_prefix instead:
 * callers need not know which account they are in.
 *
 * What the server refuses for want of a permission it says apart from the
 * request; a request that it was said of ends at once with ERR_INTERNAL and
 * the server's words.
 *
 * All functions may be called from every thread unless they say otherwise.
 */
#ifndef OSAPI_LIB_BROKER_H
#define OSAPI_LIB_BROKER_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/pending.h"

#define BROKER_JS_API      "$JS.API"
#define BROKER_MANY_MAX    16   /* messages of one broker_request_many */
#define BROKER_PENDING_MAX 4096 /* requests under way in a process */

struct broker;
struct broker_subscription;

/*
 * Begins to connect and returns.  A server that is away, or refuses the
 * credentials today, is not an error: it is tried again for ever; options that
 * cannot work are (ERR_INVALID: unreadable credentials, bad TLS files).
 * The configured host may be several with a comma between them, of which any
 * will do.  With TLS, the certificate of each server of a cluster must be good
 * for the (first) configured host.  `name` is the connection's name where
 * config has none.  Copies what it needs.
 */
enum err broker_new(const struct config_nats *config, const char *name,
		    struct broker **broker, struct err_info *info);

/* Ends subscriptions and connections, flushing what was published (at most
 * 1 s); waits for running handlers.  NULL is accepted. */
void broker_free(struct broker *broker);

/* Whether both connections are up. */
bool broker_connected(const struct broker *broker);

/* Waits until broker_connected; ERR_TIMEOUT. */
enum err broker_wait(struct broker *broker, int64_t timeout_ms);

/* Counts reconnects of either connection: a caller that sees it change has
 * missed messages. */
uint64_t broker_reconnects(const struct broker *broker);

/* "nats://127.0.0.1:4222", without credentials. */
const char *broker_url(const struct broker *broker);

/* The server's version, e.g. "2.9.10"; "" while not connected.  Asks the server
 * in a connection of its own: not for each request.  buf is returned. */
char *broker_server_version(const struct broker *broker, char buf[static 32]);

/* The connection's round trip in microseconds; ERR_UNAVAILABLE, ERR_TIMEOUT. */
enum err broker_ping(struct broker *broker, int64_t timeout_ms,
		     int64_t *rtt_us);

/* Publishes; no acknowledgement.  `message` stays the caller's. */
enum err broker_publish(struct broker *broker, natsMsg *message,
			struct err_info *info);

/* As broker_publish, but on the connection that listens: for a message whose
 * reply subject was subscribed with broker_subscribe.  The server has then
 * seen the subscription before the message, and tells it when nobody listens
 * to the message (status 503). */
enum err broker_publish_listener(struct broker *broker, natsMsg *message,
				 struct err_info *info);

/* Asks and waits for one reply, which the caller destroys.  ERR_UNAVAILABLE
 * (down, or nobody listens), ERR_TIMEOUT, ERR_UNKNOWN_OUTCOME (the connection
 * was lost after the message had been sent; at once, not at the timeout),
 * ERR_INTERNAL (not permitted), ERR_BUSY (BROKER_PENDING_MAX). */
enum err broker_request(struct broker *broker, natsMsg *message,
			int64_t timeout_ms, natsMsg **reply,
			struct err_info *info);

/* Requests that were sent and whose replies are not collected yet; stays where
 * it is in memory between the two. */
struct broker_call {
	struct pending_call pending;
	natsStatus status; /* of sending */
	size_t sent;
};

/* broker_request_many in two halves: sends and returns.  ERR_OK:
 * broker_collect is due, and `messages` and `replies` stay until then; else
 * nothing was sent. */
enum err broker_ask(struct broker *broker, struct broker_call *call,
		    natsMsg *const *messages, size_t count, natsMsg **replies,
		    struct err_info *info);
/* Waits up to `timeout_ms` from now for what is still missing. */
enum err broker_collect(struct broker *broker, struct broker_call *call,
			int64_t timeout_ms, struct err_info *info);

/*
 * Asks `count` (1 to BROKER_MANY_MAX) times in one round trip: publishes all,
 * then collects the replies.  replies[i] belongs to messages[i], NULL where
 * none came in time; a reply may be the server's "no responders"
 * (natsMsg_IsNoResponders).  Returns ERR_OK when all came, else
 * ERR_UNKNOWN_OUTCOME after a timeout or a lost connection (the messages may
 * have been taken), ERR_UNAVAILABLE when nothing was sent, ERR_INTERNAL when a
 * message is not permitted, ERR_BUSY, ERR_TOO_LARGE (server's max_payload).
 * The caller destroys the replies in any case.
 */
enum err broker_request_many(struct broker *broker, natsMsg *const *messages,
			     size_t count, int64_t timeout_ms,
			     natsMsg **replies, struct err_info *info);

/* Called on a nats.c thread, one message at a time a subscription;
 * it owns `message` (natsMsg_Destroy) and must only enqueue: no
 * request, no long lock. */
typedef void (*broker_handler)(natsMsg *message, void *arg);

/* Listens on the subscriber connection; survives reconnects. */
enum err broker_subscribe(struct broker *broker, const char *subject,
			  broker_handler handler, void *arg,
			  struct broker_subscription **subscription,
			  struct err_info *info);

/* Ends it and waits until its handler no longer runs; NULL is accepted. */
void broker_unsubscribe(struct broker_subscription *subscription);

/* A new unique subject below this program's own inbox
 * prefix; buf is returned. */
char *broker_inbox(struct broker *broker, char buf[static 128]);

/* Called by broker_published, on the caller's thread: to be measured.  Set
 * once, before traffic. */
void broker_on_published(struct broker *broker,
			 void (*published)(int64_t us, enum err result,
					   void *arg),
			 void *arg);

/* Something was published: how long until its acknowledgement was there, or
 * until it was given up, and the result. */
void broker_published(struct broker *broker, int64_t us, enum err result);

/* Called after each change of broker_connected, on a nats.c thread. It must
 * only set a flag or write to an eventfd.  Set once, before traffic. */
void broker_on_change(struct broker *broker,
		      void (*changed)(bool connected, void *arg), void *arg);

#endif
