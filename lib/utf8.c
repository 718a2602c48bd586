/* lib/utf8.c: see the header. */
#include "lib/utf8.h"

static const struct {
	unsigned char first_min, first_max, second_min, second_max;
	size_t length;
} forms[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t
utf8_length(const char *at)
{
	const unsigned char *s = (const unsigned char *)at;
	size_t i;
	size_t k;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (forms[i].length > 1 &&
		    (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
			return 0;
		for (k = 2; k < forms[i].length; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

unsigned
utf8_misleading(const char *at)
{
	const unsigned char *s = (const unsigned char *)at;

	if (s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) ||
			     (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)))
		return 0x2000U | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
	return 0;
}

bool
utf8_valid(const char *text)
{
	while (*text) {
		size_t length = utf8_length(text);

		if (!length)
			return false;
		text += length;
	}
	return true;
}
