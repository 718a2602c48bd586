/* lib/base64url.c: base64url without padding. */
#include "lib/base64url.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789-_";

static int
value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

size_t
base64url_encode(const void *data, size_t size, char *out)
{
	const unsigned char *in = data;
	uint32_t held = 0;
	unsigned bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		held = held << 8 | in[i];
		for (bits += 8; bits >= 6; bits -= 6)
			out[n++] = digits[held >> (bits - 6) & 63];
	}
	if (bits > 0)
		out[n++] = digits[held << (6 - bits) & 63];
	out[n] = '\0';
	return n;
}

bool
base64url_decode(const char *text, size_t length, void *out, size_t *size)
{
	unsigned char *octets = out;
	uint32_t held = 0;
	unsigned bits = 0;
	size_t n = 0;

	if (length % 4 == 1)
		return false;
	for (size_t i = 0; i < length; i++) {
		int v = value(text[i]);

		if (v < 0)
			return false;
		held = held << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			octets[n++] = (unsigned char)(held >> bits);
		}
	}
	if (held & ((1U << bits) - 1))
		return false;
	octets[n] = '\0';
	*size = n;
	return true;
}
