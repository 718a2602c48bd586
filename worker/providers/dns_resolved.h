/*
 * worker/providers/dns_resolved.h: the DNS settings of a link that
 * systemd-resolved keeps, over D-Bus (org.freedesktop.resolve1(5)).
 *
 * The bus is the system bus; DBUS_SYSTEM_BUS_ADDRESS names another one.  What
 * systemd-networkd manages is refused by systemd-resolved (ERR_CONFLICT).
 */
#ifndef OSAPI_WORKER_PROVIDERS_DNS_RESOLVED_H
#define OSAPI_WORKER_PROVIDERS_DNS_RESOLVED_H

#include <stdbool.h>

#include "worker/providers/dns.h"

extern const struct dns_way dns_resolved;

/* Whether systemd-resolved runs, or the bus could start it. */
bool dns_resolved_available(void);

#endif
