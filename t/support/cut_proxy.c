/*
 * t/support/cut_proxy.c: see cut_proxy.h.
 *
 * One thread polls the listening socket, a wake-up pipe and the pairs of
 * sockets.  Writes block, which is fine between two local ends that read.
 */
#include "t/support/cut_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 32
#define FIRST     2 /* poll entries before the pairs */

enum command { COMMAND_CUT = 'c', COMMAND_AWAY = 'a', COMMAND_END = 'e' };

struct cut_proxy {
	pthread_t thread;
	int listen_fd;
	int wake[2];
	int port;
	int target;
	bool away; /* the thread's own, as all below */
	bool ended;
	size_t pairs;
	int fds[PAIRS_MAX][2];
};

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "proxy of the test: %s: %s\n", what, strerror(errno));
	abort();
}

static struct sockaddr_in
local(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	address.sin_port = htons((uint16_t)port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static void
drop(struct cut_proxy *proxy, size_t at)
{
	close(proxy->fds[at][0]);
	close(proxy->fds[at][1]);
	proxy->pairs--;
	memmove(proxy->fds + at, proxy->fds + at + 1,
		(proxy->pairs - at) * sizeof(proxy->fds[0]));
}

static void
take(struct cut_proxy *proxy)
{
	struct sockaddr_in address = local(proxy->target);
	int client = accept(proxy->listen_fd, NULL, NULL);
	int server;
	int one = 1;

	if (client < 0)
		return;
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (proxy->away || proxy->pairs == PAIRS_MAX || server < 0 ||
	    connect(server, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(client);
		if (server >= 0)
			close(server);
		return;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	proxy->fds[proxy->pairs][0] = client;
	proxy->fds[proxy->pairs][1] = server;
	proxy->pairs++;
}

static bool
forward(int from, int to)
{
	char buf[65536];
	ssize_t got = recv(from, buf, sizeof(buf), 0);
	ssize_t sent;

	for (ssize_t at = 0; at < got; at += sent) {
		sent = send(to, buf + at, (size_t)(got - at), MSG_NOSIGNAL);
		if (sent < 0)
			return false;
	}
	return got > 0;
}

static void
obey(struct cut_proxy *proxy)
{
	char command;

	if (read(proxy->wake[0], &command, 1) != 1)
		return;
	proxy->ended = command == COMMAND_END;
	proxy->away = command == COMMAND_AWAY;
	while (proxy->pairs > 0)
		drop(proxy, proxy->pairs - 1);
}

static void
serve(struct cut_proxy *proxy)
{
	struct pollfd polled[FIRST + 2 * PAIRS_MAX];
	size_t pairs = proxy->pairs;

	polled[0] = (struct pollfd){.fd = proxy->wake[0], .events = POLLIN};
	polled[1] = (struct pollfd){.fd = proxy->listen_fd, .events = POLLIN};
	for (size_t i = 0; i < 2 * pairs; i++)
		polled[FIRST + i] = (struct pollfd){
		    .fd = proxy->fds[i / 2][i % 2], .events = POLLIN};
	if (poll(polled, (nfds_t)(FIRST + 2 * pairs), -1) < 0)
		return;
	for (size_t i = pairs; i-- > 0;) {
		int *fds = proxy->fds[i];
		bool good = true;

		if (polled[FIRST + 2 * i].revents)
			good = forward(fds[0], fds[1]);
		if (good && polled[FIRST + 2 * i + 1].revents)
			good = forward(fds[1], fds[0]);
		if (!good)
			drop(proxy, i);
	}
	if (polled[1].revents)
		take(proxy);
	if (polled[0].revents)
		obey(proxy);
}

static void *
proxy_main(void *arg)
{
	struct cut_proxy *proxy = arg;

	while (!proxy->ended)
		serve(proxy);
	return NULL;
}

struct cut_proxy *
cut_proxy_start(int port)
{
	struct cut_proxy *proxy = calloc(1, sizeof(*proxy));
	struct sockaddr_in address = local(0);
	socklen_t size = sizeof(address);

	if (!proxy || pipe(proxy->wake) < 0)
		fail("pipe");
	proxy->target = port;
	proxy->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (proxy->listen_fd < 0 ||
	    bind(proxy->listen_fd, (struct sockaddr *)&address, size) < 0 ||
	    listen(proxy->listen_fd, 64) < 0 ||
	    getsockname(proxy->listen_fd, (struct sockaddr *)&address, &size) <
		0)
		fail("listen");
	proxy->port = ntohs(address.sin_port);
	if (pthread_create(&proxy->thread, NULL, proxy_main, proxy) != 0)
		fail("pthread_create");
	return proxy;
}

static void
tell(struct cut_proxy *proxy, enum command command)
{
	char octet = (char)command;

	if (write(proxy->wake[1], &octet, 1) != 1)
		fail("write");
}

void
cut_proxy_free(struct cut_proxy *proxy)
{
	if (!proxy)
		return;
	tell(proxy, COMMAND_END);
	pthread_join(proxy->thread, NULL);
	close(proxy->listen_fd);
	close(proxy->wake[0]);
	close(proxy->wake[1]);
	free(proxy);
}

int
cut_proxy_port(const struct cut_proxy *proxy)
{
	return proxy->port;
}

void
cut_proxy_cut(struct cut_proxy *proxy, bool away)
{
	tell(proxy, away ? COMMAND_AWAY : COMMAND_CUT);
}
