/*
 * worker/providers/dns_resolv_conf.h: DNS settings in /etc/resolv.conf, for
 * hosts without systemd-resolved.
 *
 * The file holds for the whole host: the interface of a request must exist, and
 * makes no other difference.  A file that another program writes is read, but
 * not changed: ERR_CONFLICT names the program.
 */
#ifndef OSAPI_WORKER_PROVIDERS_DNS_RESOLV_CONF_H
#define OSAPI_WORKER_PROVIDERS_DNS_RESOLV_CONF_H

#include "worker/providers/dns.h"

/* /etc/resolv.conf. */
extern const struct dns_way dns_resolv_conf;

/*
 * A way for the file at `path` (kept, not copied), a symbolic link is followed.
 * Writing is atomic and keeps mode and owner, comments, options and all other
 * lines; a file that is a mount point of its own is written in place.
 */
struct dns_way dns_resolv_conf_at(const char *path);

#endif
