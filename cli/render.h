/*
 * cli/render.h: the API's answers for people: tables (cli/table.h) and
 * records of "Title  value" lines, by x-osapi-columns.  Every text of
 * the API is made safe for terminals on its way (cli/terminal.h); colours are
 * for terminals only.
 */
#ifndef OSAPI_CLI_RENDER_H
#define OSAPI_CLI_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/spec.h"

/* One line for each column that has a value, and for each item of a list in a
 * path.  `columns` of the format "counts" have a line for each member. */
enum err render_record(FILE *out, const struct spec_column *columns,
		       size_t count, const json_t *row);

/* The answer of an endpoint as its columns say: one host or object as a record,
 * the rest as a table.  Failed and silent hosts stand
 * apart, with their error. */
enum err render_answer(FILE *out, const struct spec_endpoint *endpoint,
		       const json_t *answer);

/* How many of `results` say that their host failed or did not answer. */
size_t render_failures(const json_t *results);

#endif
