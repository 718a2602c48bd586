/*
 * cli/nginx.h: nginx's configuration, from nginx/osapi.conf.in and osapi.yaml.
 */
#ifndef OSAPI_CLI_NGINX_H
#define OSAPI_CLI_NGINX_H

#include <stdio.h>

#include "lib/config.h"
#include "lib/error.h"

enum nginx_part {
	NGINX_SITE, /* all of it, as a site of its own */
	NGINX_HTTP, /* for a site that is there: what its http context needs */
	NGINX_SERVER, /* and what is included in its server */
};

struct nginx_plan {
	const struct config *config;
	enum nginx_part part;
	/* NULL: only the site, for an nginx that is there already.  Else an
	 * nginx of its own in the foreground, which listens on 127.0.0.1 and
	 * writes below this directory only. */
	const char *dir;
	const char *access_log; /* path */
};

/* Writes the configuration; ERR_INVALID for a path that nginx's syntax cannot
 * carry. */
enum err nginx_render(const struct nginx_plan *plan, FILE *out,
		      struct err_info *info);

#endif
