/*
 * lib/handshake.c: ends handshakes with NATS that get no answer.
 *
 * The sockets of nats.c are those of this process's TCP sockets that drop
 * unsent data when they are closed (SO_LINGER on, 0 s): nats.c sets that as
 * soon as they are connected, and nothing else here does.
 *
 * One that is known as open by its local port has more patience, no more than
 * that: the knowledge may be late, and a port have two connections.
 *
 * As many sockets as there are connections, each one known for SETTLED_MS:
 * then all handshakes are over, and until one of these sockets is gone only
 * they are looked at.
 *
 * Lock order: life, then mutex.
 */
#include "lib/handshake.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

#define LOOK_MS    250   /* between two looks at all sockets */
#define REST_MS    1000  /* between two at the settled ones */
#define SETTLED_MS 10000 /* more than any handshake takes */
#define KNOWN_MAX  16

struct known {
	int fd;
	uint64_t cookie; /* the kernel's name of the socket, never used again */
	int64_t since_ms;
};

/* The thread's own. */
struct watch {
	struct known known[KNOWN_MAX];
	int count; /* of nats.c's sockets; those beyond KNOWN_MAX included */
	bool told; /* the log, since the last time that all were settled */
};

static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER; /* of the thread */
static pthread_t thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards: */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct handshake *guarded; /* the list is written under both locks */

/* ---- one socket ---- */

static bool
is_of_nats(int fd)
{
	struct linger linger = {0};
	int protocol = 0;
	socklen_t linger_size = sizeof(linger);
	socklen_t protocol_size = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &linger_size) ==
		   0 &&
	       linger.l_onoff != 0 && linger.l_linger == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol,
			  &protocol_size) == 0 &&
	       protocol == IPPROTO_TCP;
}

static int
local_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {.any.sa_family = AF_UNSPEC};
	socklen_t size = sizeof(address);

	if (getsockname(fd, &address.any, &size) < 0)
		return -1;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
						       : address.v4.sin_port);
}

static uint32_t
patience_ms(int fd)
{
	int port = local_port(fd);
	bool open = false;

	(void)pthread_mutex_lock(&mutex);
	for (struct handshake *at = guarded; at != NULL; at = at->next)
		open = open || at->port == port;
	(void)pthread_mutex_unlock(&mutex);
	return open ? HANDSHAKE_OPEN_MS : HANDSHAKE_MS;
}

static bool
is_mute(int fd)
{
	struct tcp_info tcp = {0};
	socklen_t size = sizeof(tcp);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &size) == 0 &&
	       tcp.tcpi_state == TCP_ESTABLISHED &&
	       tcp.tcpi_last_data_recv >= patience_ms(fd);
}

static uint64_t
cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0)
		return 0;
	return cookie;
}

/* nats.c may close it meanwhile, and its number become another file's: what is
 * shut down is a duplicate, after a second look at that. */
static void
end_mute(struct watch *watch, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return;
	if (is_of_nats(copy) && is_mute(copy) &&
	    shutdown(copy, SHUT_RDWR) == 0 && !watch->told) {
		watch->told = true;
		log_warning("NATS took a connection and is mute: hung up");
	}
	(void)close(copy);
}

/* ---- all of them ---- */

static int64_t
known_since(const struct watch *watch, uint64_t cookie, int64_t now_ms)
{
	for (int i = 0; i < watch->count && i < KNOWN_MAX; i++)
		if (watch->known[i].cookie == cookie)
			return watch->known[i].since_ms;
	return now_ms;
}

static void
see(struct watch *watch, struct watch *seen, int fd)
{
	uint64_t cookie = cookie_of(fd);

	if (seen->count < KNOWN_MAX)
		seen->known[seen->count] = (struct known){
		    .fd = fd,
		    .cookie = cookie,
		    .since_ms = known_since(watch, cookie, clock_mono_ms()),
		};
	seen->count++;
	if (is_mute(fd))
		end_mute(seen, fd);
}

static void
look_at_all(struct watch *watch)
{
	struct watch seen = {.told = watch->told};
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (isdigit((unsigned char)entry->d_name[0]) && is_of_nats(fd))
			see(watch, &seen, fd);
	}
	if (directory != NULL)
		(void)closedir(directory);
	*watch = seen;
}

static bool
are_settled(const struct watch *watch, int connections)
{
	int64_t now_ms = clock_mono_ms();

	if (watch->count != connections || watch->count > KNOWN_MAX)
		return false;
	for (int i = 0; i < watch->count; i++) {
		const struct known *at = &watch->known[i];

		if (now_ms - at->since_ms < SETTLED_MS ||
		    cookie_of(at->fd) != at->cookie)
			return false;
	}
	return true;
}

/* ---- the thread ---- */

/* Under the mutex, or under `life`. */
static int
count_guarded(void)
{
	int count = 0;

	for (struct handshake *at = guarded; at != NULL; at = at->next)
		count++;
	return count;
}

/* Returns how many connections there are after that time; 0: the end. */
static int
rest(int64_t ms)
{
	struct timespec end = clock_mono_deadline(ms);
	int over = 0;
	int count;

	(void)pthread_mutex_lock(&mutex);
	while (guarded != NULL && over == 0)
		over = pthread_cond_clockwait(&changed, &mutex, CLOCK_MONOTONIC,
					      &end);
	count = count_guarded();
	(void)pthread_mutex_unlock(&mutex);
	return count;
}

static void *
run(void *arg)
{
	struct watch watch = {0};
	int64_t rest_ms = LOOK_MS;
	int connections;

	while ((connections = rest(rest_ms)) > 0) {
		bool settled = are_settled(&watch, connections);

		if (settled)
			watch.told = false;
		else
			look_at_all(&watch);
		rest_ms = settled ? REST_MS : LOOK_MS;
	}
	return arg;
}

static void
add(struct handshake *handshake)
{
	(void)pthread_mutex_lock(&mutex);
	handshake->port = 0;
	handshake->next = guarded;
	guarded = handshake;
	(void)pthread_mutex_unlock(&mutex);
}

static void
drop(struct handshake *handshake)
{
	struct handshake **at = &guarded;

	(void)pthread_mutex_lock(&mutex);
	while (*at != handshake)
		at = &(*at)->next;
	*at = handshake->next;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&mutex);
}

enum err
handshake_guard(struct handshake *handshake, struct err_info *info)
{
	enum err result = ERR_OK;

	(void)pthread_mutex_lock(&life);
	add(handshake);
	if (count_guarded() == 1 &&
	    pthread_create(&thread, NULL, run, NULL) != 0) {
		drop(handshake);
		result = err_set(info, ERR_NO_MEMORY,
				 "no thread to watch handshakes with NATS");
	}
	(void)pthread_mutex_unlock(&life);
	return result;
}

void
handshake_unguard(struct handshake *handshake)
{
	(void)pthread_mutex_lock(&life);
	drop(handshake);
	if (guarded == NULL)
		(void)pthread_join(thread, NULL);
	(void)pthread_mutex_unlock(&life);
}

void
handshake_over(struct handshake *handshake, int port)
{
	(void)pthread_mutex_lock(&mutex);
	handshake->port = port;
	(void)pthread_mutex_unlock(&mutex);
}
