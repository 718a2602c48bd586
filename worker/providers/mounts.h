/*
 * worker/providers/mounts.h: the mount table of this process, read by libmount.
 */
#ifndef OSAPI_WORKER_PROVIDERS_MOUNTS_H
#define OSAPI_WORKER_PROVIDERS_MOUNTS_H

#include <libmount.h>
#include <stddef.h>

#include "lib/error.h"

#define MOUNTS_PATH "/proc/self/mountinfo"
#define MOUNTS_MAX  (16 * 1024 * 1024)

/*
 * Reads the text of a mountinfo file (proc(5)); lines that libmount does not
 * understand are passed over, a NUL ends the text.  The caller owns *table
 * (mnt_unref_table).  From every thread.
 */
enum err mounts_parse(const char *text, size_t size,
		      struct libmnt_table **table, struct err_info *info);

/* The same of MOUNTS_PATH. */
enum err mounts_read(struct libmnt_table **table, struct err_info *info);

/*
 * Calls `each` for every mount, first to last, until it returns another code
 * than ERR_OK, which is then returned.
 */
enum err mounts_each(struct libmnt_table *table,
		     enum err (*each)(struct libmnt_fs *fs, void *arg),
		     void *arg);

#endif
