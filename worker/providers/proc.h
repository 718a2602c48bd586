/*
 * worker/providers/proc.h: the small texts of /proc that say how long a host is
 * up and how busy it is.
 */
#ifndef OSAPI_WORKER_PROVIDERS_PROC_H
#define OSAPI_WORKER_PROVIDERS_PROC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define PROC_UPTIME_TEXT_SIZE 80

struct proc_load {
	double min1;
	double min5;
	double min15;
};

/* The text of /proc/uptime ("1139.42 2177.82"), whole seconds, cut.
 * ERR_IO where it is anything else.  From every thread. */
enum err proc_parse_uptime(const char *text, size_t size, uint64_t *seconds,
			   struct err_info *info);
enum err proc_read_uptime(uint64_t *seconds, struct err_info *info);

/* "0 days, 4 hours, 1 minute"; returns buf. */
char *proc_uptime_text(uint64_t seconds,
		       char buf[static PROC_UPTIME_TEXT_SIZE]);

/* The text of /proc/loadavg ("0.15 0.03 0.02 1/94 8175"); ERR_IO where it is
 * anything else.  From every thread. */
enum err proc_parse_load(const char *text, size_t size, struct proc_load *load,
			 struct err_info *info);
enum err proc_read_load(struct proc_load *load, struct err_info *info);

#endif
