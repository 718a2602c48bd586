/* t/unit/mounts.c: worker/providers/mounts.c. */
#include <stdlib.h>
#include <string.h>

#include "t/unit/unit.h"
#include "worker/providers/mounts.h"

#define LINE "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"

static size_t
count(const char *text, size_t size)
{
	struct libmnt_table *table = NULL;
	size_t n;

	IS_INT("mounts_parse", mounts_parse(text, size, &table, NULL), ERR_OK);
	n = (size_t)mnt_table_get_nents(table);
	mnt_unref_table(table);
	return n;
}

static void
passes_over_rubbish(void)
{
	static const struct {
		const char *why;
		const char *text;
		size_t mounts;
	} rows[] = {
	    {"one", LINE, 1},
	    {"empty", "", 0},
	    {"an empty line", "\n", 0},
	    {"text", LINE "this is no mount table\n", 1},
	    {"too few fields", LINE "28 1 254:0 / /x\n", 1},
	    {"no separator", LINE "28 1 254:0 / /x rw ext4 /dev/vdb rw\n", 1},
	    {"binary", LINE "\xff\xfe\x01\n", 1},
	    {"no newline", LINE "28 1 254:1 / /x rw - ext4 /dev/vdb rw", 2},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		IS_INT(rows[i].why, count(rows[i].text, strlen(rows[i].text)),
		       rows[i].mounts);
}

static void
ends_at_nul(void)
{
	static const char text[] = LINE "\0" LINE;

	IS_INT("mounts", count(text, sizeof(text) - 1), 1);
}

static void
takes_many(void)
{
	size_t size = strlen(LINE);
	char *text = malloc(20000 * size);
	size_t i;

	for (i = 0; i < 20000; i++)
		memcpy(text + i * size, LINE, size);
	IS_INT("mounts", count(text, 20000 * size), 20000);
	free(text);
}

static enum err
stop_at_second(struct libmnt_fs *fs, void *arg)
{
	int *seen = arg;

	OK("a mount point", mnt_fs_get_target(fs) != NULL);
	return ++*seen == 2 ? ERR_CONFLICT : ERR_OK;
}

static void
stops_when_told(void)
{
	struct libmnt_table *table = NULL;
	struct err_info info = {.text = ""};
	int seen = 0;

	IS_INT("mounts_parse",
	       mounts_parse(LINE LINE LINE, 3 * strlen(LINE), &table, &info),
	       ERR_OK);
	IS_INT("the code of the function",
	       mounts_each(table, stop_at_second, &seen), ERR_CONFLICT);
	IS_INT("calls", seen, 2);
	mnt_unref_table(table);
}

static void
reads_this_host(void)
{
	struct libmnt_table *table = NULL;
	struct err_info info = {.text = ""};

	IS_INT("mounts_read", mounts_read(&table, &info), ERR_OK);
	OK("the root is there",
	   mnt_table_find_target(table, "/", MNT_ITER_BACKWARD) != NULL);
	mnt_unref_table(table);
}

const char unit_name[] = "mounts";
const struct unit_case unit_cases[] = {
    {"passes over what is no mount", passes_over_rubbish},
    {"ends at a NUL", ends_at_nul},
    {"takes many mounts", takes_many},
    {"stops when told", stops_when_told},
    {"reads this host's table", reads_this_host},
    {NULL, NULL},
};
