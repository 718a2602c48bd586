/*
 * worker/providers/usage.h: asks a mounted filesystem how full it is, without
 * waiting for one that does not answer.
 *
 * statvfs(3) on a broken device can hang for ever, beyond the reach of signals.
 * Each question is therefore asked by a thread of its own, which is left behind
 * when its time is over.  At most USAGE_STUCK_MAX are left behind, and a mount
 * that has one is not asked again until that one has come back.
 */
#ifndef OSAPI_WORKER_PROVIDERS_USAGE_H
#define OSAPI_WORKER_PROVIDERS_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define USAGE_STUCK_MAX 8

/* The columns of `df -B1`, octets. */
struct usage {
	uint64_t total; /* "1B-blocks" */
	uint64_t used;  /* "Used": total less all free blocks */
	uint64_t avail; /* "Available": free blocks, without those reserved */
};

/*
 * Asks the filesystem mounted at `target`.  `mount_id` is its id in mountinfo;
 * where another mount hides it the answer is ERR_GONE.  ERR_TIMEOUT after
 * `timeout_ms`, or at once where an earlier question still hangs; ERR_BUSY
 * where too many do.  `info` names call, target and errno.  From every thread.
 */
enum err usage_ask(const char *target, int mount_id, int64_t timeout_ms,
		   struct usage *usage, struct err_info *info);

#endif
