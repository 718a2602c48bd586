/*
 * lib/link.h: one connection to NATS by nats.c, set up as osapi wants it.
 *
 * It reconnects for ever and keeps nothing that was published while it was
 * down.  A mute server is noticed: after 3 s by pings (two of 1 s without an
 * answer), in a handshake after 1.5 s (lib/handshake.h); until then calls may
 * wait.
 * nats.c gives a connection up when its credentials were refused twice; a
 * thread of the link then opens another one, so that a server whose users are
 * put right needs no restart of its clients.
 * nats.c's callbacks come on a thread of its own, and some of them after the
 * connection was closed: link_close waits for the last one.
 */
#ifndef OSAPI_LIB_LINK_H
#define OSAPI_LIB_LINK_H

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/handshake.h"

/* Called on a nats.c thread, `replaced` on the link's own;
 * none may close it. */
struct link_events {
	void (*changed)(void *arg); /* `up` may have changed */
	void (*lost)(void *arg);    /* what was sent may not be answered */
	void (*missed)(void *arg);  /* what came in may be incomplete */
	void (*denied)(const char *words, void *arg); /* no permission */
	void (*replaced)(void *arg); /* subscriptions have to be made again */
};

struct link {
	const struct link_events *events; /* NULL: not begun */
	void *arg;
	natsOptions *options;
	atomic_bool up;
	pthread_rwlock_t guard; /* guards `connection` against replacement */
	natsConnection *connection;
	pthread_mutex_t mutex; /* guards the writing of `up`, and all below */
	pthread_cond_t changed;
	int opened;    /* connections whose last callback is still to come */
	bool given_up; /* by nats.c */
	bool stopping; /* by link_close */
	bool has_thread;
	bool guarded; /* the opener's own */
	struct handshake handshake;
	pthread_t thread;
};

/* "nats://host:port", with a comma between them where the configured host is a
 * list of such; the caller frees it.  NULL: out of memory. */
char *link_address(const struct config_nats *config);

/*
 * Opens it, to any of the addresses in `url`; `link` is zeroed memory that
 * stays where it is.  A server that is away is no error.  `inbox_prefix` is for
 * nats.c's own inboxes.  link_close and link_release are due in any case.
 */
enum err link_open(struct link *link, const char *url,
		   const struct config_nats *config, const char *name,
		   const char *inbox_prefix, const struct link_events *events,
		   void *arg, struct err_info *info);

/* nats.c's calls of these names, on the connection of the moment. */
natsStatus link_publish(struct link *link, natsMsg *message);
natsStatus link_flush(struct link *link, int64_t timeout_ms);
natsStatus link_subscribe(struct link *link, natsSubscription **subscription,
			  const char *subject, natsMsgHandler handler,
			  void *arg);

/* Flushes for at most 1 s and closes; then no event comes any more. */
void link_close(struct link *link);

/* Frees what a closed link holds. */
void link_release(struct link *link);

/* Writes the URL of the server of the moment, "" for none. */
void link_url(const struct link *link, char *buf, size_t size);

/* Writes why there is no connection, by trying once more (at most 3 s a step):
 * of the tries that it makes by itself nats.c keeps no words. */
void link_reason(const char *url, const struct config_nats *config, char *buf,
		 size_t size);

/* Our word for one of nats.c's. */
enum err link_code(natsStatus status);

/* The same with a sentence: "what: reason". */
enum err link_refuse(struct err_info *info, natsStatus status,
		     const char *what);

#endif
