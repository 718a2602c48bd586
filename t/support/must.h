/*
 * t/support/must.h: steps that a test only stands on.
 */
#ifndef OSAPI_T_SUPPORT_MUST_H
#define OSAPI_T_SUPPORT_MUST_H

#include "lib/error.h"

/* Ends the program with what `what` and `info` say, unless
 * `result` is ERR_OK. */
void must(enum err result, const char *what, const struct err_info *info);

#endif
