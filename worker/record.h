/*
 * worker/record.h: an append-only file of one JSON record a line, each with a
 * checksum in front of it, for one process at a time.
 *
 *   {16 hex digits of the SHA-256 of the rest} {JSON}
 *
 * Where a record could not be written, or nobody knows whether it is on disk
 * (a failed sync), the file takes no more of them until it was written anew
 * (record_replace).
 *
 * Not locked: its owner calls from one thread at a time.
 */
#ifndef OSAPI_WORKER_RECORD_H
#define OSAPI_WORKER_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/error.h"

#define RECORD_PATH_MAX 4096
#define RECORD_LINE_MAX (8 * 1024 * 1024)
#define RECORD_FILE_MAX (1024 * 1024 * 1024)

struct record_file {
	char path[RECORD_PATH_MAX];
	int lock_fd; /* of path.lock, held as long as the file is open */
	int fd;
	bool broken;    /* must be written anew first */
	off_t size;     /* all whole lines */
	off_t replaced; /* its size after it was written anew */
};

/* Makes `directory` where it is missing and locks the file called `name` in
 * it.  ERR_BUSY: another process has it.  record_close is due in any case. */
enum err record_open(struct record_file *file, const char *directory,
		     const char *name, struct err_info *info);

/* Closes and unlocks. */
void record_close(struct record_file *file);

/*
 * Calls `each` for every record, oldest first; it returns false for one that
 * makes no sense.  *damaged counts these and the lines whose checksum is wrong;
 * each is logged.  A last line without its end is of a write that never
 * returned: it is passed over.
 */
enum err record_read(const struct record_file *file,
		     bool (*each)(const json_t *record, void *arg), void *arg,
		     size_t *damaged, struct err_info *info);

/* Appends one record and waits, if `durable`, until it is on disk.  Takes over
 * `json` (NULL: ERR_NO_MEMORY). */
enum err record_append(struct record_file *file, json_t *json, bool durable,
		       struct err_info *info);

/* Writes one record to a stream; takes over `json`; false when it failed. */
bool record_print(FILE *out, json_t *json);

/* Replaces the file's content, atomically and on disk. */
enum err record_replace(struct record_file *file, const char *text, size_t size,
			struct err_info *info);

/* Keeps the present content as path.damaged too. */
enum err record_keep_aside(const struct record_file *file,
			   struct err_info *info);

#endif
