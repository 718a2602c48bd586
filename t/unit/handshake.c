/*
 * t/unit/handshake.c: lib/handshake.h: servers that are mute in the middle of
 * a handshake, for links that connect, connect again and are closed.
 */
#include "lib/handshake.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/nats_probe.h"
#include "lib/broker.h"
#include "lib/clock.h"
#include "t/support/await.h"
#include "t/support/certificate.h"
#include "t/support/must.h"
#include "t/support/mute_server.h"
#include "t/support/nats_server.h"
#include "t/support/port.h"
#include "t/unit/unit.h"

#define LINKS     2 /* of a broker */
#define PATH_SIZE 256
#define ROWS      (sizeof(rows) / sizeof(rows[0]))

static char certificate[PATH_SIZE];
static char key[PATH_SIZE];

/* One program each, at the same time: waiting is most of what they do. */
static struct row {
	const char *why;
	enum mute_point point;
	bool tls;
	int port;
	struct mute_server *mute;
	struct nats_server *server;
	struct config_nats config;
	struct broker *broker;
	enum nats_health health;
	pthread_t thread;
	atomic_bool done;
} rows[] = {
    {.why = "mute before its greeting", .point = MUTE_BEFORE_GREETING},
    {.why = "mute after its greeting", .point = MUTE_AFTER_GREETING},
    {.why = "mute before TLS", .point = MUTE_BEFORE_TLS, .tls = true},
    {.why = "mute after TLS", .point = MUTE_AFTER_TLS, .tls = true},
};

static void *
open_broker(void *arg)
{
	struct row *row = arg;
	struct err_info info = {""};

	must(broker_new(&row->config, "unit", &row->broker, &info), "broker",
	     &info);
	atomic_store(&row->done, true);
	return NULL;
}

static void *
close_broker(void *arg)
{
	struct row *row = arg;

	broker_free(row->broker);
	atomic_store(&row->done, true);
	return NULL;
}

static void
begin(struct row *row, void *(*run)(void *))
{
	atomic_store(&row->done, false);
	if (pthread_create(&row->thread, NULL, run, row) != 0)
		abort();
}

static void
go_mute(struct row *row)
{
	nats_server_free(row->server);
	row->server = NULL;
	row->mute = mute_server_start(row->port, row->point, certificate, key);
}

static void
speak(struct row *row)
{
	static int number;
	char extra[2 * PATH_SIZE + 64] = "";
	char name[16];

	mute_server_free(row->mute);
	row->mute = NULL;
	if (row->tls)
		snprintf(extra, sizeof(extra),
			 "tls {cert_file: \"%s\", key_file: \"%s\"}\n",
			 certificate, key);
	snprintf(name, sizeof(name), "nats-%d", ++number);
	row->server =
	    nats_server_spawn(unit_directory(), name, extra, row->port);
}

static void
prepare(struct row *row)
{
	static char host[] = "127.0.0.1";

	row->port = port_hold();
	row->config = (struct config_nats){.host = host, .port = row->port};
	if (row->tls)
		row->config.tls.ca = certificate;
}

static struct nats_server *
prepare_all(void)
{
	snprintf(certificate, sizeof(certificate), "%s/server.pem",
		 unit_directory());
	snprintf(key, sizeof(key), "%s/server.key", unit_directory());
	certificate_make("IP:127.0.0.1", certificate, key);
	for (size_t i = 0; i < ROWS; i++)
		prepare(&rows[i]);
	return nats_server_start(unit_directory(), "healthy", "");
}

/* Both links of each are freed, as the mute server sees. */
static void
all_hang_up(void)
{
	for (size_t i = 0; i < ROWS; i++)
		OK(rows[i].why, AWAIT(mute_server_left(rows[i].mute) >= LINKS));
}

static void
all_are_done(void)
{
	for (size_t i = 0; i < ROWS; i++)
		OK(rows[i].why, AWAIT(atomic_load(&rows[i].done)));
}

static void
all_come_back(void)
{
	for (size_t i = 0; i < ROWS; i++)
		speak(&rows[i]);
	for (size_t i = 0; i < ROWS; i++)
		OK(rows[i].why, AWAIT(broker_connected(rows[i].broker)));
}

static void
join_all(void)
{
	for (size_t i = 0; i < ROWS; i++)
		pthread_join(rows[i].thread, NULL);
}

static void
survives_mute_servers(void)
{
	struct nats_server *server = prepare_all();
	struct broker *healthy = NULL;
	struct err_info info = {""};

	must(
	    broker_new(nats_server_config(server, ""), "unit", &healthy, &info),
	    "broker", &info);
	/* the first time */
	for (size_t i = 0; i < ROWS; i++) {
		go_mute(&rows[i]);
		begin(&rows[i], open_broker);
	}
	all_are_done();
	all_hang_up();
	all_come_back();
	join_all();
	/* again */
	for (size_t i = 0; i < ROWS; i++)
		go_mute(&rows[i]);
	all_hang_up();
	all_come_back();
	/* the last time */
	for (size_t i = 0; i < ROWS; i++)
		go_mute(&rows[i]);
	for (size_t i = 0; i < ROWS; i++)
		OK(rows[i].why, AWAIT(mute_server_taken(rows[i].mute) > 0));
	for (size_t i = 0; i < ROWS; i++)
		begin(&rows[i], close_broker);
	all_are_done();
	for (size_t i = 0; i < ROWS; i++)
		mute_server_free(rows[i].mute);
	join_all();
	OK("one that needs none of this works as before",
	   AWAIT(broker_connected(healthy)));
	broker_free(healthy);
	nats_server_free(server);
}

/* ---- the watchdog of nats-server ---- */

static void *
probe(void *arg)
{
	static char host[] = "127.0.0.1";
	static char user[] = "monitor";
	static char none[] = "";
	struct row *row = arg;
	struct config config = {0};
	char why[256];

	config.nats.server.host = host;
	config.nats.server.port = row->port;
	config.nats.server.monitor.user = user;
	config.nats.server.tls.certificate = none;
	row->health = nats_probe(&config, "secret", 1000, why);
	atomic_store(&row->done, true);
	return NULL;
}

static void
calls_a_mute_server_silent(void)
{
	struct row row = {.why = "the probe ends",
			  .point = MUTE_AFTER_GREETING,
			  .port = port_hold()};

	go_mute(&row);
	begin(&row, probe);
	OK(row.why, AWAIT(atomic_load(&row.done)));
	mute_server_free(row.mute);
	pthread_join(row.thread, NULL);
	IS_INT("with this verdict", row.health, NATS_SILENT);
}

/* ---- sockets ---- */

static void
connect_pair(bool like_nats, int pair[static 2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct linger linger = {.l_onoff = 1};
	socklen_t size = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listening, (struct sockaddr *)&address, size) < 0 ||
	    listen(listening, 1) < 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &size) < 0 ||
	    connect(pair[0], (struct sockaddr *)&address, size) < 0 ||
	    (pair[1] = accept(listening, NULL, NULL)) < 0 ||
	    (like_nats && setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger,
				     sizeof(linger)) < 0))
		abort();
	close(listening);
}

static int
port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	return ntohs(address.sin_port);
}

static bool
has_ended(int fd)
{
	char octet;

	return recv(fd, &octet, 1, MSG_DONTWAIT) == 0;
}

/* Says something every few ms until `fd` has ended; whether `speaking` has not,
 * unless this thread was kept from speaking since that time. */
static bool
is_left_alone(int speaking, int fd, int64_t since_ms)
{
	int64_t longest_ms = 0;
	bool left_alone = true;

	OK("a mute one of nats.c is ended", AWAIT(({
		   bool ended = has_ended(fd);
		   int64_t pause_ms;

		   left_alone = !has_ended(speaking);
		   pause_ms = clock_mono_ms() - since_ms;
		   since_ms += pause_ms;
		   if (pause_ms > longest_ms)
			   longest_ms = pause_ms;
		   (void)send(speaking, "x", 1, MSG_NOSIGNAL);
		   ended;
	   })));
	return left_alone || longest_ms >= HANDSHAKE_MS;
}

static void
hangs_up_only_where_it_should(void)
{
	struct handshake handshake;
	struct err_info info = {""};
	int64_t since_ms = clock_mono_ms();
	int mute[2];
	int open[2];
	int speaking[2];
	int other[2];

	connect_pair(true, mute);
	connect_pair(true, open);
	connect_pair(true, speaking);
	connect_pair(false, other);
	IS_INT("guarded", handshake_guard(&handshake, &info), ERR_OK);
	handshake_over(&handshake, port_of(open[0]));
	OK("not one that hears something",
	   is_left_alone(speaking[1], mute[1], since_ms));
	OK("one that is thought to be open, but mute, is ended as well",
	   AWAIT(has_ended(open[1])));
	OK("but not another's", !has_ended(other[1]));
	handshake_unguard(&handshake);
	for (int i = 0; i < 2; i++) {
		close(mute[i]);
		close(open[i]);
		close(speaking[i]);
		close(other[i]);
	}
}

const struct unit_case unit_cases[] = {
    {"links survive servers that are mute in a handshake",
     survives_mute_servers},
    {"the probe of a server that only greets ends", calls_a_mute_server_silent},
    {"only mute sockets of nats.c are hung up", hangs_up_only_where_it_should},
    {NULL, NULL},
};
const char unit_name[] = "handshake";
