/*
 * fcgi/idempotency.c: the same request twice makes one job.
 */
#include "fcgi/idempotency.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SIZE 65 /* SHA-256 in hexadecimal digits, with its NUL */

/* The digest of `first`, or of both texts with a NUL in between, where they
 * cannot run into each other. */
static bool
hash(const char *first, const char *second, char out[static HASH_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned int n = 0;
	bool ok;

	ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(context, first, strlen(first)) == 1;
	if (ok && second)
		ok = EVP_DigestUpdate(context, "", 1) == 1 &&
		     EVP_DigestUpdate(context, second, strlen(second)) == 1;
	ok = ok && EVP_DigestFinal_ex(context, digest, &n) == 1;
	EVP_MD_CTX_free(context);
	for (unsigned int i = 0; i < n; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
	return ok;
}

/* What a request is called in the store, and the digest of its body. */
static enum err
describe(const char *subject, const char *key, const json_t *body,
	 char name[static HASH_SIZE], char digest[static HASH_SIZE],
	 struct err_info *info)
{
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	bool ok = text && hash(text, NULL, digest) && hash(subject, key, name);

	free(text);
	return ok ? ERR_OK : err_set(info, ERR_NO_MEMORY, "out of memory");
}

enum err
idempotency_claim(struct store *store, const char *subject, const char *key,
		  const json_t *body, char id[static UUID_SIZE], bool *first,
		  struct err_info *info)
{
	char name[HASH_SIZE], digest[HASH_SIZE];
	enum err err = describe(subject, key, body, name, digest, info);

	return err ? err
		   : store_request_claim(store, name, digest, id, first, info);
}

enum err
idempotency_find(struct store *store, const char *subject, const char *key,
		 const json_t *body, char id[static UUID_SIZE],
		 struct err_info *info)
{
	char name[HASH_SIZE], digest[HASH_SIZE];
	enum err err = describe(subject, key, body, name, digest, info);

	return err ? err : store_request_find(store, name, digest, id, info);
}
