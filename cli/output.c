/* cli/output.c: the first reason is kept, stdio only keeps
 * that there was one. */
#include "cli/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

#define BUFFER_SIZE (256 * 1024) /* of what is no terminal */

static int reason; /* errno of the first failure, 0: none */

void
output_init(void)
{
	static char buffer[BUFFER_SIZE];

	/* Where stdio writes by itself, it does not keep the reason. */
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

void
output_write(const char *data, size_t size)
{
	errno = 0;
	if (fwrite(data, 1, size, stdout) != size && !reason)
		reason = errno;
}

void
output_flush(void)
{
	errno = 0;
	if (fflush(stdout) != 0 && !reason)
		reason = errno;
}

int
output_finish(int status)
{
	bool failed;

	output_flush();
	failed = reason || ferror(stdout);
	if (reason)
		command_fail(ERR_IO, "standard output: %s", strerror(reason));
	else if (failed)
		command_fail(ERR_IO, "standard output cannot be written");
	return failed && status == 0 ? err_exit(ERR_IO) : status;
}
