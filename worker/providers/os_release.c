/*
 * worker/providers/os_release.c: os-release(5).
 *
 * A value is what a shell would make of the rest of the line, without
 * expansions: unquoted, '...' and "..." pieces one behind the other.
 */
#include "worker/providers/os_release.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/file.h"
#include "worker/providers/line.h"

enum key { KEY_NAME, KEY_VERSION_ID, KEY_VERSION, KEY_BUILD_ID, KEY_COUNT };

static const char *const key_names[KEY_COUNT] = {
    [KEY_NAME] = "NAME",
    [KEY_VERSION_ID] = "VERSION_ID",
    [KEY_VERSION] = "VERSION",
    [KEY_BUILD_ID] = "BUILD_ID",
};

struct cursor {
	const char *at;
	const char *end;
};

struct value {
	char text[OS_RELEASE_VALUE_SIZE];
	size_t size;
};

static bool
append(struct value *value, char c)
{
	if (value->size + 1 >= sizeof(value->text))
		return false;
	value->text[value->size++] = c;
	return true;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
single_quoted(struct cursor *line, struct value *value)
{
	for (line->at++; line->at < line->end; line->at++) {
		if (*line->at == '\'') {
			line->at++;
			return true;
		}
		if (!append(value, *line->at))
			return false;
	}
	return false;
}

static bool
double_quoted(struct cursor *line, struct value *value)
{
	for (line->at++; line->at < line->end; line->at++) {
		char c = *line->at;

		if (c == '"') {
			line->at++;
			return true;
		}
		if (c == '\\' && line->at + 1 < line->end &&
		    strchr("\"\\$`", line->at[1]) && line->at[1])
			c = *++line->at;
		if (!append(value, c))
			return false;
	}
	return false;
}

/* One unquoted character, or the one behind a backslash. */
static bool
unquoted(struct cursor *line, struct value *value)
{
	if (*line->at == '\\' && ++line->at == line->end)
		return false;
	return append(value, *line->at++);
}

static bool
read_value(struct cursor *line, struct value *value)
{
	while (line->at < line->end && !is_space(*line->at)) {
		bool good;

		if (*line->at == '\'')
			good = single_quoted(line, value);
		else if (*line->at == '"')
			good = double_quoted(line, value);
		else
			good = unquoted(line, value);
		if (!good)
			return false;
	}
	while (line->at < line->end && is_space(*line->at))
		line->at++;
	return line->at == line->end || *line->at == '#';
}

static bool
is_printable(const struct value *value)
{
	json_t *string;
	size_t i;

	for (i = 0; i < value->size; i++)
		if ((unsigned char)value->text[i] < 0x20 ||
		    value->text[i] == 0x7f)
			return false;
	/* jansson knows what UTF-8 is */
	string = json_stringn(value->text, value->size);
	json_decref(string);
	return string != NULL;
}

static enum key
read_key(struct cursor *line)
{
	enum key key;

	while (line->at < line->end && is_space(*line->at))
		line->at++;
	for (key = 0; key < KEY_COUNT; key++) {
		size_t size = strlen(key_names[key]);

		if ((size_t)(line->end - line->at) > size &&
		    line->at[size] == '=' &&
		    memcmp(line->at, key_names[key], size) == 0) {
			line->at += size + 1;
			break;
		}
	}
	return key;
}

static void
parse_line(const char *text, size_t size, struct value values[KEY_COUNT])
{
	struct cursor line = {text, text + size};
	struct value value = {.size = 0};
	enum key key = read_key(&line);

	if (key == KEY_COUNT || !read_value(&line, &value) ||
	    !is_printable(&value))
		return;
	value.text[value.size] = '\0';
	values[key] = value;
}

void
os_release_parse(const char *text, size_t size, struct os_release *out)
{
	struct value values[KEY_COUNT] = {{.size = 0}};
	enum key version = KEY_VERSION_ID;
	struct line line;

	while (line_next(&text, &size, &line))
		parse_line(line.text, line.size, values);
	while (version < KEY_BUILD_ID && !values[version].size)
		version++;
	memcpy(out->version, values[version].text, sizeof(out->version));
	memcpy(out->distribution, values[KEY_NAME].text,
	       sizeof(out->distribution));
	if (!out->distribution[0])
		memcpy(out->distribution, "Linux", sizeof("Linux"));
}

enum err
os_release_read(struct os_release *out, struct err_info *info)
{
	static const char *const paths[] = {"/etc/os-release",
					    "/usr/lib/os-release"};
	char *text = NULL;
	size_t size = 0;
	enum err err = ERR_NOT_FOUND;
	size_t i;

	for (i = 0; i < 2 && err == ERR_NOT_FOUND; i++)
		err = file_read(paths[i], OS_RELEASE_FILE_MAX, &text, &size,
				info);
	if (err && err != ERR_NOT_FOUND)
		return err;
	os_release_parse(text ? text : "", size, out);
	free(text);
	return ERR_OK;
}
