/* lib/printout.c: see the header. */
#include "lib/printout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"

int
printout_end(const char *program)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "%s: standard output: %s\n", program,
		errno ? strerror(errno) : "cannot be written");
	return err_exit(ERR_IO);
}
