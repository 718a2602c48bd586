/*
 * lib/file.c: whole files.  A reader of a path that file_write replaces sees
 * the old octets or the new ones, never a part of either.
 */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_READ   4096
#define PIPE_WAIT_MS 10000 /* for who has a pipe open and writes nothing */

/* The code that stands for an errno of a file operation. */
static enum err
code_of(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_FORBIDDEN;
	case ENOMEM:
		return ERR_NO_MEMORY;
	default:
		return ERR_IO;
	}
}

static enum err
fail(struct err_info *info, const char *path)
{
	int error = errno;

	return err_set(info, code_of(error), "%s: %s", path, strerror(error));
}

/* Whether a read that had nothing to read is worth another: somebody has the
 * pipe open and writes, as in `-f <(decrypt FILE)`. */
static bool
comes_later(int fd)
{
	struct pollfd more = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&more, 1, PIPE_WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/* After a read that ended at once: a FIFO that no writer has opened, which
 * poll(2) tells from one whose writers have gone. */
static bool
is_without_writer(int fd)
{
	struct pollfd gone = {.fd = fd};
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	       poll(&gone, 1, 0) == 0;
}

/* Reads until the end, growing; stat(2) is not asked, as it is wrong for /proc
 * and may change meanwhile. */
static enum err
read_all(int fd, const char *path, size_t max, char **data, size_t *size,
	 struct err_info *info)
{
	size_t room = max < FIRST_READ ? max + 1 : FIRST_READ;
	size_t used = 0;
	char *buf = malloc(room + 1);
	char *more;
	ssize_t n;

	if (!buf)
		return err_set(info, ERR_NO_MEMORY, "%s: out of memory", path);
	while ((n = read(fd, buf + used, room - used)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && comes_later(fd))
			continue;
		if (n < 0) {
			enum err code = fail(info, path);

			free(buf);
			return code;
		}
		used += (size_t)n;
		if (used > max) {
			free(buf);
			return err_set(info, ERR_TOO_LARGE,
				       "%s: larger than %zu octets", path, max);
		}
		if (used < room)
			continue;
		room = room > max / 2 ? max + 1 : room * 2;
		more = realloc(buf, room + 1);
		if (!more) {
			free(buf);
			return err_set(info, ERR_NO_MEMORY, "%s: out of memory",
				       path);
		}
		buf = more;
	}
	buf[used] = '\0';
	*data = buf;
	*size = used;
	return ERR_OK;
}

enum err
file_read(const char *path, size_t max, char **data, size_t *size,
	  struct err_info *info)
{
	char *read = NULL;
	size_t octets = 0;
	enum err code;
	int fd;

	if (max > SIZE_MAX / 2 - FIRST_READ)
		max = SIZE_MAX / 2 - FIRST_READ;
	/* O_NONBLOCK: a FIFO in the file's place must not hang the caller */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(info, path);
	code = read_all(fd, path, max, &read, &octets, info);
	if (code == ERR_OK && octets == 0 && is_without_writer(fd)) {
		free(read);
		code = err_set(info, ERR_IO,
			       "%s: a pipe that nobody has open for writing",
			       path);
	}
	close(fd);
	if (code != ERR_OK)
		return code;
	*data = read;
	*size = octets;
	return ERR_OK;
}

static int
write_all(int fd, const char *data, size_t size)
{
	ssize_t n;

	while (size > 0) {
		n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Makes the rename durable. */
static int
sync_directory(const char *path)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash - path) : 1;
	int result;
	int fd;

	if (slash == path)
		length = 1;
	snprintf(directory, sizeof(directory), "%.*s", length,
		 slash ? path : ".");
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	/* some filesystems cannot sync a directory, and say so */
	if (result < 0 && errno == EINVAL)
		result = 0;
	close(fd);
	return result;
}

enum err
file_write(const char *path, const void *data, size_t size, mode_t mode,
	   struct err_info *info)
{
	char temporary[PATH_MAX];
	enum err code;
	int fd;
	int n;

	n = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return err_set(info, ERR_INVALID, "%.64s...: path too long",
			       path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(info, path);
	if (write_all(fd, data, size) < 0 || fchmod(fd, mode) < 0 ||
	    fsync(fd) < 0) {
		code = fail(info, path);
		close(fd);
		goto remove;
	}
	if (close(fd) < 0 || rename(temporary, path) < 0) {
		code = fail(info, path);
		goto remove;
	}
	return sync_directory(path) < 0 ? fail(info, path) : ERR_OK;
remove:
	unlink(temporary);
	return code;
}
