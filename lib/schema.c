/*
 * lib/schema.c: goes through schema and value together.
 *
 * Invariants: the place of an error is a path that grows and shrinks with the
 * recursion; the recursion is bounded by DEPTH_MAX, whatever the schema and
 * the value are; text from outside is cut only between characters, so that an
 * error can always be written as JSON again.
 */
#include "lib/schema.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema_check.h"

#define DEPTH_MAX    64 /* nested applications of schemas */
#define REF_HOPS_MAX 16 /* $ref to $ref */

static void apply(struct schema_check *c, const json_t *schema,
		  const json_t *value);

/* jansson's iterators take no const, though they change nothing. */
static json_t *
loose(const json_t *value)
{
	return (json_t *)(uintptr_t)value;
}

/* The length of text without a character that was cut in two at its end. */
static size_t
whole_characters(const char *text, size_t size)
{
	size_t back = 0;

	while (back < size && back < 4 &&
	       ((unsigned char)text[size - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < size &&
	    ((unsigned char)text[size - 1 - back] & 0xc0) == 0xc0)
		return size - 1 - back;
	return size;
}

/* Cuts a text that filled its buffer where a character ends. */
static void
trim_cut(char *text, int wanted, size_t room)
{
	if (wanted >= 0 && (size_t)wanted >= room)
		text[whole_characters(text, room - 1)] = '\0';
}

void
schema_report(struct schema_check *c, const char *fmt, ...)
{
	struct schema_error *error;
	va_list args;
	int n;

	if (c->errors->count++ >= SCHEMA_ERRORS_MAX)
		return;
	error = &c->errors->items[c->errors->count - 1];
	memcpy(error->field, c->place, c->size + 1);
	va_start(args, fmt);
	n = vsnprintf(error->detail, sizeof(error->detail), fmt, args);
	va_end(args);
	trim_cut(error->detail, n, sizeof(error->detail));
}

/* Goes to a member or item; returns what leave takes to come back. */
size_t
schema_enter(struct schema_check *c, const char *fmt, ...)
{
	size_t before = c->size;
	size_t room = sizeof(c->place) - c->size;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(c->place + c->size, room, fmt, args);
	va_end(args);
	trim_cut(c->place + c->size, n, room);
	c->size += strlen(c->place + c->size);
	return before;
}

void
schema_leave(struct schema_check *c, size_t before)
{
	c->size = before;
	c->place[before] = '\0';
}

static size_t
enter_member(struct schema_check *c, const char *name)
{
	return schema_enter(c, c->size ? ".%s" : "%s", name);
}

static void
check_items(struct schema_check *c, const json_t *schema, const json_t *keyword,
	    const json_t *value)
{
	size_t count = schema_items_to_check(schema, value);
	size_t i;

	for (i = 0; i < count; i++) {
		size_t before = schema_enter(c, "[%zu]", i);

		apply(c, keyword, json_array_get(value, i));
		schema_leave(c, before);
	}
}

/* ---- objects ---- */

static void
check_required(struct schema_check *c, const json_t *schema,
	       const json_t *keyword, const json_t *value)
{
	size_t i;

	(void)schema;
	if (!json_is_object(value))
		return;
	for (i = 0; i < json_array_size(keyword); i++) {
		const char *name =
		    json_string_value(json_array_get(keyword, i));
		size_t before;

		if (!name || json_object_get(value, name))
			continue;
		before = enter_member(c, name);
		schema_report(c, "is required");
		schema_leave(c, before);
	}
}

static void
check_properties(struct schema_check *c, const json_t *schema,
		 const json_t *keyword, const json_t *value)
{
	const char *name;
	json_t *property;

	(void)schema;
	json_object_foreach (loose(keyword), name, property) {
		const json_t *member = json_object_get(value, name);
		size_t before;

		if (!member)
			continue;
		before = enter_member(c, name);
		apply(c, property, member);
		schema_leave(c, before);
	}
}

static void
check_additional(struct schema_check *c, const json_t *schema,
		 const json_t *keyword, const json_t *value)
{
	const json_t *properties = json_object_get(schema, "properties");
	const char *name;
	json_t *member;

	json_object_foreach (loose(value), name, member) {
		size_t before;

		if (json_object_get(properties, name))
			continue;
		before = enter_member(c, name);
		if (json_is_false(keyword))
			schema_report(c, "is not known");
		else
			apply(c, keyword, member);
		schema_leave(c, before);
	}
}

/* ---- combinations ---- */

/* How many alternatives take the value. */
static size_t
count_matches(struct schema_check *c, const json_t *list, const json_t *value)
{
	struct schema_errors *outer = c->errors;
	struct schema_errors *own = calloc(1, sizeof(*own));
	size_t matches = 0;
	size_t i;

	if (!own) {
		c->code = ERR_NO_MEMORY;
		return 1;
	}
	c->errors = own;
	for (i = 0; i < json_array_size(list); i++) {
		own->count = 0;
		apply(c, json_array_get(list, i), value);
		matches += own->count == 0;
	}
	c->errors = outer;
	free(own);
	return matches;
}

/* Where each alternative only requires one member:
 * "servers, search_domains". */
static bool
required_names(const json_t *list, char *names, size_t room)
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const json_t *required = json_object_get(item, "required");
		const char *name =
		    json_string_value(json_array_get(required, 0));

		if (!name || json_object_size(item) != 1 ||
		    json_array_size(required) != 1 || used >= room - 1)
			return false;
		used += (size_t)snprintf(names + used, room - used, "%s%s",
					 used ? ", " : "", name);
	}
	return used != 0;
}

static void
check_any(struct schema_check *c, const json_t *schema, const json_t *keyword,
	  const json_t *value)
{
	char names[160];

	(void)schema;
	if (count_matches(c, keyword, value))
		return;
	if (required_names(keyword, names, sizeof(names)))
		schema_report(c, "needs at least one of: %s", names);
	else
		schema_report(c, "has none of the %zu forms that are allowed",
			      json_array_size(keyword));
}

static void
check_one(struct schema_check *c, const json_t *schema, const json_t *keyword,
	  const json_t *value)
{
	char names[160];
	size_t matches = count_matches(c, keyword, value);

	(void)schema;
	if (matches == 1)
		return;
	if (required_names(keyword, names, sizeof(names)))
		schema_report(c, "needs exactly one of: %s", names);
	else
		schema_report(
		    c, "has %zu of the forms that are allowed, must have 1",
		    matches);
}

static void
check_all(struct schema_check *c, const json_t *schema, const json_t *keyword,
	  const json_t *value)
{
	size_t i;

	(void)schema;
	for (i = 0; i < json_array_size(keyword); i++)
		apply(c, json_array_get(keyword, i), value);
}

static const struct schema_keyword member_keywords[] = {
    {"items", check_items},
    {"required", check_required},
    {"properties", check_properties},
    {"additionalProperties", check_additional},
    {"anyOf", check_any},
    {"oneOf", check_one},
    {"allOf", check_all},
    {NULL, NULL},
};

static void
apply_table(struct schema_check *c, const struct schema_keyword *row,
	    const json_t *schema, const json_t *value)
{
	for (; row->name; row++) {
		const json_t *keyword = json_object_get(schema, row->name);

		if (keyword)
			row->check(c, schema, keyword, value);
	}
}

/* Applies a schema that is no $ref; members beside a $ref come here too. */
static void
apply_keywords(struct schema_check *c, const json_t *schema,
	       const json_t *value)
{
	if (!schema_check_type(c, schema, value))
		return;
	apply_table(c, schema_value_keywords, schema, value);
	apply_table(c, member_keywords, schema, value);
}

static void
apply(struct schema_check *c, const json_t *schema, const json_t *value)
{
	const json_t *target = schema;

	if (c->depth == DEPTH_MAX) {
		schema_report(c, "is nested too deep");
		return;
	}
	c->depth++;
	if (json_object_get(schema, "$ref")) {
		target = schema_resolve(c->document, schema);
		if (!target)
			c->code = ERR_INTERNAL;
		else
			apply_keywords(c, target, value);
	}
	if (json_is_object(schema))
		apply_keywords(c, schema, value);
	else if (json_is_false(schema))
		schema_report(c, "is not allowed");
	c->depth--;
}

/* One token of a JSON pointer (RFC 6901): "~1" is "/", "~0" is "~". */
static const char *
pointer_token(const char *at, char *token, size_t room)
{
	size_t used = 0;

	for (; *at && *at != '/'; at++) {
		char octet = *at;

		if (octet == '~' && (at[1] == '0' || at[1] == '1'))
			octet = *++at == '1' ? '/' : '~';
		if (used + 1 >= room)
			return NULL;
		token[used++] = octet;
	}
	token[used] = '\0';
	return at;
}

static const json_t *
follow(const json_t *document, const char *pointer)
{
	const json_t *at = document;
	char token[128];

	if (*pointer++ != '#')
		return NULL;
	while (at && *pointer == '/') {
		pointer = pointer_token(pointer + 1, token, sizeof(token));
		if (!pointer)
			return NULL;
		at = json_object_get(at, token);
	}
	return *pointer ? NULL : at;
}

const json_t *
schema_resolve(const json_t *document, const json_t *schema)
{
	int hops;

	for (hops = 0; hops < REF_HOPS_MAX && schema; hops++) {
		const char *ref =
		    json_string_value(json_object_get(schema, "$ref"));

		if (!ref)
			return schema;
		schema = follow(document, ref);
	}
	return NULL;
}

enum err
schema_check_at(const json_t *document, const json_t *schema, const char *place,
		const json_t *value, struct schema_errors *errors)
{
	struct schema_check c = {.document = document, .errors = errors};
	size_t before = errors->count;

	schema_enter(&c, "%s", place);
	apply(&c, schema, value);
	if (c.code)
		return c.code;
	return errors->count == before ? ERR_OK : ERR_INVALID;
}

enum err
schema_check(const json_t *document, const json_t *schema, const json_t *value,
	     struct schema_errors *errors)
{
	return schema_check_at(document, schema, "", value, errors);
}
