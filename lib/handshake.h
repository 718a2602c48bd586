/*
 * lib/handshake.h: ends handshakes with NATS that get no answer.
 *
 * nats.c 3.4.1 waits without a limit for a server that has said who it is and
 * is then mute, or gone without a word: for its TLS handshake idly, for the
 * answer to its CONNECT at full speed once the timeout to connect has passed.
 * Meanwhile it holds its connection's lock, so that not even closing the
 * connection ends it, only the socket's end does.
 *
 * A thread of the process therefore looks at nats.c's sockets as long as one of
 * them may be within a handshake, and shuts down those that have heard nothing
 * for HANDSHAKE_MUTE_MS.  It asks the kernel alone, neither nats.c nor its
 * callbacks, which may be held up by the very lock.  An open connection is not
 * hit needlessly: by its pings nats.c gives it up after the same time.
 *
 * May be called from every thread but those of nats.c; after fork(2).
 */
#ifndef OSAPI_LIB_HANDSHAKE_H
#define OSAPI_LIB_HANDSHAKE_H

#include "lib/error.h"

#define HANDSHAKE_MUTE_MS 3000

/* From now on one connection more is made, kept and made again; call it before
 * nats.c does.  ERR_NO_MEMORY: no thread. */
enum err handshake_guard(struct err_info *info);

/* One less, closed; waits for the thread after the last one. */
void handshake_unguard(void);

#endif
