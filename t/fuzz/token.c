/*
 * t/fuzz/token.c: token_verify on changed tokens and on any octets.
 *
 * The signature of every second token is made right again, so that the claims
 * are reached.  What verifies must be a token that is good: it has a role, a
 * subject without control characters, and has not expired.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64url.h"
#include "lib/document.h"
#include "lib/token.h"

#define NOW INT64_C(1800000000)

static const char key[] = "0123456789abcdef0123456789abcdef";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const char *text)
{
	struct token token = {.role = ROLE_NONE};
	struct err_info info = {""};
	enum err err;

	err = token_verify(key, strlen(key), text, NOW, &token, &info);
	if (err == ERR_OK && (token.role == ROLE_NONE || !token.subject[0] ||
			      !document_is_printable(token.subject) ||
			      token.expires_s <= NOW - TOKEN_LEEWAY_S))
		abort();
	if (err != ERR_OK && !info.text[0])
		abort();
}

/* Header, "\n", payload, both as they are: encoded and signed here. */
static void
judge_signed(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memchr(data, '\n', size);
	size_t header_size = cut ? (size_t)(cut - data) : 0;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_size = 0;
	char *text;
	size_t n = 0;

	if (!cut)
		return;
	text = malloc(2 * size + 128);
	if (!text)
		return;
	n = base64url_encode(data, header_size, text);
	text[n++] = '.';
	n += base64url_encode(cut + 1, size - header_size - 1, text + n);
	HMAC(EVP_sha256(), key, (int)strlen(key), (unsigned char *)text, n, mac,
	     &mac_size);
	text[n++] = '.';
	base64url_encode(mac, mac_size, text + n);
	judge(text);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	judge(text);
	free(text);
	judge_signed(data, size);
	return 0;
}
