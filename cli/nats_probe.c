/*
 * cli/nats_probe.c: asks a nats-server whether it is well.
 *
 * Each probe is a connection of its own: what the server says to a fresh one
 * tells a refusal from silence, and a hung connection cannot be mistaken for a
 * hung server.  The server's own /healthz is of no use, it says ok while
 * JetStream is stuck.
 */
#include "cli/nats_probe.h"

#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

#include "cli/nats_account.h"
#include "cli/nats_workers.h"
#include "lib/handshake.h"
#include "lib/hearing.h"
#include "lib/inbox.h"

/* A wildcard address is reached by loopback. */
static const char *
reachable(const char *host)
{
	if (strcmp(host, "0.0.0.0") == 0)
		return "127.0.0.1";
	if (strcmp(host, "::") == 0)
		return "::1";
	return host;
}

/* It is our own child on this machine: encryption is needed to be let in, its
 * name is not checked.  Where clients must show a certificate, its own serves
 * as ours. */
static natsStatus
set_tls(natsOptions *options, const struct config *c)
{
	natsStatus s;

	if (!*c->nats.server.tls.certificate)
		return NATS_OK;
	s = natsOptions_SetSecure(options, true);
	if (s == NATS_OK)
		s = natsOptions_SkipServerVerification(options, true);
	if (s == NATS_OK && *c->nats.server.tls.ca)
		s = natsOptions_LoadCertificatesChain(
		    options, c->nats.server.tls.certificate,
		    c->nats.server.tls.key);
	return s;
}

static natsStatus
set_options(natsOptions *options, const struct config *c, const char *user,
	    const char *password, int64_t timeout_ms)
{
	const char *host = reachable(c->nats.server.host);
	bool v6 = strchr(host, ':') != NULL;
	char text[512];
	natsStatus s;

	snprintf(text, sizeof(text), "nats://%s%s%s:%lld", v6 ? "[" : "", host,
		 v6 ? "]" : "", (long long)c->nats.server.port);
	s = natsOptions_SetURL(options, text);
	if (s == NATS_OK)
		s = natsOptions_SetName(options, "osapi nats server start");
	if (s == NATS_OK)
		s = natsOptions_SetUserInfo(options, user, password);
	if (s == NATS_OK)
		s = natsOptions_SetCustomInboxPrefix(options,
						     inbox_prefix(user, text));
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(options, timeout_ms);
	if (s == NATS_OK)
		s = natsOptions_SetAllowReconnect(options, false);
	if (s == NATS_OK)
		s = set_tls(options, c);
	return s;
}

static enum nats_health
judge(natsStatus s)
{
	switch ((int)s) {
	case NATS_OK:
		return NATS_WELL;
	case NATS_CONNECTION_AUTH_FAILED:
	case NATS_SSL_ERROR:
	case NATS_SECURE_CONNECTION_WANTED:
	case NATS_SECURE_CONNECTION_REQUIRED:
	case NATS_INVALID_ARG:
		return NATS_REFUSED;
	default:
		return NATS_SILENT;
	}
}

static natsStatus
ask_stream(natsConnection *connection, const char *prefix, const char *name,
	   const char *suffix, int64_t timeout_ms, char why[static 256])
{
	natsMsg *answer = NULL;
	char subject[256];
	natsStatus s;

	snprintf(subject, sizeof(subject), "$JS.API.STREAM.INFO.%s%.128s%s",
		 prefix, name, suffix);
	s = natsConnection_Request(&answer, connection, subject, NULL, 0,
				   timeout_ms);
	natsMsg_Destroy(answer);
	if (s != NATS_OK)
		snprintf(why, 256, "stream %s%.128s%s: %s", prefix, name,
			 suffix, natsStatus_GetText(s));
	return s;
}

/* That a stream is not there is an answer, too. */
static natsStatus
ask_streams(natsConnection *connection, const struct config *c,
	    int64_t timeout_ms, char why[static 256])
{
	const struct {
		const char *prefix;
		const char *name;
		const char *suffix;
	} streams[] = {
	    {"KV_", c->job.kv_bucket, ""},
	    {"KV_", c->job.kv_response_bucket, ""},
	    {"KV_", c->job.registry_bucket, ""},
	    {"", c->job.stream_name, ""},
	    {"", c->job.stream_name, "-DLQ"},
	};
	natsStatus s = NATS_OK;
	size_t i;

	for (i = 0; i < 5 && s == NATS_OK; i++)
		s = ask_stream(connection, streams[i].prefix, streams[i].name,
			       streams[i].suffix, timeout_ms, why);
	return s;
}

/* A server that greets and is then mute would hold nats.c for good. */
static natsStatus
connect_to(natsConnection **connection, natsOptions *options)
{
	struct handshake handshake = {0};
	struct err_info info;
	natsStatus s;

	if (handshake_guard(&handshake, &info) != ERR_OK)
		return NATS_NO_MEMORY;
	s = natsConnection_Connect(connection, options);
	handshake_unguard(&handshake);
	return s;
}

enum nats_health
nats_probe(const struct config *c, const char *password, int64_t timeout_ms,
	   char why[static 256])
{
	natsConnection *connection = NULL;
	natsOptions *options = NULL;
	enum nats_health health;
	natsStatus s = natsOptions_Create(&options);

	why[0] = '\0';
	if (s == NATS_OK)
		s = set_options(options, c, c->nats.server.monitor.user,
				password, timeout_ms);
	if (s == NATS_OK)
		s = connect_to(&connection, options);
	if (s == NATS_OK)
		s = natsConnection_FlushTimeout(connection, timeout_ms);
	if (s != NATS_OK)
		snprintf(why, 256, "connection: %s", natsStatus_GetText(s));
	health = judge(s);
	if (s == NATS_OK && !*c->nats.server.cluster.name &&
	    ask_streams(connection, c, timeout_ms, why) != NATS_OK)
		health = NATS_SILENT;
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	return health;
}

/* ---- as a worker ---- */

/* About the consumer of all workers; that there is none is an answer. */
static natsStatus
ask_consumer(natsConnection *connection, const struct config *c,
	     int64_t timeout_ms)
{
	char name[HEARING_NAME_SIZE];
	natsMsg *answer = NULL;
	char subject[512];
	natsStatus s;

	snprintf(subject, sizeof(subject),
		 NATS_JS_PREFIX ".CONSUMER.INFO.%.128s.%s", c->job.stream_name,
		 hearing_shared(c, JOB_LIVE, name));
	s = natsConnection_Request(&answer, connection, subject, NULL, 0,
				   timeout_ms);
	natsMsg_Destroy(answer);
	return s;
}

/* Whether the host is let in, asks, and hears nothing. */
static bool
is_cut_off(const struct config *c, const struct nats_worker *worker,
	   int64_t timeout_ms)
{
	char user[NATS_WORKER_USER_SIZE];
	natsConnection *connection = NULL;
	natsOptions *options = NULL;
	natsStatus s = natsOptions_Create(&options);
	bool cut_off = false;

	if (s == NATS_OK)
		s = set_options(options, c,
				nats_worker_user(worker->host, user),
				worker->password, timeout_ms);
	if (s == NATS_OK)
		s = connect_to(&connection, options);
	if (s == NATS_OK)
		cut_off =
		    ask_consumer(connection, c, timeout_ms) == NATS_TIMEOUT;
	natsConnection_Destroy(connection);
	natsOptions_Destroy(options);
	return cut_off;
}

enum nats_health
nats_probe_hosts(const struct config *c, int64_t timeout_ms,
		 char why[static 256])
{
	struct nats_workers workers = {.count = 0};
	enum nats_health health = NATS_WELL;
	struct err_info info;

	why[0] = '\0';
	if (nats_workers_read(c->nats.server.workers, &workers, &info) !=
	    ERR_OK)
		return NATS_WELL;
	for (size_t i = 0;
	     i < workers.count && i < NATS_PROBE_HOSTS && health == NATS_WELL;
	     i++) {
		if (!is_cut_off(c, &workers.items[i], timeout_ms))
			continue;
		health = NATS_SILENT;
		snprintf(why, 256, "JetStream does not answer %.200s",
			 workers.items[i].host);
	}
	nats_workers_release(&workers);
	return health;
}
