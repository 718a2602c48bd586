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
 * for HANDSHAKE_MS; where a connection is known to be open, for
 * HANDSHAKE_OPEN_MS, after which nats.c itself has given it up by its pings. It
 * asks the kernel alone, neither nats.c nor its callbacks, which may be held up
 * by the very lock.
 */
#ifndef OSAPI_LIB_HANDSHAKE_H
#define OSAPI_LIB_HANDSHAKE_H

#include "lib/error.h"

#define HANDSHAKE_MS      1500 /* more than the pause between two pings */
#define HANDSHAKE_OPEN_MS 3000

/* One connection of nats.c; zeroed memory that stays where it is. */
struct handshake {
	int port; /* the local one while it is open; 0: perhaps not */
	struct handshake *next;
};

/* From now on it is made, kept and made again; call it before nats.c does, from
 * no thread of nats.c, after fork(2).  ERR_NO_MEMORY: no thread. */
enum err handshake_guard(struct handshake *handshake, struct err_info *info);

/* It is closed; waits for the thread after the last one.  From no thread of
 * nats.c. */
void handshake_unguard(struct handshake *handshake);

/* Its handshake is over, and this its local port; 0: it is not any more.  From
 * every thread; may come late, and then costs an open connection the patience
 * of HANDSHAKE_OPEN_MS. */
void handshake_over(struct handshake *handshake, int port);

#endif
