/*
 * lib/json.c: JSON from outside.  jansson has no limit of its own that we may
 * choose, so the depth is counted before it sees the text.
 */
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>

/* Steps over a string whose opening quote is text[i]; the index of its
 * closing quote, or size. */
static size_t
skip_string(const char *text, size_t size, size_t i)
{
	for (i++; i < size && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i < size ? i : size;
}

/* Whether nesting stays within JSON_DEPTH_MAX; *line is where it does not.
 * Wrong JSON is left for the parser to name. */
static bool
depth_within(const char *text, size_t size, int *line)
{
	int depth = 0;
	size_t i;

	*line = 1;
	for (i = 0; i < size; i++) {
		if (text[i] == '\n')
			(*line)++;
		else if (text[i] == '"')
			i = skip_string(text, size, i);
		else if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return false;
	}
	return true;
}

enum err
json_parse(const char *text, size_t size, json_t **value, struct err_info *info)
{
	json_error_t error;
	json_t *parsed;
	int line;

	if (!depth_within(text, size, &line))
		return err_set(info, ERR_INVALID,
			       "JSON line %d: nested deeper than %d levels",
			       line, JSON_DEPTH_MAX);
	/* JSON_DECODE_ANY: "exactly one value" includes a bare one */
	parsed = json_loadb(text, size,
			    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (parsed) {
		*value = parsed;
		return ERR_OK;
	}
	if (json_error_code(&error) == json_error_out_of_memory)
		return err_set(info, ERR_NO_MEMORY, "JSON: out of memory");
	if (json_error_code(&error) == json_error_null_character)
		return err_set(info, ERR_INVALID,
			       "JSON line %d, column %d: a text has a NUL "
			       "(\\u0000) in it",
			       error.line, error.column);
	return err_set(info, ERR_INVALID, "JSON line %d, column %d: %s",
		       error.line, error.column, error.text);
}

const char *
json_member_string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

json_int_t
json_member_int(const json_t *object, const char *key, json_int_t fallback)
{
	const json_t *member = json_object_get(object, key);

	return json_is_integer(member) ? json_integer_value(member) : fallback;
}

char *
json_text(const json_t *value, size_t *size)
{
	char *text = json_dumps(value, JSON_TEXT_FLAGS);

	if (text && size)
		*size = strlen(text);
	return text;
}
