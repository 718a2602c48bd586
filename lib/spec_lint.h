/*
 * lib/spec_lint.h: whether a description can be relied on; for lib/spec.c.
 */
#ifndef OSAPI_LIB_SPEC_LINT_H
#define OSAPI_LIB_SPEC_LINT_H

#include <jansson.h>

#include "lib/error.h"

/* Checks that every $ref leads somewhere, every pattern compiles and every
 * format is one that lib/schema_format.h knows; ERR_INTERNAL names the
 * first that does not. */
enum err spec_lint(const json_t *document, struct err_info *info);

#endif
