/*
 * cli/nats_watch.h: runs nats-server and replaces it when it falls silent.
 */
#ifndef OSAPI_CLI_NATS_WATCH_H
#define OSAPI_CLI_NATS_WATCH_H

#include "lib/config.h"
#include "lib/error.h"

/* What the watch needs of the configuration; all live as long as the run. */
struct nats_watch_plan {
	const char *server;    /* path of nats-server */
	const char *conf;      /* path of its configuration, written */
	const char *password;  /* of the monitor */
	struct config *config; /* the watch's own from now on */
	/* Reads osapi.yaml again and writes `conf` anew; on success *config and
	 * *password are the new ones, on failure nothing has changed. */
	enum err (*reload)(void *arg, struct config **config,
			   const char **password, struct err_info *info);
	void *arg;
};

/*
 * Starts nats-server and stays until it has ended; returns its exit code, 128 +
 * the number of the signal that ended it, or 0 when it was
 * asked to stop and did.
 *
 * It is probed at a pace.  One that has answered before and then answers
 * nothing for nats.server.mute_after gets SIGKILL and is started again: nothing
 * that it acknowledged is lost by that.  SIGTERM and SIGINT stop it (SIGKILL
 * where it does not), SIGHUP reloads.  Tells systemd READY, RELOADING, STOPPING
 * and WATCHDOG where NOTIFY_SOCKET is set.  Blocks SIGTERM, SIGINT, SIGHUP and
 * SIGCHLD; for one thread, before others are started.
 */
int nats_watch(const struct nats_watch_plan *plan);

#endif
