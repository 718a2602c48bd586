/*
 * cli/output.h: what was printed on standard output has arrived, or it was not
 * done.
 */
#ifndef OSAPI_CLI_OUTPUT_H
#define OSAPI_CLI_OUTPUT_H

#include <stddef.h>

/* Once, before anything is printed. */
void output_init(void);

/* Writes octets on standard output. */
void output_write(const char *data, size_t size);

/* Writes what is buffered, so that it comes before what goes to stderr; a
 * failure is kept for output_finish. */
void output_flush(void);

/* The program's exit code: `status`, or after one line on stderr 1 where it
 * would be 0 and not all could be written. */
int output_finish(int status);

#endif
