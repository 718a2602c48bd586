/*
 * cli/nats.h: nats-server's configuration, from osapi.yaml.
 */
#ifndef OSAPI_CLI_NATS_H
#define OSAPI_CLI_NATS_H

#include <stdbool.h>
#include <stdio.h>

#include "lib/config.h"
#include "lib/error.h"

/*
 * Writes the configuration of a nats-server with JetStream and the users api
 * and worker, each allowed what its program does and nothing else.  `sync`:
 * the server knows sync_interval (2.10).  `config` was loaded for
 * CONFIG_NATS_SERVER.  ERR_INVALID where a user is missing.
 */
enum err nats_render(const struct config *config, bool sync, FILE *out,
		     struct err_info *info);

#endif
