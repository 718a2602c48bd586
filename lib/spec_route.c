/* lib/spec_route.c: path templates against paths from outside. */
#include "lib/spec_route.h"

#include <stdint.h>
#include <string.h>

#include "lib/percent.h"
#include "lib/utf8.h"

bool
spec_route_parse(const char *template, struct spec_route *route)
{
	*route = (struct spec_route){0};
	if (*template != '/')
		return false;
	while (*template == '/') {
		const char *from = template + 1;
		size_t size = strcspn(from, "/");
		bool parameter = size > 2 && *from == '{';

		template = from + size;
		if (parameter && from[size - 1] != '}')
			return false;
		if (parameter) {
			from++;
			size -= 2;
		}
		if (route->count == SPEC_SEGMENTS_MAX || size == 0 ||
		    size >= sizeof(route->segments[0].text))
			return false;
		route->segments[route->count].parameter = parameter;
		memcpy(route->segments[route->count].text, from, size);
		route->count++;
	}
	return true;
}

/* Decodes up to "/" or the end; NULL: what spec_match calls ERR_INVALID. */
static const char *
decode(const char *text, char out[static SPEC_SEGMENT_SIZE])
{
	size_t used = 0;

	for (; *text && *text != '/'; text++) {
		int octet = (unsigned char)*text;

		if (octet == '%') {
			octet = percent_octet(text);
			if (octet < 0)
				return NULL;
			text += 2;
		}
		if (octet == 0 || used == SPEC_SEGMENT_SIZE - 1)
			return NULL;
		out[used++] = (char)octet;
	}
	out[used] = '\0';
	return utf8_valid(out) ? text : NULL;
}

enum err
spec_path_parse(const char *text, struct spec_path *path)
{
	path->count = 0;
	if (*text != '/')
		return ERR_NOT_FOUND;
	while (*text == '/') {
		if (path->count == SPEC_SEGMENTS_MAX)
			return ERR_NOT_FOUND;
		text = decode(text + 1, path->segments[path->count++]);
		if (!text)
			return ERR_INVALID;
	}
	return ERR_OK;
}

bool
spec_route_takes(const struct spec_route *route, const struct spec_path *path)
{
	size_t i;

	if (route->count != path->count)
		return false;
	for (i = 0; i < route->count; i++) {
		const char *segment = path->segments[i];

		if (route->segments[i].parameter
			? !*segment
			: strcmp(route->segments[i].text, segment) != 0)
			return false;
	}
	return true;
}

bool
spec_route_before(const struct spec_route *a, const struct spec_route *b)
{
	size_t i;

	for (i = 0; i < a->count && i < b->count; i++)
		if (a->segments[i].parameter != b->segments[i].parameter)
			return b->segments[i].parameter;
	return false;
}
