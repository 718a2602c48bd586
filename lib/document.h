/*
 * lib/document.h: a struct to and from a JSON object, by a table of its fields.
 *
 * Both ways check the same things, so that nothing is written that would not
 * be read.  Members are written in the order of the table.  Unknown members
 * are ignored when reading; a wrong type, size or form is refused with the
 * member's name.
 */
#ifndef OSAPI_LIB_DOCUMENT_H
#define OSAPI_LIB_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

enum document_type {
	DOCUMENT_TEXT,   /* char[size]; UTF-8 */
	DOCUMENT_WORD,   /* an enum, or a bool: index into `words` */
	DOCUMENT_TIME,   /* int64_t, wall clock in ns; RFC 3339 with ms */
	DOCUMENT_INT,    /* int64_t, not negative */
	DOCUMENT_TARGET, /* struct target; its text */
	DOCUMENT_OBJECT, /* json_t *, an object; reading takes a reference */
	DOCUMENT_HOSTS,  /* json_t *, array of host names in order, no two
			    the same; reading takes a reference */
	DOCUMENT_FIELDS, /* an object with `fields` of the same struct */
};

enum {
	DOCUMENT_OPTIONAL = 1, /* left out when "" or NULL; without it a
				  NULL is written as {} or [] */
	DOCUMENT_REPAIR = 2,   /* writing replaces what is not UTF-8 */
};

struct document_field {
	const char *name; /* NULL ends a table */
	enum document_type type;
	size_t offset;
	size_t size;
	unsigned flags;
	bool (*check)(const char *text);      /* of TEXT, may be NULL */
	bool (*check_object)(json_t *object); /* of OBJECT, may be NULL */
	const char *expected;     /* what the check wants, in words */
	const char *const *words; /* of WORD, ends with NULL */
	const struct document_field *fields;
};

/* Where the value is; TEXT and WORD need its size too. */
#define DOCUMENT_AT(type, member) .offset = offsetof(type, member)
#define DOCUMENT_SIZED(type, member)      \
	.offset = offsetof(type, member), \
	.size = sizeof(((const type *)0)->member)

/* Makes the text, at most `max` octets; the caller frees *text.  ERR_INVALID
 * with "member: what was wrong", ERR_TOO_LARGE, ERR_NO_MEMORY. */
enum err document_encode(const struct document_field *fields, const void *value,
			 size_t max, char **text, size_t *size,
			 struct err_info *info);

/*
 * Reads the text into `value`, a zeroed struct.  References that were taken
 * before a failure stay in it: release it in any case.  `what` names the
 * document in messages.
 */
enum err document_decode(const struct document_field *fields, const char *what,
			 const char *text, size_t size, size_t max, void *value,
			 struct err_info *info);

/* For the columns check and check_object, beside uuid_valid: a canonical host
 * name, a text without control characters, an object of strings. */
bool document_is_host(const char *text);
bool document_is_printable(const char *text);
bool document_is_strings(json_t *object);

#endif
