/* t/support/fastcgi.c: a FastCGI client that can also misbehave. */
#include "t/support/fastcgi.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LIMIT_MS    60000
#define RECORD_MAX  65535
#define HEADER_SIZE 8

static void
fail(const char *what)
{
	fprintf(stderr, "fastcgi: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

int
fastcgi_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fail(path);
	return fd;
}

void
fastcgi_append(struct fastcgi_buffer *buffer, const void *data, size_t size)
{
	uint8_t *grown = realloc(buffer->data, buffer->size + size + 1);

	if (!grown)
		fail("realloc");
	if (size)
		memcpy(grown + buffer->size, data, size);
	buffer->data = grown;
	buffer->size += size;
}

void
fastcgi_buffer_free(struct fastcgi_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct fastcgi_buffer){0};
}

void
fastcgi_record(struct fastcgi_buffer *buffer, int version, int type, int id,
	       const void *content, size_t size, size_t declared)
{
	uint8_t header[HEADER_SIZE] = {
	    (uint8_t)version,         (uint8_t)type,
	    (uint8_t)(id >> 8),       (uint8_t)id,
	    (uint8_t)(declared >> 8), (uint8_t)declared,
	};

	fastcgi_append(buffer, header, sizeof(header));
	fastcgi_append(buffer, content, size);
}

void
fastcgi_begin(struct fastcgi_buffer *buffer, int id, int role, bool keep)
{
	uint8_t body[8] = {(uint8_t)(role >> 8), (uint8_t)role, keep};

	fastcgi_record(buffer, 1, FASTCGI_BEGIN, id, body, sizeof(body),
		       sizeof(body));
}

static void
append_length(struct fastcgi_buffer *content, size_t n)
{
	uint8_t octets[4] = {(uint8_t)(n >> 24 | 0x80), (uint8_t)(n >> 16),
			     (uint8_t)(n >> 8), (uint8_t)n};

	if (n < 128)
		fastcgi_append(content, &octets[3], 1);
	else
		fastcgi_append(content, octets, sizeof(octets));
}

void
fastcgi_pair(struct fastcgi_buffer *content, const char *name,
	     const char *value)
{
	append_length(content, strlen(name));
	append_length(content, strlen(value));
	fastcgi_append(content, name, strlen(name));
	fastcgi_append(content, value, strlen(value));
}

static void
stream(struct fastcgi_buffer *buffer, int type, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size) {
		size_t n = size < RECORD_MAX ? size : RECORD_MAX;

		fastcgi_record(buffer, 1, type, 1, p, n, n);
		p += n;
		size -= n;
	}
}

void
fastcgi_request(struct fastcgi_buffer *buffer, const struct fastcgi_call *call)
{
	struct fastcgi_buffer params = {0};
	char length[32], authorization[8192];

	snprintf(length, sizeof(length), "%zu", call->size);
	fastcgi_pair(&params, "REQUEST_METHOD", call->method);
	fastcgi_pair(&params, "REQUEST_URI", call->uri);
	if (call->body || call->length)
		fastcgi_pair(&params, "CONTENT_LENGTH",
			     call->length ? call->length : length);
	if (call->type)
		fastcgi_pair(&params, "CONTENT_TYPE", call->type);
	if (call->token) {
		snprintf(authorization, sizeof(authorization), "Bearer %s",
			 call->token);
		fastcgi_pair(&params, "HTTP_AUTHORIZATION", authorization);
	}
	for (const char *const *p = call->params; p && *p; p += 2)
		fastcgi_pair(&params, p[0], p[1]);
	fastcgi_begin(buffer, 1, 1, call->keep);
	stream(buffer, FASTCGI_PARAMS, params.data, params.size);
	fastcgi_record(buffer, 1, FASTCGI_PARAMS, 1, NULL, 0, 0);
	if (call->body)
		stream(buffer, FASTCGI_STDIN, call->body, call->size);
	if (!call->open_ended)
		fastcgi_record(buffer, 1, FASTCGI_STDIN, 1, NULL, 0, 0);
	fastcgi_buffer_free(&params);
}

bool
fastcgi_send(int fd, const struct fastcgi_buffer *buffer)
{
	size_t done = 0;

	while (done < buffer->size) {
		ssize_t n = send(fd, buffer->data + done, buffer->size - done,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Reads exactly `size` octets; false at the connection's end. */
static bool
read_all(int fd, uint8_t *data, size_t size)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	while (size) {
		ssize_t n;

		if (poll(&pfd, 1, LIMIT_MS) == 0) {
			errno = ETIMEDOUT;
			fail("no answer");
		}
		n = recv(fd, data, size, 0);
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

/* Splits the octets of STDOUT into head and body. */
static void
split(struct fastcgi_answer *answer, struct fastcgi_buffer *out)
{
	char *text, *blank;

	fastcgi_append(out, "", 1);
	text = (char *)out->data;
	blank = strstr(text, "\r\n\r\n");
	if (!blank) {
		answer->head = text;
		return;
	}
	blank[2] = '\0';
	answer->head = text;
	answer->body = blank + 4;
	answer->size = out->size - 1 - (size_t)(answer->body - text);
	if (!strncmp(text, "Status: ", 8))
		answer->status = (int)strtol(text + 8, NULL, 10);
}

void
fastcgi_read(int fd, struct fastcgi_answer *answer)
{
	uint8_t header[HEADER_SIZE], content[RECORD_MAX + 255];
	struct fastcgi_buffer out = {0};

	*answer = (struct fastcgi_answer){0};
	while (!answer->ended && !answer->closed) {
		size_t size;

		if (!read_all(fd, header, sizeof(header))) {
			answer->closed = true;
			break;
		}
		size = (size_t)header[4] << 8 | header[5];
		if (!read_all(fd, content, size + header[6])) {
			answer->closed = true;
			break;
		}
		if (header[1] == FASTCGI_STDOUT)
			fastcgi_append(&out, content, size);
		answer->ended = header[1] == FASTCGI_END;
	}
	split(answer, &out);
}

void
fastcgi_answer_free(struct fastcgi_answer *answer)
{
	free(answer->head);
	*answer = (struct fastcgi_answer){0};
}

const char *
fastcgi_header(const struct fastcgi_answer *answer, const char *name)
{
	static char value[1024];
	size_t n = strlen(name);

	for (const char *line = answer->head; line && *line;) {
		const char *end = strstr(line, "\r\n");

		if (!end)
			return NULL;
		if (!strncasecmp(line, name, n) && line[n] == ':') {
			snprintf(value, sizeof(value), "%.*s",
				 (int)(end - line - (ptrdiff_t)n - 2),
				 line + n + 2);
			return value;
		}
		line = end + 2;
	}
	return NULL;
}

void
fastcgi_ask(const char *path, const struct fastcgi_call *call,
	    struct fastcgi_answer *answer)
{
	struct fastcgi_buffer buffer = {0};
	int fd;

	/* First, as a connection that stays silent is closed. */
	fastcgi_request(&buffer, call);
	fd = fastcgi_connect(path);
	fastcgi_send(fd, &buffer);
	fastcgi_read(fd, answer);
	fastcgi_buffer_free(&buffer);
	close(fd);
}

bool
fastcgi_closes(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char trash[4096];
	ssize_t n;

	do {
		if (poll(&pfd, 1, LIMIT_MS) <= 0)
			return false;
		n = recv(fd, trash, sizeof(trash), 0);
	} while (n > 0);
	return true;
}
