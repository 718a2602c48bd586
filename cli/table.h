/*
 * cli/table.h: rows as a table.
 */
#ifndef OSAPI_CLI_TABLE_H
#define OSAPI_CLI_TABLE_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/spec.h"

/*
 * One line for each row (an array of objects), several where a column's path
 * has a list in it ("disks[].name").  No rows: "(none)".  On a terminal that is
 * too narrow times are shorter, then the last columns are left out and named on
 * stderr; where fewer than three would be left, each row is a record.
 */
enum err table_print(FILE *out, const struct spec_column *columns, size_t count,
		     const json_t *rows);

#endif
