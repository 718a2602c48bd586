/*
 * t/support/operations.h: providers whose behaviour a test chooses, in place
 * of those that touch this machine: system.hostname.get as the query,
 * network.dns.update as the change.
 */
#ifndef OSAPI_T_SUPPORT_OPERATIONS_H
#define OSAPI_T_SUPPORT_OPERATIONS_H

#include <stdbool.h>

#include "worker/provider.h"

enum operations_mode {
	OPERATIONS_WORK,
	OPERATIONS_FAIL,      /* for good */
	OPERATIONS_TRANSIENT, /* ERR_TIMEOUT */
};

/* For worker_new and struct fleet_host. */
const struct provider *operations_find(const char *operation);

/* Nothing has run, the gate is open, the next `count` runs end as `mode` and
 * those after them work. */
void operations_reset(enum operations_mode mode, int count);

/* A closed gate holds each run, until it is opened or, if `polite`, the run is
 * told to stop. */
void operations_close(bool polite);
void operations_open(void);

int operations_runs(void);    /* begun since the reset */
int operations_waiting(void); /* that stand at the gate */

#endif
