/* lib/inbox.c: the subject below which a user's replies come. */
#include "lib/inbox.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SHOWN 56 /* characters of a name behind the prefix */
#define HASH_OCTETS    12

char *
inbox_prefix(const char *name, char buf[static INBOX_PREFIX_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	char shown[NAME_MAX_SHOWN + 1];
	size_t size = strlen(name);
	size_t at;

	(void)snprintf(shown, sizeof(shown), "%s", name);
	if (size > NAME_MAX_SHOWN) {
		if (EVP_Digest(name, size, digest, NULL, EVP_sha256(), NULL) !=
		    1)
			abort();
		at = NAME_MAX_SHOWN - 2 * HASH_OCTETS;
		for (size_t i = 0; i < HASH_OCTETS; i++, at += 2)
			(void)snprintf(shown + at, 3, "%02x", digest[i]);
	}
	(void)snprintf(buf, INBOX_PREFIX_SIZE, "%s%s", INBOX_PREFIX, shown);
	for (at = strlen(INBOX_PREFIX); buf[at] != '\0'; at++)
		if (!isalnum((unsigned char)buf[at]) && buf[at] != '-')
			buf[at] = '_';
	return buf;
}
