/* t/unit/clock.c: lib/clock.h. */
#include "lib/clock.h"

#include <stdlib.h>

#include "t/unit/unit.h"

static void
writes_rfc3339(void)
{
	static const struct {
		const char *why;
		int64_t ns;
		const char *text;
	} rows[] = {
	    {"the epoch", 0, "1970-01-01T00:00:00.000Z"},
	    {"cut, not rounded", 999999, "1970-01-01T00:00:00.000Z"},
	    {"a leap day", INT64_C(951782400) * CLOCK_NS_PER_S,
	     "2000-02-29T00:00:00.000Z"},
	    {"milliseconds", INT64_C(1767225599123) * CLOCK_NS_PER_MS,
	     "2025-12-31T23:59:59.123Z"},
	    {"just before the epoch", -1, "1969-12-31T23:59:59.999Z"},
	};
	char buf[CLOCK_RFC3339_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		IS_TEXT(rows[i].why, clock_rfc3339(rows[i].ns, buf),
			rows[i].text);
}

static void
reads_rfc3339(void)
{
	static const struct {
		const char *why;
		const char *text;
		int64_t ns;
	} rows[] = {
	    {"the epoch", "1970-01-01T00:00:00Z", 0},
	    {"lower case letters", "1970-01-01t00:00:01z", CLOCK_NS_PER_S},
	    {"offset east", "1970-01-01T02:30:00+02:30", 0},
	    {"offset west", "1970-01-01T00:00:00-01:00", 3600 * CLOCK_NS_PER_S},
	    {"nine digits", "1970-01-01T00:00:00.123456789Z", 123456789},
	    {"more digits are dropped", "1970-01-01T00:00:00.1234567899999Z",
	     123456789},
	    {"a leap day", "2000-02-29T00:00:00Z",
	     INT64_C(951782400) * CLOCK_NS_PER_S},
	    {"a leap second", "1990-12-31T23:59:60Z",
	     INT64_C(662688000) * CLOCK_NS_PER_S},
	};
	static const char *const refused[] = {
	    "",
	    "now",
	    "1970-01-01",
	    "1970-01-01T00:00:00",
	    "1970-01-01T00:00Z",
	    "1970-13-01T00:00:00Z",
	    "1970-00-01T00:00:00Z",
	    "2023-02-29T00:00:00Z",
	    "2100-02-29T00:00:00Z",
	    "1970-01-01T24:00:00Z",
	    "1970-01-01T00:60:00Z",
	    "1970-01-01T00:00:61Z",
	    "1970-01-01T00:00:00.Z",
	    "1970-01-01T00:00:00+2:00",
	    "1970-01-01T00:00:00+24:00",
	    "1970-01-01T00:00:00Zx",
	    "1970-01-01T00:00:00+02:00", /* before 1970 in UTC */
	    "1969-12-31T23:59:59Z",
	    "2201-01-01T00:00:00Z",
	    "99999-01-01T00:00:00Z",
	    " 1970-01-01T00:00:00Z",
	    "197\xd9\xa0-01-01T00:00:00Z",
	};
	int64_t ns;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ns = -7;
		IS_INT(rows[i].why, clock_parse_rfc3339(rows[i].text, &ns),
		       ERR_OK);
		IS_INT(rows[i].why, ns, rows[i].ns);
	}
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		ns = -7;
		IS_INT(refused[i], clock_parse_rfc3339(refused[i], &ns),
		       ERR_INVALID);
		IS_INT("untouched", ns, -7);
	}
	IS_INT("NULL", clock_parse_rfc3339(NULL, &ns), ERR_INVALID);
}

static void
reads_back_what_it_writes_in_any_time_zone(void)
{
	char buf[CLOCK_RFC3339_SIZE];
	int64_t now = clock_wall_ns() / CLOCK_NS_PER_MS * CLOCK_NS_PER_MS;
	int64_t back = 0;

	setenv("TZ", "America/St_Johns", 1);
	IS_INT("reads", clock_parse_rfc3339(clock_rfc3339(now, buf), &back),
	       ERR_OK);
	unsetenv("TZ");
	IS_INT("the same time", back, now);
}

static void
reads_durations(void)
{
	static const struct {
		const char *why;
		const char *text;
		enum err code;
		int64_t ms;
	} rows[] = {
	    {"milliseconds", "250ms", ERR_OK, 250},
	    {"seconds", "30s", ERR_OK, 30000},
	    {"minutes", "2m", ERR_OK, 120000},
	    {"hours", "24h", ERR_OK, 86400000},
	    {"days", "7d", ERR_OK, 604800000},
	    {"nothing", "0s", ERR_OK, 0},
	    {"leading zeros", "0010s", ERR_OK, 10000},
	    {"empty", "", ERR_INVALID, -7},
	    {"no unit", "30", ERR_INVALID, -7},
	    {"no number", "s", ERR_INVALID, -7},
	    {"negative", "-30s", ERR_INVALID, -7},
	    {"a sign", "+30s", ERR_INVALID, -7},
	    {"two numbers", "1h30m", ERR_INVALID, -7},
	    {"a fraction", "1.5h", ERR_INVALID, -7},
	    {"a blank", "30 s", ERR_INVALID, -7},
	    {"a blank behind", "30s ", ERR_INVALID, -7},
	    {"unknown unit", "3w", ERR_INVALID, -7},
	    {"capitals", "3S", ERR_INVALID, -7},
	    {"number overflows", "99999999999999999999s", ERR_INVALID, -7},
	    {"product overflows", "9223372036854775807d", ERR_INVALID, -7},
	};
	int64_t ms;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ms = -7;
		IS_INT(rows[i].why, clock_parse_duration(rows[i].text, &ms),
		       rows[i].code);
		IS_INT(rows[i].why, ms, rows[i].ms);
	}
}

static void
writes_the_shortest_duration(void)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
	    {0, "0s"},
	    {250, "250ms"},
	    {1500, "1500ms"},
	    {30000, "30s"},
	    {90000, "90s"},
	    {120000, "2m"},
	    {INT64_C(86400000), "1d"},
	    {INT64_C(90000000), "25h"},
	    {INT64_MAX, "9223372036854775807ms"},
	};
	char buf[CLOCK_RFC3339_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		IS_TEXT(rows[i].text, clock_duration(rows[i].ms, buf),
			rows[i].text);
}

static void
sets_deadlines_ahead(void)
{
	struct timespec at;
	int64_t before = clock_mono_ms();
	int64_t ms;

	at = clock_mono_deadline(1999);
	ms = (int64_t)at.tv_sec * 1000 + at.tv_nsec / CLOCK_NS_PER_MS;
	OK("not too early", ms - before >= 1999);
	OK("a proper timespec", at.tv_nsec >= 0 && at.tv_nsec < 1000000000);
	at = clock_mono_deadline(-5);
	ms = (int64_t)at.tv_sec * 1000 + at.tv_nsec / CLOCK_NS_PER_MS;
	OK("the past is now", ms >= before);
}

const char unit_name[] = "clock";
const struct unit_case unit_cases[] = {
    {"writes RFC 3339", writes_rfc3339},
    {"reads RFC 3339 and refuses the rest", reads_rfc3339},
    {"reads back what it writes in any time zone",
     reads_back_what_it_writes_in_any_time_zone},
    {"reads durations", reads_durations},
    {"writes the shortest duration", writes_the_shortest_duration},
    {"sets deadlines ahead", sets_deadlines_ahead},
    {NULL, NULL},
};
