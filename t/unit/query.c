/* t/unit/query.c: query strings and header values from clients. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/query.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
reads_parameters(void)
{
	static const struct {
		const char *text, *name, *value, *why;
	} rows[] = {
	    {"a=1", "a", "1", "one parameter"},
	    {"a=1&b=2", "b", "2", "the second of two"},
	    {"a=", "a", "", "an empty value"},
	    {"a", "a", "", "a name alone"},
	    {"a=x+y", "a", "x y", "plus is a blank"},
	    {"a=x%20y%2By", "a", "x y+y", "percent escapes"},
	    {"%61=1", "a", "1", "an escaped name"},
	    {"a=1&&b=2&", "b", "2", "empty pieces are skipped"},
	    {"a=b=c", "a", "b=c", "only the first sign splits"},
	    {"a=%c3%A4", "a", "\303\244", "UTF-8, both cases of digits"},
	    {"a=1", "b", NULL, "a name that is missing"},
	    {"", "a", NULL, "nothing at all"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct query query = {0};
		struct err_info info = {""};

		IS_INT(rows[i].why, query_parse(rows[i].text, &query, &info),
		       ERR_OK);
		IS_TEXT(rows[i].why, query_value(&query, rows[i].name),
			rows[i].value);
		query_release(&query);
	}
}

static void
refuses_bad_queries(void)
{
	static const struct {
		const char *text, *words, *why;
	} rows[] = {
	    {"a=1&a=2", "comes twice", "a name twice"},
	    {"a=1&%61=2", "comes twice", "twice behind an escape"},
	    {"a=%", "percent escape", "a lone percent sign"},
	    {"a=%4", "percent escape", "half an escape"},
	    {"a=%zz", "percent escape", "no hexadecimal digits"},
	    {"a=%00", "NUL", "NUL"},
	    {"a=%ff", "UTF-8", "an octet that UTF-8 has not"},
	    {"a=%c0%80", "UTF-8", "an overlong form"},
	    {"a=%ed%a0%80", "UTF-8", "half of a surrogate pair"},
	    {"=1", "without a name", "a value without a name"},
	    {"a=\x80", "UTF-8", "a raw octet"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct query query = {0};
		struct err_info info = {""};

		IS_INT(rows[i].why, query_parse(rows[i].text, &query, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].words);
		OK("nothing is left to be released", query.text == NULL);
	}
}

static void
bounds_the_query(void)
{
	char text[QUERY_SIZE_MAX + 2], many[QUERY_ITEMS_MAX * 8 + 16] = "";
	struct query query = {0};
	struct err_info info = {""};
	size_t n = 0;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	IS_INT("one octet too many", query_parse(text, &query, &info),
	       ERR_INVALID);
	HAS_TEXT("says the limit", info.text, "8192");
	text[QUERY_SIZE_MAX] = '\0';
	IS_INT("the most octets", query_parse(text, &query, &info), ERR_OK);
	query_release(&query);
	for (int i = 0; i < QUERY_ITEMS_MAX; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "p%d=1&", i);
	IS_INT("the most parameters", query_parse(many, &query, &info), ERR_OK);
	query_release(&query);
	snprintf(many + n, sizeof(many) - n, "last=1");
	IS_INT("one parameter too many", query_parse(many, &query, &info),
	       ERR_INVALID);
}

static void
reads_content_length(void)
{
	static const struct {
		const char *text;
		int err;
		size_t size;
		const char *why;
	} rows[] = {
	    {NULL, ERR_OK, 0, "missing"},
	    {"", ERR_OK, 0, "empty"},
	    {"0", ERR_OK, 0, "none"},
	    {"17", ERR_OK, 17, "a number"},
	    {"1000", ERR_OK, 1000, "exactly the limit"},
	    {"1001", ERR_TOO_LARGE, 0, "one above the limit"},
	    {"18446744073709551617", ERR_TOO_LARGE, 0, "2^64 + 1"},
	    {"99999999999999999999999999", ERR_TOO_LARGE, 0, "huge"},
	    {"99999999999999999999999999x", ERR_INVALID, 0, "huge nonsense"},
	    {"-1", ERR_INVALID, 0, "negative"},
	    {"+1", ERR_INVALID, 0, "a sign"},
	    {" 1", ERR_INVALID, 0, "a blank"},
	    {"1,2", ERR_INVALID, 0, "two numbers"},
	    {"0x10", ERR_INVALID, 0, "hexadecimal"},
	    {"1e3", ERR_INVALID, 0, "an exponent"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t size = 0;

		IS_INT(rows[i].why,
		       query_content_length(rows[i].text, 1000, &size),
		       rows[i].err);
		IS_INT(rows[i].why, size, rows[i].size);
	}
}

static void
knows_json(void)
{
	static const struct {
		const char *text;
		bool json;
		const char *why;
	} rows[] = {
	    {"application/json", true, "plain"},
	    {"Application/JSON", true, "any case"},
	    {"application/json; charset=utf-8", true, "with its charset"},
	    {"application/json;charset=\"UTF-8\"", true, "in quotes"},
	    {" application/json ; charset=utf-8 ", true, "blanks"},
	    {"application/json;", true, "an empty parameter"},
	    {NULL, false, "missing"},
	    {"", false, "empty"},
	    {"application/jsonx", false, "a longer name"},
	    {"application/json; charset=latin1", false, "another charset"},
	    {"application/json; charset=utf-8x", false, "a longer charset"},
	    {"application/json; charset=utf-8; a=b", false, "more behind"},
	    {"text/plain", false, "another type"},
	    {"application/x-www-form-urlencoded", false, "a form"},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		IS_INT(rows[i].why, query_is_json(rows[i].text), rows[i].json);
}

static void
knows_request_ids(void)
{
	char longest[QUERY_HEADER_MAX + 2];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	OK("129 characters are too many", !query_request_id(longest));
	longest[QUERY_HEADER_MAX] = '\0';
	OK("128 are allowed", query_request_id(longest));
	OK("all allowed characters", query_request_id("aZ09._-"));
	OK("missing", !query_request_id(NULL));
	OK("empty", !query_request_id(""));
	OK("a blank", !query_request_id("a b"));
	OK("a line break", !query_request_id("a\r\nX: y"));
	OK("not ASCII", !query_request_id("\303\244"));
	OK("a quote", !query_request_id("a\""));
}

const struct unit_case unit_cases[] = {
    {"reads parameters", reads_parameters},
    {"refuses what is no query", refuses_bad_queries},
    {"bounds octets and parameters", bounds_the_query},
    {"reads Content-Length strictly", reads_content_length},
    {"knows the JSON content type", knows_json},
    {"knows what may be a request id", knows_request_ids},
    {NULL, NULL},
};
const char unit_name[] = "query";
