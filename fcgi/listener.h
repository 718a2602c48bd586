/*
 * fcgi/listener.h: the one listening socket that all responders share.
 */
#ifndef OSAPI_FCGI_LISTENER_H
#define OSAPI_FCGI_LISTENER_H

#include <stdbool.h>

#include "lib/error.h"

#define LISTENER_BACKLOG 4096

/*
 * The socket that systemd passed (LISTEN_FDS; a warning in the log where it is
 * not the one at `path`, which nginx is told of), else a new unix socket at
 * `path`: non-blocking, close-on-exec, mode 0660 where the umask denies others
 * to read, else 0666.  A file that is left at `path` is removed only when it is
 * a socket on which nobody listens (ERR_EXISTS else).  *passed tells whether it
 * came from systemd.
 */
enum err listener_open(const char *path, int *fd, bool *passed,
		       struct err_info *info);

/* Closes it; removes `path` unless it was passed. */
void listener_close(int fd, const char *path, bool passed);

#endif
