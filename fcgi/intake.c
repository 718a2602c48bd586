/*
 * fcgi/intake.c: connections that have nothing to say yet cost no thread.
 *
 * An entry of the table belongs to the set as long as its state is not
 * NOT_OURS.  EPOLLONESHOT gives each event to one thread, the number of
 * the entry's last registration tells stale events, the mutex guards the
 * table.  One thread at a time waits for events (it has the turn) and hands the
 * turn on before it serves, so a connection wakes one thread and not all of
 * them.  Entries that are too old are closed by whichever thread wakes up
 * first.
 *
 * Lock order: turn, mutex.
 */
#include "fcgi/intake.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fcgi/listener.h"
#include "lib/clock.h"
#include "lib/log.h"

enum state { NOT_OURS, SILENT, KEPT, LINGERING, STATE_COUNT };

static const int64_t patience_ms[STATE_COUNT] = {
    [SILENT] = INTAKE_SILENT_MS,
    [KEPT] = INTAKE_KEPT_MS,
    [LINGERING] = INTAKE_LINGER_MS,
};

#define SWEEP_MS 500 /* between two looks for entries that are too old */
#define PAUSE_MS 100 /* when the system has no descriptor for another one */

struct entry {
	enum state state;
	uint32_t number; /* of the registration */
	int64_t until_ms;
};

struct intake {
	int listen_fd;
	int epoll_fd;
	int stop_fd; /* eventfd, readable for ever once stopped */
	_Atomic bool stopping;
	_Atomic bool stopped;
	_Atomic int accepting; /* threads that may be about to add an entry */
	_Atomic int64_t swept_ms;
	_Atomic int64_t warned_ms;
	pthread_mutex_t turn;      /* to wait for events */
	pthread_mutex_t mutex;     /* of what follows */
	size_t count[STATE_COUNT]; /* entries in each state */
	int top;                   /* highest descriptor ever in the table */
	struct entry *entries;     /* INTAKE_FDS_MAX, by descriptor */
};

static bool
watch(struct intake *in, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event event = {.events = events, .data.u64 = tag};

	return epoll_ctl(in->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static uint64_t
tag_of(int fd, uint32_t number)
{
	return (uint64_t)number << 32 | (uint32_t)fd;
}

enum err
intake_new(int listen_fd, struct intake **intake, struct err_info *info)
{
	struct intake *in = calloc(1, sizeof(*in));

	if (!in)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	in->listen_fd = listen_fd;
	in->entries = calloc(INTAKE_FDS_MAX, sizeof(*in->entries));
	in->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	in->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&in->turn, NULL);
	pthread_mutex_init(&in->mutex, NULL);
	if (!in->entries || in->epoll_fd < 0 || in->stop_fd < 0 ||
	    !watch(in, in->stop_fd, EPOLLIN, tag_of(in->stop_fd, 0)) ||
	    !watch(in, listen_fd, EPOLLIN | EPOLLEXCLUSIVE,
		   tag_of(listen_fd, 0))) {
		enum err err =
		    err_set(info, ERR_IO, "epoll: %s", strerror(errno));

		intake_free(in);
		return err;
	}
	*intake = in;
	return ERR_OK;
}

void
intake_free(struct intake *in)
{
	if (!in)
		return;
	for (int fd = 0; in->entries && fd <= in->top; fd++)
		if (in->entries[fd].state != NOT_OURS)
			close(fd);
	if (in->epoll_fd >= 0)
		close(in->epoll_fd);
	if (in->stop_fd >= 0)
		close(in->stop_fd);
	pthread_mutex_destroy(&in->mutex);
	pthread_mutex_destroy(&in->turn);
	free(in->entries);
	free(in);
}

/* Takes an entry out of the table; the mutex is held. */
static void
leave(struct intake *in, int fd)
{
	struct entry *entry = &in->entries[fd];

	in->count[entry->state]--;
	entry->state = NOT_OURS;
	epoll_ctl(in->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* Puts a connection into the table; closes it where that cannot be. */
static void
enter(struct intake *in, int fd, enum state state)
{
	struct entry *entry = &in->entries[fd];
	bool ok;

	pthread_mutex_lock(&in->mutex);
	entry->number++;
	ok = !(atomic_load(&in->stopping) && state == KEPT) &&
	     watch(in, fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
		   tag_of(fd, entry->number));
	if (ok) {
		entry->state = state;
		entry->until_ms = clock_mono_ms() + patience_ms[state];
		in->count[state]++;
		if (fd > in->top)
			in->top = fd;
	}
	pthread_mutex_unlock(&in->mutex);
	if (!ok)
		close(fd);
}

void
intake_keep(struct intake *in, int fd)
{
	enter(in, fd, KEPT);
}

void
intake_linger(struct intake *in, int fd)
{
	shutdown(fd, SHUT_WR);
	enter(in, fd, LINGERING);
}

/* Closes entries that are too old, or all of one state. */
static void
sweep(struct intake *in, enum state all)
{
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(&in->mutex);
	for (int fd = 0; fd <= in->top; fd++) {
		struct entry *entry = &in->entries[fd];

		if (entry->state == NOT_OURS ||
		    (entry->state != all && entry->until_ms > now))
			continue;
		leave(in, fd);
		close(fd);
	}
	pthread_mutex_unlock(&in->mutex);
}

static void
sweep_when_due(struct intake *in)
{
	int64_t now = clock_mono_ms(), last = atomic_load(&in->swept_ms);

	if (now - last >= SWEEP_MS &&
	    atomic_compare_exchange_strong(&in->swept_ms, &last, now))
		sweep(in, NOT_OURS);
}

/* Throws away what a closing peer sends; true when it has ended. */
static bool
swallow(int fd)
{
	char trash[4096];
	ssize_t n;

	while ((n = recv(fd, trash, sizeof(trash), MSG_DONTWAIT)) > 0)
		;
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

static void
rearm(struct intake *in, int fd)
{
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
	    .data.u64 = tag_of(fd, in->entries[fd].number),
	};

	epoll_ctl(in->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

/* An event of a connection in the table: the connection, or -1 when there is
 * nothing for the caller to do. */
static int
awake(struct intake *in, int fd, uint32_t number)
{
	struct entry *entry = &in->entries[fd];
	bool ended;
	int taken = -1;

	pthread_mutex_lock(&in->mutex);
	if (entry->number == number && entry->state == LINGERING) {
		ended = swallow(fd);
		if (ended) {
			leave(in, fd);
			close(fd);
		} else {
			rearm(in, fd);
		}
	} else if (entry->number == number && entry->state != NOT_OURS) {
		leave(in, fd);
		taken = fd;
	}
	pthread_mutex_unlock(&in->mutex);
	return taken;
}

static void
pause_accepting(struct intake *in, int error)
{
	struct pollfd pfd = {.fd = in->stop_fd, .events = POLLIN};
	int64_t now = clock_mono_ms(), last = atomic_load(&in->warned_ms);

	if (now - last >= 1000 &&
	    atomic_compare_exchange_strong(&in->warned_ms, &last, now))
		log_warning("cannot accept a connection",
			    LOG_S("error", strerror(error)));
	poll(&pfd, 1, PAUSE_MS);
}

static void
set_limits(int fd)
{
	static const struct timeval limit = {.tv_sec = INTAKE_IO_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* Accepts one connection: itself when it can be read already, else -1; *error
 * tells that the system has no room for another one. */
static int
accept_new(struct intake *in, int *error)
{
	char octet;
	ssize_t n;
	int fd;

	fd = accept4(in->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			*error = errno;
		return -1;
	}
	if (fd >= INTAKE_FDS_MAX) {
		close(fd);
		*error = EMFILE;
		return -1;
	}
	set_limits(fd);
	n = recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0)
		return fd;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		enter(in, fd, SILENT);
	else
		close(fd);
	return -1;
}

/* The same, unless the process stops: see take_backlog. */
static int
accept_one(struct intake *in, int *error)
{
	int fd = -1;

	atomic_fetch_add(&in->accepting, 1);
	if (!atomic_load(&in->stopping))
		fd = accept_new(in, error);
	atomic_fetch_sub(&in->accepting, 1);
	return fd;
}

/* Waits for one event: a connection to serve, or -1.  The caller has the turn;
 * others put connections into the set meanwhile, so it looks up in time to
 * close those that stay silent. */
static int
wait_for_one(struct intake *in, int *error)
{
	struct epoll_event event;
	int fd, n;

	if (atomic_load(&in->stopped))
		return -1;
	n = epoll_wait(in->epoll_fd, &event, 1, SWEEP_MS);
	if (n < 0 || atomic_load(&in->stopped))
		return -1;
	if (n == 0) /* a process that was killed may have had the event */
		return accept_one(in, error);
	fd = (int)(uint32_t)event.data.u64;
	if (fd == in->listen_fd)
		return accept_one(in, error);
	if (fd == in->stop_fd)
		return -1;
	return awake(in, fd, (uint32_t)(event.data.u64 >> 32));
}

int
intake_take(struct intake *in)
{
	int fd = -1;

	while (fd < 0 && !atomic_load(&in->stopped)) {
		int error = 0;

		pthread_mutex_lock(&in->turn);
		fd = wait_for_one(in, &error);
		pthread_mutex_unlock(&in->turn);
		sweep_when_due(in);
		if (error)
			pause_accepting(in, error);
	}
	return fd;
}

int64_t
intake_turned_ms(const struct intake *in)
{
	return atomic_load(&in->swept_ms);
}

/*
 * EPOLLEXCLUSIVE told one process of each connection: those of which it was
 * this one must not wait until somebody else connects.  The listening socket
 * has left the set, so this process is told of no more.
 */
static void
take_backlog(struct intake *in)
{
	for (int i = 0; i < LISTENER_BACKLOG; i++) {
		int fd = accept4(in->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		if (fd >= INTAKE_FDS_MAX) {
			close(fd);
			break;
		}
		set_limits(fd);
		enter(in, fd, SILENT);
	}
}

void
intake_stop(struct intake *in, int64_t grace_ms)
{
	int64_t until = clock_mono_ms() + grace_ms;
	uint64_t one = 1;
	bool more;

	atomic_store(&in->stopping, true);
	epoll_ctl(in->epoll_fd, EPOLL_CTL_DEL, in->listen_fd, NULL);
	take_backlog(in);
	sweep(in, KEPT);
	do {
		more = atomic_load(&in->accepting) > 0;
		pthread_mutex_lock(&in->mutex);
		more = more || in->count[SILENT] > 0;
		pthread_mutex_unlock(&in->mutex);
		if (more)
			poll(NULL, 0, 5);
	} while (more && clock_mono_ms() < until);
	atomic_store(&in->stopped, true);
	if (write(in->stop_fd, &one, sizeof(one)) < 0)
		log_error("eventfd", LOG_S("error", strerror(errno)));
}
