/* worker/providers/line.c: see the header. */
#include "worker/providers/line.h"

#include <string.h>

bool
line_next(const char **text, size_t *size, struct line *line)
{
	const char *newline;

	if (*size == 0)
		return false;
	newline = memchr(*text, '\n', *size);
	line->text = *text;
	line->size = newline ? (size_t)(newline - *text) : *size;
	line->step = line->size + (newline ? 1 : 0);
	*text += line->step;
	*size -= line->step;
	return true;
}
