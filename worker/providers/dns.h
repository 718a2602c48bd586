/*
 * worker/providers/dns.h: the resolver settings of a host, whoever keeps them.
 *
 * A way (struct dns_way) knows how to read and write them; what is the same for
 * all ways is in dns.c: a request is validated as a whole before anything is
 * read, only lists that differ are written, and what was written is read back.
 * One update runs at a time.
 */
#ifndef OSAPI_WORKER_PROVIDERS_DNS_H
#define OSAPI_WORKER_PROVIDERS_DNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "worker/provider.h"

#define DNS_SERVERS_MAX 16 /* in a request */
#define DNS_DOMAINS_MAX 32 /* in a request */

/*
 * Arrays of strings, both owned.  Servers are IP addresses as inet_ntop(3)
 * writes them; a domain that begins with "~" only routes queries and is not
 * searched.  In a change NULL means: leave as it is.
 */
struct dns_settings {
	json_t *servers;
	json_t *search_domains;
};

struct dns_link {
	const char *name;
	int index; /* as if_nametoindex(3) says */
};

struct dns_way {
	const char *path; /* of the file, for the ways that have one */
	/* Reads what is set now; the caller releases *now. */
	enum err (*read)(const struct dns_way *way, const struct dns_link *link,
			 int64_t deadline_ms, struct dns_settings *now,
			 struct err_info *info);
	/*
	 * Writes the lists of `change` that are not NULL, all of them or none.
	 * `now` is what `read` said before.
	 */
	enum err (*write)(const struct dns_way *way,
			  const struct dns_link *link, int64_t deadline_ms,
			  const struct dns_settings *now,
			  const struct dns_settings *change,
			  struct err_info *info);
};

void dns_settings_release(struct dns_settings *settings);

/* Whether both hold the same texts in the same order; case does not count. */
bool dns_list_equal(const json_t *a, const json_t *b);

/*
 * An address without zone, neither unspecified nor multicast; writes it as
 * inet_ntop(3) would.  From every thread.
 */
bool dns_server_check(const char *text, char out[static 46]);

/*
 * A domain name of letters, digits, "-" and "_" in labels of 1 to 63, 253 in
 * all, or such a one behind "~", or "~." for the root.  Writes it without final
 * dot.  From every thread.
 */
bool dns_domain_check(const char *text, char out[static 256]);

/*
 * Takes {interface_name, servers?, search_domains?}: *change has the lists that
 * are there, in normal form and each entry once.  ERR_INVALID names the member
 * ("servers[1]: ..."), ERR_NOT_FOUND an interface that does not exist.
 * link->name points into `data`.
 */
enum err dns_request(const json_t *data, struct dns_link *link,
		     struct dns_settings *change, struct err_info *info);

/* network.dns.get: {servers, search_domains}. */
enum err dns_get(const struct dns_way *way, const struct provider_call *call,
		 json_t **result, struct err_info *info);

/* network.dns.update: {changed, servers, search_domains}, read back. */
enum err dns_update(const struct dns_way *way, const struct provider_call *call,
		    json_t **result, struct err_info *info);

#endif
