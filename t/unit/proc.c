/* t/unit/proc.c: worker/providers/proc.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/support/command.h"
#include "t/unit/unit.h"
#include "worker/providers/proc.h"

static void
reads_uptime(void)
{
	static const struct {
		const char *why;
		const char *text;
		long long seconds; /* -1: refused */
	} rows[] = {
	    {"as the kernel writes it", "1139.42 2177.82\n", 1139},
	    {"just booted", "0.00 0.00\n", 0},
	    {"cut, not rounded", "59.99 1.00\n", 59},
	    {"ten years", "315360000.00 1.00\n", 315360000},
	    {"empty", "", -1},
	    {"no fraction", "12 12\n", -1},
	    {"no digits", ".5 1.0\n", -1},
	    {"negative", "-1.00 1.00\n", -1},
	    {"text", "nan inf\n", -1},
	    {"cut off", "12.34", -1},
	    {"letters behind", "12.34x\n", -1},
	    {"more digits than time has", "99999999999999999999.00 1\n", -1},
	    {"binary", "\x01\x02\xff\xfe", -1},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_info info = {.text = ""};
		uint64_t seconds = 4711;
		enum err err = proc_parse_uptime(
		    rows[i].text, strlen(rows[i].text), &seconds, &info);

		IS_INT(rows[i].why, err, rows[i].seconds < 0 ? ERR_IO : ERR_OK);
		IS_INT(rows[i].why, seconds,
		       rows[i].seconds < 0 ? 4711 : rows[i].seconds);
		if (err)
			HAS_TEXT(rows[i].why, info.text, "/proc/uptime");
	}
}

static void
reads_load(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *wanted;
	} rows[] = {
	    {"as the kernel writes it", "0.15 0.03 12.02 1/94 8175\n",
	     "0.15 0.03 12.02"},
	    {"no load", "0.00 0.00 0.00 1/1 1\n", "0.00 0.00 0.00"},
	    {"a very busy host", "4096.50 1.00 1.00 9/9 9\n",
	     "4096.50 1.00 1.00"},
	    {"empty", "", "number 1 of 3"},
	    {"two numbers", "0.15 0.03\n", "number 3 of 3"},
	    {"second is text", "0.15 x 0.02 1/94 8175\n", "number 2 of 3"},
	    {"two blanks", "0.15  0.03 0.02 1/94\n", "number 2 of 3"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_info info = {.text = ""};
		struct proc_load load = {-1, -1, -1};
		char got[64];

		if (proc_parse_load(rows[i].text, strlen(rows[i].text), &load,
				    &info)) {
			HAS_TEXT(rows[i].why, info.text, rows[i].wanted);
			OK("untouched on failure", load.min1 < 0);
			continue;
		}
		snprintf(got, sizeof(got), "%.2f %.2f %.2f", load.min1,
			 load.min5, load.min15);
		IS_TEXT(rows[i].why, got, rows[i].wanted);
	}
}

static void
writes_uptime(void)
{
	static const struct {
		const char *why;
		uint64_t seconds;
		const char *text;
	} rows[] = {
	    {"nothing", 0, "0 days, 0 hours, 0 minutes"},
	    {"less than a minute", 59, "0 days, 0 hours, 0 minutes"},
	    {"singular minute", 4 * 3600 + 60, "0 days, 4 hours, 1 minute"},
	    {"singular all", 86400 + 3600 + 60, "1 day, 1 hour, 1 minute"},
	    {"one second before a day", 86399, "0 days, 23 hours, 59 minutes"},
	    {"ten years", 3650 * UINT64_C(86400),
	     "3650 days, 0 hours, 0 minutes"},
	    {"the largest number fits", UINT64_MAX,
	     "213503982334601 days, 7 hours, 0 minutes"},
	};
	char text[PROC_UPTIME_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		IS_TEXT(rows[i].why, proc_uptime_text(rows[i].seconds, text),
			rows[i].text);
}

/* uptime -s says when the host was booted. */
static void
agrees_with_uptime(void)
{
	static const char *const argv[] = {"uptime", "-s", NULL};
	char text[64] = "";
	struct err_info info = {.text = ""};
	struct tm tm = {.tm_isdst = -1};
	uint64_t seconds = 0;
	long long difference;
	time_t now;

	IS_INT("uptime", command_run(argv, text, sizeof(text)), 0);
	OK("a time", strptime(text, "%Y-%m-%d %H:%M:%S", &tm) != NULL);
	do { /* until nothing has held us up in between */
		now = time(NULL);
		IS_INT("proc_read_uptime", proc_read_uptime(&seconds, &info),
		       ERR_OK);
	} while (now != time(NULL));
	difference = (long long)(now - mktime(&tm)) - (long long)seconds;
	/* uptime reads two clocks, so a second or two may lie between */
	OK("the same boot time", llabs(difference) <= 2);
}

/* The file has two digits behind the point, the call has all of them. */
static bool
same(double file, double call)
{
	return file > call - 0.0051 && file < call + 0.0051;
}

static void
agrees_with_loadavg(void)
{
	struct err_info info = {.text = ""};
	struct proc_load load = {-1, -1, -1};
	double before[3];
	double after[3];
	int tries;

	/* it may change between two looks, hardly between all of them */
	for (tries = 0; tries < 100; tries++) {
		IS_INT("getloadavg", getloadavg(before, 3), 3);
		IS_INT("proc_read_load", proc_read_load(&load, &info), ERR_OK);
		IS_INT("getloadavg", getloadavg(after, 3), 3);
		if (memcmp(before, after, sizeof(before)) == 0)
			break;
	}
	OK("1 minute", same(load.min1, before[0]));
	OK("5 minutes", same(load.min5, before[1]));
	OK("15 minutes", same(load.min15, before[2]));
}

const char unit_name[] = "proc";
const struct unit_case unit_cases[] = {
    {"reads /proc/uptime", reads_uptime},
    {"reads /proc/loadavg", reads_load},
    {"writes the uptime in words", writes_uptime},
    {"agrees with uptime(1)", agrees_with_uptime},
    {"agrees with getloadavg(3)", agrees_with_loadavg},
    {NULL, NULL},
};
