/* t/unit/cgroup.c: worker/providers/cgroup.c. */
#include <stdlib.h>
#include <string.h>

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
    {"reads this host's", reads_this_host},
    {NULL, NULL},
};
