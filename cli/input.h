/*
 * cli/input.h: data given as an argument: TEXT, @file or @- (standard input).
 */
#ifndef OSAPI_CLI_INPUT_H
#define OSAPI_CLI_INPUT_H

#include <stddef.h>

#include "lib/error.h"

#define INPUT_MAX (1024 * 1024) /* octets; what the API takes as a body */

/* Reads it, at most INPUT_MAX octets, into a new NUL-terminated buffer that the
 * caller frees. ERR_TOO_LARGE and what file_read returns. */
enum err input_read(const char *argument, char **data, size_t *size,
		    struct err_info *info);

#endif
