/* worker/providers/disks.c: which mounts are disks, and how full they are. */
#include "worker/providers/disks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "worker/providers/usage.h"

#define ANSWER_MS 1000

/* Never a disk, though the source may look like one. */
static const char *const other_types[] = {
    "squashfs", "erofs", "overlay", "aufs", "fuse", "autofs", NULL,
};

static bool
is_other_type(const char *type)
{
	size_t i;

	for (i = 0; other_types[i]; i++)
		if (strcmp(type, other_types[i]) == 0)
			return true;
	return strncmp(type, "fuse.", 5) == 0;
}

/*
 * Writes what all mounts of one device have in common.  Most filesystems have
 * the device's number; btrfs has one of its own, the same for all subvolumes;
 * ZFS has one for each dataset, but datasets share their pool.
 */
static bool
device_key(struct libmnt_fs *fs, const char *type, char *key, size_t size)
{
	const char *source = mnt_fs_get_srcpath(fs);
	const char *name = mnt_fs_get_source(fs);
	dev_t device = mnt_fs_get_devno(fs);

	if (strcmp(type, "zfs") == 0 && name) {
		int n = snprintf(key, size, "zfs:%.*s", (int)strcspn(name, "/"),
				 name);

		return n > 4 && (size_t)n < size;
	}
	if (major(device) == 0 && !(source && strncmp(source, "/dev/", 5) == 0))
		return false;
	snprintf(key, size, "%u:%u", major(device), minor(device));
	return true;
}

struct selection {
	struct disk_mounts *mounts;
	size_t room;
	size_t order;
};

static enum err
add(struct selection *selection, const struct disk_mount *mount)
{
	struct disk_mounts *mounts = selection->mounts;

	if (mounts->count == selection->room) {
		size_t room = selection->room ? selection->room * 2 : 16;
		struct disk_mount *items =
		    reallocarray(mounts->items, room, sizeof(*items));

		if (!items)
			return ERR_NO_MEMORY;
		mounts->items = items;
		selection->room = room;
	}
	mounts->items[mounts->count++] = *mount;
	return ERR_OK;
}

static enum err
consider(struct libmnt_fs *fs, void *arg)
{
	struct selection *selection = arg;
	const char *type = mnt_fs_get_fstype(fs);
	const char *root = mnt_fs_get_root(fs);
	struct disk_mount mount = {
	    .target = mnt_fs_get_target(fs),
	    .id = mnt_fs_get_id(fs),
	    .order = selection->order++,
	    .is_root = root && strcmp(root, "/") == 0,
	};

	if (!type || !mount.target || mnt_fs_is_swaparea(fs) ||
	    mnt_fs_is_pseudofs(fs) || mnt_fs_is_netfs(fs) ||
	    is_other_type(type) ||
	    !device_key(fs, type, mount.key, sizeof(mount.key)))
		return ERR_OK;
	return add(selection, &mount);
}

static int
by_key_and_merit(const void *left, const void *right)
{
	const struct disk_mount *a = left;
	const struct disk_mount *b = right;
	int keys = strcmp(a->key, b->key);
	size_t a_length = strlen(a->target);
	size_t b_length = strlen(b->target);

	if (keys)
		return keys;
	if (a->is_root != b->is_root)
		return a->is_root ? -1 : 1;
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	/* of two at the same place the later one is on top */
	return a->order > b->order ? -1 : 1;
}

enum err
disks_select(struct libmnt_table *table, struct disk_mounts *mounts,
	     struct err_info *info)
{
	struct disk_mounts found = {0, NULL};
	struct selection selection = {&found, 0, 0};
	enum err err = mounts_each(table, consider, &selection);

	if (err) {
		free(found.items);
		return err_set(info, err, "malloc: no memory for the mounts");
	}
	if (found.count)
		qsort(found.items, found.count, sizeof(*found.items),
		      by_key_and_merit);
	*mounts = found;
	return ERR_OK;
}

struct reading {
	const struct disk_mount *mount;
	struct usage usage;
};

/* The first of these mounts of one device that is not hidden. */
static bool
read_device(const struct disk_mount *mounts, size_t count, int64_t deadline_ms,
	    struct reading *reading)
{
	struct err_info info = {.text = ""};
	enum err err = ERR_GONE;
	size_t i;

	for (i = 0; i < count && err == ERR_GONE; i++) {
		int64_t left = deadline_ms - clock_mono_ms();

		if (left <= 0)
			return false;
		err = usage_ask(mounts[i].target, mounts[i].id,
				left < ANSWER_MS ? left : ANSWER_MS,
				&reading->usage, &info);
		reading->mount = &mounts[i];
	}
	if (err && err != ERR_GONE)
		log_warning("disk skipped",
			    LOG_S("mount", reading->mount->target),
			    LOG_S("error", info.text));
	/* df does not show what has no blocks either */
	return !err && reading->usage.total > 0;
}

static size_t
read_all(const struct disk_mounts *mounts, int64_t deadline_ms,
	 struct reading *readings)
{
	size_t count = 0;
	size_t first = 0;

	while (first < mounts->count) {
		const struct disk_mount *mount = &mounts->items[first];
		size_t end = first + 1;

		while (end < mounts->count &&
		       strcmp(mounts->items[end].key, mount->key) == 0)
			end++;
		if (read_device(mount, end - first, deadline_ms,
				&readings[count]))
			count++;
		first = end;
	}
	return count;
}

static int
by_order(const void *left, const void *right)
{
	const struct reading *a = left;
	const struct reading *b = right;

	return a->mount->order < b->mount->order ? -1 : 1;
}

static enum err
make_disks(const struct reading *readings, size_t count, struct disks *disks)
{
	struct disks made = {0, calloc(count + 1, sizeof(*made.items))};

	for (; made.items && made.count < count; made.count++) {
		const struct reading *reading = &readings[made.count];
		struct disk *disk = &made.items[made.count];

		disk->name = strdup(reading->mount->target);
		disk->total = reading->usage.total;
		disk->used = reading->usage.used;
		disk->free = reading->usage.avail;
		if (!disk->name)
			break;
	}
	if (!made.items || made.count < count) {
		disks_release(&made);
		return ERR_NO_MEMORY;
	}
	*disks = made;
	return ERR_OK;
}

static enum err
read_selected(const struct disk_mounts *mounts, int64_t deadline_ms,
	      struct disks *disks, struct err_info *info)
{
	struct reading *readings = calloc(mounts->count + 1, sizeof(*readings));
	enum err err = ERR_NO_MEMORY;
	size_t count;

	if (readings) {
		count = read_all(mounts, deadline_ms, readings);
		if (count)
			qsort(readings, count, sizeof(*readings), by_order);
		err = make_disks(readings, count, disks);
	}
	free(readings);
	if (err)
		err_set(info, err, "malloc: no memory for the disks");
	return err;
}

enum err
disks_read(int64_t deadline_ms, struct disks *disks, struct err_info *info)
{
	struct libmnt_table *table = NULL;
	struct disk_mounts mounts = {0, NULL};
	struct disks found = {0, NULL};
	enum err err = mounts_read(&table, info);

	if (!err)
		err = disks_select(table, &mounts, info);
	if (!err)
		err = read_selected(&mounts, deadline_ms, &found, info);
	if (!err && clock_mono_ms() >= deadline_ms)
		err = err_set(info, ERR_TIMEOUT,
			      "the deadline passed while disks were read");
	if (err)
		disks_release(&found);
	else
		*disks = found;
	free(mounts.items);
	mnt_unref_table(table);
	return err;
}

void
disks_release(struct disks *disks)
{
	size_t i;

	for (i = 0; disks->items && i < disks->count; i++)
		free(disks->items[i].name);
	free(disks->items);
	*disks = (struct disks){0, NULL};
}
