/*
 * cli/nats_store.h: the directory in which nats-server keeps what it was
 * given.
 */
#ifndef OSAPI_CLI_NATS_STORE_H
#define OSAPI_CLI_NATS_STORE_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/error.h"

/*
 * Makes nats.server.store_dir and looks whether it can keep what is promised.
 *
 * ERR_INVALID where nats.server.max_file_store is more than its whole
 * partition has: a full disk stops JetStream for good, a full store only
 * refuses.  Warns in the log where other files leave less room than that.
 *
 * With nats.server.durability "power" and a server without sync_interval
 * (`sync` false), files must be written synchronously: an empty directory gets
 * the attribute that does it (chattr +S), which all below inherit.  Warns where
 * that cannot be had, and where the file system is gone with the power.
 */
enum err nats_store_prepare(const struct config *config, bool sync,
			    struct err_info *info);

#endif
