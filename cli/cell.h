/*
 * cli/cell.h: a JSON value as the text of one cell.
 *
 * Formats, as x-osapi-columns names them:
 *   ""        strings as they are, numbers, "-" for nothing
 *   bytes     1.9 GiB              number   0.32
 *   percent   33.3 %               time     2026-01-31 23:59:59 (local)
 *   clock     23:59:59, or 01-31 23:59 where it is not today
 *   duration  as it is             state    as it is, in colour on a terminal
 *   list      a, b                 labels   key=value, key=value
 *   load      0.32 0.28 0.25       os       Debian GNU/Linux 12
 *   usage     1.9 GiB of 7.8 GiB (24 %)
 *   share     24 %
 *   counts    completed 12, failed 1
 *   count     12, its title in the colour of a state
 *   stream    12 messages, 3.4 KiB, 2 consumers
 *   bucket    12 keys, 3.4 KiB
 */
#ifndef OSAPI_CLI_CELL_H
#define OSAPI_CLI_CELL_H

#include <jansson.h>
#include <stdbool.h>

/* The cell's text, safe for a terminal (cli/terminal.h); "-" where there is
 * nothing to show.  The caller frees it; NULL: out of memory. */
char *cell_text(const char *format, const json_t *value);

/* Whether such a cell stands at the right edge of its column. */
bool cell_right(const char *format);

/* Whether there is such a format. */
bool cell_format_known(const char *format);

/* The member at `path` ("memory.total") of `row`; NULL: none. */
const json_t *cell_member(const json_t *row, const char *path);

#endif
