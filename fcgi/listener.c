/*
 * fcgi/listener.c: the one listening socket that all responders share.
 *
 * Whether somebody listens on a path that exists is asked by connecting to it;
 * only ECONNREFUSED from a socket means that it was left behind.
 */
#include "fcgi/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/log.h"

#define NEW_SUFFIX ".new"

/* Another path than osapi.yaml's is right only where nginx knows it. */
static void
compare_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNSPEC};
	socklen_t size = sizeof(address);
	char passed[sizeof(address.sun_path) + 1];

	if (getsockname(SD_LISTEN_FDS_START, (struct sockaddr *)&address,
			&size) == 0 &&
	    address.sun_family == AF_UNIX) {
		snprintf(passed, sizeof(passed), "%.*s",
			 (int)sizeof(address.sun_path), address.sun_path);
		if (strcmp(passed, path) == 0)
			return;
		log_warning("the socket that was passed is not the one of "
			    "api.server.fcgi.socket",
			    LOG_S("passed", passed), LOG_S("configured", path));
	}
}

static enum err
inherited(const char *path, int *fd, struct err_info *info)
{
	int n, flags;

	n = sd_listen_fds(1);
	if (n == 0)
		return ERR_NOT_FOUND;
	if (n != 1)
		return err_set(info, ERR_INVALID,
			       "LISTEN_FDS: %d sockets, expected one", n);
	if (sd_is_socket(SD_LISTEN_FDS_START, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
		return err_set(info, ERR_INVALID,
			       "LISTEN_FDS: not a listening stream socket");
	flags = fcntl(SD_LISTEN_FDS_START, F_GETFL);
	if (flags < 0 ||
	    fcntl(SD_LISTEN_FDS_START, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_set(info, ERR_IO, "LISTEN_FDS: fcntl: %s",
			       strerror(errno));
	compare_path(path);
	*fd = SD_LISTEN_FDS_START;
	return ERR_OK;
}

/* Whether the address may be taken: nothing is there, or what a dead process
 * left. */
static enum err
check_free(const struct sockaddr_un *address, struct err_info *info)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, rc, saved;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? ERR_OK
				       : err_set(info, ERR_IO, "%s: lstat: %s",
						 path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(info, ERR_EXISTS, "%s: exists and is no socket",
			       path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(info, ERR_IO, "socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	saved = errno;
	close(fd);
	if (rc == 0 || saved == EAGAIN)
		return err_set(info, ERR_EXISTS,
			       "%s: another program listens on it", path);
	if (saved != ECONNREFUSED)
		return err_set(info, ERR_IO, "%s: connect: %s", path,
			       strerror(saved));
	return ERR_OK;
}

/* Listens under another name first: who sees the path can connect. */
static enum err
bind_path(const char *path, int *fd, struct err_info *info)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask = umask(0);
	int made, saved;

	/* A umask that denies others everything asks for a closed socket. */
	umask(mask);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s%s", path,
		 NEW_SUFFIX);
	made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0)
		return err_set(info, ERR_IO, "socket: %s", strerror(errno));
	unlink(address.sun_path);
	if (bind(made, (const struct sockaddr *)&address, sizeof(address)) ==
		0 &&
	    chmod(address.sun_path, mask & 04 ? 0660 : 0666) == 0 &&
	    listen(made, LISTENER_BACKLOG) == 0 &&
	    rename(address.sun_path, path) == 0) {
		*fd = made;
		return ERR_OK;
	}
	saved = errno;
	unlink(address.sun_path);
	close(made);
	return err_set(info, ERR_IO, "%s: %s", path, strerror(saved));
}

enum err
listener_open(const char *path, int *fd, bool *passed, struct err_info *info)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t room = sizeof(address.sun_path) - sizeof(NEW_SUFFIX);
	size_t size = strlen(path);
	enum err err;

	err = inherited(path, fd, info);
	if (err != ERR_NOT_FOUND) {
		if (!err)
			*passed = true;
		return err;
	}
	if (size == 0 || size > room)
		return err_set(info, ERR_INVALID,
			       "api.server.fcgi.socket: a path of 1 to %zu "
			       "characters is needed",
			       room);
	memcpy(address.sun_path, path, size + 1);
	err = check_free(&address, info);
	if (!err)
		err = bind_path(path, fd, info);
	if (!err)
		*passed = false;
	return err;
}

void
listener_close(int fd, const char *path, bool passed)
{
	if (fd < 0)
		return;
	close(fd);
	if (!passed)
		unlink(path);
}
