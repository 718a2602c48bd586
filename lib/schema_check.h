/*
 * lib/schema_check.h: what the files of lib/schema.h's checker
 * share; for them only.
 */
#ifndef OSAPI_LIB_SCHEMA_CHECK_H
#define OSAPI_LIB_SCHEMA_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/schema.h"

/* One check in progress; on the stack of its caller. */
struct schema_check {
	const json_t *document;
	struct schema_errors *errors;
	enum err code;   /* a failure that is not the value's */
	int depth;       /* of nested schemas */
	size_t size;     /* of place */
	char place[128]; /* member path to the value in hand */
};

/* One keyword: `keyword` is its value, `schema` the object
 * that it stands in. */
struct schema_keyword {
	const char *name;
	void (*check)(struct schema_check *c, const json_t *schema,
		      const json_t *keyword, const json_t *value);
};

/* Those that do not go into members; ended by a NULL name. */
extern const struct schema_keyword schema_value_keywords[];

/* Appends an error at the present place. */
void schema_report(struct schema_check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Goes to a member or item; returns what schema_leave takes to come back. */
size_t schema_enter(struct schema_check *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void schema_leave(struct schema_check *c, size_t before);

/* Reports a wrong type; whether it was right. */
bool schema_check_type(struct schema_check *c, const json_t *schema,
		       const json_t *value);

/* How many items are worth a look: no more than maxItems allows. */
size_t schema_items_to_check(const json_t *schema, const json_t *value);

#endif
