/* worker/providers/mounts.c: the mount table; libmount knows its format. */
#include "worker/providers/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"

/* A positive answer makes libmount pass over the line. */
static int
pass_over(struct libmnt_table *table, const char *filename, int line)
{
	(void)table;
	(void)filename;
	(void)line;
	return 1;
}

static enum err
fill(struct libmnt_table *table, FILE *stream, struct err_info *info)
{
	int rc;

	if (mnt_table_set_parser_errcb(table, pass_over) != 0)
		return err_set(info, ERR_NO_MEMORY,
			       "mnt_table_set_parser_errcb failed");
	rc = mnt_table_parse_stream(table, stream, MOUNTS_PATH);
	if (rc)
		return err_set(info, ERR_IO, "mnt_table_parse_stream(%s): %s",
			       MOUNTS_PATH, strerror(rc < 0 ? -rc : EINVAL));
	return ERR_OK;
}

enum err
mounts_parse(const char *text, size_t size, struct libmnt_table **table,
	     struct err_info *info)
{
	struct libmnt_table *new_table = mnt_new_table();
	size_t length = strnlen(text, size);
	FILE *stream = NULL;
	enum err err;

	if (!new_table)
		return err_set(info, ERR_NO_MEMORY, "mnt_new_table failed");
	if (length == 0) {
		*table = new_table;
		return ERR_OK;
	}
	/* "r" never writes, whatever the prototype says */
	stream = fmemopen((void *)(uintptr_t)text, length, "r");
	if (stream)
		err = fill(new_table, stream, info);
	else
		err = err_set(info, ERR_NO_MEMORY, "fmemopen: %s",
			      strerror(errno));
	if (stream)
		fclose(stream);
	if (err)
		mnt_unref_table(new_table);
	else
		*table = new_table;
	return err;
}

enum err
mounts_read(struct libmnt_table **table, struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	enum err err = file_read(MOUNTS_PATH, MOUNTS_MAX, &text, &size, info);

	if (!err)
		err = mounts_parse(text, size, table, info);
	free(text);
	return err;
}

enum err
mounts_each(struct libmnt_table *table,
	    enum err (*each)(struct libmnt_fs *fs, void *arg), void *arg)
{
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	enum err err = iter ? ERR_OK : ERR_NO_MEMORY;

	while (!err && mnt_table_next_fs(table, iter, &fs) == 0)
		err = each(fs, arg);
	mnt_free_iter(iter);
	return err;
}
