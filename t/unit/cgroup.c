/* t/unit/cgroup.c: worker/providers/cgroup.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "t/unit/unit.h"
#include "worker/providers/cgroup.h"

static void
reads_paths(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *unified;
		const char *memory;
	} rows[] = {
	    {"version 2", "0::/system.slice/x.service\n",
	     "/system.slice/x.service", ""},
	    {"both", "4:memory:/docker/abc\n1:cpu,cpuacct:/\n0::/\n", "/",
	     "/docker/abc"},
	    {"among others", "7:cpu,memory:/a\n", "", "/a"},
	    {"another word", "7:memoryx:/a\n8:xmemory:/b\n", "", ""},
	    {"a colon in the path", "0::/a:b\n", "/a:b", ""},
	    {"outside of the namespace", "0::/../../x\n", "/", ""},
	    {"empty", "", "", ""},
	    {"no path", "0::\n4:memory:\n", "", ""},
	    {"relative", "0::a\n", "", ""},
	    {"no colons", "memory\n", "", ""},
	    {"one colon", "0:/\n", "", ""},
	    {"binary", "\xff\x01::\x02:\n", "", ""},
	    {"no newline", "0::/a", "/a", ""},
	};
	static struct cgroup_paths paths;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cgroup_parse(rows[i].text, strlen(rows[i].text), &paths);
		IS_TEXT(rows[i].why, paths.unified, rows[i].unified);
		IS_TEXT(rows[i].why, paths.memory, rows[i].memory);
	}
}

static void
passes_over_long_paths(void)
{
	static struct cgroup_paths paths;
	size_t size = PATH_MAX + 3;
	char *text = malloc(size);

	memset(text, '/', size);
	memcpy(text, "0::", 3);
	cgroup_parse(text, size, &paths);
	IS_TEXT("as long as no path is", paths.unified, "");
	cgroup_parse(text, size - 1, &paths);
	IS_INT("the longest path", strlen(paths.unified), PATH_MAX - 1);
	free(text);
}

static void
reads_limits(void)
{
	static const struct {
		const char *why;
		const char *text;
		enum err err;
		uint64_t octets;
	} rows[] = {
	    {"none", "max\n", ERR_OK, UINT64_MAX},
	    {"a number", "536870912\n", ERR_OK, 536870912},
	    {"none, version 1", "9223372036854771712\n", ERR_OK,
	     UINT64_C(9223372036854771712)},
	    {"nothing allowed", "0\n", ERR_OK, 0},
	    {"too large", "99999999999999999999999\n", ERR_OK, UINT64_MAX},
	    {"empty", "", ERR_IO, 1},
	    {"a line end", "\n", ERR_IO, 1},
	    {"negative", "-1\n", ERR_IO, 1},
	    {"letters", "12k\n", ERR_IO, 1},
	    {"longer word", "maximum\n", ERR_IO, 1},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t octets = 1;

		IS_INT(rows[i].why,
		       cgroup_parse_limit(rows[i].text, strlen(rows[i].text),
					  &octets, NULL),
		       rows[i].err);
		OK(rows[i].why, octets == rows[i].octets);
	}
}

/* A directory of plain files stands for a mounted hierarchy. */
static void
put(const char *directory, const char *file, const char *text)
{
	char path[4400];

	snprintf(path, sizeof(path), "%s/%s", unit_directory(), directory);
	mkdir(path, 0755);
	if (!file)
		return;
	snprintf(path, sizeof(path), "%s/%s/%s", unit_directory(), directory,
		 file);
	IS_INT(path, file_write(path, text, strlen(text), 0644, NULL), ERR_OK);
}

static void
make_tree(void)
{
	put("two", "memory.max", "9000\n");
	put("two/system.slice", "memory.max", "max\n");
	put("two/system.slice/x.service", "memory.max", "1000\n");
	put("two/pod", "memory.max", "5000\n");
	put("two/pod/c", "memory.max", "7000\n");
	put("two/bad", "memory.max", "many\n");
	put("one", "memory.limit_in_bytes", "9223372036854771712\n");
	put("one/docker", NULL, NULL);
	put("one/docker/abc", "memory.limit_in_bytes", "3000\n");
}

static const struct {
	const char *why;
	const char *root; /* of the mount */
	const char *unified;
	const char *memory;
	uint64_t octets; /* 0: refused */
} limit_rows[] = {
    {"the root alone", "/", "/", "", 9000},
    {"a service's own limit does not count", "/", "/system.slice/x.service", "",
     9000},
    {"the smallest of those above", "/", "/pod/c", "", 5000},
    {"a group that is not seen here", "/", "/other/group", "", 9000},
    {"the host's path in a container", "/docker/xyz", "/docker/xyz", "", 9000},
    {"below it", "/docker/xyz", "/docker/xyz/pod", "", 5000},
    {"another one's path", "/docker/xyz", "/docker/xyzzy/pod", "", 9000},
    {"version 1", "/", "", "/docker/abc", 3000},
    {"version 1 without a limit", "/", "", "/", UINT64_C(9223372036854771712)},
    {"both", "/", "/pod", "/docker/abc", 3000},
    {"neither", "/", "", "", UINT64_MAX},
    {"not a limit", "/", "/bad", "", 0},
};

static void
finds_limits(void)
{
	static struct cgroup_paths paths;
	char text[9000];
	size_t i;

	make_tree();
	for (i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]); i++) {
		struct libmnt_table *table = NULL;
		struct err_info info = {.text = ""};
		uint64_t octets = 0;

		snprintf(text, sizeof(text),
			 "1 0 0:1 %s %s/two rw - cgroup2 cgroup2 rw\n"
			 "2 0 0:2 %s %s/one rw - cgroup cgroup rw,memory\n"
			 "3 0 0:3 / /none rw - cgroup cgroup rw,cpu\n",
			 limit_rows[i].root, unit_directory(),
			 limit_rows[i].root, unit_directory());
		snprintf(paths.unified, sizeof(paths.unified), "%s",
			 limit_rows[i].unified);
		snprintf(paths.memory, sizeof(paths.memory), "%s",
			 limit_rows[i].memory);
		mounts_parse(text, strlen(text), &table, NULL);
		if (cgroup_find_limit(&paths, table, &octets, &info))
			HAS_TEXT("names the file", info.text,
				 "bad/memory.max: neither");
		OK(limit_rows[i].why, octets == limit_rows[i].octets);
		mnt_unref_table(table);
	}
}

static void
reads_this_host(void)
{
	struct err_info info = {.text = ""};
	uint64_t octets = 1;

	IS_INT("cgroup_memory_limit", cgroup_memory_limit(&octets, &info),
	       ERR_OK);
	OK("a limit, or none", octets > 4096);
}

const char unit_name[] = "cgroup";
const struct unit_case unit_cases[] = {
    {"reads /proc/self/cgroup", reads_paths},
    {"passes over paths that are too long", passes_over_long_paths},
    {"reads limits of both versions", reads_limits},
    {"finds the smallest limit that counts", finds_limits},
    {"reads this host's", reads_this_host},
    {NULL, NULL},
};
