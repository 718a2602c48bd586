/*
 * lib/document.c: a struct to and from a JSON object, by a table of its fields.
 *
 * One row of `codecs` per type of field: how a member is made and how it is
 * read.  Both go through the same check of the value.
 */
#include "lib/document.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/job.h"
#include "lib/json.h"
#include "lib/subject.h"
#include "lib/utf8.h"
#include "lib/uuid.h"

#define TIME_MAX_NS (INT64_C(7289654400) * CLOCK_NS_PER_S) /* year 2201 */

struct codec {
	/* *member stays NULL for a field that is left out */
	enum err (*make)(const struct document_field *f, const void *at,
			 json_t **member, struct err_info *info);
	enum err (*read)(const struct document_field *f, void *at,
			 json_t *member, struct err_info *info);
};

static enum err make_fields(const struct document_field *f, const void *at,
			    json_t **member, struct err_info *info);
static enum err read_fields(const struct document_field *f, void *at,
			    json_t *member, struct err_info *info);

/* ---- checks ---- */

bool
document_is_host(const char *text)
{
	char canonical[SUBJECT_HOST_MAX + 1];

	return subject_host_check(text, canonical, NULL) == ERR_OK &&
	       strcmp(canonical, text) == 0;
}

bool
document_is_printable(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (; *at; at++)
		if (*at < 0x20 || *at == 0x7f ||
		    (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0))
			return false;
	return true;
}

bool
document_is_strings(json_t *object)
{
	const char *key;
	json_t *member;

	json_object_foreach (object, key, member)
		if (!json_is_string(member))
			return false;
	return true;
}

static enum err
check_text(const struct document_field *f, const char *text,
	   struct err_info *info)
{
	if (!f->check || f->check(text))
		return ERR_OK;
	return err_set(info, ERR_INVALID, "wanted %s", f->expected);
}

/* ---- text ---- */

/* The text with "?" for each octet that is not part of a character. */
static json_t *
repaired(const char *text, size_t size)
{
	char *copy = malloc(size + 1);
	json_t *string;
	size_t i = 0;

	if (!copy)
		return NULL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	while (i < size) {
		size_t n = utf8_length(copy + i);

		if (n == 0)
			copy[i] = '?';
		i += n ? n : 1;
	}
	string = json_stringn(copy, size);
	free(copy);
	return string;
}

static enum err
make_text(const struct document_field *f, const void *at, json_t **member,
	  struct err_info *info)
{
	const char *text = at;
	size_t size = strnlen(text, f->size);
	enum err err;

	if (size == 0 && (f->flags & DOCUMENT_OPTIONAL))
		return ERR_OK;
	if (size == f->size)
		return err_set(info, ERR_INVALID, "does not end");
	err = check_text(f, text, info);
	if (err != ERR_OK)
		return err;
	*member = f->flags & DOCUMENT_REPAIR ? repaired(text, size)
					     : json_stringn(text, size);
	return *member ? ERR_OK : err_set(info, ERR_INVALID, "is not UTF-8");
}

static enum err
read_text(const struct document_field *f, void *at, json_t *member,
	  struct err_info *info)
{
	size_t size = json_string_length(member);
	enum err err;

	if (!json_is_string(member))
		return err_set(info, ERR_INVALID, "wanted a string");
	if (size >= f->size)
		return err_set(info, ERR_INVALID, "more than %zu octets",
			       f->size - 1);
	err = check_text(f, json_string_value(member), info);
	if (err == ERR_OK)
		memcpy(at, json_string_value(member), size + 1);
	return err;
}

/* ---- words: an enum, or a bool (both count from 0) ---- */

static enum err
make_word(const struct document_field *f, const void *at, json_t **member,
	  struct err_info *info)
{
	unsigned wanted = 0;
	unsigned i = 0;

	if (f->size == sizeof(bool))
		wanted = *(const bool *)at;
	else
		memcpy(&wanted, at, sizeof(wanted));
	while (f->words[i] && i < wanted)
		i++;
	if (!f->words[i])
		return err_set(info, ERR_INVALID, "no such value: %u", wanted);
	*member = json_string(f->words[i]);
	return *member ? ERR_OK : ERR_NO_MEMORY;
}

static enum err
read_word(const struct document_field *f, void *at, json_t *member,
	  struct err_info *info)
{
	const char *text = json_string_value(member);
	unsigned i = 0;

	if (!text)
		return err_set(info, ERR_INVALID, "wanted a string");
	while (f->words[i] && strcmp(f->words[i], text) != 0)
		i++;
	if (!f->words[i])
		return err_set(info, ERR_INVALID, "unknown word \"%.32s\"",
			       text);
	if (f->size == sizeof(bool))
		*(bool *)at = i != 0;
	else
		memcpy(at, &i, sizeof(i));
	return ERR_OK;
}

/* ---- numbers ---- */

static enum err
make_time(const struct document_field *f, const void *at, json_t **member,
	  struct err_info *info)
{
	char text[CLOCK_RFC3339_SIZE];
	int64_t ns = *(const int64_t *)at;

	(void)f;
	if (ns < 0 || ns >= TIME_MAX_NS)
		return err_set(info, ERR_INVALID, "time out of range");
	*member = json_string(clock_rfc3339(ns, text));
	return *member ? ERR_OK : ERR_NO_MEMORY;
}

static enum err
read_time(const struct document_field *f, void *at, json_t *member,
	  struct err_info *info)
{
	const char *text = json_string_value(member);
	int64_t ns = 0;

	(void)f;
	if (!text || clock_parse_rfc3339(text, &ns) != ERR_OK || ns < 0 ||
	    ns >= TIME_MAX_NS)
		return err_set(info, ERR_INVALID, "wanted an RFC 3339 time");
	*(int64_t *)at = ns;
	return ERR_OK;
}

static enum err
make_int(const struct document_field *f, const void *at, json_t **member,
	 struct err_info *info)
{
	(void)f;
	if (*(const int64_t *)at < 0)
		return err_set(info, ERR_INVALID, "is negative");
	*member = json_integer(*(const int64_t *)at);
	return *member ? ERR_OK : ERR_NO_MEMORY;
}

static enum err
read_int(const struct document_field *f, void *at, json_t *member,
	 struct err_info *info)
{
	(void)f;
	if (!json_is_integer(member) || json_integer_value(member) < 0)
		return err_set(info, ERR_INVALID,
			       "wanted an integer, not negative");
	*(int64_t *)at = json_integer_value(member);
	return ERR_OK;
}

/* ---- targets, objects, lists ---- */

static enum err
make_target(const struct document_field *f, const void *at, json_t **member,
	    struct err_info *info)
{
	char text[SUBJECT_SIZE];
	struct target read_back;
	enum err err;

	(void)f;
	err = target_parse(target_text(at, text), &read_back, info);
	if (err != ERR_OK)
		return err;
	*member = json_string(text);
	return *member ? ERR_OK : ERR_NO_MEMORY;
}

static enum err
read_target(const struct document_field *f, void *at, json_t *member,
	    struct err_info *info)
{
	(void)f;
	if (!json_is_string(member))
		return err_set(info, ERR_INVALID, "wanted a string");
	return target_parse(json_string_value(member), at, info);
}

static enum err
check_object(const struct document_field *f, json_t *object,
	     struct err_info *info)
{
	if (!json_is_object(object))
		return err_set(info, ERR_INVALID, "wanted an object");
	if (f->check_object && !f->check_object(object))
		return err_set(info, ERR_INVALID, "wanted %s", f->expected);
	return ERR_OK;
}

static enum err
check_hosts(const json_t *hosts, struct err_info *info)
{
	const char *before = "";
	size_t i;

	if (!json_is_array(hosts))
		return err_set(info, ERR_INVALID, "wanted an array");
	if (json_array_size(hosts) > JOB_EXPECTED_MAX)
		return err_set(info, ERR_INVALID, "more than %d hosts",
			       JOB_EXPECTED_MAX);
	for (i = 0; i < json_array_size(hosts); i++) {
		const char *host = json_string_value(json_array_get(hosts, i));

		if (!host || !document_is_host(host))
			return err_set(info, ERR_INVALID,
				       "[%zu]: wanted a host name", i);
		if (strcmp(before, host) >= 0)
			return err_set(info, ERR_INVALID,
				       "[%zu]: not in order, or twice", i);
		before = host;
	}
	return ERR_OK;
}

static enum err
check_json(const struct document_field *f, json_t *value, struct err_info *info)
{
	return f->type == DOCUMENT_HOSTS ? check_hosts(value, info)
					 : check_object(f, value, info);
}

static enum err
make_json(const struct document_field *f, const void *at, json_t **member,
	  struct err_info *info)
{
	json_t *value = *(json_t *const *)at;
	enum err err;

	if (!value && (f->flags & DOCUMENT_OPTIONAL))
		return ERR_OK;
	if (!value) {
		*member =
		    f->type == DOCUMENT_HOSTS ? json_array() : json_object();
		return *member ? ERR_OK : ERR_NO_MEMORY;
	}
	err = check_json(f, value, info);
	if (err == ERR_OK)
		*member = json_incref(value);
	return err;
}

static enum err
read_json(const struct document_field *f, void *at, json_t *member,
	  struct err_info *info)
{
	enum err err = check_json(f, member, info);

	if (err == ERR_OK)
		*(json_t **)at = json_incref(member);
	return err;
}

/* ---- whole objects ---- */

static const struct codec codecs[] = {
    [DOCUMENT_TEXT] = {make_text, read_text},
    [DOCUMENT_WORD] = {make_word, read_word},
    [DOCUMENT_TIME] = {make_time, read_time},
    [DOCUMENT_INT] = {make_int, read_int},
    [DOCUMENT_TARGET] = {make_target, read_target},
    [DOCUMENT_OBJECT] = {make_json, read_json},
    [DOCUMENT_HOSTS] = {make_json, read_json},
    [DOCUMENT_FIELDS] = {make_fields, read_fields},
};

/* `at` is the struct itself, as a nested object's fields have its offsets. */
static enum err
make_fields(const struct document_field *f, const void *at, json_t **member,
	    struct err_info *info)
{
	json_t *object = json_object();
	const struct document_field *row;
	enum err err = object ? ERR_OK : ERR_NO_MEMORY;

	for (row = f->fields; row->name && err == ERR_OK; row++) {
		json_t *made = NULL;

		err = codecs[row->type].make(
		    row, (const char *)at + row->offset, &made, info);
		if (err != ERR_OK)
			err_prefix(info, err, "%s", row->name);
		else if (made && json_object_set_new(object, row->name, made))
			err = ERR_NO_MEMORY;
	}
	if (err == ERR_OK &&
	    (json_object_size(object) > 0 || !(f->flags & DOCUMENT_OPTIONAL)))
		*member = json_incref(object);
	json_decref(object);
	return err;
}

static enum err
read_fields(const struct document_field *f, void *at, json_t *member,
	    struct err_info *info)
{
	const struct document_field *row;
	enum err err;

	if (!json_is_object(member))
		return err_set(info, ERR_INVALID, "wanted an object");
	for (row = f->fields; row->name; row++) {
		json_t *found = json_object_get(member, row->name);

		if (!found && (row->flags & DOCUMENT_OPTIONAL))
			continue;
		if (!found)
			return err_set(info, ERR_INVALID, "%s: is missing",
				       row->name);
		err = codecs[row->type].read(row, (char *)at + row->offset,
					     found, info);
		if (err != ERR_OK)
			return err_prefix(info, err, "%s", row->name);
	}
	return ERR_OK;
}

enum err
document_encode(const struct document_field *fields, const void *value,
		size_t max, char **text, size_t *size, struct err_info *info)
{
	const struct document_field top = {.type = DOCUMENT_FIELDS,
					   .fields = fields};
	json_auto_t *object = NULL;
	size_t made_size = 0;
	char *made;
	enum err err;

	err = make_fields(&top, value, &object, info);
	if (err == ERR_NO_MEMORY)
		return err_set(info, err, "out of memory");
	if (err != ERR_OK)
		return err;
	made = json_text(object, &made_size);
	if (!made)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	if (made_size > max) {
		free(made);
		return err_set(info, ERR_TOO_LARGE,
			       "%zu octets, at most %zu are allowed", made_size,
			       max);
	}
	*text = made;
	*size = made_size;
	return ERR_OK;
}

enum err
document_decode(const struct document_field *fields, const char *what,
		const char *text, size_t size, size_t max, void *value,
		struct err_info *info)
{
	const struct document_field top = {.type = DOCUMENT_FIELDS,
					   .fields = fields};
	json_auto_t *object = NULL;
	enum err err;

	if (size > max)
		return err_set(info, ERR_TOO_LARGE,
			       "%s: %zu octets, at most %zu are allowed", what,
			       size, max);
	err = json_parse(text, size, &object, info);
	if (err == ERR_OK)
		err = read_fields(&top, value, object, info);
	return err == ERR_OK ? err : err_prefix(info, err, "%s", what);
}
