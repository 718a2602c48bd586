/* lib/spec_lint.c: walks through the whole description once. */
#include "lib/spec_lint.h"

#include <regex.h>
#include <string.h>

#include "lib/schema.h"
#include "lib/schema_format.h"

static enum err
lint_ref(const json_t *document, json_t *object, const char *ref,
	 struct err_info *info)
{
	if (schema_resolve(document, object))
		return ERR_OK;
	return err_set(info, ERR_INTERNAL, "$ref %s leads nowhere", ref);
}

static enum err
lint_pattern(const json_t *document, json_t *object, const char *pattern,
	     struct err_info *info)
{
	regex_t regex;

	(void)document;
	(void)object;
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(info, ERR_INTERNAL,
			       "pattern %s is no extended regular expression",
			       pattern);
	regfree(&regex);
	return ERR_OK;
}

static enum err
lint_format(const json_t *document, json_t *object, const char *format,
	    struct err_info *info)
{
	(void)document;
	/* the columns of a table have formats of their own */
	if (json_object_get(object, "path") || schema_format_known(format))
		return ERR_OK;
	return err_set(info, ERR_INTERNAL, "format %s is not known", format);
}

static const struct {
	const char *member;
	enum err (*lint)(const json_t *document, json_t *object,
			 const char *text, struct err_info *info);
} rules[] = {
    {"$ref", lint_ref},
    {"pattern", lint_pattern},
    {"format", lint_format},
};

static enum err
walk(const json_t *document, json_t *value, struct err_info *info)
{
	enum err code = ERR_OK;
	const char *name;
	json_t *member;
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(*rules) && !code; i++) {
		const char *text =
		    json_string_value(json_object_get(value, rules[i].member));

		if (text)
			code = rules[i].lint(document, value, text, info);
	}
	json_object_foreach (value, name, member) {
		if (!code)
			code = walk(document, member, info);
	}
	for (i = 0; i < json_array_size(value) && !code; i++)
		code = walk(document, json_array_get(value, i), info);
	return code;
}

enum err
spec_lint(const json_t *document, struct err_info *info)
{
	enum err code = ERR_OK;
	const char *name;
	json_t *member;

	json_object_foreach (json_object_get(document, "components"), name,
			     member) {
		if (!code)
			code = walk(document, member, info);
	}
	if (!code)
		code = walk(document, json_object_get(document, "paths"), info);
	return code;
}
