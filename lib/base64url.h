/*
 * lib/base64url.h: base64url without padding (RFC 4648 section 5), as JOSE
 * uses it.  Strict: one text for each sequence of octets.  From every thread.
 */
#ifndef OSAPI_LIB_BASE64URL_H
#define OSAPI_LIB_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the text of `size` octets with its NUL; for `length` characters
 * octets and a NUL. */
#define BASE64URL_TEXT_SIZE(size) (((size) + 2) / 3 * 4 + 1)
#define BASE64URL_OCTETS(length)  ((length) / 4 * 3 + 3)

/* Writes the text and its NUL; returns its length. */
size_t base64url_encode(const void *data, size_t size, char *out);

/* Reads `length` characters into `out`, with a NUL behind them; false for a
 * character outside the alphabet, padding, an impossible length, or
 * bits behind the last octet that are not zero. */
bool base64url_decode(const char *text, size_t length, void *out, size_t *size);

#endif
