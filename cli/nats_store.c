/*
 * cli/nats_store.c: the directory in which nats-server keeps what it was
 * given.
 */
#include "cli/nats_store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/log.h"

#define JETSTREAM_DIR  "jetstream" /* nats-server's own, below ours */
#define FILES_OPEN     16
#define ROOM_PERCENT   90 /* of what is free: the rest is for its indexes */
#define PATH_SIZE      2048
#define OCTETS_PER_MIB (INT64_C(1) << 20)

static enum err
make_directory(const char *path, struct err_info *info)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

/* ---- room ---- */

static int64_t used; /* by nftw, which hands nothing through */

static int
add_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)path;
	(void)where;
	if (type == FTW_F)
		used += (int64_t)st->st_blocks * 512;
	return 0;
}

static enum err
check_room(const struct config *c, struct err_info *info)
{
	const char *dir = c->nats.server.store_dir;
	int64_t wanted = c->nats.server.max_file_store;
	struct statvfs st;
	int64_t whole;
	int64_t room;

	if (statvfs(dir, &st) < 0)
		return err_set(info, ERR_IO, "%s: %s", dir, strerror(errno));
	whole = (int64_t)st.f_blocks * (int64_t)st.f_frsize;
	if (wanted > whole)
		return err_set(info, ERR_INVALID,
			       "nats.server.max_file_store is %lld MiB, but "
			       "the whole partition of %s has %lld MiB: "
			       "JetStream does not recover from a full disk, "
			       "keep it well below",
			       (long long)(wanted / OCTETS_PER_MIB), dir,
			       (long long)(whole / OCTETS_PER_MIB));
	used = 0;
	nftw(dir, add_file, FILES_OPEN, FTW_PHYS | FTW_MOUNT);
	room = (int64_t)st.f_bavail * (int64_t)st.f_frsize + used;
	if (wanted > room / 100 * ROOM_PERCENT)
		log_warning(
		    "nats.server.max_file_store leaves no reserve on "
		    "its partition, and JetStream does not recover "
		    "from a full disk: make it smaller, or make room",
		    LOG_S("store_dir", dir),
		    LOG_I("max_file_store_mib", wanted / OCTETS_PER_MIB),
		    LOG_I("room_mib", room / OCTETS_PER_MIB));
	return ERR_OK;
}

/* ---- power ---- */

/* Whether JetStream has not begun to use it. */
static bool
is_unused(const char *dir)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/" JETSTREAM_DIR, dir);
	return access(path, F_OK) != 0;
}

/* Why files below are not written synchronously; NULL: they are. */
static const char *
make_synchronous(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *why = NULL;
	int flags = 0;

	if (fd < 0)
		return strerror(errno);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) {
		why = "its file system has no such attribute (chattr +S)";
	} else if (!(flags & FS_SYNC_FL) && !is_unused(dir)) {
		why = "it is in use, and what is there does not inherit the "
		      "attribute: stop, chattr -R +S it, start";
	} else if (!(flags & FS_SYNC_FL)) {
		flags |= FS_SYNC_FL;
		if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
			why = strerror(errno);
	}
	close(fd);
	return why;
}

/* A file system on which nothing outlives the machine's power; NULL: others. */
static const char *
volatile_type(const char *dir)
{
	struct statfs st;

	if (statfs(dir, &st) < 0)
		return NULL;
	if (st.f_type == TMPFS_MAGIC || st.f_type == RAMFS_MAGIC)
		return "it is on a tmpfs, in memory";
	if (st.f_type == OVERLAYFS_SUPER_MAGIC)
		return "it is on an overlay, whose layers may be in memory "
		       "or go with a container";
	return NULL;
}

static void
check_power(const struct config *c, bool sync)
{
	const char *dir = c->nats.server.store_dir;
	const char *why = volatile_type(dir);

	if (!why && !sync)
		why = make_synchronous(dir);
	if (why)
		log_warning("nats.server.durability is power, but what is "
			    "acknowledged survives only the death of the "
			    "process, not the loss of power",
			    LOG_S("store_dir", dir), LOG_S("reason", why));
}

enum err
nats_store_prepare(const struct config *c, bool sync, struct err_info *info)
{
	enum err code = make_directory(c->nats.server.store_dir, info);

	if (code == ERR_OK)
		code = check_room(c, info);
	if (code == ERR_OK &&
	    c->nats.server.durability == CONFIG_DURABILITY_POWER)
		check_power(c, sync);
	return code;
}
