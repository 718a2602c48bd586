/*
 * worker/providers/line.h: a text, line by line.
 */
#ifndef OSAPI_WORKER_PROVIDERS_LINE_H
#define OSAPI_WORKER_PROVIDERS_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct line {
	const char *text; /* not ended by a NUL */
	size_t size;      /* without the newline */
	size_t step;      /* with it */
};

/* Takes the first line off the `*size` octets at `*text`; false: none is left.
 * A last line without a newline is one, too. */
bool line_next(const char **text, size_t *size, struct line *line);

#endif
