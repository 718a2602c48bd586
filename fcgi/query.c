/*
 * fcgi/query.c: the texts of a request line and of its headers, read strictly.
 */
#include "fcgi/query.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/percent.h"

bool
query_utf8(const char *text, size_t size)
{
	json_auto_t *value = json_stringn(text, size);

	return value && !memchr(text, '\0', size);
}

/* Decodes in place: the result is never longer. */
static enum err
decode(char *text, struct err_info *info)
{
	char *out = text;

	for (const char *p = text; *p; p++) {
		int octet;

		if (*p == '+') {
			*out++ = ' ';
			continue;
		}
		if (*p != '%') {
			*out++ = *p;
			continue;
		}
		octet = percent_octet(p);
		if (octet < 0)
			return err_set(info, ERR_INVALID, "bad percent escape");
		if (!octet)
			return err_set(info, ERR_INVALID, "a NUL (%%00)");
		*out++ = (char)octet;
		p += 2;
	}
	*out = '\0';
	if (!query_utf8(text, (size_t)(out - text)))
		return err_set(info, ERR_INVALID, "not UTF-8");
	return ERR_OK;
}

static enum err
add(struct query *query, char *piece, struct err_info *info)
{
	struct query_item item = {.name = piece};
	enum err err;

	item.value = strchr(piece, '=');
	if (item.value)
		*item.value++ = '\0';
	else
		item.value = piece + strlen(piece);
	if (!*item.name)
		return err_set(info, ERR_INVALID, "a parameter without a name");
	err = decode(item.name, info);
	if (!err)
		err = decode(item.value, info);
	if (err)
		return err;
	if (query_value(query, item.name))
		return err_set(info, ERR_INVALID,
			       "the parameter \"%s\" comes twice", item.name);
	if (query->count == QUERY_ITEMS_MAX)
		return err_set(info, ERR_INVALID, "more than %d parameters",
			       QUERY_ITEMS_MAX);
	query->items[query->count++] = item;
	return ERR_OK;
}

enum err
query_parse(const char *text, struct query *query, struct err_info *info)
{
	struct query read = {0};
	char *piece, *rest;
	enum err err = ERR_OK;

	if (strlen(text) > QUERY_SIZE_MAX)
		return err_set(info, ERR_INVALID, "longer than %d octets",
			       QUERY_SIZE_MAX);
	read.text = strdup(text);
	if (!read.text)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	rest = read.text;
	while (!err && (piece = strsep(&rest, "&")) != NULL)
		if (*piece)
			err = add(&read, piece, info);
	if (err)
		query_release(&read);
	else
		*query = read;
	return err;
}

void
query_release(struct query *query)
{
	free(query->text);
	query->text = NULL;
	query->count = 0;
}

const char *
query_value(const struct query *query, const char *name)
{
	for (size_t i = 0; i < query->count; i++)
		if (!strcmp(query->items[i].name, name))
			return query->items[i].value;
	return NULL;
}

enum err
query_content_length(const char *text, size_t max, size_t *size)
{
	size_t value = 0;
	bool large = false;

	for (const char *p = text ? text : ""; *p; p++) {
		if (*p < '0' || *p > '9')
			return ERR_INVALID;
		if (!large)
			value = value * 10 + (size_t)(*p - '0');
		large = large || value > max;
	}
	if (large)
		return ERR_TOO_LARGE;
	*size = value;
	return ERR_OK;
}

static const char *
skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

bool
query_is_json(const char *content_type)
{
	static const char type[] = "application/json";
	static const char charset[] = "charset=";
	static const char *const names[] = {"utf-8", "\"utf-8\""};
	const char *p;

	if (!content_type)
		return false;
	p = skip_blanks(content_type);
	if (strncasecmp(p, type, sizeof(type) - 1) != 0)
		return false;
	p = skip_blanks(p + sizeof(type) - 1);
	if (!*p)
		return true;
	if (*p != ';')
		return false;
	p = skip_blanks(p + 1);
	if (!*p)
		return true;
	if (strncasecmp(p, charset, sizeof(charset) - 1) != 0)
		return false;
	p += sizeof(charset) - 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);

		if (!strncasecmp(p, names[i], n) && !*skip_blanks(p + n))
			return true;
	}
	return false;
}

bool
query_request_id(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t n;

	if (!text)
		return false;
	n = strspn(text, allowed);
	return n >= 1 && n <= QUERY_HEADER_MAX && !text[n];
}
