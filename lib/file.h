/*
 * lib/file.h: whole files, bounded, read and written in one call.
 */
#ifndef OSAPI_LIB_FILE_H
#define OSAPI_LIB_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"

/*
 * Reads all of `path` into a new buffer (caller frees), NUL after `*size`
 * octets.  More than `max` octets is ERR_TOO_LARGE, a missing file
 * ERR_NOT_FOUND, EACCES ERR_FORBIDDEN; `info` names path and errno.  Reads
 * files of /proc and /sys, whose size stat(2) does not know.  Waits up to 10 s
 * for each part of what somebody writes into a pipe; a FIFO that nobody has
 * opened for that is ERR_IO.  From every thread.
 */
enum err file_read(const char *path, size_t max, char **data, size_t *size,
		   struct err_info *info);

/*
 * Writes `path` anew with `mode`, atomically: a temporary file in the same
 * directory, fsync, rename, fsync of the directory.  From every thread.
 */
enum err file_write(const char *path, const void *data, size_t size,
		    mode_t mode, struct err_info *info);

#endif
