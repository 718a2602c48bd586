/*
 * cli/column.h: the columns of x-osapi-columns, whose path may go through a
 * list: "disks[].name" means the name of each item.
 */
#ifndef OSAPI_CLI_COLUMN_H
#define OSAPI_CLI_COLUMN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/spec.h"

struct column_path {
	bool is_list;
	char list[64];    /* "disks" */
	const char *rest; /* "name", or the whole path where there is no list */
};

struct column_path column_split(const char *path);

/* How many of the columns go through a list. */
size_t column_lists(const struct spec_column *columns, size_t count);

/* How many lines a row of a table takes: as many as its
 * longest list has items. */
size_t column_lines(const struct spec_column *columns, size_t count,
		    const json_t *row);

/* The text of a cell in the line of that number; `repeat`: what belongs to the
 * whole row stands on each of its lines.  The caller frees it;
 * NULL: out of memory. */
char *column_cell(const struct spec_column *column, const json_t *row,
		  size_t line, bool repeat);

#endif
