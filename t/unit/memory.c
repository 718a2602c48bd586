/* t/unit/memory.c: worker/providers/memory.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/support/await.h"
#include "t/support/command.h"
#include "t/unit/unit.h"
#include "worker/providers/memory.h"

#define GOOD "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 40 kB\n"

static void
reads_meminfo(void)
{
	static const char text[] = "MemTotal:       24684096 kB\n"
				   "MemFree:        24227520 kB\n"
				   "MemAvailable:   24325448 kB\n"
				   "Buffers:            2812 kB\n"
				   "HugePages_Total:       0\n";
	struct memory memory = {.limit = 1};

	IS_INT("parse", memory_parse(text, strlen(text), &memory, NULL),
	       ERR_OK);
	IS_INT("total", memory.total, 24684096LL * 1024);
	IS_INT("free", memory.free, 24227520LL * 1024);
	IS_INT("available", memory.available, 24325448LL * 1024);
	IS_INT("used", memory.used, (24684096LL - 24325448) * 1024);
	IS_INT("limit", memory.limit, 0);
}

static void
refuses(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *words;
	} rows[] = {
	    {"empty", "", "MemTotal: is missing"},
	    {"one missing", "MemTotal: 100 kB\nMemFree: 10 kB\n",
	     "MemAvailable: is missing"},
	    {"twice", GOOD "MemFree: 10 kB\n", "MemFree: is there twice"},
	    {"no unit", "MemTotal: 100\n", "MemTotal: is not a number"},
	    {"another unit", "MemTotal: 100 MB\n", "MemTotal: is not"},
	    {"negative", "MemTotal: -1 kB\n", "MemTotal: is not"},
	    {"no digits", "MemTotal:  kB\n", "MemTotal: is not"},
	    {"letters", "MemTotal: 1x0 kB\n", "MemTotal: is not"},
	    {"above 64 bits", "MemTotal: 99999999999999999999 kB\n",
	     "MemTotal: is not"},
	    {"above 63 bits as octets", "MemTotal: 9007199254740992 kB\n",
	     "MemTotal: is not"},
	    {"more free than there is",
	     "MemTotal: 1 kB\nMemFree: 2 kB\nMemAvailable: 1 kB\n",
	     "MemFree: is above MemTotal"},
	    {"more available than there is",
	     "MemTotal: 1 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\n",
	     "MemAvailable: is above MemTotal"},
	    {"binary", "\xff\xfe\x01\x02\n\n\n", "MemTotal: is missing"},
	    {"no newline, cut off", "MemTotal: 100 k", "MemTotal: is not"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_info info = {.text = ""};
		struct memory memory = {.total = 4711};

		IS_INT(rows[i].why,
		       memory_parse(rows[i].text, strlen(rows[i].text), &memory,
				    &info),
		       ERR_IO);
		HAS_TEXT(rows[i].why, info.text, rows[i].words);
		IS_INT("untouched on failure", memory.total, 4711);
	}
}

static void
reads_around_rubbish(void)
{
	static const char text[] = "\0\0\n" GOOD "\0MemFree: 1 kB\n";
	struct memory memory;

	IS_INT("NUL in other lines",
	       memory_parse(text, sizeof(text) - 1, &memory, NULL), ERR_OK);
	IS_INT("free", memory.free, 10240);
}

static bool
near(uint64_t a, uint64_t b, uint64_t total)
{
	return llabs((long long)a - (long long)b) < (long long)total / 10;
}

/* Runs free(1) between two looks of ours; whether these are about the same, as
 * other programs take and give memory at any time. */
static bool
quiet(const char *const *argv, char *text, size_t size, struct memory *memory)
{
	struct memory before;

	IS_INT("memory_read", memory_read(&before, NULL), ERR_OK);
	IS_INT("free", command_run(argv, text, size), 0);
	IS_INT("memory_read", memory_read(memory, NULL), ERR_OK);
	return near(before.available, memory->available, memory->total / 2);
}

/* free(1) reads /proc/meminfo through libproc2. */
static void
agrees_with_free(void)
{
	static const char *const argv[] = {"free", "-b", NULL};
	struct memory memory;
	char text[1024] = "";
	unsigned long long total = 0;
	unsigned long long available = 0;
	char *line;

	OK("a quiet moment", AWAIT(quiet(argv, text, sizeof(text), &memory)));
	line = strstr(text, "Mem:");
	OK("a line", line != NULL);
	if (!line)
		return;
	IS_INT(
	    "columns",
	    sscanf(line, "Mem: %llu %*u %*u %*u %*u %llu", &total, &available),
	    2);
	IS_INT("total", memory.total, total);
	IS_INT("used", memory.used, memory.total - memory.available);
	OK("available", near(memory.available, available, total));
	OK("no limit above the total", memory.limit < memory.total);
}

const char unit_name[] = "memory";
const struct unit_case unit_cases[] = {
    {"reads /proc/meminfo", reads_meminfo},
    {"refuses what it cannot trust", refuses},
    {"reads around rubbish", reads_around_rubbish},
    {"agrees with free(1)", agrees_with_free},
    {NULL, NULL},
};
