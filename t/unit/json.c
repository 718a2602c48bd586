/* t/unit/json.c: lib/json.h. */
#include "lib/json.h"

#include <stdlib.h>
#include <string.h>

#include "t/unit/unit.h"

static void
takes_one_value(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *again;
	} rows[] = {
	    {"an object, order kept", "{\"b\": 1, \"a\": [2, null]}",
	     "{\"b\":1,\"a\":[2,null]}"},
	    {"a bare value", " true ", "true"},
	    {"braces within a string are no nesting",
	     "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"",
	     "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""},
	    {"a fraction stays as short as it was", "[5.56, 0.1, 2.50]",
	     "[5.56,0.1,2.5]"},
	    {"an escaped quote does not end a string", "[\"a\\\"[\"]",
	     "[\"a\\\"[\"]"},
	};
	struct err_info info;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value = NULL;
		size_t size = 0;
		char *text;

		IS_INT(rows[i].why,
		       json_parse(rows[i].text, strlen(rows[i].text), &value,
				  &info),
		       ERR_OK);
		text = json_text(value, &size);
		IS_TEXT(rows[i].why, text, rows[i].again);
		IS_INT("size", size, strlen(rows[i].again));
		free(text);
		json_decref(value);
	}
}

static void
refuses_what_is_not_json(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *message;
	} rows[] = {
	    {"empty", "", "line 1"},
	    {"half an object", "{\"a\":", "line 1"},
	    {"text behind", "{} {}", "line 1, column"},
	    {"the line is named", "{\n\"a\": 1,\n\"b\" 2}", "line 3"},
	    {"duplicate member", "{\"a\":1,\"a\":2}", "duplicate"},
	    {"duplicate below", "{\"x\":{\"a\":1,\"a\":2}}", "duplicate"},
	    {"invalid UTF-8", "\"\xff\xfe\"", "decode byte 0xff"},
	    {"a surrogate in UTF-8", "\"\xed\xa0\x80\"", "decode byte 0xed"},
	    {"NUL in a string", "\"a\\u0000b\"", "\\u0000"},
	    {"a comment", "/* x */ 1", "line 1"},
	    {"a comma too many", "[1,]", "line 1"},
	    {"NaN", "NaN", "line 1"},
	    {"an unfinished string", "\"abc", "line 1"},
	    {"a backslash at the end", "\"abc\\", "line 1"},
	};
	struct err_info info;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *value = NULL;

		IS_INT(rows[i].why,
		       json_parse(rows[i].text, strlen(rows[i].text), &value,
				  &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].message);
		OK("untouched", !value);
	}
}

static enum err
parse_nested(size_t depth, struct err_info *info)
{
	char text[200];
	json_t *value = NULL;
	enum err code;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	code = json_parse(text, 2 * depth, &value, info);
	json_decref(value);
	return code;
}

static void
bounds_the_depth(void)
{
	struct err_info info;
	char *text;
	json_t *value = NULL;

	IS_INT("the deepest", parse_nested(JSON_DEPTH_MAX, &info), ERR_OK);
	IS_INT("one deeper", parse_nested(JSON_DEPTH_MAX + 1, &info),
	       ERR_INVALID);
	HAS_TEXT("says so", info.text, "deeper than 32 levels");
	text = malloc(1000000);
	memset(text, '[', 1000000);
	IS_INT("a million levels", json_parse(text, 1000000, &value, &info),
	       ERR_INVALID);
	free(text);
}

static void
reads_members_with_a_fallback(void)
{
	json_auto_t *object = json_pack("{s:s, s:i}", "name", "x", "n", 5);

	IS_TEXT("a string", json_member_string(object, "name"), "x");
	IS_TEXT("not a string", json_member_string(object, "n"), NULL);
	IS_TEXT("missing", json_member_string(object, "none"), NULL);
	IS_INT("an integer", json_member_int(object, "n", 9), 5);
	IS_INT("not an integer", json_member_int(object, "name", 9), 9);
	IS_INT("no object", json_member_int(NULL, "n", 9), 9);
}

const char unit_name[] = "json";
const struct unit_case unit_cases[] = {
    {"takes one value", takes_one_value},
    {"refuses what is not JSON", refuses_what_is_not_json},
    {"bounds the depth", bounds_the_depth},
    {"reads members with a fallback", reads_members_with_a_fallback},
    {NULL, NULL},
};
