/*
 * lib/config_value.c: one value of the configuration, from text or YAML into
 * its field and back.  A field is untouched when its new value is refused.
 */
#include "lib/config_key.h"

#include "lib/clock.h"
#include "lib/quoted.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 64 /* more than any list's max */
#define MASK      "********"

static const struct {
	const char *name;
	const char *expected;
} types[] = {
    [CONFIG_STRING] = {"string", "a string"},
    [CONFIG_PATH] = {"path", "a path"},
    [CONFIG_INTEGER] = {"integer", "an integer"},
    [CONFIG_BOOL] = {"bool", "true or false"},
    [CONFIG_DURATION] = {"duration",
			 "a duration such as 250ms, 30s, 2m, 24h, 7d"},
    [CONFIG_OCTETS] = {"octets", "a size such as 65536, 512KiB, 256MiB, 1GiB"},
    [CONFIG_ENUM] = {"word", "one word"},
    [CONFIG_LIST] = {"list", "a list of strings"},
    [CONFIG_DURATIONS] = {"list of durations", "a list of durations"},
    [CONFIG_MAP] = {"map", "a map of strings"},
};

static const struct {
	const char *unit;
	int64_t octets;
} sizes[] = {
    /* longest first, as a dump takes the first that divides */
    {"TiB", INT64_C(1) << 40},
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"B", 1},
};

const char *
config_type_text(enum config_type type)
{
	return types[type].name;
}

static enum err
wrong_type(const struct config_key *key, const char *got, struct err_info *info)
{
	/* a secret's value must not get into a log by way of an error */
	if (key->flags & CONFIG_SECRET)
		got = "value";
	return err_set(info, ERR_INVALID, "\"%.64s\" is not %s", got,
		       types[key->type].expected);
}

static enum err
no_memory(struct err_info *info)
{
	return err_set(info, ERR_NO_MEMORY, "out of memory");
}

static char *
octets_text(int64_t octets, char buf[static 32])
{
	size_t i = 0;

	while (octets % sizes[i].octets != 0 ||
	       (octets == 0 && sizes[i].octets > 1))
		i++;
	if (sizes[i].octets == 1)
		snprintf(buf, 32, "%" PRId64, octets);
	else
		snprintf(buf, 32, "%" PRId64 "%s", octets / sizes[i].octets,
			 sizes[i].unit);
	return buf;
}

/* A bound or value of a number as the file would have it. */
static char *
number_text(const struct config_key *key, int64_t value, char buf[static 32])
{
	if (key->type == CONFIG_DURATION || key->type == CONFIG_DURATIONS)
		return clock_duration(value, buf);
	if (key->type == CONFIG_OCTETS)
		return octets_text(value, buf);
	snprintf(buf, 32, "%" PRId64, value);
	return buf;
}

static char *
words_text(const char *const *words, char buf[static 128])
{
	size_t used = 0;

	buf[0] = '\0';
	for (; *words; words++) {
		snprintf(buf + used, 128 - used, "%s%s", used ? " or " : "",
			 *words);
		used = strlen(buf);
	}
	return buf;
}

char *
config_value_range(const struct config_key *key, char buf[static 128])
{
	char low[32];
	char high[32];

	buf[0] = '\0';
	if (key->type == CONFIG_ENUM)
		return words_text(key->words, buf);
	if (key->type == CONFIG_INTEGER || key->type == CONFIG_DURATION ||
	    key->type == CONFIG_OCTETS)
		snprintf(buf, 128, "%s to %s", number_text(key, key->min, low),
			 number_text(key, key->max, high));
	else if (key->type >= CONFIG_LIST)
		snprintf(buf, 128, "at most %" PRId64 " entries", key->max);
	return buf;
}

/* Digits with an optional "-"; no blanks, no "+", no other base. */
static bool
read_integer(const char *text, int64_t *value)
{
	const char *digits = text + (*text == '-');
	char *end;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	*value = strtoll(text, &end, 10);
	return !errno && !*end;
}

static bool
read_octets(const char *text, int64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	char number[24];
	size_t i;

	if (digits == 0 || digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (!read_integer(number, value))
		return false;
	if (!text[digits])
		return true;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (strcmp(text + digits, sizes[i].unit) == 0)
			return !__builtin_mul_overflow(*value, sizes[i].octets,
						       value);
	return false;
}

static enum err
set_number(const struct config_key *key, int64_t *field, const char *text,
	   struct err_info *info)
{
	char range[128];
	int64_t value = 0;
	bool taken;

	if (key->type == CONFIG_DURATION)
		taken = clock_parse_duration(text, &value) == ERR_OK;
	else if (key->type == CONFIG_OCTETS)
		taken = read_octets(text, &value);
	else
		taken = read_integer(text, &value);
	if (!taken)
		return wrong_type(key, text, info);
	if (value < key->min || value > key->max)
		return err_set(info, ERR_INVALID,
			       "%.64s is out of range, expected %s", text,
			       config_value_range(key, range));
	*field = value;
	return ERR_OK;
}

static enum err
set_bool(const struct config_key *key, bool *field, const char *text,
	 struct err_info *info)
{
	bool yes = strcmp(text, "true") == 0;

	if (!yes && strcmp(text, "false") != 0)
		return wrong_type(key, text, info);
	*field = yes;
	return ERR_OK;
}

static enum err
set_enum(const struct config_key *key, void *field, const char *text,
	 struct err_info *info)
{
	char words[128];
	unsigned i;

	for (i = 0; key->words[i]; i++) {
		if (strcmp(text, key->words[i]) != 0)
			continue;
		/* the enums of struct config are all unsigned int to the
		 * compiler, which has no common type for them */
		memcpy(field, &i, sizeof(i));
		return ERR_OK;
	}
	return err_set(info, ERR_INVALID, "\"%.64s\" is unknown, expected %s",
		       text, words_text(key->words, words));
}

/* Whether there is a "user:password@" before the host of a URL. */
static bool
has_user(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

static enum err
check_string(const struct config_key *key, const char *text,
	     struct err_info *info)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const char *s;

	for (s = text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(info, ERR_INVALID,
				       "has a control character in it");
	if ((size_t)(s - text) > (size_t)key->max)
		return err_set(info, ERR_INVALID,
			       "is longer than %" PRId64 " octets", key->max);
	if ((size_t)(s - text) < (size_t)key->min)
		return err_set(info, ERR_INVALID, "must not be empty");
	if ((key->flags & CONFIG_TOKEN) && text[strspn(text, token)])
		return err_set(info, ERR_INVALID,
			       "\"%.64s\" has characters other than letters, "
			       "digits, \"_\" and \"-\"",
			       text);
	if ((key->flags & CONFIG_URL) && strncmp(text, "http://", 7) != 0 &&
	    strncmp(text, "https://", 8) != 0)
		return err_set(info, ERR_INVALID,
			       "\"%.64s\" does not begin with http:// or "
			       "https://",
			       text);
	if ((key->flags & CONFIG_URL) && strpbrk(text, "?# "))
		return err_set(info, ERR_INVALID,
			       "has a space, a query or a fragment in it, "
			       "which no base URL has");
	if ((key->flags & CONFIG_URL) && has_user(text))
		return err_set(info, ERR_INVALID,
			       "has a user or a password in it, which every "
			       "error message would show");
	return ERR_OK;
}

static enum err
set_string(const struct config_key *key, char **field, const char *text,
	   struct err_info *info)
{
	enum err code = check_string(key, text, info);
	char *copy;

	if (code != ERR_OK)
		return code;
	copy = strdup(text);
	if (!copy)
		return no_memory(info);
	config_value_release(key, field);
	*field = copy;
	return ERR_OK;
}

/* Copies of `count` strings, or NULL.  Ends with a NULL entry, so that a list
 * may also be given to execv(3). */
static char **
copy_items(const char *const *items, size_t count)
{
	char **copy = calloc(count + 1, sizeof(*copy));
	size_t i;

	for (i = 0; copy && i < count; i++) {
		copy[i] = items[i] ? strdup(items[i]) : NULL;
		if (copy[i])
			continue;
		while (i > 0)
			free(copy[--i]);
		free(copy);
		return NULL;
	}
	return copy;
}

static enum err
check_items(const struct config_key *key, const char *const *items,
	    size_t count, struct err_info *info)
{
	struct config_key item = {.type = CONFIG_STRING, .min = 1, .max = 1024};
	size_t i;

	if (count > (size_t)key->max)
		return err_set(info, ERR_INVALID,
			       "%zu entries, at most %" PRId64 " are taken",
			       count, key->max);
	for (i = 0; i < count; i++) {
		enum err code = check_string(&item, items[i], info);

		if (code != ERR_OK)
			return err_prefix(info, code, "entry %zu", i + 1);
	}
	return ERR_OK;
}

static enum err
set_list(const struct config_key *key, struct config_list *field,
	 const char *const *items, size_t count, struct err_info *info)
{
	enum err code = check_items(key, items, count, info);
	char **copy;

	if (code != ERR_OK)
		return code;
	copy = copy_items(items, count);
	if (!copy)
		return no_memory(info);
	config_value_release(key, field);
	field->items = copy;
	field->count = count;
	return ERR_OK;
}

static enum err
set_durations(const struct config_key *key, struct config_durations *field,
	      const char *const *items, size_t count, struct err_info *info)
{
	enum err code = check_items(key, items, count, info);
	int64_t *values;
	size_t i;

	if (code != ERR_OK)
		return code;
	values = calloc(count + 1, sizeof(*values));
	if (!values)
		return no_memory(info);
	for (i = 0; i < count; i++)
		if (clock_parse_duration(items[i], &values[i]) != ERR_OK) {
			free(values);
			return err_set(
			    info, ERR_INVALID, "entry %zu: \"%.64s\" is not %s",
			    i + 1, items[i], types[CONFIG_DURATION].expected);
		}
	config_value_release(key, field);
	field->items_ms = values;
	field->count = count;
	return ERR_OK;
}

static enum err
set_map(const struct config_key *key, struct config_map *field,
	const char *const *names, const char *const *values, size_t count,
	struct err_info *info)
{
	enum err code = check_items(key, names, count, info);
	char **name_copy;
	char **value_copy;

	if (code == ERR_OK)
		code = check_items(key, values, count, info);
	if (code != ERR_OK)
		return code;
	name_copy = copy_items(names, count);
	if (!name_copy)
		return no_memory(info);
	value_copy = copy_items(values, count);
	if (!value_copy) {
		while (count > 0)
			free(name_copy[--count]);
		free(name_copy);
		return no_memory(info);
	}
	config_value_release(key, field);
	field->keys = name_copy;
	field->values = value_copy;
	field->count = count;
	return ERR_OK;
}

/* "k=v" in each item: cuts them in place. */
static enum err
split_pairs(char *items[], size_t count, const char *values[],
	    struct err_info *info)
{
	size_t i;
	size_t k;

	for (i = 0; i < count; i++) {
		char *equals = strchr(items[i], '=');

		if (!equals)
			return err_set(info, ERR_INVALID,
				       "entry %zu: \"%.64s\" is not key=value",
				       i + 1, items[i]);
		*equals = '\0';
		values[i] = equals + 1;
		for (k = 0; k < i; k++)
			if (strcmp(items[k], items[i]) == 0)
				return err_set(info, ERR_INVALID,
					       "\"%.64s\" is there twice",
					       items[i]);
	}
	return ERR_OK;
}

/* Cuts "a, b" at the commas and trims blanks; "" has no items. */
static enum err
split_items(char *text, char *items[static ITEMS_MAX], size_t *count,
	    struct err_info *info)
{
	char *at = text;
	char *comma;
	char *end;

	*count = 0;
	if (!text[strspn(text, " \t")])
		return ERR_OK;
	do {
		if (*count == ITEMS_MAX)
			return err_set(info, ERR_INVALID, "too many entries");
		comma = strchr(at, ',');
		end = comma ? comma : at + strlen(at);
		at += strspn(at, " \t");
		while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		*end = '\0';
		items[(*count)++] = at;
		at = comma ? comma + 1 : NULL;
	} while (at);
	return ERR_OK;
}

static enum err
set_items_text(const struct config_key *key, void *field, const char *text,
	       struct err_info *info)
{
	char *items[ITEMS_MAX] = {NULL};
	const char *values[ITEMS_MAX] = {NULL};
	const char *const *list = (const char *const *)items;
	char *copy = strdup(text);
	size_t count;
	enum err code;

	if (!copy)
		return no_memory(info);
	code = split_items(copy, items, &count, info);
	if (code == ERR_OK && key->type == CONFIG_MAP)
		code = split_pairs(items, count, values, info);
	if (code == ERR_OK && key->type == CONFIG_MAP)
		code = set_map(key, field, list, values, count, info);
	else if (code == ERR_OK && key->type == CONFIG_DURATIONS)
		code = set_durations(key, field, list, count, info);
	else if (code == ERR_OK)
		code = set_list(key, field, list, count, info);
	free(copy);
	return code;
}

enum err
config_value_text(const struct config_key *key, void *field, const char *text,
		  struct err_info *info)
{
	switch (key->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
		return set_string(key, field, text, info);
	case CONFIG_INTEGER:
	case CONFIG_DURATION:
	case CONFIG_OCTETS:
		return set_number(key, field, text, info);
	case CONFIG_BOOL:
		return set_bool(key, field, text, info);
	case CONFIG_ENUM:
		return set_enum(key, field, text, info);
	case CONFIG_LIST:
	case CONFIG_DURATIONS:
	case CONFIG_MAP:
		return set_items_text(key, field, text, info);
	}
	return ERR_INTERNAL;
}

static const char *
node_text(const struct yaml_node *node)
{
	switch (node->type) {
	case YAML_SEQUENCE:
		return "a list";
	case YAML_MAPPING:
		return "a section";
	case YAML_NULL:
	case YAML_SCALAR:
		break;
	}
	return node->text;
}

static enum err
set_items_node(const struct config_key *key, void *field,
	       const struct yaml_node *node, struct err_info *info)
{
	const char *items[ITEMS_MAX] = {NULL};
	enum yaml_type wanted =
	    key->type == CONFIG_MAP ? YAML_MAPPING : YAML_SEQUENCE;
	size_t i;

	if (node->type != wanted)
		return wrong_type(key, node_text(node), info);
	if (node->count > ITEMS_MAX)
		return err_set(info, ERR_INVALID, "too many entries");
	for (i = 0; i < node->count; i++) {
		const struct yaml_node *item = node->values[i];

		if (item->type != YAML_SCALAR)
			return err_set(info, ERR_INVALID,
				       "entry %zu (line %d) is not a string",
				       i + 1, item->line);
		items[i] = item->text;
	}
	if (key->type == CONFIG_MAP)
		return set_map(key, field, (const char *const *)node->keys,
			       items, node->count, info);
	if (key->type == CONFIG_DURATIONS)
		return set_durations(key, field, items, node->count, info);
	return set_list(key, field, items, node->count, info);
}

enum err
config_value_node(const struct config_key *key, void *field,
		  const struct yaml_node *node, struct err_info *info)
{
	bool number = key->type == CONFIG_INTEGER || key->type == CONFIG_BOOL;

	if (key->type >= CONFIG_LIST)
		return set_items_node(key, field, node, info);
	if (node->type != YAML_SCALAR)
		return wrong_type(key, node_text(node), info);
	if (number && node->quoted)
		return err_set(info, ERR_INVALID,
			       "\"%.64s\" in quotes is a string, expected %s",
			       node->text, types[key->type].expected);
	return config_value_text(key, field, node->text, info);
}

static void
free_items(char **items, size_t count)
{
	while (count > 0)
		free(items[--count]);
	free(items);
}

static void
release_string(const struct config_key *key, char **field)
{
	if (*field && (key->flags & CONFIG_SECRET))
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = NULL;
}

void
config_value_release(const struct config_key *key, void *field)
{
	struct config_list *list = field;
	struct config_durations *durations = field;
	struct config_map *map = field;

	switch (key->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
		release_string(key, field);
		break;
	case CONFIG_LIST:
		free_items(list->items, list->count);
		*list = (struct config_list){0};
		break;
	case CONFIG_DURATIONS:
		free(durations->items_ms);
		*durations = (struct config_durations){0};
		break;
	case CONFIG_MAP:
		free_items(map->keys, map->count);
		free_items(map->values, map->count);
		*map = (struct config_map){0};
		break;
	case CONFIG_INTEGER:
	case CONFIG_BOOL:
	case CONFIG_DURATION:
	case CONFIG_OCTETS:
	case CONFIG_ENUM:
		break;
	}
}

bool
config_value_empty(const struct config_key *key, const void *field)
{
	if (key->type == CONFIG_STRING || key->type == CONFIG_PATH)
		return !**(char *const *)field;
	if (key->type == CONFIG_LIST)
		return ((const struct config_list *)field)->count == 0;
	return false;
}

static void
print_items(const struct config_key *key, const void *field, FILE *out)
{
	const struct config_list *list = field;
	const struct config_durations *durations = field;
	const struct config_map *map = field;
	size_t count = key->type == CONFIG_LIST        ? list->count
		       : key->type == CONFIG_DURATIONS ? durations->count
						       : map->count;
	char text[32];
	size_t i;

	putc(key->type == CONFIG_MAP ? '{' : '[', out);
	for (i = 0; i < count; i++) {
		if (i)
			fputs(", ", out);
		if (key->type == CONFIG_DURATIONS) {
			fputs(number_text(key, durations->items_ms[i], text),
			      out);
			continue;
		}
		if (key->type == CONFIG_MAP) {
			quoted_print(map->keys[i], out);
			fputs(": ", out);
		}
		quoted_print(key->type == CONFIG_MAP ? map->values[i]
						     : list->items[i],
			     out);
	}
	putc(key->type == CONFIG_MAP ? '}' : ']', out);
}

void
config_value_print(const struct config_key *key, const void *field, FILE *out)
{
	const char *string;
	char text[32];
	unsigned word;

	switch (key->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
		string = *(char *const *)field;
		if ((key->flags & CONFIG_SECRET) && *string)
			string = MASK;
		quoted_print(string, out);
		break;
	case CONFIG_INTEGER:
	case CONFIG_DURATION:
	case CONFIG_OCTETS:
		fputs(number_text(key, *(const int64_t *)field, text), out);
		break;
	case CONFIG_BOOL:
		fputs(*(const bool *)field ? "true" : "false", out);
		break;
	case CONFIG_ENUM:
		memcpy(&word, field, sizeof(word));
		fputs(key->words[word], out);
		break;
	case CONFIG_LIST:
	case CONFIG_DURATIONS:
	case CONFIG_MAP:
		print_items(key, field, out);
		break;
	}
}
