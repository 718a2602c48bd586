/*
 * worker/providers/proc.c: /proc/uptime and /proc/loadavg.
 *
 * The files and not uptime(2), sysinfo(2) or CLOCK_BOOTTIME, because the files
 * are what uptime(1) shows, and what a container's lxcfs puts its own over.
 */
#include "worker/providers/proc.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/file.h"

#define PROC_MAX 4096
#define DIGITS   15 /* whole part; exact in a double and in an int64_t */

struct cursor {
	const char *at;
	const char *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads "digits.digits" and the blank or line end behind it. */
static bool
read_number(struct cursor *text, uint64_t *whole, double *number)
{
	const char *start = text->at;
	double scale = 1;
	double fraction = 0;

	*whole = 0;
	while (text->at < text->end && is_digit(*text->at))
		*whole = *whole * 10 + (uint64_t)(*text->at++ - '0');
	if (text->at == start || text->at - start > DIGITS ||
	    text->at == text->end || *text->at++ != '.')
		return false;
	start = text->at;
	while (text->at < text->end && is_digit(*text->at)) {
		fraction = fraction * 10 + (*text->at++ - '0');
		scale *= 10;
	}
	if (text->at == start || text->at - start > DIGITS ||
	    text->at == text->end || (*text->at != ' ' && *text->at != '\n'))
		return false;
	text->at++;
	*number = ((double)*whole * scale + fraction) / scale;
	return true;
}

enum err
proc_parse_uptime(const char *text, size_t size, uint64_t *seconds,
		  struct err_info *info)
{
	struct cursor cursor = {text, text + size};
	uint64_t whole;
	double number;

	if (!read_number(&cursor, &whole, &number))
		return err_set(info, ERR_IO,
			       "/proc/uptime: does not begin with seconds");
	*seconds = whole;
	return ERR_OK;
}

enum err
proc_parse_load(const char *text, size_t size, struct proc_load *load,
		struct err_info *info)
{
	struct cursor cursor = {text, text + size};
	double values[3];
	uint64_t whole;
	size_t i;

	for (i = 0; i < 3; i++)
		if (!read_number(&cursor, &whole, &values[i]))
			return err_set(info, ERR_IO,
				       "/proc/loadavg: number %zu of 3 "
				       "is missing or malformed",
				       i + 1);
	*load = (struct proc_load){values[0], values[1], values[2]};
	return ERR_OK;
}

enum err
proc_read_uptime(uint64_t *seconds, struct err_info *info)
{
	char *text = NULL;
	size_t size;
	enum err err = file_read("/proc/uptime", PROC_MAX, &text, &size, info);

	if (!err)
		err = proc_parse_uptime(text, size, seconds, info);
	free(text);
	return err;
}

enum err
proc_read_load(struct proc_load *load, struct err_info *info)
{
	char *text = NULL;
	size_t size;
	enum err err = file_read("/proc/loadavg", PROC_MAX, &text, &size, info);

	if (!err)
		err = proc_parse_load(text, size, load, info);
	free(text);
	return err;
}

char *
proc_uptime_text(uint64_t seconds, char buf[static PROC_UPTIME_TEXT_SIZE])
{
	uint64_t minutes = seconds / 60 % 60;
	uint64_t hours = seconds / 3600 % 24;
	uint64_t days = seconds / 86400;

	snprintf(buf, PROC_UPTIME_TEXT_SIZE,
		 "%" PRIu64 " day%s, %" PRIu64 " hour%s, %" PRIu64 " minute%s",
		 days, days == 1 ? "" : "s", hours, hours == 1 ? "" : "s",
		 minutes, minutes == 1 ? "" : "s");
	return buf;
}
