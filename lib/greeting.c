/*
 * lib/greeting.c: what a NATS server says of itself to whoever connects.
 *
 * The greeting is one line, "INFO {json}\r\n".
 */
#include "lib/greeting.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/json.h"

#define LINE_MAX_OCTETS 32768

static bool
wait_for(int fd, short events, int64_t end_ms)
{
	struct pollfd ready = {.fd = fd, .events = events};
	int64_t left_ms = end_ms - clock_mono_ms();

	return left_ms > 0 && poll(&ready, 1, (int)left_ms) == 1;
}

static bool
open_connection(const struct addrinfo *address, int64_t end_ms, int *fd)
{
	int failed = 0;
	socklen_t size = sizeof(failed);

	*fd = socket(address->ai_family,
		     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return false;
	if (connect(*fd, address->ai_addr, address->ai_addrlen) == 0)
		return true;
	return errno == EINPROGRESS && wait_for(*fd, POLLOUT, end_ms) &&
	       getsockopt(*fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 &&
	       failed == 0;
}

static enum err
read_line(int fd, int64_t end_ms, char *line, size_t *size)
{
	ssize_t got;

	*size = 0;
	while (memchr(line, '\n', *size) == NULL) {
		if (*size == LINE_MAX_OCTETS)
			return ERR_INVALID;
		if (!wait_for(fd, POLLIN, end_ms))
			return ERR_TIMEOUT;
		got = read(fd, line + *size, LINE_MAX_OCTETS - *size);
		if (got <= 0)
			return ERR_UNAVAILABLE;
		*size += (size_t)got;
	}
	*size = (size_t)((char *)memchr(line, '\n', *size) - line);
	return ERR_OK;
}

static enum err
parse(const char *line, size_t size, char version[static GREETING_VERSION_SIZE])
{
	const char *text;
	json_auto_t *info = NULL;

	if (size < 5 || memcmp(line, "INFO ", 5) != 0 ||
	    json_parse(line + 5, size - 5, &info, NULL) != ERR_OK)
		return ERR_INVALID;
	text = json_member_string(info, "version");
	if (text == NULL || strlen(text) >= GREETING_VERSION_SIZE)
		return ERR_INVALID;
	(void)snprintf(version, GREETING_VERSION_SIZE, "%s", text);
	return ERR_OK;
}

enum err
greeting_version(const char *host, int64_t port, int64_t timeout_ms,
		 char version[static GREETING_VERSION_SIZE])
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	enum err result = ERR_UNAVAILABLE;
	char line[LINE_MAX_OCTETS];
	char service[24];
	size_t size = 0;
	int fd = -1;

	(void)snprintf(service, sizeof(service), "%lld", (long long)port);
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return ERR_UNAVAILABLE;
	for (struct addrinfo *at = list; at != NULL; at = at->ai_next) {
		if (open_connection(at, end_ms, &fd)) {
			result = read_line(fd, end_ms, line, &size);
			break;
		}
		if (fd >= 0)
			(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd >= 0)
		(void)close(fd);
	return result == ERR_OK ? parse(line, size, version) : result;
}
