/*
 * lib/schema.h: checks a JSON value against a schema of the description
 * (JSON Schema 2020-12 as OpenAPI 3.1 uses it, the keywords that are in
 * osapi.yaml: type, enum, const, required, properties, additionalProperties,
 * items, minItems, maxItems, uniqueItems, minLength, maxLength, minimum,
 * maximum, pattern, format, anyOf, oneOf, allOf, minProperties, $ref into the
 * document).  x-osapi-min-duration and x-osapi-max-duration bound a string of
 * format timespan.  An integer is a number without fraction and exponent ("3.0"
 * is none). A pattern is a POSIX extended regular expression; lengths are in
 * characters (code points).
 * Formats: uuid, ipv4, ipv6, ip, hostname, date-time, duration, interface,
 * domain, target.
 */
#ifndef OSAPI_LIB_SCHEMA_H
#define OSAPI_LIB_SCHEMA_H

#include <jansson.h>
#include <stddef.h>

#include "lib/error.h"

#define SCHEMA_ERRORS_MAX 32 /* more are counted, not kept */

struct schema_error {
	char field
	    [128]; /* "servers[1]", "operation.type", "" the value itself */
	char detail[256]; /* "not an IP address" */
};

struct schema_errors {
	size_t count; /* all, may exceed SCHEMA_ERRORS_MAX */
	struct schema_error items[SCHEMA_ERRORS_MAX];
};

/* Appends all errors at once to `errors`; ERR_OK when there were none, else
 * ERR_INVALID.  ERR_INTERNAL: the schema itself is wrong (spec_load
 * refuses such a description), ERR_NO_MEMORY.  `document` resolves $ref.
 * From every thread. */
enum err schema_check(const json_t *document, const json_t *schema,
		      const json_t *value, struct schema_errors *errors);

/* As schema_check, with `place` ("operation.data") in front of
 * the errors' fields. */
enum err schema_check_at(const json_t *document, const json_t *schema,
			 const char *place, const json_t *value,
			 struct schema_errors *errors);

/* Turns the text of a parameter (query, path, header, CLI flag) into the JSON
 * value that its schema's type asks for, then checks it: "3" -> 3, "true" ->
 * true, "a,b" for an array.  `name` goes in front of the errors' field. The
 * caller owns *value. */
enum err schema_parse(const json_t *document, const json_t *schema,
		      const char *name, const char *text, json_t **value,
		      struct schema_errors *errors);

/* Follows $ref until a schema without one; the argument itself where it has
 * none; NULL: dangling. */
const json_t *schema_resolve(const json_t *document, const json_t *schema);

/* Writes every default of the schema's properties that `object` lacks. */
void schema_defaults(const json_t *document, const json_t *schema,
		     json_t *object);

#endif
