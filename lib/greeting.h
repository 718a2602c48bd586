/*
 * lib/greeting.h: what a NATS server says of itself to whoever connects.
 *
 * nats.c does not tell the server's version; the server's first line does,
 * before TLS and before any credentials.
 */
#ifndef OSAPI_LIB_GREETING_H
#define OSAPI_LIB_GREETING_H

#include <stdint.h>

#include "lib/error.h"

#define GREETING_VERSION_SIZE 32

/* Connects, reads the greeting and hangs up.  ERR_UNAVAILABLE, ERR_TIMEOUT,
 * ERR_INVALID (not a NATS server).  From every thread. */
enum err greeting_version(const char *host, int64_t port, int64_t timeout_ms,
			  char version[static GREETING_VERSION_SIZE]);

#endif
