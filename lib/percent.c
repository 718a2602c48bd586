/* lib/percent.c: see the header. */
#include "lib/percent.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
percent_octet(const char *text)
{
	int high = *text == '%' ? hex(text[1]) : -1;
	int low = high < 0 ? -1 : hex(text[2]);

	return low < 0 ? -1 : high * 16 + low;
}
