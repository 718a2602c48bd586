/* t/unit/base64url.c: base64url without padding. */
#include "t/unit/unit.h"

#include <string.h>

#include "lib/base64url.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
goes_there_and_back(void)
{
	static const struct {
		const char *octets;
		size_t size;
		const char *text;
	} rows[] = {
	    {"", 0, ""},           {"f", 1, "Zg"},
	    {"fo", 2, "Zm8"},      {"foo", 3, "Zm9v"},
	    {"foob", 4, "Zm9vYg"}, {"\xfb\xff\xfe", 3, "-__-"},
	    {"\0\0", 2, "AAA"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[BASE64URL_TEXT_SIZE(4)];
		char octets[BASE64URL_OCTETS(8)];
		size_t size = 99;

		IS_INT(rows[i].text,
		       base64url_encode(rows[i].octets, rows[i].size, text),
		       strlen(rows[i].text));
		IS_TEXT(rows[i].text, text, rows[i].text);
		OK(rows[i].text,
		   base64url_decode(text, strlen(text), octets, &size));
		IS_INT(rows[i].text, size, rows[i].size);
		IS_INT(rows[i].text,
		       memcmp(octets, rows[i].octets, rows[i].size), 0);
		IS_INT("NUL behind", octets[size], 0);
	}
}

static void
refuses_other_texts(void)
{
	static const struct {
		const char *why;
		const char *text;
	} rows[] = {
	    {"padding", "Zg=="},
	    {"plus of plain base64", "+__-"},
	    {"slash of plain base64", "-/_-"},
	    {"one character", "Z"},
	    {"five characters", "Zm9vY"},
	    {"line end", "Zm9v\n"},
	    {"blank", "Zm 9"},
	    {"dot", "Zm.9"},
	    {"bits behind the octet", "Zh"},
	    {"bits behind two", "Zm9"},
	    {"not ASCII", "Zm\xc3\xbc"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char octets[BASE64URL_OCTETS(8)];
		size_t size;

		OK(rows[i].why,
		   !base64url_decode(rows[i].text, strlen(rows[i].text), octets,
				     &size));
	}
}

const struct unit_case unit_cases[] = {
    {"goes there and back", goes_there_and_back},
    {"refuses other texts", refuses_other_texts},
    {NULL, NULL},
};
const char unit_name[] = "base64url";
