/* cli/init_text.c: see the header. */
#include "cli/init_text.h"

#include "lib/quoted.h"

void
init_text_member(int depth, const char *name, const char *value, FILE *out)
{
	if (!value)
		return;
	fprintf(out, "%*s%s: ", 2 * depth, "", name);
	quoted_print(value, out);
	putc('\n', out);
}
