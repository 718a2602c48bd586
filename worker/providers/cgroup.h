/*
 * worker/providers/cgroup.h: how much memory the control groups around this
 * process allow, of version 1 and 2.
 */
#ifndef OSAPI_WORKER_PROVIDERS_CGROUP_H
#define OSAPI_WORKER_PROVIDERS_CGROUP_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "worker/providers/mounts.h"

struct cgroup_paths {
	char unified[PATH_MAX]; /* version 2, "" none */
	char memory[PATH_MAX];  /* version 1, its memory controller, "" none */
};

/* Reads the text of /proc/self/cgroup (cgroups(7)); lines that are not
 * "id:controllers:/path" are passed over.  Never fails. */
void cgroup_parse(const char *text, size_t size, struct cgroup_paths *paths);

/*
 * Octets, or UINT64_MAX for "max" and what does not fit; ERR_IO where the text
 * of memory.max or memory.limit_in_bytes is neither.
 */
enum err cgroup_parse_limit(const char *text, size_t size, uint64_t *octets,
			    struct err_info *info);

/*
 * The smallest limit from the group of `paths` up to the root of its mount in
 * `table`, UINT64_MAX where there is none.  A group that is a systemd service
 * is passed over at the lowest level: what a unit grants to the worker says
 * nothing about the host or container that it runs in.  ERR_IO and
 * ERR_FORBIDDEN name the file that could not be read.
 */
enum err cgroup_find_limit(const struct cgroup_paths *paths,
			   struct libmnt_table *table, uint64_t *octets,
			   struct err_info *info);

/* The same of this process. */
enum err cgroup_memory_limit(uint64_t *octets, struct err_info *info);

#endif
