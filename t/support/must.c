/* t/support/must.c: see the header. */
#include "t/support/must.h"

#include <stdio.h>
#include <stdlib.h>

void
must(enum err result, const char *what, const struct err_info *info)
{
	if (result == ERR_OK)
		return;
	fprintf(stderr, "the test cannot go on: %s: %s: %s\n", what,
		err_name(result), info->text);
	abort();
}
