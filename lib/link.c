/*
 * lib/link.c: one connection to NATS by nats.c, set up as osapi wants it.
 *
 * `up` is written under the mutex from the state that nats.c reports at that
 * time, so a late callback cannot bring back an old state.
 * Lock order: guard, then nats.c's own; mutex, then nats.c's own; mutex, then
 * that of lib/handshake.c.
 */
#include "lib/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/handshake.h"
#include "lib/log.h"

#define RECONNECT_WAIT_MS   250
#define RECONNECT_JITTER_MS 50
#define PING_INTERVAL_MS    1000 /* and PINGS_OUT without an answer: mute */
#define PINGS_OUT           2
#define SERVERS_MAX         16   /* of a list of hosts */
#define CONNECT_MS          2000 /* nats.c spins then: after HANDSHAKE_MS */
#define TRY_MS              1000
#define WRITE_MS            1000
#define FLUSH_MS            1000
#define REVIVE_WAIT_MS      1000

_Static_assert(PING_INTERVAL_MS *(PINGS_OUT + 1) == HANDSHAKE_OPEN_MS,
	       "a server is mute after the same time in either state");

static const struct {
	natsStatus status;
	enum err code;
} codes[] = {
    {NATS_OK, ERR_OK},
    {NATS_IO_ERROR, ERR_UNAVAILABLE},
    {NATS_CONNECTION_CLOSED, ERR_UNAVAILABLE},
    {NATS_CONNECTION_DISCONNECTED, ERR_UNAVAILABLE},
    {NATS_INSUFFICIENT_BUFFER, ERR_UNAVAILABLE},
    {NATS_NOT_YET_CONNECTED, ERR_UNAVAILABLE},
    {NATS_NO_SERVER, ERR_UNAVAILABLE},
    {NATS_STALE_CONNECTION, ERR_UNAVAILABLE},
    {NATS_DRAINING, ERR_UNAVAILABLE},
    {NATS_TIMEOUT, ERR_TIMEOUT},
    {NATS_MAX_PAYLOAD, ERR_TOO_LARGE},
    {NATS_NO_MEMORY, ERR_NO_MEMORY},
    {NATS_INVALID_ARG, ERR_INVALID},
    {NATS_INVALID_SUBJECT, ERR_INVALID},
    {NATS_ADDRESS_MISSING, ERR_INVALID},
    {NATS_SSL_ERROR, ERR_INVALID},
    {NATS_CONNECTION_AUTH_FAILED, ERR_INVALID},
    {NATS_SECURE_CONNECTION_WANTED, ERR_INVALID},
    {NATS_SECURE_CONNECTION_REQUIRED, ERR_INVALID},
};

enum err
link_code(natsStatus status)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return ERR_INTERNAL;
}

enum err
link_refuse(struct err_info *info, natsStatus status, const char *what)
{
	enum err code = link_code(status);

	if (code == ERR_UNAVAILABLE)
		return err_set(info, code, "%s: not connected to NATS (%s)",
			       what, natsStatus_GetText(status));
	return err_set(info, code, "%s: %s", what, natsStatus_GetText(status));
}

/* ---- callbacks ---- */

static int
local_port(natsConnection *connection)
{
	char *address = NULL;
	int port = 0;

	(void)natsConnection_GetLocalIPAndPort(connection, &address, &port);
	free(address);
	return port;
}

static void
note_state(struct link *link, natsConnection *connection)
{
	bool up;

	(void)pthread_mutex_lock(&link->mutex);
	up = natsConnection_Status(connection) == NATS_CONN_STATUS_CONNECTED;
	atomic_store(&link->up, up);
	handshake_over(&link->handshake, up ? local_port(connection) : 0);
	(void)pthread_mutex_unlock(&link->mutex);
	link->events->changed(link->arg);
}

static void
disconnected(natsConnection *connection, void *arg)
{
	struct link *link = arg;

	note_state(link, connection);
	link->events->lost(link->arg);
}

static void
connected(natsConnection *connection, void *arg)
{
	note_state(arg, connection);
}

static void
reconnected(natsConnection *connection, void *arg)
{
	struct link *link = arg;

	link->events->missed(link->arg);
	note_state(link, connection);
}

static void *revive(void *arg);

static void
closed(natsConnection *connection, void *arg)
{
	struct link *link = arg;

	disconnected(connection, arg);
	(void)pthread_mutex_lock(&link->mutex);
	link->opened--;
	link->given_up = true;
	if (!link->stopping && !link->has_thread)
		link->has_thread =
		    pthread_create(&link->thread, NULL, revive, link) == 0;
	(void)pthread_cond_broadcast(&link->changed);
	(void)pthread_mutex_unlock(&link->mutex);
}

/* The words of nats.c without its own "(file.c:line): " in
 * front; NULL: none. */
static const char *
last_words(void)
{
	const char *words = nats_GetLastError(NULL);
	const char *end = words && *words == '(' ? strstr(words, "): ") : NULL;

	words = end ? end + 3 : words;
	return words && *words ? words : NULL;
}

static void
failed(natsConnection *connection, natsSubscription *subscription,
       natsStatus status, void *arg)
{
	struct link *link = arg;
	const char *words = last_words();

	(void)connection;
	(void)subscription;
	/* Messages were dropped: as bad as those missed while disconnected. */
	if (status == NATS_SLOW_CONSUMER)
		link->events->missed(link->arg);
	if (status == NATS_NOT_PERMITTED && words != NULL)
		link->events->denied(words, link->arg);
}

/* ---- options ---- */

char *
link_address(const struct config_nats *config)
{
	const char *at = config->host;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	do {
		int length = (int)strcspn(at, ",");
		bool v6 = memchr(at, ':', (size_t)length) != NULL;

		(void)fprintf(out, "%snats://%s%.*s%s:%lld",
			      at == config->host ? "" : ",", v6 ? "[" : "",
			      length, at, v6 ? "]" : "",
			      (long long)config->port);
		at += length;
	} while (*at++ == ',');
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* A list of addresses as link_address makes it. */
static natsStatus
set_url(natsOptions *options, const char *url)
{
	const char *servers[SERVERS_MAX];
	char *copy = strdup(url);
	char *rest = copy;
	int count = 0;
	natsStatus s = NATS_NO_MEMORY;

	while (rest != NULL && count < SERVERS_MAX)
		servers[count++] = strsep(&rest, ",");
	if (copy != NULL)
		s = natsOptions_SetServers(options, servers, count);
	free(copy);
	return s;
}

static bool
given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static natsStatus
set_security(natsOptions *options, const struct config_nats *config)
{
	natsStatus s = NATS_OK;

	if (given(config->user))
		s = natsOptions_SetUserInfo(options, config->user,
					    config->password);
	if (s == NATS_OK && given(config->creds_file))
		s = natsOptions_SetUserCredentialsFromFiles(
		    options, config->creds_file, NULL);
	if (s == NATS_OK && given(config->tls.ca))
		s = natsOptions_LoadCATrustedCertificates(options,
							  config->tls.ca);
	if (s == NATS_OK && given(config->tls.certificate))
		s = natsOptions_LoadCertificatesChain(
		    options, config->tls.certificate, config->tls.key);
	/* No name is expected of all servers: Debian's nats.c then expects of
	 * each the one by which it is reached. */
	if (s == NATS_OK &&
	    (given(config->tls.ca) || given(config->tls.certificate)))
		s = natsOptions_SetSecure(options, true);
	return s;
}

static natsStatus
set_behaviour(natsOptions *options, const char *inbox_prefix)
{
	natsStatus s = natsOptions_SetAllowReconnect(options, true);

	if (s == NATS_OK)
		s = natsOptions_SetMaxReconnect(options, -1);
	if (s == NATS_OK)
		s = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
	if (s == NATS_OK)
		s = natsOptions_SetReconnectJitter(options, 50, 50);
	/* 0, against the words of nats.h: nothing is kept, nothing comes out
	 * later. */
	if (s == NATS_OK)
		s = natsOptions_SetReconnectBufSize(options, 0);
	if (s == NATS_OK)
		s = natsOptions_SetFailRequestsOnDisconnect(options, true);
	if (s == NATS_OK)
		s = natsOptions_SetPingInterval(options, PING_INTERVAL_MS);
	if (s == NATS_OK)
		s = natsOptions_SetMaxPingsOut(options, PINGS_OUT);
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(options, CONNECT_MS);
	if (s == NATS_OK)
		s = natsOptions_SetWriteDeadline(options, WRITE_MS);
	if (s == NATS_OK)
		s = natsOptions_SetSendAsap(options, true);
	if (s == NATS_OK)
		s = natsOptions_SetCustomInboxPrefix(options, inbox_prefix);
	return s;
}

static natsStatus
set_callbacks(natsOptions *options, struct link *link)
{
	natsStatus s =
	    natsOptions_SetRetryOnFailedConnect(options, true, connected, link);

	if (s == NATS_OK)
		s = natsOptions_SetDisconnectedCB(options, disconnected, link);
	if (s == NATS_OK)
		s = natsOptions_SetReconnectedCB(options, reconnected, link);
	if (s == NATS_OK)
		s = natsOptions_SetClosedCB(options, closed, link);
	if (s == NATS_OK)
		s = natsOptions_SetErrorHandler(options, failed, link);
	return s;
}

/* ---- life ---- */

/* Waits until nats.c has given up, or the end of the link. */
static bool
wait_given_up(struct link *link)
{
	bool stopping;

	(void)pthread_mutex_lock(&link->mutex);
	while (!link->given_up && !link->stopping)
		(void)pthread_cond_wait(&link->changed, &link->mutex);
	stopping = link->stopping;
	(void)pthread_mutex_unlock(&link->mutex);
	return !stopping;
}

static void
wait_stopping(struct link *link, int64_t timeout_ms)
{
	struct timespec end = clock_mono_deadline(timeout_ms);
	int over = 0;

	(void)pthread_mutex_lock(&link->mutex);
	while (!link->stopping && over == 0)
		over =
		    pthread_cond_timedwait(&link->changed, &link->mutex, &end);
	(void)pthread_mutex_unlock(&link->mutex);
}

static void
replace(struct link *link, natsConnection *fresh)
{
	natsConnection *old;

	(void)pthread_rwlock_wrlock(&link->guard);
	old = link->connection;
	link->connection = fresh;
	(void)pthread_rwlock_unlock(&link->guard);
	link->events->replaced(link->arg);
	natsConnection_Destroy(old);
	link->events->missed(link->arg);
	note_state(link, fresh);
}

/* The link's thread: opens another connection in place of one given up. */
static void *
revive(void *arg)
{
	struct link *link = arg;
	natsConnection *fresh;
	natsStatus s;

	while (wait_given_up(link)) {
		fresh = NULL;
		s = natsConnection_Connect(&fresh, link->options);
		if (s != NATS_OK) {
			wait_stopping(link, REVIVE_WAIT_MS);
			continue;
		}
		(void)pthread_mutex_lock(&link->mutex);
		link->opened++;
		link->given_up = link->opened <= 0;
		(void)pthread_mutex_unlock(&link->mutex);
		replace(link, fresh);
	}
	return NULL;
}

static natsStatus
make_options(struct link *link, const char *url,
	     const struct config_nats *config, const char *name,
	     const char *inbox_prefix)
{
	natsStatus s = natsOptions_Create(&link->options);

	if (s == NATS_OK)
		s = set_url(link->options, url);
	if (s == NATS_OK)
		s = natsOptions_SetName(link->options, name);
	if (s == NATS_OK)
		s = set_security(link->options, config);
	if (s == NATS_OK)
		s = set_behaviour(link->options, inbox_prefix);
	if (s == NATS_OK)
		s = set_callbacks(link->options, link);
	return s;
}

static void
init(struct link *link, const struct link_events *events, void *arg)
{
	pthread_condattr_t attributes;

	link->events = events;
	link->arg = arg;
	(void)pthread_rwlock_init(&link->guard, NULL);
	(void)pthread_mutex_init(&link->mutex, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&link->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	link->opened = 1;
}

enum err
link_open(struct link *link, const char *url, const struct config_nats *config,
	  const char *name, const char *inbox_prefix,
	  const struct link_events *events, void *arg, struct err_info *info)
{
	const char *words;
	natsStatus s;

	init(link, events, arg);
	link->guarded = handshake_guard(&link->handshake, info) == ERR_OK;
	if (!link->guarded) {
		link->opened = 0;
		return ERR_NO_MEMORY;
	}
	s = make_options(link, url, config, name, inbox_prefix);
	if (s == NATS_OK)
		s = natsConnection_Connect(&link->connection, link->options);
	if (s == NATS_OK || s == NATS_NOT_YET_CONNECTED) {
		/* From now on each try says at once how it went. */
		(void)natsOptions_SetRetryOnFailedConnect(link->options, false,
							  NULL, NULL);
		note_state(link, link->connection);
		return ERR_OK;
	}
	link->opened = 0;
	words = last_words();
	return err_set(info, link_code(s), "%s: %s%s%s", url,
		       natsStatus_GetText(s), words ? ": " : "",
		       words ? words : "");
}

void
link_close(struct link *link)
{
	if (link->events == NULL)
		return;
	(void)pthread_mutex_lock(&link->mutex);
	link->stopping = true;
	(void)pthread_cond_broadcast(&link->changed);
	(void)pthread_mutex_unlock(&link->mutex);
	if (link->has_thread)
		(void)pthread_join(link->thread, NULL);
	if (atomic_load(&link->up))
		(void)natsConnection_FlushTimeout(link->connection, FLUSH_MS);
	if (link->connection != NULL)
		natsConnection_Close(link->connection);
	(void)pthread_mutex_lock(&link->mutex);
	while (link->opened > 0)
		(void)pthread_cond_wait(&link->changed, &link->mutex);
	(void)pthread_mutex_unlock(&link->mutex);
	if (link->guarded)
		handshake_unguard(&link->handshake);
	link->guarded = false;
}

void
link_release(struct link *link)
{
	if (link->events == NULL)
		return;
	natsConnection_Destroy(link->connection);
	natsOptions_Destroy(link->options);
	(void)pthread_cond_destroy(&link->changed);
	(void)pthread_mutex_destroy(&link->mutex);
	(void)pthread_rwlock_destroy(&link->guard);
}

/* ---- traffic ---- */

natsStatus
link_publish(struct link *link, natsMsg *message)
{
	natsStatus s = NATS_CONNECTION_DISCONNECTED;

	/* nats.c would only say so after its try to connect. */
	(void)pthread_rwlock_rdlock(&link->guard);
	if (atomic_load(&link->up))
		s = natsConnection_PublishMsg(link->connection, message);
	(void)pthread_rwlock_unlock(&link->guard);
	log_debug("NATS publish",
		  LOG_S("nats_subject", natsMsg_GetSubject(message)),
		  LOG_I("octets", natsMsg_GetDataLength(message)),
		  LOG_S("failed", s == NATS_OK ? NULL : natsStatus_GetText(s)));
	return s;
}

natsStatus
link_flush(struct link *link, int64_t timeout_ms)
{
	natsStatus s;

	(void)pthread_rwlock_rdlock(&link->guard);
	s = natsConnection_FlushTimeout(link->connection, timeout_ms);
	(void)pthread_rwlock_unlock(&link->guard);
	return s;
}

natsStatus
link_subscribe(struct link *link, natsSubscription **subscription,
	       const char *subject, natsMsgHandler handler, void *arg)
{
	natsStatus s;

	(void)pthread_rwlock_rdlock(&link->guard);
	s = natsConnection_Subscribe(subscription, link->connection, subject,
				     handler, arg);
	(void)pthread_rwlock_unlock(&link->guard);
	return s;
}

void
link_url(const struct link *link, char *buf, size_t size)
{
	struct link *at = (struct link *)(uintptr_t)link;

	(void)pthread_rwlock_rdlock(&at->guard);
	if (natsConnection_GetConnectedUrl(link->connection, buf, size) !=
	    NATS_OK)
		buf[0] = '\0';
	(void)pthread_rwlock_unlock(&at->guard);
}

static natsStatus
try_options(natsOptions *options, const char *url,
	    const struct config_nats *config)
{
	natsStatus s = set_url(options, url);

	if (s == NATS_OK)
		s = set_security(options, config);
	if (s == NATS_OK)
		s = natsOptions_SetAllowReconnect(options, false);
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(options, TRY_MS);
	return s;
}

void
link_reason(const char *url, const struct config_nats *config, char *buf,
	    size_t size)
{
	natsConnection *connection = NULL;
	natsOptions *options = NULL;
	struct handshake handshake = {0};
	struct err_info info = {""};
	const char *words;
	natsStatus s;

	if (handshake_guard(&handshake, &info) != ERR_OK) {
		(void)snprintf(buf, size, "%s", info.text);
		return;
	}
	s = natsOptions_Create(&options);
	if (s == NATS_OK)
		s = try_options(options, url, config);
	if (s == NATS_OK)
		s = natsConnection_Connect(&connection, options);
	words = s == NATS_OK ? "just now it can" : last_words();
	(void)snprintf(buf, size, "%s", words ? words : natsStatus_GetText(s));
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	handshake_unguard(&handshake);
}
