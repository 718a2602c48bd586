/*
 * cli/nats_account.h: the account that each host's worker has in NATS.
 *
 * A permission on subjects alone does not hold a hostile worker: whatever it is
 * answered goes to the subject that its request names for it, and the broker
 * publishes there what the worker may not.  In an account of its own those
 * subjects are the worker's own ones, and what it is given of the API's account
 * are the imports that are written here.
 */
#ifndef OSAPI_CLI_NATS_ACCOUNT_H
#define OSAPI_CLI_NATS_ACCOUNT_H

#include <stdio.h>

#include "cli/nats_workers.h"
#include "lib/config.h"
#include "lib/error.h"

#define NATS_ACCOUNT_API "OSAPI"    /* where the streams are */
#define NATS_JS_PREFIX   "osapi.js" /* job.worker.nats.js_prefix of workers */

/* Writes what the API's account lets workers' accounts import. */
void nats_account_exports(const struct config *config, FILE *out);

/* Writes one host's account: its user and its imports. */
enum err nats_account_write(const struct config *config,
			    const struct nats_worker *worker, FILE *out,
			    struct err_info *info);

#endif
