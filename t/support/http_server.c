/* t/support/http_server.c: one connection after the other. */
#include "t/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads until the header and the body that it announces are there. */
static void
read_request(struct http_server *s, int fd)
{
	size_t used = 0;

	s->request[0] = '\0';
	while (used < sizeof(s->request) - 1) {
		ssize_t n =
		    read(fd, s->request + used, sizeof(s->request) - 1 - used);
		char *end;
		char *length;

		if (n <= 0)
			return;
		used += (size_t)n;
		s->request[used] = '\0';
		end = strstr(s->request, "\r\n\r\n");
		length = strstr(s->request, "Content-Length: ");
		if (end &&
		    (!length || used >= (size_t)(end + 4 - s->request) +
					    strtoul(length + 16, NULL, 10)))
			return;
	}
}

static void
send_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

static void
answer(struct http_server *s, int fd)
{
	static char block[65536];
	char octet;
	size_t i;

	if (s->answer)
		send_all(fd, s->answer, strlen(s->answer));
	for (i = 0; i < s->blocks; i++)
		send_all(fd, block, sizeof(block));
	/* until the client has closed */
	while (s->silent && read(fd, &octet, 1) > 0)
		;
}

static void *
serve(void *arg)
{
	struct http_server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		read_request(s, fd);
		s->requests++;
		answer(s, fd);
		close(fd);
	}
	return NULL;
}

void
http_server_start(struct http_server *s)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	s->requests = 0;
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listener, (struct sockaddr *)&address, size) ||
	    listen(s->listener, 4) ||
	    getsockname(s->listener, (struct sockaddr *)&address, &size) ||
	    pthread_create(&s->thread, NULL, serve, s)) {
		perror("http_server_start");
		exit(2);
	}
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d",
		 ntohs(address.sin_port));
}

void
http_server_stop(struct http_server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
}
