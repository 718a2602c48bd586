/*
 * fcgi/provision.h: sees to it that NATS has what the store needs.
 *
 * A thread that tries until it succeeds, and again after each reconnect, as
 * the server may have come back empty.
 */
#ifndef OSAPI_FCGI_PROVISION_H
#define OSAPI_FCGI_PROVISION_H

#include <stdbool.h>

#include "lib/broker.h"
#include "lib/error.h"
#include "lib/store.h"

struct provision;

/* Starts the thread; what it is given outlives it.  `nats` is what the broker
 * was made with: where there is no connection it tells why. */
enum err provision_new(struct broker *broker, struct store *store,
		       const struct config_nats *nats,
		       struct provision **provision);

/* Stops and joins.  NULL is accepted. */
void provision_free(struct provision *provision);

/* Whether it has succeeded since the start; ERR_UNAVAILABLE with the reason
 * else.  From every thread. */
enum err provision_done(struct provision *provision, struct err_info *info);

#endif
