/* cli/input.c: bounded before it is used, wherever it comes from. */
#include "cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"

static enum err
read_stdin(char **data, size_t *size, struct err_info *info)
{
	char *buf = malloc(INPUT_MAX + 2);
	size_t used;

	if (!buf)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	used = fread(buf, 1, INPUT_MAX + 1, stdin);
	if (ferror(stdin) || used > INPUT_MAX) {
		free(buf);
		if (used > INPUT_MAX)
			return err_set(info, ERR_TOO_LARGE,
				       "standard input has more than %d octets",
				       INPUT_MAX);
		return err_set(info, ERR_IO, "standard input: %s",
			       strerror(errno));
	}
	buf[used] = '\0';
	*data = buf;
	*size = used;
	return ERR_OK;
}

enum err
input_read(const char *argument, char **data, size_t *size,
	   struct err_info *info)
{
	char *copy;

	if (strcmp(argument, "@-") == 0)
		return read_stdin(data, size, info);
	if (*argument == '@')
		return file_read(argument + 1, INPUT_MAX, data, size, info);
	if (strlen(argument) > INPUT_MAX)
		return err_set(info, ERR_TOO_LARGE,
			       "the data has more than %d octets", INPUT_MAX);
	copy = strdup(argument);
	if (!copy)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	*data = copy;
	*size = strlen(copy);
	return ERR_OK;
}
