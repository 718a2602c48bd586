/*
 * cli/nats_probe.h: asks a nats-server whether it is well.
 */
#ifndef OSAPI_CLI_NATS_PROBE_H
#define OSAPI_CLI_NATS_PROBE_H

#include <stdint.h>

#include "lib/config.h"

#define NATS_PROBE_HOSTS 16

enum nats_health {
	NATS_WELL,
	NATS_SILENT, /* nobody there, or no answer in time */
	NATS_REFUSED /* it answers, but not to us: password, TLS */
};

/*
 * Logs in as the monitor and, unless the server is one of a cluster, asks
 * JetStream for the state of each stream; a cluster's answers may come from
 * other servers and say nothing about this one.  Each step takes at most
 * `timeout_ms`, the first 2 s where the server only greets.  `why` says what
 * was missing.  For one thread; fork(2) only to exec afterwards, as nats.c has
 * threads.
 */
enum nats_health nats_probe(const struct config *config, const char *password,
			    int64_t timeout_ms, char why[static 256]);

/*
 * Asks JetStream as the worker of each host, of NATS_PROBE_HOSTS at most.
 * NATS_SILENT: one got no answer, so that its host is cut off; `why` names it.
 * Else NATS_WELL, also where nothing could be asked.  As nats_probe otherwise.
 */
enum nats_health nats_probe_hosts(const struct config *config,
				  int64_t timeout_ms, char why[static 256]);

#endif
