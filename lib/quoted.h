/*
 * lib/quoted.h: strings in double quotes, as YAML and nats-server's
 * configuration have them.
 */
#ifndef OSAPI_LIB_QUOTED_H
#define OSAPI_LIB_QUOTED_H

#include <stdio.h>

/* Writes `text`, which has no control characters, between double quotes, with a
 * backslash before each quote and backslash. */
void quoted_print(const char *text, FILE *out);

#endif
