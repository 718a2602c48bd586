/*
 * cli/init_worker.h: the worker's part of osapi.yaml.
 */
#ifndef OSAPI_CLI_INIT_WORKER_H
#define OSAPI_CLI_INIT_WORKER_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/config.h"

struct init_worker {
	const char *host;
	bool named; /* the host's own name may be another */
	const char *password;
	const char *public_keys; /* paths, separated by "\n" */
	const char *journal_dir; /* NULL: the default */
	const char *nats_host;   /* NULL: the default */
	int64_t nats_port;       /* with nats_host */
	const char *ca; /* of nats-server's certificate; NULL: no TLS */
	const struct config_map *labels; /* NULL: none */
};

/* Writes the section "job:". */
void init_render_worker(const struct init_worker *worker, FILE *out);

#endif
