/*
 * cli/log_line.h: a line of a program's log for a person.
 */
#ifndef OSAPI_CLI_LOG_LINE_H
#define OSAPI_CLI_LOG_LINE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes a line without its end.  One of ours (JSON, lib/log.h) becomes
 * "09:38:43 job completed job_id=... duration_ms=4", with its level in front
 * where that is not info; every other line is as it is, safe for a terminal.
 */
void log_line_print(FILE *out, const char *line, size_t size);

#endif
