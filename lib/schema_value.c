/*
 * lib/schema_value.c: the keywords that look at a value without going into its
 * members: type, enum, bounds, pattern, format.
 */
#include "lib/schema_check.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/schema_format.h"

#define UNIQUE_MAX 1024 /* items that are compared with each other */

static size_t
characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* ---- type, enum, const ---- */

static const struct type {
	const char *name;
	const char *article;
} types[] = {{"string", "a string"},  {"integer", "an integer"},
	     {"number", "a number"},  {"boolean", "true or false"},
	     {"object", "an object"}, {"array", "an array"},
	     {"null", "null"},        {NULL, "another type"}};

static bool
has_type(const json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return strcmp(type, "string") == 0;
	case JSON_INTEGER:
		return strcmp(type, "integer") == 0 ||
		       strcmp(type, "number") == 0;
	case JSON_REAL: /* 3.0 is no integer here: who reads it expects 3 */
		return strcmp(type, "number") == 0;
	case JSON_TRUE:
	case JSON_FALSE:
		return strcmp(type, "boolean") == 0;
	case JSON_OBJECT:
		return strcmp(type, "object") == 0;
	case JSON_ARRAY:
		return strcmp(type, "array") == 0;
	case JSON_NULL:
		return strcmp(type, "null") == 0;
	default:
		return false;
	}
}

static const char *
article_of(const char *type)
{
	const struct type *row = types;

	while (row->name && strcmp(row->name, type) != 0)
		row++;
	return row->article;
}

/* Reports a wrong type; whether it was right. */
bool
schema_check_type(struct schema_check *c, const json_t *schema,
		  const json_t *value)
{
	const json_t *wanted = json_object_get(schema, "type");
	char list[128] = "";
	size_t used = 0;
	size_t i;

	if (json_is_string(wanted)) {
		if (has_type(value, json_string_value(wanted)))
			return true;
		schema_report(c, "must be %s",
			      article_of(json_string_value(wanted)));
		return false;
	}
	for (i = 0; i < json_array_size(wanted); i++) {
		const char *type = json_string_value(json_array_get(wanted, i));

		if (!type || has_type(value, type))
			return true;
		used +=
		    (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
				     i ? " or " : "", article_of(type));
		if (used >= sizeof(list))
			used = sizeof(list) - 1;
	}
	if (used)
		schema_report(c, "must be %s", list);
	return used == 0;
}

static void
check_enum(struct schema_check *c, const json_t *schema, const json_t *keyword,
	   const json_t *value)
{
	char list[192] = "";
	size_t used = 0;
	size_t i;

	(void)schema;
	for (i = 0; i < json_array_size(keyword); i++) {
		const json_t *item = json_array_get(keyword, i);
		const char *text = json_string_value(item);

		if (json_equal(item, value))
			return;
		if (!text || used >= sizeof(list) - 1)
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used,
					 "%s%s", used ? ", " : "", text);
	}
	schema_report(c, "must be one of: %s", list);
}

static void
check_const(struct schema_check *c, const json_t *schema, const json_t *keyword,
	    const json_t *value)
{
	(void)schema;
	if (json_equal(keyword, value))
		return;
	if (json_is_string(keyword))
		schema_report(c, "must be %s", json_string_value(keyword));
	else
		schema_report(c, "must be the one value that is allowed");
}

/* ---- strings ---- */

static void
check_length(struct schema_check *c, const json_t *keyword, const json_t *value,
	     bool most)
{
	json_int_t limit = json_integer_value(keyword);
	json_int_t length;

	if (!json_is_string(value))
		return;
	length = (json_int_t)characters(json_string_value(value));
	if (most ? length <= limit : length >= limit)
		return;
	if (!most && length == 0)
		schema_report(c, "must not be empty");
	else
		schema_report(c, "must have at %s %lld characters, has %lld",
			      most ? "most" : "least", (long long)limit,
			      (long long)length);
}

static void
check_min_length(struct schema_check *c, const json_t *schema,
		 const json_t *keyword, const json_t *value)
{
	(void)schema;
	check_length(c, keyword, value, false);
}

static void
check_max_length(struct schema_check *c, const json_t *schema,
		 const json_t *keyword, const json_t *value)
{
	(void)schema;
	check_length(c, keyword, value, true);
}

/* Whether minLength and maxLength hold: what does not have the right length is
 * neither matched nor parsed, so that this costs no more than that. */
static bool
length_holds(const json_t *schema, const json_t *value)
{
	const json_t *least = json_object_get(schema, "minLength");
	const json_t *most = json_object_get(schema, "maxLength");
	json_int_t length = (json_int_t)characters(json_string_value(value));

	return (!least || length >= json_integer_value(least)) &&
	       (!most || length <= json_integer_value(most));
}

/* The text of a string value; NULL for another type and for one that C would
 * read only up to its NUL, which is reported. */
static const char *
text_of(struct schema_check *c, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) == json_string_length(value))
		return text;
	schema_report(c, "must not hold a NUL character");
	return NULL;
}

static void
check_pattern(struct schema_check *c, const json_t *schema,
	      const json_t *keyword, const json_t *value)
{
	const char *pattern = json_string_value(keyword);
	const char *text = text_of(c, value);
	regex_t regex;
	int failed;

	if (!text || !pattern || !length_holds(schema, value))
		return;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		c->code = ERR_INTERNAL;
		return;
	}
	failed = regexec(&regex, text, 0, NULL, 0);
	regfree(&regex);
	if (failed)
		schema_report(c, "must match %s", pattern);
}

static void
check_format(struct schema_check *c, const json_t *schema,
	     const json_t *keyword, const json_t *value)
{
	const char *format = json_string_value(keyword);
	const char *text = text_of(c, value);
	char detail[SCHEMA_DETAIL_SIZE];

	if (!text || !format || !length_holds(schema, value))
		return;
	if (!schema_format_check(format, text, detail))
		schema_report(c, "%s", detail);
}

static void
check_duration(struct schema_check *c, const json_t *keyword,
	       const json_t *value, bool most)
{
	const char *limit = json_string_value(keyword);
	const char *text = json_string_value(value);
	int64_t limit_ms;
	int64_t ms;

	if (!text || !limit || clock_parse_duration(text, &ms) != ERR_OK ||
	    clock_parse_duration(limit, &limit_ms) != ERR_OK)
		return; /* its format is reported by check_format */
	if (most ? ms > limit_ms : ms < limit_ms)
		schema_report(c, "must be at %s %s", most ? "most" : "least",
			      limit);
}

static void
check_min_duration(struct schema_check *c, const json_t *schema,
		   const json_t *keyword, const json_t *value)
{
	(void)schema;
	check_duration(c, keyword, value, false);
}

static void
check_max_duration(struct schema_check *c, const json_t *schema,
		   const json_t *keyword, const json_t *value)
{
	(void)schema;
	check_duration(c, keyword, value, true);
}

/* ---- numbers ---- */

static void
check_limit(struct schema_check *c, const json_t *keyword, const json_t *value,
	    bool most)
{
	json_int_t a = json_integer_value(value);
	json_int_t b = json_integer_value(keyword);
	bool over;
	bool under;

	if (!json_is_number(value))
		return;
	if (json_is_integer(value) && json_is_integer(keyword)) {
		over = a > b;
		under = a < b;
	} else {
		over = json_number_value(value) > json_number_value(keyword);
		under = json_number_value(value) < json_number_value(keyword);
	}
	if (most ? over : under)
		schema_report(c, "must be at %s %.15g", most ? "most" : "least",
			      json_number_value(keyword));
}

static void
check_minimum(struct schema_check *c, const json_t *schema,
	      const json_t *keyword, const json_t *value)
{
	(void)schema;
	check_limit(c, keyword, value, false);
}

static void
check_maximum(struct schema_check *c, const json_t *schema,
	      const json_t *keyword, const json_t *value)
{
	(void)schema;
	check_limit(c, keyword, value, true);
}

/* ---- arrays ---- */

static void
report_items(struct schema_check *c, const char *bound, json_int_t limit,
	     size_t count)
{
	schema_report(c, "must have at %s %lld item%s, has %zu", bound,
		      (long long)limit, limit == 1 ? "" : "s", count);
}

static void
check_min_items(struct schema_check *c, const json_t *schema,
		const json_t *keyword, const json_t *value)
{
	(void)schema;
	if (json_is_array(value) &&
	    (json_int_t)json_array_size(value) < json_integer_value(keyword))
		report_items(c, "least", json_integer_value(keyword),
			     json_array_size(value));
}

static void
check_max_items(struct schema_check *c, const json_t *schema,
		const json_t *keyword, const json_t *value)
{
	(void)schema;
	if (json_is_array(value) &&
	    (json_int_t)json_array_size(value) > json_integer_value(keyword))
		report_items(c, "most", json_integer_value(keyword),
			     json_array_size(value));
}

/* How many items are worth a look: no more than maxItems allows. */
size_t
schema_items_to_check(const json_t *schema, const json_t *value)
{
	const json_t *most = json_object_get(schema, "maxItems");
	size_t count = json_array_size(value);

	if (json_is_integer(most) && json_integer_value(most) >= 0 &&
	    (json_int_t)count > json_integer_value(most))
		count = (size_t)json_integer_value(most);
	return count;
}

static void
check_unique(struct schema_check *c, const json_t *schema,
	     const json_t *keyword, const json_t *value)
{
	size_t count = schema_items_to_check(schema, value);
	size_t before;
	size_t i;
	size_t k;

	if (!json_is_true(keyword))
		return;
	if (count > UNIQUE_MAX)
		schema_report(c, "must have at most %d items", UNIQUE_MAX);
	for (i = 1; i < count && count <= UNIQUE_MAX; i++) {
		for (k = 0; k < i; k++)
			if (json_equal(json_array_get(value, i),
				       json_array_get(value, k)))
				break;
		if (k == i)
			continue;
		before = schema_enter(c, "[%zu]", i);
		schema_report(c, "is the same as item %zu", k);
		schema_leave(c, before);
	}
}

static void
check_min_properties(struct schema_check *c, const json_t *schema,
		     const json_t *keyword, const json_t *value)
{
	(void)schema;
	if (json_is_object(value) &&
	    (json_int_t)json_object_size(value) < json_integer_value(keyword))
		schema_report(c, "must have at least %lld members",
			      (long long)json_integer_value(keyword));
}

const struct schema_keyword schema_value_keywords[] = {
    {"enum", check_enum},
    {"const", check_const},
    {"minLength", check_min_length},
    {"maxLength", check_max_length},
    {"pattern", check_pattern},
    {"format", check_format},
    {"x-osapi-min-duration", check_min_duration},
    {"x-osapi-max-duration", check_max_duration},
    {"minimum", check_minimum},
    {"maximum", check_maximum},
    {"minItems", check_min_items},
    {"maxItems", check_max_items},
    {"uniqueItems", check_unique},
    {"minProperties", check_min_properties},
    {NULL, NULL},
};
