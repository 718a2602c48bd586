/* t/unit/disks.c: worker/providers/disks.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "t/support/await.h"
#include "t/support/command.h"
#include "t/unit/unit.h"
#include "worker/providers/disks.h"

/* The first mount of each device, in the order of the table. */
static void
chosen(const struct disk_mounts *mounts, char *out, size_t size)
{
	size_t order;
	size_t i;

	out[0] = '\0';
	for (order = 0; order < 100; order++)
		for (i = 0; i < mounts->count; i++) {
			const struct disk_mount *m = &mounts->items[i];

			if (m->order != order ||
			    (i > 0 && strcmp(m->key, m[-1].key) == 0))
				continue;
			snprintf(out + strlen(out), size - strlen(out), "%s%s",
				 out[0] ? " " : "", m->target);
		}
}

#define ROOT "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n"

static const struct {
	const char *why;
	const char *table;
	const char *wanted;
} rows[] = {
    {"a disk", ROOT, "/"},
    {"not only ext4",
     "1 0 8:1 / /a rw - xfs /dev/sda1 rw\n"
     "2 0 8:2 / /b rw - vfat /dev/sda2 rw\n"
     "3 0 8:3 / /c rw - f2fs /dev/sda3 rw\n"
     "4 0 253:0 / /d rw - ext4 /dev/mapper/vg-lv rw\n"
     "5 0 9:0 / /e rw - ext4 /dev/md0 rw\n",
     "/a /b /c /d /e"},
    {"btrfs has no device number of its own",
     "1 0 0:40 /@ / rw - btrfs /dev/sda1 rw\n"
     "2 0 0:40 /@home /home rw - btrfs /dev/sda1 rw\n",
     "/"},
    {"a bind mount of a directory is no second disk",
     ROOT "28 27 8:1 /srv/data /d rw - ext4 /dev/sda1 rw\n", "/"},
    {"the root of the filesystem, though longer and later",
     "28 27 8:1 /x /d rw - ext4 /dev/sda1 rw\n"
     "29 27 8:1 / /mnt/disk rw - ext4 /dev/sda1 rw\n",
     "/mnt/disk"},
    {"a container's files, where nothing better is there",
     "1 0 0:50 / / rw - overlay overlay rw\n"
     "2 1 8:1 /var/x/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
     "3 1 8:1 /var/x/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n",
     "/etc/hosts"},
    {"no network",
     ROOT "1 0 0:41 / /n rw - nfs4 srv:/x rw\n"
	  "2 0 0:42 / /c rw - cifs //srv/x rw\n"
	  "3 0 0:43 / /9 rw - 9p /dev/x rw\n",
     "/"},
    {"no pseudo filesystems",
     ROOT "1 0 0:5 / /dev rw - devtmpfs devtmpfs rw\n"
	  "2 0 0:6 / /tmp rw - tmpfs tmpfs rw\n"
	  "3 0 0:7 / /proc rw - proc proc rw\n"
	  "4 0 0:8 / /cg rw - cgroup2 cgroup2 rw\n",
     "/"},
    {"no overlay, no snap",
     ROOT "1 0 0:44 / /o rw - overlay /dev/x rw\n"
	  "2 0 7:0 / /snap/x/1 ro - squashfs /dev/loop0 ro\n",
     "/"},
    {"a loop device is a block device",
     ROOT "2 0 7:0 / /img rw - ext4 /dev/loop0 rw\n", "/ /img"},
    {"no FUSE, but fuseblk",
     ROOT "1 0 0:45 / /s rw - fuse.sshfs u@h:/ rw\n"
	  "2 0 0:46 / /p rw - fuse /dev/fuse rw\n"
	  "3 0 8:2 / /w rw - fuseblk /dev/sda2 rw\n",
     "/ /w"},
    {"one entry for a ZFS pool",
     "1 0 0:30 / / rw - zfs tank/root rw\n"
     "2 0 0:31 / /home rw - zfs tank/home rw\n"
     "3 0 0:32 / /b rw - zfs backup rw\n",
     "/ /b"},
    {"blanks in a mount point", "1 0 8:1 / /a\\040b rw - ext4 /dev/sda1 rw\n",
     "/a b"},
    {"nothing at all", "", ""},
    {"rubbish", "1 0 x y z\n\xff\xfe\n", ""},
};

static void
selects(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct libmnt_table *table = NULL;
		struct disk_mounts mounts = {0, NULL};
		char got[512];

		IS_INT(rows[i].why,
		       mounts_parse(rows[i].table, strlen(rows[i].table),
				    &table, NULL),
		       ERR_OK);
		IS_INT(rows[i].why, disks_select(table, &mounts, NULL), ERR_OK);
		chosen(&mounts, got, sizeof(got));
		IS_TEXT(rows[i].why, got, rows[i].wanted);
		free(mounts.items);
		mnt_unref_table(table);
	}
}

static void
takes_the_top_of_two_at_one_place(void)
{
	static const char text[] = "1 0 8:1 / /m rw - ext4 /dev/sda1 rw\n"
				   "2 1 8:1 / /m rw - ext4 /dev/sda1 rw\n";
	struct libmnt_table *table = NULL;
	struct disk_mounts mounts = {0, NULL};

	mounts_parse(text, strlen(text), &table, NULL);
	IS_INT("select", disks_select(table, &mounts, NULL), ERR_OK);
	IS_INT("mounts", mounts.count, 2);
	IS_INT("the upper one first", mounts.items[0].id, 2);
	free(mounts.items);
	mnt_unref_table(table);
}

struct df_line {
	unsigned long long total;
	unsigned long long used;
	unsigned long long available;
};

/* `df -B1 MOUNTPOINT`, whose second line has the numbers. */
static bool
df(const char *mount, struct df_line *out)
{
	const char *const argv[] = {"df", "-B1", "--output=size,used,avail",
				    mount, NULL};
	char text[1024];
	const char *line;

	if (command_run(argv, text, sizeof(text)) != 0)
		return false;
	line = strchr(text, '\n');
	return line && sscanf(line, "%llu %llu %llu", &out->total, &out->used,
			      &out->available) == 3;
}

static bool
same(const struct df_line *a, const struct df_line *b)
{
	return a->total == b->total && a->used == b->used &&
	       a->available == b->available;
}

static const struct disk *
find(const struct disks *disks, const char *name)
{
	size_t i;

	for (i = 0; i < disks->count; i++)
		if (strcmp(disks->items[i].name, name) == 0)
			return &disks->items[i];
	return NULL;
}

/* Whether ours is what df says just before or just after it. */
static bool
equals_df(const char *name)
{
	struct df_line before;
	struct df_line after;
	struct df_line ours = {0, 0, 0};
	struct disks disks = {0, NULL};
	const struct disk *disk;

	if (!df(name, &before) ||
	    disks_read(clock_mono_ms() + 10000, &disks, NULL))
		return false;
	disk = find(&disks, name);
	if (disk)
		ours = (struct df_line){disk->total, disk->used, disk->free};
	disks_release(&disks);
	return disk && (same(&ours, &before) ||
			(df(name, &after) && same(&ours, &after)));
}

static void
agrees_with_df(void)
{
	struct disks disks = {0, NULL};
	struct err_info info = {.text = ""};
	size_t i;

	IS_INT("disks_read", disks_read(clock_mono_ms() + 10000, &disks, &info),
	       ERR_OK);
	/* others write to the disks meanwhile, but not all the time */
	for (i = 0; i < disks.count; i++)
		OK(disks.items[i].name, AWAIT(equals_df(disks.items[i].name)));
	disks_release(&disks);
}

static void
stops_at_the_deadline(void)
{
	struct disks disks = {0, NULL};
	struct err_info info = {.text = ""};

	IS_INT("disks_read", disks_read(clock_mono_ms() - 1, &disks, &info),
	       ERR_TIMEOUT);
	HAS_TEXT("says so", info.text, "deadline");
	OK("nothing is given", disks.items == NULL);
}

const char unit_name[] = "disks";
const struct unit_case unit_cases[] = {
    {"selects local block filesystems, each once", selects},
    {"takes the upper of two mounts at one place",
     takes_the_top_of_two_at_one_place},
    {"agrees with df -B1 on this host", agrees_with_df},
    {"stops at the deadline", stops_at_the_deadline},
    {NULL, NULL},
};
