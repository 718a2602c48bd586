/*
 * lib/schema_parse.c: parameters as text, and defaults.
 */
#include "lib/schema.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/schema_check.h"

static json_t *
parse_integer(const char *text)
{
	const char *digits = text + (*text == '-');
	long long number;
	char *end;

	if (!*digits || strspn(digits, "0123456789") != strlen(digits) ||
	    (*digits == '0' && digits[1]))
		return NULL;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno ? NULL : json_integer(number);
}

static json_t *
parse_number(const char *text)
{
	json_t *value = NULL;

	/* JSON's own grammar of numbers: no blanks, hexadecimals or "inf" */
	if (json_parse(text, strlen(text), &value, NULL) != ERR_OK)
		return NULL;
	if (json_is_number(value))
		return value;
	json_decref(value);
	return NULL;
}

static json_t *
parse_boolean(const char *text)
{
	if (strcmp(text, "true") == 0)
		return json_true();
	return strcmp(text, "false") == 0 ? json_false() : NULL;
}

static json_t *
parse_object(const char *text)
{
	json_t *value = NULL;

	if (json_parse(text, strlen(text), &value, NULL) != ERR_OK)
		return NULL;
	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}

static const struct {
	const char *type;
	json_t *(*parse)(const char *text);
	const char *detail;
} scalars[] = {
    {"string", json_string, "must be UTF-8 text"},
    {"integer", parse_integer, "must be an integer"},
    {"number", parse_number, "must be a number"},
    {"boolean", parse_boolean, "must be true or false"},
    {"object", parse_object, "must be a JSON object"},
};

static const char *
type_of(const json_t *document, const json_t *schema)
{
	const json_t *resolved = schema_resolve(document, schema);
	const json_t *type = json_object_get(resolved, "type");
	const char *name = json_string_value(
	    json_is_array(type) ? json_array_get(type, 0) : type);

	return name ? name : "string";
}

/* NULL and *detail where the text is not of that type. */
static json_t *
parse_scalar(const char *type, const char *text, const char **detail)
{
	size_t i;

	for (i = 0; i < sizeof(scalars) / sizeof(*scalars); i++) {
		json_t *value;

		if (strcmp(scalars[i].type, type) != 0)
			continue;
		value = scalars[i].parse(text);
		if (!value)
			*detail = scalars[i].detail;
		return value;
	}
	*detail = "cannot be given as text";
	return NULL;
}

/* "a,b": one item each; "" is the empty list. */
static json_t *
parse_list(const char *type, const char *text, const char **detail)
{
	json_t *list = json_array();
	const char *comma;

	for (; list && *text; text = comma + (*comma == ',')) {
		char *part;
		json_t *item;

		comma = strchrnul(text, ',');
		part = strndup(text, (size_t)(comma - text));
		item = part ? parse_scalar(type, part, detail) : NULL;
		free(part);
		if (!item || json_array_append_new(list, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

enum err
schema_parse(const json_t *document, const json_t *schema, const char *name,
	     const char *text, json_t **value, struct schema_errors *errors)
{
	const char *type = type_of(document, schema);
	const char *detail = "out of memory";
	struct schema_check c = {.document = document, .errors = errors};
	json_t *parsed;
	enum err code;

	if (strcmp(type, "array") == 0) {
		const json_t *resolved = schema_resolve(document, schema);

		type = type_of(document, json_object_get(resolved, "items"));
		parsed = parse_list(type, text, &detail);
	} else {
		parsed = parse_scalar(type, text, &detail);
	}
	if (!parsed) {
		schema_enter(&c, "%s", name);
		schema_report(&c, "%s", detail);
		return ERR_INVALID;
	}
	code = schema_check_at(document, schema, name, parsed, errors);
	if (code)
		json_decref(parsed);
	else
		*value = parsed;
	return code;
}

void
schema_defaults(const json_t *document, const json_t *schema, json_t *object)
{
	const json_t *resolved = schema_resolve(document, schema);
	json_t *properties = json_object_get(resolved, "properties");
	const char *name;
	json_t *property;

	if (!json_is_object(object))
		return;
	json_object_foreach (properties, name, property) {
		const json_t *own = schema_resolve(document, property);
		json_t *member = json_object_get(object, name);
		const json_t *fallback = json_object_get(property, "default");

		if (!fallback)
			fallback = json_object_get(own, "default");
		/* a copy: nothing of the shared description may leak out to be
		 * changed */
		if (!member && fallback)
			json_object_set_new(object, name,
					    json_deep_copy(fallback));
		else if (json_is_object(member) &&
			 json_object_get(own, "properties"))
			schema_defaults(document, own, member);
	}
}
