/*
 * worker/providers/os_release.h: os-release(5), which distribution this is.
 */
#ifndef OSAPI_WORKER_PROVIDERS_OS_RELEASE_H
#define OSAPI_WORKER_PROVIDERS_OS_RELEASE_H

#include <stddef.h>

#include "lib/error.h"

#define OS_RELEASE_VALUE_SIZE 256
#define OS_RELEASE_FILE_MAX   (64 * 1024)

struct os_release {
	char distribution[OS_RELEASE_VALUE_SIZE]; /* NAME */
	char version[OS_RELEASE_VALUE_SIZE];      /* VERSION_ID, "" unknown */
};

/*
 * Reads the text of an os-release file: shell assignments, one a line, quoted
 * as os-release(5) says; the last one of a name counts.  A line that is not
 * such an assignment, or whose value is too long, not UTF-8 or holds control
 * characters, is passed over.  What the file does not say has the defaults of
 * os-release(5): "Linux", and a version taken from VERSION or BUILD_ID before
 * "".  Never fails, whatever the text.  From every thread.
 */
void os_release_parse(const char *text, size_t size, struct os_release *out);

/*
 * Reads /etc/os-release, else /usr/lib/os-release; a host that has neither gets
 * the defaults.  Other failures (EACCES, too large) name the path and errno.
 */
enum err os_release_read(struct os_release *out, struct err_info *info);

#endif
