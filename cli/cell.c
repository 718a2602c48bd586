/* cli/cell.c: one writer per format; what does not have the format's type is
 * shown as plain as it is, never dropped. */
#include "cli/cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/terminal.h"
#include "lib/clock.h"

static void
write_compact(FILE *out, const json_t *value)
{
	char *text =
	    json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

	terminal_print(out, text ? text : "?");
	free(text);
}

static void
write_plain(FILE *out, const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		fputc('-', out);
		break;
	case JSON_STRING:
		terminal_print(out, *json_string_value(value)
					? json_string_value(value)
					: "-");
		break;
	case JSON_REAL:
		fprintf(out, "%.6g", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "yes" : "no", out);
		break;
	case JSON_INTEGER:
	case JSON_OBJECT:
	case JSON_ARRAY:
	default:
		write_compact(out, value);
	}
}

static void
put_bytes(FILE *out, double octets)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	if (octets < 1024) {
		fprintf(out, "%.0f B", octets);
		return;
	}
	octets /= 1024;
	/* 1023.95 would be shown as 1024.0 */
	while (octets >= 1023.95 && unit < 4) {
		octets /= 1024;
		unit++;
	}
	fprintf(out, "%.1f %s", octets, units[unit]);
}

static void
write_bytes(FILE *out, const json_t *value)
{
	if (json_is_number(value) && json_number_value(value) >= 0)
		put_bytes(out, json_number_value(value));
	else
		write_plain(out, value);
}

static void
write_number(FILE *out, const json_t *value)
{
	if (json_is_number(value))
		fprintf(out, "%.2f", json_number_value(value));
	else
		write_plain(out, value);
}

static void
write_percent(FILE *out, const json_t *value)
{
	if (json_is_number(value))
		fprintf(out, "%.3g %%", json_number_value(value));
	else
		write_plain(out, value);
}

/* The local time; false: it is no time, and was written as it is. */
static bool
local_time(FILE *out, const json_t *value, struct tm *tm)
{
	const char *text = json_string_value(value);
	int64_t wall_ns;
	time_t seconds;

	if (!text || clock_parse_rfc3339(text, &wall_ns) != ERR_OK) {
		write_plain(out, value);
		return false;
	}
	seconds = (time_t)(wall_ns / CLOCK_NS_PER_S);
	return localtime_r(&seconds, tm) != NULL;
}

static void
write_time(FILE *out, const json_t *value)
{
	char text[32];
	struct tm tm;

	if (local_time(out, value, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		fputs(text, out);
}

static void
write_clock(FILE *out, const json_t *value)
{
	time_t now_s = time(NULL);
	char text[32];
	struct tm tm;
	struct tm now;
	bool today;

	if (!local_time(out, value, &tm) || !localtime_r(&now_s, &now))
		return;
	today = tm.tm_year == now.tm_year && tm.tm_yday == now.tm_yday;
	if (strftime(text, sizeof(text), today ? "%H:%M:%S" : "%m-%d %H:%M",
		     &tm))
		fputs(text, out);
}

static void
write_list(FILE *out, const json_t *value)
{
	size_t i;

	if (!json_is_array(value) || !json_array_size(value)) {
		write_plain(out, json_is_array(value) ? NULL : value);
		return;
	}
	for (i = 0; i < json_array_size(value); i++) {
		fputs(i ? ", " : "", out);
		write_plain(out, json_array_get(value, i));
	}
}

/* Members of an object, name and value with `between` them. */
static void
write_members(FILE *out, const json_t *value, const char *between)
{
	json_t *copy;
	const char *name;
	json_t *member;
	const char *comma = "";

	if (!json_is_object(value) || !json_object_size(value)) {
		write_plain(out, json_is_object(value) ? NULL : value);
		return;
	}
	copy = json_copy((json_t *)(uintptr_t)value);
	json_object_foreach (copy, name, member) {
		fputs(comma, out);
		terminal_print(out, name);
		fputs(between, out);
		write_plain(out, member);
		comma = ", ";
	}
	json_decref(copy);
}

static void
write_labels(FILE *out, const json_t *value)
{
	write_members(out, value, "=");
}

static void
write_counts(FILE *out, const json_t *value)
{
	write_members(out, value, " ");
}

static void
write_load(FILE *out, const json_t *value)
{
	static const char *const names[] = {"1min", "5min", "15min"};
	size_t i;

	for (i = 0; i < 3; i++) {
		fputs(i ? " " : "", out);
		write_number(out, json_object_get(value, names[i]));
	}
}

static void
write_os(FILE *out, const json_t *value)
{
	write_plain(out, json_object_get(value, "distribution"));
	fputc(' ', out);
	write_plain(out, json_object_get(value, "version"));
}

static void
write_share(FILE *out, const json_t *value)
{
	const json_t *used = json_object_get(value, "used");
	const json_t *total = json_object_get(value, "total");

	if (json_is_number(used) && json_number_value(total) > 0)
		fprintf(out, "%.0f %%",
			100 * json_number_value(used) /
			    json_number_value(total));
	else
		fputc('-', out);
}

static void
write_usage(FILE *out, const json_t *value)
{
	if (!json_is_object(value)) {
		write_plain(out, value);
		return;
	}
	write_bytes(out, json_object_get(value, "used"));
	fputs(" of ", out);
	write_bytes(out, json_object_get(value, "total"));
	fputs(" (", out);
	write_share(out, value);
	fputc(')', out);
}

static void
put_count(FILE *out, const json_t *value, const char *noun)
{
	write_plain(out, value);
	fprintf(out, " %s%s", noun, json_integer_value(value) == 1 ? "" : "s");
}

static void
write_bucket(FILE *out, const json_t *value)
{
	put_count(out, json_object_get(value, "keys"), "key");
	fputs(", ", out);
	write_bytes(out, json_object_get(value, "bytes"));
}

static void
write_stream(FILE *out, const json_t *value)
{
	put_count(out, json_object_get(value, "messages"), "message");
	fputs(", ", out);
	write_bytes(out, json_object_get(value, "bytes"));
	fputs(", ", out);
	put_count(out, json_object_get(value, "consumers"), "consumer");
}

static const struct format {
	const char *name;
	void (*write)(FILE *out, const json_t *value);
	bool right;
} formats[] = {
    {"", write_plain, false},        {"bytes", write_bytes, true},
    {"number", write_number, true},  {"percent", write_percent, true},
    {"time", write_time, false},     {"duration", write_plain, true},
    {"state", write_plain, false},   {"list", write_list, false},
    {"labels", write_labels, false}, {"load", write_load, false},
    {"os", write_os, false},         {"usage", write_usage, false},
    {"share", write_share, true},    {"counts", write_counts, false},
    {"stream", write_stream, false}, {"bucket", write_bucket, false},
    {"clock", write_clock, false},   {"count", write_plain, false},
};

static const struct format *
find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

bool
cell_format_known(const char *format)
{
	return find(format) != NULL;
}

bool
cell_right(const char *format)
{
	const struct format *row = find(format);

	return row && row->right;
}

char *
cell_text(const char *format, const json_t *value)
{
	const struct format *row = find(format);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (!value || json_is_null(value))
		fputc('-', out);
	else
		(row ? row->write : write_plain)(out, value);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

const json_t *
cell_member(const json_t *row, const char *path)
{
	const json_t *at = row;
	char name[64];

	while (at && *path) {
		size_t size = strcspn(path, ".");

		if (size >= sizeof(name))
			return NULL;
		memcpy(name, path, size);
		name[size] = '\0';
		at = json_object_get(at, name);
		path += size + (path[size] == '.');
	}
	return at;
}
