/*
 * worker/privilege.h: what a worker keeps of the rights it was started with.
 *
 * A worker that was started as root stays uid 0, because that is what
 * systemd-resolved asks of a caller that changes a link's servers and what owns
 * /etc/resolv.conf; but it gives up every capability apart from the few of the
 * table in privilege.c.  Uid 0 without CAP_DAC_OVERRIDE writes what root owns
 * and nothing else.  A worker that was started as another user keeps those of
 * the same table that it was given (AmbientCapabilities=).
 */
#ifndef OSAPI_WORKER_PRIVILEGE_H
#define OSAPI_WORKER_PRIVILEGE_H

#include "lib/error.h"

/*
 * Drops capabilities (permitted, effective, inheritable, ambient and, where
 * allowed, bounding) and sets no_new_privs, for good.  Logs what is left.
 *
 * Call once, after configuration and keys were read and BEFORE any other
 * thread starts: capabilities belong to a thread, and threads inherit them.
 * `state_dir` (NULL: none) is a directory that the worker must still reach and
 * write afterwards; where uid 0 could reach it only by capability (a checkout
 * in somebody's closed home directory), CAP_DAC_READ_SEARCH is kept as well.
 * What the worker reads later on (credentials at a reconnect) must belong to
 * its uid or be readable by all.
 * ERR_IO: `info` names the call and errno, and the worker must not go on;
 * ERR_FORBIDDEN: state_dir cannot be written without capabilities.
 */
enum err privilege_drop(const char *state_dir, struct err_info *info);

#endif
