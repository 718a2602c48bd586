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

/* Whether the whole text is UTF-8. */
bool utf8_valid(const char *text);

#endif
