/*
 * worker/providers/disks.h: the local filesystems of this host, each once.
 *
 * Listed is every filesystem on a block device (and each ZFS pool), at one
 * mount point: the one that shows the filesystem's root, else the shortest.
 * Not listed: network, pseudo, overlay and FUSE filesystems (fuseblk apart),
 * images that are full by nature (squashfs, erofs), further mounts of the
 * same device, mounts that another one hides, and, with a line in the log,
 * what cannot be read or does not answer.  A container whose root is an
 * overlay may have none.
 *
 * `name` is the mount point, the three sizes are those of `df -B1`: used is
 * total less all free blocks, free is its column "Available", which leaves out
 * blocks that are reserved for root.  used + free may so be less than total.
 */
#ifndef OSAPI_WORKER_PROVIDERS_DISKS_H
#define OSAPI_WORKER_PROVIDERS_DISKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "worker/providers/mounts.h"

struct disk { /* octets */
	char *name;
	uint64_t total;
	uint64_t used;
	uint64_t free;
};

struct disks { /* in the order of the mount table */
	size_t count;
	struct disk *items;
};

/* A mount that could stand for its device. */
struct disk_mount {
	const char *target; /* the table's */
	char key[64];       /* the same for all mounts of one device */
	int id;             /* in mountinfo */
	size_t order;       /* place in the table */
	bool is_root;       /* shows the root of its filesystem */
};

struct disk_mounts { /* by key, within one the best first */
	size_t count;
	struct disk_mount *items;
};

/*
 * The mounts of `table` that are local block filesystems.  The caller frees
 * `items`; targets live as long as the table.
 */
enum err disks_select(struct libmnt_table *table, struct disk_mounts *mounts,
		      struct err_info *info);

/*
 * All disks; no filesystem gets more than a second, and none any once
 * CLOCK_MONOTONIC is past `deadline_ms`, which is ERR_TIMEOUT.  disks_release
 * is due on success.  From every thread.
 */
enum err disks_read(int64_t deadline_ms, struct disks *disks,
		    struct err_info *info);

void disks_release(struct disks *disks);

#endif
