/*
 * cli/init.h: a fresh osapi.yaml with the keys that it names.
 */
#ifndef OSAPI_CLI_INIT_H
#define OSAPI_CLI_INIT_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/error.h"

/* Where things go; the secrets are made by init_write.  Absolute paths.  Only
 * root can give files to `owner` and `group`: who else calls keeps them. */
struct init_plan {
	const char *dir; /* of osapi.yaml and keys/; exists */
	mode_t mode;     /* of osapi.yaml */
	const char *
	    owner; /* user of the API, "" for who calls; owns the private key */
	const char *group; /* of osapi.yaml, "" for the caller's */
	const char *host;  /* whose worker runs here; NULL: the system's name */
	int port;          /* of the API */
	const char *socket;      /* of osapi-fcgi; NULL: the default */
	const char *store_dir;   /* of nats-server */
	const char *journal_dir; /* of the worker */
	const char
	    *token_file; /* api.client.security.bearer_token_file; NULL: none */
};

/*
 * Makes the keys in {dir}/keys, the list of workers {dir}/workers and, last of
 * all, {dir}/osapi.yaml.  ERR_EXISTS, and nothing changed, where one of them is
 * there.
 */
enum err init_write(const struct init_plan *plan, struct err_info *info);

#endif
