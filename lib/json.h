/*
 * lib/json.h: JSON (RFC 8259) from outside, bounded.  jansson does the work.
 */
#ifndef OSAPI_LIB_JSON_H
#define OSAPI_LIB_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define JSON_DEPTH_MAX 32

/* How this project writes JSON.  15 digits are what a double holds of any
 * decimal number: 5.56 stays 5.56 instead of 5.5599999999999996. */
#define JSON_TEXT_FLAGS \
	(JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

/*
 * Parses exactly one JSON value of at most JSON_DEPTH_MAX nested levels.
 * Duplicate member names, invalid UTF-8, NUL in strings and text behind the
 * value are refused: ERR_INVALID, with line and column in `info`.  The
 * caller owns *value.
 */
enum err json_parse(const char *text, size_t size, json_t **value,
		    struct err_info *info);

/* The member's string, or NULL where it is missing or not a string. */
const char *json_member_string(const json_t *object, const char *key);

/* The member's integer, or `fallback`. */
json_int_t json_member_int(const json_t *object, const char *key,
			   json_int_t fallback);

/* Compact text, members in the order they were set; the caller frees it.
 * NULL when out of memory. */
char *json_text(const json_t *value, size_t *size);

#endif
