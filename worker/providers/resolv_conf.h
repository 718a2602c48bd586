/*
 * worker/providers/resolv_conf.h: the text of a resolv.conf(5) file.
 */
#ifndef OSAPI_WORKER_PROVIDERS_RESOLV_CONF_H
#define OSAPI_WORKER_PROVIDERS_RESOLV_CONF_H

#include <stddef.h>

#include "worker/providers/dns.h"

#define RESOLV_CONF_MAX     (64 * 1024)
#define RESOLV_CONF_SERVERS 3 /* more are not read by glibc (MAXNS) */

/*
 * Reads what the resolver would: every nameserver line with an address (a zone
 * is kept), and the last of the search and domain lines.  What is neither is
 * passed over.  The caller releases *found.  ERR_NO_MEMORY only, whatever the
 * text.  From every thread.
 */
enum err resolv_conf_parse(const char *text, size_t size,
			   struct dns_settings *found);

/*
 * The text with the lists of `change` that are not NULL in place of its
 * nameserver lines, or of its search and domain lines; all other lines stay as
 * they are, where they are.  A list that had no line is added at the end.  The
 * caller frees *out.  ERR_NO_MEMORY only.
 */
enum err resolv_conf_render(const char *text, size_t size,
			    const struct dns_settings *change, char **out,
			    size_t *out_size);

/*
 * Who else writes this file: by where the file really is, and by what its
 * comments say.  NULL: nobody that is known.  Static storage.
 */
const char *resolv_conf_manager(const char *real_path, const char *text,
				size_t size);

#endif
