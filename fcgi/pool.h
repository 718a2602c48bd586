/*
 * fcgi/pool.h: the supervisor of the responder processes.
 *
 * Single-threaded, so that it may fork at any time.  It keeps as many
 * responders as the configuration says:
 *
 *   one dies          another is started, after a delay that doubles while they
 *                     die young and is forgotten when one has lived a minute
 *   SIGHUP            the configuration is read again; a bad one is logged and
 *                     changes nothing; else responders with the new one are
 *                     started, and once they serve the old ones are told to
 *                     finish (SIGUSR1)
 *   one is stuck      (its threads do not move, it does not stop when told) it
 *                     is killed, and dies as above
 *   SIGTERM, SIGINT   all are told to finish (SIGTERM), killed when they take
 *                     too long or the signal comes again
 *
 * A responder whose supervisor dies gets SIGTERM.
 *
 * systemd is told (sd_notify(3)) READY=1 when all serve, RELOADING=1 and again
 * READY=1, STOPPING=1, and WATCHDOG=1 as long as one responder at least moves.
 */
#ifndef OSAPI_FCGI_POOL_H
#define OSAPI_FCGI_POOL_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/signature.h"
#include "lib/spec.h"

/* What responders are started with; changes as a whole. */
struct pool_setup {
	struct config *config;
	struct signer *signer;
};

struct pool_options {
	const char *config_path; /* as config_load */
	bool debug;              /* -d: log level debug in any case */
	const struct spec *spec;
	int listen_fd;
	bool passed; /* the socket is another's, who connects can wait */
};

/* Loads and checks configuration and job signing key; pool_setup_release is
 * due on success. */
enum err pool_setup_load(const struct pool_options *options,
			 struct pool_setup *setup, struct err_info *info);
void pool_setup_release(struct pool_setup *setup);

/*
 * Runs until SIGTERM or SIGINT; takes `setup`.  Returns the exit code of the
 * program.  The signals must be blocked (pool_block_signals).
 */
int pool_run(const struct pool_options *options, struct pool_setup *setup);

/* Blocks what the pool handles and installs handlers of our own for what
 * libfcgi would otherwise take: before anything else in main. */
void pool_block_signals(void);

#endif
