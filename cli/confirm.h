/*
 * cli/confirm.h: a change to more than one host is asked for first.
 */
#ifndef OSAPI_CLI_CONFIRM_H
#define OSAPI_CLI_CONFIRM_H

#include <stdbool.h>

#include "cli/api.h"
#include "lib/spec.h"

/* The flag that answers in advance. */
extern const struct argument confirm_arguments[];

/*
 * Whether `operation` may go to `target` (NULL: the API's default).  Asks on a
 * terminal where it changes more than one host.  Without one only `yes` lets
 * through what may do so, however many hosts there are now.
 * 0: go on; else the exit code, after a line on stderr.
 */
int confirm_change(const struct api *api,
		   const struct spec_operation *operation, const char *target,
		   bool yes);

#endif
