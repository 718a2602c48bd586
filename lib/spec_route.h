/*
 * lib/spec_route.h: paths and path templates, segment by segment; for
 * lib/spec.c only.
 */
#ifndef OSAPI_LIB_SPEC_ROUTE_H
#define OSAPI_LIB_SPEC_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define SPEC_SEGMENTS_MAX 8
#define SPEC_SEGMENT_SIZE 256 /* decoded, with its NUL */

/* "/api/v1/jobs/{id}" */
struct spec_route {
	size_t count;
	struct {
		bool parameter;
		char text[64]; /* literal, or the parameter's name */
	} segments[SPEC_SEGMENTS_MAX];
};

/* A requested path, percent-decoded. */
struct spec_path {
	size_t count;
	char segments[SPEC_SEGMENTS_MAX][SPEC_SEGMENT_SIZE];
};

/* Reads a template; false: not one, or too long. */
bool spec_route_parse(const char *template, struct spec_route *route);

/* Splits and decodes.  ERR_NOT_FOUND: more segments than any route has, or no
 * "/" in front; ERR_INVALID as spec_match. */
enum err spec_path_parse(const char *text, struct spec_path *path);

/* Whether the path fits; a parameter takes anything but the empty segment. */
bool spec_route_takes(const struct spec_route *route,
		      const struct spec_path *path);

/* Whether `a` goes before `b` for a path that fits both: the first difference
 * is a literal segment of a. */
bool spec_route_before(const struct spec_route *a, const struct spec_route *b);

#endif
