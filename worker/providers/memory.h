/*
 * worker/providers/memory.h: the host's memory, and a container's limit on it.
 */
#ifndef OSAPI_WORKER_PROVIDERS_MEMORY_H
#define OSAPI_WORKER_PROVIDERS_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct memory { /* octets */
	uint64_t total;
	uint64_t free;
	uint64_t available;
	uint64_t used;  /* total - available */
	uint64_t limit; /* of the control group, 0: none below total */
};

/*
 * Reads the text of /proc/meminfo; `limit` becomes 0.  MemTotal, MemFree and
 * MemAvailable must be there once, in kB, and fit together; ERR_IO names the
 * line that does not.  From every thread.
 */
enum err memory_parse(const char *text, size_t size, struct memory *memory,
		      struct err_info *info);

/* /proc/meminfo and the control groups of this process. */
enum err memory_read(struct memory *memory, struct err_info *info);

#endif
