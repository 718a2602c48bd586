/*
 * t/unit/broker.c: the connection to NATS, against a real nats-server that is
 * stopped, killed and frozen.
 */
#include "lib/broker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "t/support/await.h"
#include "t/support/certificate.h"
#include "t/support/nats_server.h"
#include "t/unit/unit.h"

#define GUARD_MS 30000 /* a guard against a hang, not a measure */

/* What a handler has seen. */
struct seen {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int count;
	char last[64];
};

#define SEEN                                        \
	{                                           \
		.mutex = PTHREAD_MUTEX_INITIALIZER, \
		.changed = PTHREAD_COND_INITIALIZER \
	}

static void
see(natsMsg *message, void *arg)
{
	struct seen *seen = arg;

	(void)pthread_mutex_lock(&seen->mutex);
	seen->count++;
	(void)snprintf(seen->last, sizeof(seen->last), "%.*s",
		       natsMsg_GetDataLength(message),
		       natsMsg_GetData(message));
	(void)pthread_cond_broadcast(&seen->changed);
	(void)pthread_mutex_unlock(&seen->mutex);
	natsMsg_Destroy(message);
}

/* Waits until `last` is `text`; the count at that time. */
static int
wait_seen(struct seen *seen, const char *text)
{
	struct timespec end;
	int failed = 0;
	int count;

	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += GUARD_MS / 1000;
	(void)pthread_mutex_lock(&seen->mutex);
	while (strcmp(seen->last, text) != 0 && failed == 0)
		failed =
		    pthread_cond_timedwait(&seen->changed, &seen->mutex, &end);
	count = failed == 0 ? seen->count : -1;
	(void)pthread_mutex_unlock(&seen->mutex);
	return count;
}

static int
count_seen(struct seen *seen)
{
	int count;

	(void)pthread_mutex_lock(&seen->mutex);
	count = seen->count;
	(void)pthread_mutex_unlock(&seen->mutex);
	return count;
}

static struct nats_server *
start(const char *extra)
{
	static int number;
	char name[32];

	(void)snprintf(name, sizeof(name), "nats-%d", ++number);
	return nats_server_start(unit_directory(), name, extra);
}

static struct broker *
connect_as(struct nats_server *server, const char *user)
{
	struct err_info info = {.text = ""};
	struct broker *broker = NULL;

	if (broker_new(nats_server_config(server, user), "unit", &broker,
		       &info) != ERR_OK) {
		(void)fprintf(stderr, "broker_new: %s\n", info.text);
		abort();
	}
	if (broker_wait(broker, GUARD_MS) != ERR_OK)
		abort();
	return broker;
}

static natsMsg *
message(const char *subject, const char *text)
{
	natsMsg *made = NULL;

	if (natsMsg_Create(&made, subject, NULL, text, (int)strlen(text)) !=
	    NATS_OK)
		abort();
	return made;
}

static enum err
publish(struct broker *broker, const char *subject, const char *text)
{
	natsMsg *made = message(subject, text);
	enum err result = broker_publish(broker, made, NULL);

	natsMsg_Destroy(made);
	return result;
}

static enum err
request(struct broker *broker, const char *subject, int64_t timeout_ms,
	struct err_info *info)
{
	natsMsg *made = message(subject, "?");
	natsMsg *reply = NULL;
	enum err result =
	    broker_request(broker, made, timeout_ms, &reply, info);

	natsMsg_Destroy(made);
	natsMsg_Destroy(reply);
	return result;
}

static bool
becomes(struct broker *broker, bool connected)
{
	return AWAIT(broker_connected(broker) == connected);
}

/* Publishes until the server knows of the subscription. */
static bool
is_heard(struct broker *broker, const char *subject, const char *text,
	 struct seen *seen)
{
	return AWAIT(publish(broker, subject, text) == ERR_OK &&
		     count_seen(seen) > 0);
}

/* The same for who answers, or at least takes, requests. */
static bool
is_there(struct broker *broker, const char *subject, int64_t timeout_ms)
{
	return AWAIT(request(broker, subject, timeout_ms, NULL) !=
		     ERR_UNAVAILABLE);
}

/* Answers every message with its own text. */
static void
echo(natsMsg *request_message, void *arg)
{
	struct broker *broker = arg;
	natsMsg *answer = NULL;

	if (natsMsg_Create(&answer, natsMsg_GetReply(request_message), NULL,
			   natsMsg_GetData(request_message),
			   natsMsg_GetDataLength(request_message)) == NATS_OK)
		(void)broker_publish(broker, answer, NULL);
	natsMsg_Destroy(answer);
	natsMsg_Destroy(request_message);
}

/* ---- cases ---- */

static void
delivers(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct broker_subscription *subscription = NULL;
	struct seen seen = SEEN;
	char version[32];
	char url[64];
	int64_t rtt_us = -1;

	(void)snprintf(url, sizeof(url), "nats://127.0.0.1:%d",
		       nats_server_port(server));
	IS_TEXT("the URL has no credentials", broker_url(broker), url);
	HAS_TEXT("the server's greeting says its version",
		 broker_server_version(broker, version), "2.");
	IS_INT("a round trip", broker_ping(broker, GUARD_MS, &rtt_us), ERR_OK);
	OK("takes some time", rtt_us > 0);
	IS_INT("subscribes",
	       broker_subscribe(broker, "a.*", see, &seen, &subscription, NULL),
	       ERR_OK);
	IS_INT("the other connection's messages come once the server knows it",
	       broker_ping(broker, GUARD_MS, &rtt_us), ERR_OK);
	OK("the subscription is known", is_heard(broker, "a.b", "1", &seen));
	OK("hears", wait_seen(&seen, "1") > 0);
	IS_INT("nothing was missed", (int)broker_reconnects(broker), 0);
	broker_unsubscribe(subscription);
	broker_free(broker);
	nats_server_free(server);
}

static void
asks_many(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct broker_subscription *subscription = NULL;
	natsMsg *messages[BROKER_MANY_MAX];
	natsMsg *replies[BROKER_MANY_MAX];
	struct err_info info = {.text = ""};
	const char *value = NULL;
	char text[16];

	(void)broker_subscribe(broker, "echo.*", echo, broker, &subscription,
			       NULL);
	OK("somebody is there", is_there(broker, "echo.first", 1000));
	for (int i = 0; i < BROKER_MANY_MAX; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		messages[i] = message("echo.x", text);
	}
	IS_INT("all answers come",
	       broker_request_many(broker, messages, BROKER_MANY_MAX, GUARD_MS,
				   replies, &info),
	       ERR_OK);
	for (int i = 0; i < BROKER_MANY_MAX; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		IS_TEXT("each at its own place", natsMsg_GetData(replies[i]),
			text);
		natsMsg_Destroy(replies[i]);
	}
	natsMsg_Destroy(messages[1]);
	messages[1] = message("nobody.here", "x");
	IS_INT(
	    "one without a listener is answered too",
	    broker_request_many(broker, messages, 2, GUARD_MS, replies, &info),
	    ERR_OK);
	OK("by the server", natsMsg_IsNoResponders(replies[1]));
	(void)natsMsgHeader_Get(replies[1], "Status", &value);
	IS_TEXT("with its status", value, "503");
	for (int i = 0; i < 2; i++)
		natsMsg_Destroy(replies[i]);
	IS_INT("a lone one is told so",
	       request(broker, "nobody.here", GUARD_MS, &info),
	       ERR_UNAVAILABLE);
	HAS_TEXT("in words", info.text, "nobody listens");
	for (int i = 0; i < BROKER_MANY_MAX; i++)
		natsMsg_Destroy(messages[i]);
	broker_unsubscribe(subscription);
	broker_free(broker);
	nats_server_free(server);
}

/* Answers with the values of the header X. */
static void
answer_headers(natsMsg *request_message, void *arg)
{
	struct broker *broker = arg;
	const char **values = NULL;
	natsMsg *answer = NULL;
	char text[64] = "";
	int count = 0;

	(void)natsMsgHeader_Values(request_message, "X", &values, &count);
	for (int i = 0; i < count; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "%s;", values[i]);
	free(values);
	if (natsMsg_Create(&answer, natsMsg_GetReply(request_message), NULL,
			   text, (int)strlen(text)) == NATS_OK)
		(void)broker_publish(broker, answer, NULL);
	natsMsg_Destroy(answer);
	natsMsg_Destroy(request_message);
}

static void
keeps_headers(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct broker_subscription *subscription = NULL;
	natsMsg *with = message("headers", "");
	natsMsg *reply = NULL;

	(void)broker_subscribe(broker, "headers", answer_headers, broker,
			       &subscription, NULL);
	OK("somebody is there", is_there(broker, "headers", 1000));
	(void)natsMsgHeader_Add(with, "X", "one");
	(void)natsMsgHeader_Add(with, "X", "two");
	IS_INT("a request with headers is answered",
	       broker_request(broker, with, GUARD_MS, &reply, NULL), ERR_OK);
	IS_TEXT("both values of the header went along", natsMsg_GetData(reply),
		"one;two;");
	natsMsg_Destroy(reply);
	natsMsg_Destroy(with);
	broker_unsubscribe(subscription);
	broker_free(broker);
	nats_server_free(server);
}

/* Of a cluster one is enough, and it need not be the first. */
static void
takes_any_of_several(void)
{
	struct nats_server *server = start("");
	struct config_nats config = *nats_server_config(server, "");
	static char hosts[] = "127.0.0.2,127.0.0.1";
	struct broker *broker = NULL;
	int64_t rtt_us = -1;

	config.host = hosts;
	IS_INT("made", broker_new(&config, "unit", &broker, NULL), ERR_OK);
	HAS_TEXT("both are named", broker_url(broker), ",nats://127.0.0.1:");
	IS_INT("one is there", broker_wait(broker, GUARD_MS), ERR_OK);
	IS_INT("and answers", broker_ping(broker, GUARD_MS, &rtt_us), ERR_OK);
	broker_free(broker);
	nats_server_free(server);
}

static void
starts_without_server(void)
{
	struct nats_server *server = start("");
	struct broker *broker = NULL;
	struct err_info info = {.text = ""};

	nats_server_kill(server);
	IS_INT(
	    "a server that is away is no error",
	    broker_new(nats_server_config(server, ""), "unit", &broker, &info),
	    ERR_OK);
	OK("it is not connected", !broker_connected(broker));
	IS_INT("waiting ends", broker_wait(broker, 10), ERR_TIMEOUT);
	IS_INT("a publish fails", publish(broker, "a.b", "x"), ERR_UNAVAILABLE);
	IS_INT("a request fails", request(broker, "a.b", GUARD_MS, &info),
	       ERR_UNAVAILABLE);
	HAS_TEXT("in words", info.text, "not connected to NATS");
	nats_server_restart(server);
	IS_INT("it connects by itself", broker_wait(broker, GUARD_MS), ERR_OK);
	IS_INT("the inbox works",
	       request(broker, "$JS.API.INFO", GUARD_MS, NULL), ERR_OK);
	broker_free(broker);
	nats_server_free(server);
}

static void
ends_without_server(void)
{
	struct nats_server *server = start("");
	struct broker *broker = NULL;

	nats_server_kill(server);
	IS_INT(
	    "made",
	    broker_new(nats_server_config(server, ""), "unit", &broker, NULL),
	    ERR_OK);
	broker_free(broker);
	nats_server_free(server);
}

static void
publishes_nothing_late(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct broker_subscription *subscription = NULL;
	struct seen seen = SEEN;

	(void)broker_subscribe(broker, "ghost", see, &seen, &subscription,
			       NULL);
	nats_server_kill(server);
	OK("the loss is seen", becomes(broker, false));
	for (int i = 0; i < 20; i++)
		IS_INT("a publish while down fails at once",
		       publish(broker, "ghost", "ghost"), ERR_UNAVAILABLE);
	IS_INT("so does a request", request(broker, "ghost", GUARD_MS, NULL),
	       ERR_UNAVAILABLE);
	nats_server_restart(server);
	IS_INT("it comes back", broker_wait(broker, GUARD_MS), ERR_OK);
	OK("and says that something was missed", broker_reconnects(broker) > 0);
	OK("the subscription is known",
	   is_heard(broker, "ghost", "alive", &seen));
	OK("the subscription survived", wait_seen(&seen, "alive") > 0);
	IS_TEXT("nothing of what failed ever came", seen.last, "alive");
	broker_unsubscribe(subscription);
	broker_free(broker);
	nats_server_free(server);
}

struct asking {
	struct broker *broker;
	atomic_bool begun;
	enum err result;
	struct err_info info;
};

static void *
ask_mute(void *arg)
{
	struct asking *asking = arg;
	natsMsg *made = message("mute", "?");
	natsMsg *reply = NULL;

	atomic_store(&asking->begun, true);
	asking->result = broker_request_many(
	    asking->broker, &made, 1, 10 * GUARD_MS, &reply, &asking->info);
	natsMsg_Destroy(made);
	natsMsg_Destroy(reply);
	return NULL;
}

static void
ends_requests_of_a_lost_connection(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct broker_subscription *subscription = NULL;
	struct asking asking = {.broker = broker};
	struct seen seen = SEEN;
	pthread_t thread;

	/* Somebody who listens and never answers. */
	(void)broker_subscribe(broker, "mute", see, &seen, &subscription, NULL);
	OK("somebody is there", is_there(broker, "mute", 1));
	(void)pthread_create(&thread, NULL, ask_mute, &asking);
	OK("it asks", AWAIT(atomic_load(&asking.begun)));
	nats_server_kill(server);
	/* Would take 5 minutes, if it waited for its own limit. */
	(void)pthread_join(thread, NULL);
	OK("it ends when the connection does, not at its own limit",
	   asking.result == ERR_UNKNOWN_OUTCOME ||
	       asking.result == ERR_UNAVAILABLE);
	broker_unsubscribe(subscription);
	broker_free(broker);
	nats_server_free(server);
}

struct changes {
	atomic_int ups;
	atomic_int downs;
};

static void
count_change(bool connected, void *arg)
{
	struct changes *changes = arg;

	(void)atomic_fetch_add(connected ? &changes->ups : &changes->downs, 1);
}

static void
notices_a_frozen_server(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct changes changes = {0};
	struct err_info info = {.text = ""};
	int64_t rtt_us = 0;
	int64_t begun;

	broker_on_change(broker, count_change, &changes);
	nats_server_freeze(server);
	IS_INT("an answer that does not come is a timeout",
	       request(broker, "$JS.API.INFO", 100, &info), ERR_TIMEOUT);
	IS_INT("for a ping too", broker_ping(broker, 50, &rtt_us), ERR_TIMEOUT);
	begun = clock_mono_ms();
	OK("a mute server is noticed", becomes(broker, false));
	(void)printf("    a frozen server was noticed after %lld ms\n",
		     (long long)(clock_mono_ms() - begun));
	IS_INT("then requests fail at once",
	       request(broker, "$JS.API.INFO", GUARD_MS, &info),
	       ERR_UNAVAILABLE);
	nats_server_thaw(server);
	IS_INT("it comes back", broker_wait(broker, GUARD_MS), ERR_OK);
	/* It is told a moment after it is so. */
	(void)AWAIT(atomic_load(&changes.ups) == atomic_load(&changes.downs));
	OK("the loss was told", atomic_load(&changes.downs) >= 1);
	IS_INT("and each return", atomic_load(&changes.ups),
	       atomic_load(&changes.downs));
	broker_free(broker);
	nats_server_free(server);
}

static const char users[] =
    "accounts {APP: {jetstream: enabled, users: [\n"
    "  {user: api, password: secret}\n"
    "  {user: \"host.a\", password: secret, permissions: {\n"
    "    publish: [\"allowed.>\", \"$JS.API.INFO\"]\n"
    "    subscribe: [\"_INBOX_host_a.>\"]}}\n"
    "]}}\n";

static void
stays_within_its_inbox(void)
{
	struct nats_server *server = start(users);
	struct broker *broker = connect_as(server, "host.a");
	struct err_info info = {.text = ""};
	char inbox[128];
	int64_t begun = clock_mono_ms();

	HAS_TEXT("inboxes carry the user's name", broker_inbox(broker, inbox),
		 "_INBOX_host_a.");
	IS_INT("replies reach the only subjects it may hear",
	       request(broker, "$JS.API.INFO", GUARD_MS, &info), ERR_OK);
	IS_INT("a request without permission is an error of ours",
	       request(broker, "$JS.API.STREAM.NAMES", GUARD_MS, &info),
	       ERR_INTERNAL);
	OK("and ends before its limit", clock_mono_ms() - begun < GUARD_MS);
	HAS_TEXT("in the server's words", info.text, "ermissions Violation");
	HAS_TEXT("naming the subject", info.text, "$JS.API.STREAM.NAMES");
	broker_free(broker);
	nats_server_free(server);
}

static void
refuses_what_cannot_work(void)
{
	static char missing[] = "/nonexistent/creds";
	struct nats_server *server = start(users);
	struct config_nats config = *nats_server_config(server, "");
	struct err_info info = {.text = ""};
	struct broker *broker = NULL;

	config.creds_file = missing;
	IS_INT("unreadable credentials",
	       broker_new(&config, "unit", &broker, &info), ERR_INVALID);
	HAS_TEXT("are named", info.text, missing);
	config = *nats_server_config(server, "");
	config.tls.ca = missing;
	IS_INT("an unreadable CA", broker_new(&config, "unit", &broker, &info),
	       ERR_INVALID);
	HAS_TEXT("is named", info.text, missing);
	OK("nothing was made", broker == NULL);
	nats_server_free(server);
}

static void
waits_for_its_credentials(void)
{
	struct nats_server *server = start(users);
	struct config_nats config = *nats_server_config(server, "nobody");
	struct broker_subscription *subscription = NULL;
	struct err_info info = {.text = ""};
	struct broker *broker = NULL;
	struct seen seen = SEEN;

	IS_INT("credentials that are refused today are no error",
	       broker_new(&config, "unit", &broker, &info), ERR_OK);
	/* nats.c gives a connection up that was refused twice; two of them are
	 * refused more often only if they are opened anew. */
	OK("it goes on trying",
	   AWAIT(nats_server_logged(server, "authentication error") >= 6));
	IS_INT("it is not let in", request(broker, "$JS.API.INFO", 100, &info),
	       ERR_UNAVAILABLE);
	IS_INT(
	    "it may subscribe",
	    broker_subscribe(broker, "later", see, &seen, &subscription, &info),
	    ERR_OK);
	nats_server_stop(server);
	nats_server_reconfigure(server, "");
	nats_server_restart(server);
	IS_INT("it connects once they are good", broker_wait(broker, GUARD_MS),
	       ERR_OK);
	IS_INT("its inbox works",
	       request(broker, "$JS.API.INFO", GUARD_MS, &info), ERR_OK);
	OK("the subscription is known", is_heard(broker, "later", "1", &seen));
	OK("its subscription too", wait_seen(&seen, "1") > 0);
	broker_unsubscribe(subscription);
	broker_free(broker);
	nats_server_free(server);
}

static void
checks_the_servers_certificate(void)
{
	static char localhost[] = "localhost";
	struct nats_server *server;
	struct broker *broker = NULL;
	struct config_nats config;
	struct err_info info = {.text = ""};
	char paths[4][256];
	char extra[640];

	for (int i = 0; i < 4; i++)
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/tls-%d.pem",
			       unit_directory(), i);
	certificate_make("IP:127.0.0.1", paths[0], paths[1]);
	certificate_make("IP:127.0.0.1", paths[2], paths[3]);
	(void)snprintf(extra, sizeof(extra),
		       "tls {cert_file: \"%s\", key_file: \"%s\"}\n", paths[0],
		       paths[1]);
	server = start(extra);
	config = *nats_server_config(server, "");
	config.tls.ca = paths[0];
	IS_INT("the right authority",
	       broker_new(&config, "unit", &broker, &info), ERR_OK);
	IS_INT("connects", broker_wait(broker, GUARD_MS), ERR_OK);
	IS_INT("and asks", request(broker, "$JS.API.INFO", GUARD_MS, &info),
	       ERR_OK);
	broker_free(broker);
	broker = NULL;
	config.tls.ca = paths[2];
	if (broker_new(&config, "unit", &broker, &info) == ERR_OK)
		IS_INT("another authority never connects",
		       broker_wait(broker, 1000), ERR_TIMEOUT);
	broker_free(broker);
	broker = NULL;
	config.tls.ca = paths[0];
	config.host = localhost;
	if (broker_new(&config, "unit", &broker, &info) == ERR_OK)
		IS_INT("a certificate of another name never connects",
		       broker_wait(broker, 1000), ERR_TIMEOUT);
	broker_free(broker);
	OK("handshakes were refused",
	   AWAIT(nats_server_logged(server, "TLS handshake error") > 0));
	nats_server_free(server);
}

#define ASKERS    16
#define QUESTIONS 500

static void *
ask_often(void *arg)
{
	struct broker *broker = arg;
	long wrong = 0;

	for (int i = 0; i < QUESTIONS; i++) {
		char text[32];
		natsMsg *reply = NULL;
		natsMsg *made;

		(void)snprintf(text, sizeof(text), "%p-%d", (void *)text, i);
		made = message("echo.x", text);
		if (broker_request(broker, made, GUARD_MS, &reply, NULL) !=
			ERR_OK ||
		    strcmp(natsMsg_GetData(reply), text) != 0)
			wrong++;
		natsMsg_Destroy(made);
		natsMsg_Destroy(reply);
	}
	return (void *)wrong;
}

static void
serves_many_threads(void)
{
	struct nats_server *server = start("");
	struct broker *broker = connect_as(server, "");
	struct broker_subscription *subscription = NULL;
	pthread_t threads[ASKERS];
	void *wrong = NULL;

	(void)broker_subscribe(broker, "echo.*", echo, broker, &subscription,
			       NULL);
	OK("somebody is there", is_there(broker, "echo.first", 1000));
	for (int i = 0; i < ASKERS; i++)
		(void)pthread_create(&threads[i], NULL, ask_often, broker);
	for (int i = 0; i < ASKERS; i++) {
		(void)pthread_join(threads[i], &wrong);
		IS_INT("each thread gets the answers to its own questions",
		       (long)wrong, 0);
	}
	broker_free(broker);
	nats_server_free(server);
}

const struct unit_case unit_cases[] = {
    {"delivers messages and tells of the server", delivers},
    {"asks many times in one round trip", asks_many},
    {"sends the headers of a request", keeps_headers},
    {"takes any of several servers", takes_any_of_several},
    {"starts without a server", starts_without_server},
    {"ends without a server", ends_without_server},
    {"delivers nothing later that failed while down", publishes_nothing_late},
    {"ends requests of a lost connection at once",
     ends_requests_of_a_lost_connection},
    {"notices a frozen server", notices_a_frozen_server},
    {"keeps its inbox within its own prefix, names refusals",
     stays_within_its_inbox},
    {"refuses options that cannot work", refuses_what_cannot_work},
    {"waits for its credentials", waits_for_its_credentials},
    {"checks the server's certificate and its name",
     checks_the_servers_certificate},
    {"serves many threads", serves_many_threads},
    {NULL, NULL},
};

const char unit_name[] = "broker";
