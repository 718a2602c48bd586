/*
 * worker/providers/memory.c: /proc/meminfo.
 *
 * libproc2 would read it too, but gives 0 for a line that is missing, takes
 * whatever number is there, and cannot be handed a text to be tested with.
 */
#include "worker/providers/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "worker/providers/cgroup.h"
#include "worker/providers/line.h"

#define MEMINFO_MAX (64 * 1024)

enum field { FIELD_TOTAL, FIELD_FREE, FIELD_AVAILABLE, FIELD_COUNT };

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_TOTAL] = "MemTotal:",
    [FIELD_FREE] = "MemFree:",
    [FIELD_AVAILABLE] = "MemAvailable:",
};

struct fields {
	uint64_t octets[FIELD_COUNT];
	bool seen[FIELD_COUNT];
};

/* "   24684096 kB" */
static bool
parse_kib(const char *at, const char *end, uint64_t *octets)
{
	uint64_t kib = 0;
	const char *digits;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	for (digits = at; at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(kib, 10, &kib) ||
		    __builtin_add_overflow(kib, (uint64_t)(*at - '0'), &kib))
			return false;
	return at > digits && end - at == 3 && memcmp(at, " kB", 3) == 0 &&
	       !__builtin_mul_overflow(kib, 1024, octets) &&
	       *octets <= INT64_MAX;
}

static enum err
parse_line(const char *line, size_t size, struct fields *fields,
	   struct err_info *info)
{
	enum field f;

	for (f = 0; f < FIELD_COUNT; f++) {
		const char *name = field_names[f];
		size_t length = strlen(name);

		if (size < length || memcmp(line, name, length) != 0)
			continue;
		if (fields->seen[f])
			return err_set(info, ERR_IO,
				       "/proc/meminfo: %s is there twice",
				       name);
		if (!parse_kib(line + length, line + size, &fields->octets[f]))
			return err_set(info, ERR_IO,
				       "/proc/meminfo: %s is not a number "
				       "of kB",
				       name);
		fields->seen[f] = true;
	}
	return ERR_OK;
}

static enum err
check(const struct fields *fields, struct err_info *info)
{
	enum field f;

	for (f = 0; f < FIELD_COUNT; f++)
		if (!fields->seen[f])
			return err_set(info, ERR_IO,
				       "/proc/meminfo: %s is missing",
				       field_names[f]);
	for (f = FIELD_FREE; f < FIELD_COUNT; f++)
		if (fields->octets[f] > fields->octets[FIELD_TOTAL])
			return err_set(info, ERR_IO,
				       "/proc/meminfo: %s is above MemTotal",
				       field_names[f]);
	return ERR_OK;
}

enum err
memory_parse(const char *text, size_t size, struct memory *memory,
	     struct err_info *info)
{
	struct fields fields = {0};
	struct line line;
	enum err err = ERR_OK;

	while (!err && line_next(&text, &size, &line))
		err = parse_line(line.text, line.size, &fields, info);
	if (!err)
		err = check(&fields, info);
	if (err)
		return err;
	*memory = (struct memory){
	    .total = fields.octets[FIELD_TOTAL],
	    .free = fields.octets[FIELD_FREE],
	    .available = fields.octets[FIELD_AVAILABLE],
	    .used = fields.octets[FIELD_TOTAL] - fields.octets[FIELD_AVAILABLE],
	};
	return ERR_OK;
}

enum err
memory_read(struct memory *memory, struct err_info *info)
{
	struct memory host = {.total = 0};
	char *text = NULL;
	size_t size;
	uint64_t limit = 0;
	enum err err;

	err = file_read("/proc/meminfo", MEMINFO_MAX, &text, &size, info);
	if (!err)
		err = memory_parse(text, size, &host, info);
	free(text);
	if (!err)
		err = cgroup_memory_limit(&limit, info);
	if (err)
		return err;
	host.limit = limit < host.total ? limit : 0;
	*memory = host;
	return ERR_OK;
}
