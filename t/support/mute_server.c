/*
 * t/support/mute_server.c: see mute_server.h.
 *
 * One thread polls the listening socket, a wake-up pipe and the connections
 * for their end alone: what clients say stays unread.
 */
#include "t/support/mute_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define FIRST       2 /* poll entries before the clients */
#define GREETING                                               \
	"INFO {\"server_id\":\"MUTE\",\"version\":\"2.9.10\"," \
	"\"proto\":1,\"headers\":true,\"max_payload\":1048576%s}\r\n"
#define TLS_REQUIRED ",\"tls_required\":true"

struct mute_server {
	enum mute_point point;
	pthread_t thread;
	int listen_fd;
	int wake[2];
	SSL_CTX *tls;
	atomic_int taken;
	atomic_int left;
	int clients; /* the thread's own, as all below */
	struct {
		int fd;
		SSL *tls;
	} client[CLIENTS_MAX];
};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "mute server of the test: %s: %s\n", what,
		strerror(errno));
	abort();
}

static bool
greet(const struct mute_server *server, int fd)
{
	bool tls = server->point >= MUTE_BEFORE_TLS;
	char text[256];
	int size =
	    snprintf(text, sizeof(text), GREETING, tls ? TLS_REQUIRED : "");

	return server->point == MUTE_BEFORE_GREETING ||
	       send(fd, text, (size_t)size, MSG_NOSIGNAL) == size;
}

static bool
shake_hands(const struct mute_server *server, int fd, SSL **tls)
{
	if (server->point != MUTE_AFTER_TLS)
		return true;
	*tls = SSL_new(server->tls);
	return *tls != NULL && SSL_set_fd(*tls, fd) == 1 &&
	       SSL_accept(*tls) == 1;
}

static void
drop(struct mute_server *server, int at)
{
	SSL_free(server->client[at].tls);
	close(server->client[at].fd);
	server->client[at] = server->client[--server->clients];
}

static void
take(struct mute_server *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	SSL *tls = NULL;

	if (fd < 0)
		fail("accept");
	if (server->clients == CLIENTS_MAX || !greet(server, fd) ||
	    !shake_hands(server, fd, &tls)) {
		SSL_free(tls);
		close(fd);
		return;
	}
	server->client[server->clients].fd = fd;
	server->client[server->clients++].tls = tls;
	atomic_fetch_add(&server->taken, 1);
}

static void *
serve(void *arg)
{
	struct mute_server *server = arg;
	struct pollfd polled[FIRST + CLIENTS_MAX];

	for (;;) {
		int clients = server->clients;

		polled[0] =
		    (struct pollfd){.fd = server->wake[0], .events = POLLIN};
		polled[1] =
		    (struct pollfd){.fd = server->listen_fd, .events = POLLIN};
		for (int i = 0; i < clients; i++)
			polled[FIRST + i] = (struct pollfd){
			    .fd = server->client[i].fd, .events = POLLRDHUP};
		if (poll(polled, (nfds_t)(FIRST + clients), -1) < 0)
			fail("poll");
		for (int i = clients; i-- > 0;) {
			if (!polled[FIRST + i].revents)
				continue;
			drop(server, i);
			atomic_fetch_add(&server->left, 1);
		}
		if (polled[0].revents)
			return NULL;
		if (polled[1].revents)
			take(server);
	}
}

static void
listen_on(struct mute_server *server, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int one = 1;

	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listen_fd < 0 ||
	    setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one,
		       sizeof(one)) < 0 ||
	    bind(server->listen_fd, (struct sockaddr *)&address,
		 sizeof(address)) < 0 ||
	    listen(server->listen_fd, CLIENTS_MAX) < 0)
		fail("listen");
}

struct mute_server *
mute_server_start(int port, enum mute_point point, const char *certificate_path,
		  const char *key_path)
{
	struct mute_server *server = calloc(1, sizeof(*server));

	if (!server || pipe2(server->wake, O_CLOEXEC) < 0)
		fail("pipe");
	server->point = point;
	if (point == MUTE_AFTER_TLS) {
		server->tls = SSL_CTX_new(TLS_server_method());
		if (!server->tls ||
		    SSL_CTX_use_certificate_file(server->tls, certificate_path,
						 SSL_FILETYPE_PEM) != 1 ||
		    SSL_CTX_use_PrivateKey_file(server->tls, key_path,
						SSL_FILETYPE_PEM) != 1)
			fail("certificate");
	}
	listen_on(server, port);
	if (pthread_create(&server->thread, NULL, serve, server) != 0)
		fail("pthread_create");
	return server;
}

void
mute_server_free(struct mute_server *server)
{
	if (!server)
		return;
	close(server->wake[1]);
	pthread_join(server->thread, NULL);
	while (server->clients > 0)
		drop(server, server->clients - 1);
	close(server->listen_fd);
	close(server->wake[0]);
	SSL_CTX_free(server->tls);
	free(server);
}

int
mute_server_taken(struct mute_server *server)
{
	return atomic_load(&server->taken);
}

int
mute_server_left(struct mute_server *server)
{
	return atomic_load(&server->left);
}
