/* worker/providers/dns_resolv_conf.c: reads and replaces resolv.conf(5). */
#include "worker/providers/dns_resolv_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "worker/providers/resolv_conf.h"

/* The file as it is before a change. */
struct original {
	char path[PATH_MAX]; /* without symbolic links */
	char *text;
	size_t size;
	struct stat st;
};

static enum err
errno_error(int error)
{
	return error == EACCES || error == EPERM || error == EROFS
		   ? ERR_FORBIDDEN
		   : ERR_IO;
}

#define FAIL(info, call, path)                                       \
	err_set((info), errno_error(errno), call "(%s): %s", (path), \
		strerror(errno))

static enum err
read_settings(const struct dns_way *way, const struct dns_link *link,
	      int64_t deadline_ms, struct dns_settings *now,
	      struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	enum err err =
	    file_read(way->path, RESOLV_CONF_MAX, &text, &size, info);

	(void)link;
	(void)deadline_ms;
	if (!err && resolv_conf_parse(text, size, now))
		err = err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	free(text);
	return err;
}

static enum err
load_original(const char *path, struct original *original,
	      struct err_info *info)
{
	char *real = realpath(path, NULL);

	if (!real)
		return FAIL(info, "realpath", path);
	snprintf(original->path, sizeof(original->path), "%s", real);
	free(real);
	if (stat(original->path, &original->st) < 0)
		return FAIL(info, "stat", original->path);
	return file_read(original->path, RESOLV_CONF_MAX, &original->text,
			 &original->size, info);
}

static enum err
check_change(const struct dns_settings *change, const struct original *original,
	     struct err_info *info)
{
	const json_t *item;
	const char *manager;
	size_t i;

	if (json_array_size(change->servers) > RESOLV_CONF_SERVERS)
		return err_set(info, ERR_INVALID,
			       "servers: resolv.conf has room for %d",
			       RESOLV_CONF_SERVERS);
	json_array_foreach (change->search_domains, i, item)
		if (json_string_value(item)[0] == '~')
			return err_set(info, ERR_INVALID,
				       "search_domains[%zu]: resolv.conf has "
				       "no routing domains",
				       i);
	manager =
	    resolv_conf_manager(original->path, original->text, original->size);
	if (manager)
		return err_set(info, ERR_CONFLICT,
			       "%s is managed by %s and was left as it is",
			       original->path, manager);
	return ERR_OK;
}

static enum err
write_all(int fd, const char *path, const char *text, size_t size,
	  struct err_info *info)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, text + done, size - done, (off_t)done);

		if (n < 0 && errno != EINTR)
			return FAIL(info, "write", path);
		done += n > 0 ? (size_t)n : 0;
	}
	if (ftruncate(fd, (off_t)size) < 0)
		return FAIL(info, "ftruncate", path);
	if (fsync(fd) < 0)
		return FAIL(info, "fsync", path);
	return ERR_OK;
}

static enum err
write_in_place(const struct original *original, const char *text, size_t size,
	       struct err_info *info)
{
	struct err_info why = {.text = ""};
	int fd = open(original->path, O_WRONLY | O_CLOEXEC);
	enum err err;

	if (fd < 0)
		return FAIL(info, "open", original->path);
	err = write_all(fd, original->path, text, size, info);
	if (err &&
	    write_all(fd, original->path, original->text, original->size, &why))
		err_prefix(info, err,
			   "the former text could not be put back (%.200s) "
			   "after",
			   why.text);
	close(fd);
	return err;
}

static enum err
fill_temporary(int fd, const char *path, const struct original *original,
	       const char *text, size_t size, struct err_info *info)
{
	const struct stat *st = &original->st;

	if (fchown(fd, st->st_uid, st->st_gid) < 0 &&
	    (st->st_uid != geteuid() || st->st_gid != getegid()))
		return FAIL(info, "fchown", path);
	if (fchmod(fd, st->st_mode & 07777) < 0)
		return FAIL(info, "fchmod", path);
	return write_all(fd, path, text, size, info);
}

static enum err
sync_directory(const char *path, struct err_info *info)
{
	char directory[PATH_MAX];
	char *slash;
	int fd;
	enum err err = ERR_OK;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory ? 1 : 0] = '\0';
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return FAIL(info, "open", directory);
	if (fsync(fd) < 0)
		err = FAIL(info, "fsync", directory);
	close(fd);
	return err;
}

/* *in_place: the name cannot be given to another file. */
static enum err
replace(const struct original *original, const char *text, size_t size,
	bool *in_place, struct err_info *info)
{
	char path[PATH_MAX + 16];
	enum err err;
	int fd;

	snprintf(path, sizeof(path), "%s.XXXXXX", original->path);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_set(info, errno_error(errno),
			       "%s: no file can be made beside it: %s",
			       original->path, strerror(errno));
	err = fill_temporary(fd, path, original, text, size, info);
	if (close(fd) < 0 && !err)
		err = FAIL(info, "close", path);
	if (!err && rename(path, original->path) < 0) {
		*in_place = errno == EBUSY;
		err = FAIL(info, "rename", original->path);
	}
	if (err)
		unlink(path);
	return err ? err : sync_directory(original->path, info);
}

/* Whether something is mounted on the file itself, as containers do. */
static bool
is_mount_point(const char *path)
{
	struct statx st = {.stx_mask = 0};

	return statx(AT_FDCWD, path, 0, 0, &st) == 0 &&
	       (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static enum err
write_text(const struct original *original, const char *text, size_t size,
	   struct err_info *info)
{
	bool in_place = is_mount_point(original->path);
	enum err err = ERR_OK;

	if (!in_place)
		err = replace(original, text, size, &in_place, info);
	return in_place ? write_in_place(original, text, size, info) : err;
}

static enum err
write_settings(const struct dns_way *way, const struct dns_link *link,
	       int64_t deadline_ms, const struct dns_settings *now,
	       const struct dns_settings *change, struct err_info *info)
{
	struct original original = {.text = NULL};
	char *text = NULL;
	size_t size = 0;
	enum err err = load_original(way->path, &original, info);

	(void)link;
	(void)deadline_ms;
	(void)now;
	if (!err)
		err = check_change(change, &original, info);
	if (!err && resolv_conf_render(original.text, original.size, change,
				       &text, &size))
		err = err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	if (!err)
		err = write_text(&original, text, size, info);
	free(original.text);
	free(text);
	return err;
}

struct dns_way
dns_resolv_conf_at(const char *path)
{
	return (struct dns_way){path, read_settings, write_settings};
}

const struct dns_way dns_resolv_conf = {"/etc/resolv.conf", read_settings,
					write_settings};
