/*
 * lib/utf8.h: which octets are a character of UTF-8 (RFC 3629).
 */
#ifndef OSAPI_LIB_UTF8_H
#define OSAPI_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Octets of the character at `at`, in a text that ends with a NUL; 0: none
 * begins there.  A NUL is one of length 1. */
size_t utf8_length(const char *at);

/* The code point of a character that ends a line for some readers (U+2028,
 * U+2029) or lets text be shown in another order than it has (U+202A..U+202E,
 * U+2066..U+2069), so that it should not go into a log as it is; 0: another. */
unsigned utf8_misleading(const char *at);

/* Whether the whole text is UTF-8. */
bool utf8_valid(const char *text);

#endif
