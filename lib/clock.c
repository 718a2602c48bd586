/*
 * lib/clock.c: clocks and their texts.  No state; the calendar is computed
 * here, as the C library's depends on the time zone.
 */
#include "lib/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_S 1000

static const struct {
	const char *unit;
	int64_t ms;
} units[] = {
    /* longest first, as clock_duration takes the first that divides */
    {"d", INT64_C(86400000)}, {"h", INT64_C(3600000)}, {"m", INT64_C(60000)},
    {"s", INT64_C(1000)},     {"ms", INT64_C(1)},
};

int64_t
clock_wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

int64_t
clock_mono_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / CLOCK_NS_PER_MS;
}

int64_t
clock_mono_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct timespec
clock_mono_deadline(int64_t from_now_ms)
{
	struct timespec at;

	if (from_now_ms < 0)
		from_now_ms = 0;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(from_now_ms / MS_PER_S);
	at.tv_nsec += (long)(from_now_ms % MS_PER_S * CLOCK_NS_PER_MS);
	if (at.tv_nsec >= CLOCK_NS_PER_S) {
		at.tv_sec++;
		at.tv_nsec -= CLOCK_NS_PER_S;
	}
	return at;
}

char *
clock_rfc3339(int64_t wall_ns, char buf[static CLOCK_RFC3339_SIZE])
{
	int64_t ms = wall_ns / CLOCK_NS_PER_MS;
	struct tm tm;
	time_t seconds;

	if (wall_ns % CLOCK_NS_PER_MS < 0)
		ms--;
	seconds = (time_t)(ms / MS_PER_S);
	ms %= MS_PER_S;
	if (ms < 0) {
		ms += MS_PER_S;
		seconds--;
	}
	gmtime_r(&seconds, &tm);
	snprintf(buf, CLOCK_RFC3339_SIZE,
		 "%04d-%02d-%02dT%02d:%02d:%02d.%03" PRId64 "Z",
		 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		 tm.tm_min, tm.tm_sec, ms);
	return buf;
}

/* Reads exactly `digits` decimal digits. */
static bool
number(const char **at, int digits, int min, int max, int *out)
{
	int value = 0;

	for (; digits > 0; digits--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return value >= min && value <= max;
}

static bool
literal(const char **at, char wanted)
{
	if (**at != wanted)
		return false;
	(*at)++;
	return true;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30,
				   31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* ".123456789", more digits are dropped. */
static bool
fraction(const char **at, int64_t *ns)
{
	int64_t unit = CLOCK_NS_PER_S / 10;

	*ns = 0;
	if (**at != '.')
		return true;
	(*at)++;
	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*ns += (**at - '0') * unit;
	return true;
}

/* "Z" or "+01:30", as seconds east of UTC. */
static bool
offset(const char **at, int *seconds)
{
	int sign = **at == '-' ? -1 : 1;
	int hours;
	int minutes;

	*seconds = 0;
	if (**at == 'Z' || **at == 'z') {
		(*at)++;
		return true;
	}
	if (**at != '+' && **at != '-')
		return false;
	(*at)++;
	if (!number(at, 2, 0, 23, &hours) || !literal(at, ':') ||
	    !number(at, 2, 0, 59, &minutes))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool
date(const char **at, struct tm *tm)
{
	int year;
	int month;

	if (!number(at, 4, 1970, 2200, &year) || !literal(at, '-') ||
	    !number(at, 2, 1, 12, &month) || !literal(at, '-') ||
	    !number(at, 2, 1, days_in_month(year, month), &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return true;
}

static bool
time_of_day(const char **at, struct tm *tm)
{
	/* 60: a leap second, which timegm(3) carries into the next minute */
	return number(at, 2, 0, 23, &tm->tm_hour) && literal(at, ':') &&
	       number(at, 2, 0, 59, &tm->tm_min) && literal(at, ':') &&
	       number(at, 2, 0, 60, &tm->tm_sec);
}

enum err
clock_parse_rfc3339(const char *text, int64_t *wall_ns)
{
	struct tm tm = {0};
	const char *at = text;
	int64_t ns;
	int64_t result;
	int east;

	if (!text || !date(&at, &tm))
		return ERR_INVALID;
	if (*at != 'T' && *at != 't' && *at != ' ')
		return ERR_INVALID;
	at++;
	if (!time_of_day(&at, &tm) || !fraction(&at, &ns) ||
	    !offset(&at, &east) || *at)
		return ERR_INVALID;
	result = ((int64_t)timegm(&tm) - east) * CLOCK_NS_PER_S + ns;
	if (result < 0)
		return ERR_INVALID; /* an offset led to before 1970 */
	*wall_ns = result;
	return ERR_OK;
}

enum err
clock_parse_duration(const char *text, int64_t *ms)
{
	const char *at = text;
	int64_t value = 0;
	int64_t result;
	size_t i;

	if (!text || *at < '0' || *at > '9')
		return ERR_INVALID;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return ERR_INVALID;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(at, units[i].unit) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].ms, &result))
			return ERR_INVALID;
		*ms = result;
		return ERR_OK;
	}
	return ERR_INVALID;
}

char *
clock_duration(int64_t ms, char buf[static CLOCK_RFC3339_SIZE])
{
	size_t i = 0;

	if (ms == 0) {
		snprintf(buf, CLOCK_RFC3339_SIZE, "0s");
		return buf;
	}
	while (ms % units[i].ms != 0)
		i++;
	snprintf(buf, CLOCK_RFC3339_SIZE, "%" PRId64 "%s", ms / units[i].ms,
		 units[i].unit);
	return buf;
}
