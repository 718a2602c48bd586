/*
 * cli/nats_conf.h: nats-server's configuration, from osapi.yaml.
 */
#ifndef OSAPI_CLI_NATS_CONF_H
#define OSAPI_CLI_NATS_CONF_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/nats_workers.h"
#include "cli/secret.h"
#include "lib/config.h"
#include "lib/error.h"

/* What osapi.yaml does not say.  One struct a run, so that a reload changes
 * no password. */
struct nats_extra {
	bool sync; /* the server knows sync_interval (2.10) */
	/* of the system account's user, whom nobody uses */
	char system_password[SECRET_SIZE];
	/* of the monitor where osapi.yaml has none */
	char monitor_password[SECRET_SIZE];
};

/* Fills it with fresh passwords; `sync` is the caller's to set. */
enum err nats_extra_init(struct nats_extra *extra, struct err_info *info);

/* The password that nats_render gives the monitor. */
const char *nats_monitor_password(const struct config *config,
				  const struct nats_extra *extra);

/*
 * Writes the configuration of a nats-server with JetStream and its users, each
 * allowed what its program does and nothing else.  `config` was loaded for
 * CONFIG_NATS_SERVER.  ERR_INVALID where a user is missing, or two are the
 * same.
 */
enum err nats_render(const struct config *config,
		     const struct nats_workers *workers,
		     const struct nats_extra *extra, FILE *out,
		     struct err_info *info);

#endif
