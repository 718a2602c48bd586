/* lib/quoted.c: see the header. */
#include "lib/quoted.h"

void
quoted_print(const char *text, FILE *out)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}
