/* t/unit/error.c: lib/error.h. */
#include "lib/error.h"

#include <string.h>

#include "t/unit/unit.h"

static void
has_a_row_for_each_code(void)
{
	static const struct {
		const char *why;
		enum err code;
		const char *name;
		int http;
		int exit;
		bool retryable;
	} rows[] = {
	    {"success", ERR_OK, "OK", 200, 0, false},
	    {"usage", ERR_INVALID, "INVALID", 400, 2, false},
	    {"no token", ERR_UNAUTHENTICATED, "UNAUTHENTICATED", 401, 4, false},
	    {"broker away", ERR_UNAVAILABLE, "UNAVAILABLE", 503, 3, true},
	    {"last of the list", ERR_TIMEOUT, "TIMEOUT", 504, 1, true},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		IS_TEXT(rows[i].why, err_name(rows[i].code), rows[i].name);
		IS_INT(rows[i].why, err_http(rows[i].code), rows[i].http);
		IS_INT(rows[i].why, err_exit(rows[i].code), rows[i].exit);
		IS_INT(rows[i].why, err_retryable(rows[i].code),
		       rows[i].retryable);
	}
	for (i = 0; i < ERR_COUNT; i++)
		OK("every code has a text", *err_text((enum err)i) != '\0');
}

static void
reads_an_unknown_code_as_internal(void)
{
	IS_TEXT("one past the last", err_name(ERR_COUNT), "INTERNAL");
	IS_INT("negative", err_http((enum err) - 1), 500);
}

static void
keeps_the_sentence(void)
{
	struct err_info info;
	enum err code = err_set(&info, ERR_INVALID, "port %d", 99);

	IS_INT("gives the code back", code, ERR_INVALID);
	IS_TEXT("formats", info.text, "port 99");
	code = err_prefix(&info, ERR_IO, "%s:%d", "osapi.yaml", 12);
	IS_INT("gives the code back", code, ERR_IO);
	IS_TEXT("prefix in front", info.text, "osapi.yaml:12: port 99");
	IS_INT("no place for words", err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
	IS_INT("no place for words", err_prefix(NULL, ERR_BUSY, "x"), ERR_BUSY);
}

static void
cuts_a_long_sentence(void)
{
	struct err_info info;
	char text[2000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&info, ERR_INVALID, "%s", text);
	IS_INT("filled, with its NUL", strlen(info.text),
	       sizeof(info.text) - 1);
	err_prefix(&info, ERR_INVALID, "here");
	IS_INT("still full", strlen(info.text), sizeof(info.text) - 1);
	OK("prefix is there", strncmp(info.text, "here: aaa", 9) == 0);
	err_prefix(&info, ERR_INVALID, "%s", text);
	IS_INT("a prefix that fills all", strlen(info.text),
	       sizeof(info.text) - 1);
	memcpy(text + sizeof(info.text) - 3, "\xe2\x82\xac", 3);
	err_set(&info, ERR_INVALID, "%s", text);
	IS_INT("no half of a character", strlen(info.text),
	       sizeof(info.text) - 3);
}

const char unit_name[] = "error";
const struct unit_case unit_cases[] = {
    {"has a row for each code", has_a_row_for_each_code},
    {"reads an unknown code as internal", reads_an_unknown_code_as_internal},
    {"keeps the sentence", keeps_the_sentence},
    {"cuts a long sentence", cuts_a_long_sentence},
    {NULL, NULL},
};
