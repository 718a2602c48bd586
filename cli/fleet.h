/*
 * cli/fleet.h: which live workers a target means.
 */
#ifndef OSAPI_CLI_FLEET_H
#define OSAPI_CLI_FLEET_H

#include <stddef.h>

#include "cli/api.h"
#include "lib/subject.h"

/* Asks the API how many live workers `target` means.  0, or an exit code after
 * a line on stderr. */
int fleet_count(const struct api *api, const struct target *target,
		size_t *count);

#endif
