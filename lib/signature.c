/*
 * lib/signature.c: Ed25519 over exact octets, as a detached JWS.
 *
 * What is signed is "{protected}.{octets}" (RFC 7797 section 3).  The
 * protected header has one form and no other: exactly the five members below.
 */
#include "lib/signature.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64url.h"
#include "lib/file.h"
#include "lib/json.h"

#define ED25519_SIZE 64 /* octets of a signature */
#define KID_SIZE     BASE64URL_TEXT_SIZE(SHA256_DIGEST_LENGTH)
#define KID_LENGTH   43  /* of the 32 octets of SHA-256 */
#define HEADER_SIZE  256 /* room for the protected header, and its NUL */
#define PEM_SIZE_MAX 16384
#define TYPE         "osapi-job"
#define HEADER_FORM                                                           \
	"{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"],\"kid\":\"%s\"," \
	"\"typ\":\"" TYPE "\"}"

struct signer {
	EVP_PKEY *key;
	char protected[BASE64URL_TEXT_SIZE(HEADER_SIZE)];
};

struct trusted {
	EVP_PKEY *key;
	char kid[KID_SIZE];
};

struct truster {
	size_t count;
	struct trusted keys[SIGNATURE_TRUST_MAX];
};

/* ---- keys ---- */

static bool
key_id(EVP_PKEY *key, char out[static KID_SIZE])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);

	if (size <= 0)
		return false;
	SHA256(der, (size_t)size, digest);
	OPENSSL_free(der);
	base64url_encode(digest, sizeof(digest), out);
	return true;
}

static EVP_PKEY *
read_private(const unsigned char *der, long size)
{
	return d2i_AutoPrivateKey(NULL, &der, size);
}

static EVP_PKEY *
read_public(const unsigned char *der, long size)
{
	return d2i_PUBKEY(NULL, &der, size);
}

static const struct key_form {
	const char *label; /* of the PEM block */
	EVP_PKEY *(*read)(const unsigned char *der, long size);
} private_form = {PEM_STRING_PKCS8INF, read_private},
  public_form = {PEM_STRING_PUBLIC, read_public};

/* The first PEM block must be of that form and hold an Ed25519 key. */
static enum err
parse_pem(const char *path, BIO *bio, const struct key_form *form,
	  EVP_PKEY **key, struct err_info *info)
{
	unsigned char *der = NULL;
	char *label = NULL;
	char *header = NULL;
	EVP_PKEY *read = NULL;
	enum err err = ERR_INVALID;
	long size = 0;

	if (PEM_read_bio(bio, &label, &header, &der, &size) != 1) {
		err_set(info, err, "%s: not PEM", path);
		goto out;
	}
	if (strcmp(label, form->label) != 0) {
		err_set(info, err, "%s: holds \"%.64s\", wanted \"%s\"", path,
			label, form->label);
		goto out;
	}
	read = form->read(der, size);
	if (!read || EVP_PKEY_get_base_id(read) != EVP_PKEY_ED25519) {
		err_set(info, err, "%s: not an Ed25519 key", path);
		goto out;
	}
	*key = read;
	read = NULL;
	err = ERR_OK;
out:
	ERR_clear_error();
	EVP_PKEY_free(read);
	OPENSSL_free(label);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, size > 0 ? (size_t)size : 0);
	return err;
}

static enum err
load_key(const char *path, const struct key_form *form, EVP_PKEY **key,
	 struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	enum err err;
	BIO *bio;

	err = file_read(path, PEM_SIZE_MAX, &text, &size, info);
	if (err != ERR_OK)
		return err;
	bio = BIO_new_mem_buf(text, (int)size);
	err = bio ? parse_pem(path, bio, form, key, info)
		  : err_set(info, ERR_NO_MEMORY, "out of memory");
	BIO_free(bio);
	OPENSSL_cleanse(text, size);
	free(text);
	return err;
}

/* A missing file is left for file_read to name. */
static enum err
check_mode(const char *path, struct err_info *info)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077))
		return err_set(info, ERR_INVALID,
			       "%s: mode %03o lets others at a private key, "
			       "wanted 600",
			       path, st.st_mode & 0777U);
	return ERR_OK;
}

/* ---- signing ---- */

enum err
signer_load(const char *path, struct signer **signer, struct err_info *info)
{
	char header[HEADER_SIZE];
	char kid[KID_SIZE];
	EVP_PKEY *key = NULL;
	struct signer *made;
	enum err err;

	err = check_mode(path, info);
	if (err == ERR_OK)
		err = load_key(path, &private_form, &key, info);
	if (err != ERR_OK)
		return err;
	made = calloc(1, sizeof(*made));
	if (!made || !key_id(key, kid)) {
		EVP_PKEY_free(key);
		free(made);
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	}
	snprintf(header, sizeof(header), HEADER_FORM, kid);
	base64url_encode(header, strlen(header), made->protected);
	made->key = key;
	*signer = made;
	return ERR_OK;
}

void
signer_free(struct signer *signer)
{
	if (!signer)
		return;
	EVP_PKEY_free(signer->key);
	free(signer);
}

/* "{protected}.{octets}": Ed25519 takes its input in one piece only. */
static unsigned char *
signing_input(const char *protected, size_t protected_size, const void *data,
	      size_t size, size_t *input_size)
{
	unsigned char *input;

	if (size > SIZE_MAX - protected_size - 1)
		return NULL;
	*input_size = protected_size + 1 + size;
	input = malloc(*input_size);
	if (!input)
		return NULL;
	memcpy(input, protected, protected_size);
	input[protected_size] = '.';
	if (size > 0)
		memcpy(input + protected_size + 1, data, size);
	return input;
}

enum err
signer_sign(const struct signer *signer, const void *data, size_t size,
	    char out[static SIGNATURE_SIZE])
{
	unsigned char octets[ED25519_SIZE];
	char text[BASE64URL_TEXT_SIZE(ED25519_SIZE)];
	size_t octets_size = sizeof(octets);
	size_t input_size = 0;
	unsigned char *input;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	enum err err = ERR_INTERNAL;

	input = signing_input(signer->protected, strlen(signer->protected),
			      data, size, &input_size);
	if (context && input &&
	    EVP_DigestSignInit(context, NULL, NULL, NULL, signer->key) == 1 &&
	    EVP_DigestSign(context, octets, &octets_size, input, input_size) ==
		1) {
		base64url_encode(octets, octets_size, text);
		snprintf(out, SIGNATURE_SIZE, "%s..%s", signer->protected,
			 text);
		err = ERR_OK;
	}
	EVP_MD_CTX_free(context);
	free(input);
	return err;
}

/* ---- verifying ---- */

enum err
truster_load(char *const *paths, size_t count, struct truster **truster,
	     struct err_info *info)
{
	struct truster *made;
	enum err err = ERR_OK;

	if (count == 0 || count > SIGNATURE_TRUST_MAX)
		return err_set(info, ERR_INVALID,
			       "%zu trusted keys, wanted 1 to %d", count,
			       SIGNATURE_TRUST_MAX);
	made = calloc(1, sizeof(*made));
	if (!made)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	while (err == ERR_OK && made->count < count) {
		struct trusted *trusted = &made->keys[made->count];

		err = load_key(paths[made->count], &public_form, &trusted->key,
			       info);
		if (err != ERR_OK)
			break;
		made->count++;
		if (!key_id(trusted->key, trusted->kid))
			err = err_set(info, ERR_NO_MEMORY, "out of memory");
	}
	if (err == ERR_OK)
		*truster = made;
	else
		truster_free(made);
	return err;
}

void
truster_free(struct truster *truster)
{
	if (!truster)
		return;
	for (size_t i = 0; i < truster->count; i++)
		EVP_PKEY_free(truster->keys[i].key);
	free(truster);
}

static enum err
malformed(struct err_info *info, const char *why)
{
	return err_set(info, ERR_SIGNATURE, "signature: malformed: %s", why);
}

static bool
is_text(const json_t *header, const char *name, const char *wanted)
{
	const char *text = json_member_string(header, name);

	return text && strcmp(text, wanted) == 0;
}

static bool
is_critical_b64(const json_t *critical)
{
	const char *name = json_string_value(json_array_get(critical, 0));

	return json_array_size(critical) == 1 && name &&
	       strcmp(name, "b64") == 0;
}

/* Reads the protected header; `kid` becomes the name of the key. */
static enum err
read_header(const char *text, size_t length, char kid[static KID_SIZE],
	    struct err_info *info)
{
	char octets[BASE64URL_OCTETS(SIGNATURE_SIZE)];
	unsigned char digest[BASE64URL_OCTETS(KID_SIZE)];
	json_auto_t *header = NULL;
	const char *name;
	size_t size;

	if (!base64url_decode(text, length, octets, &size) ||
	    json_parse(octets, size, &header, NULL) != ERR_OK)
		return malformed(info, "protected header");
	if (!is_text(header, "alg", "EdDSA"))
		return malformed(info, "alg is not EdDSA");
	if (!is_text(header, "typ", TYPE))
		return malformed(info, "typ is not " TYPE);
	if (!json_is_false(json_object_get(header, "b64")) ||
	    !is_critical_b64(json_object_get(header, "crit")))
		return malformed(info, "wanted b64 false, crit [\"b64\"]");
	name = json_member_string(header, "kid");
	if (!name || strlen(name) != KID_LENGTH ||
	    !base64url_decode(name, strlen(name), digest, &size))
		return malformed(info, "kid");
	if (json_object_size(header) != 5)
		return malformed(info, "unknown member in its header");
	memcpy(kid, name, KID_LENGTH + 1);
	return ERR_OK;
}

static bool
verify(EVP_PKEY *key, const unsigned char octets[static ED25519_SIZE],
       const unsigned char *input, size_t input_size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool same;

	same = context &&
	       EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(context, octets, ED25519_SIZE, input,
				input_size) == 1;
	/* What is left in this thread's queue would be taken for a failure of
	 * the next TLS call. */
	ERR_clear_error();
	EVP_MD_CTX_free(context);
	return same;
}

/* Cuts "{protected}..{signature}" and decodes the second part. */
static enum err
split(const char *text, size_t *protected_size,
      unsigned char octets[static BASE64URL_OCTETS(SIGNATURE_SIZE)],
      struct err_info *info)
{
	size_t size = 0;
	size_t all = text ? strnlen(text, SIGNATURE_SIZE) : 0;
	size_t first;

	if (all == 0 || all == SIGNATURE_SIZE)
		return malformed(info, all ? "too long" : "is missing");
	first = strcspn(text, ".");
	if (first == 0 || strncmp(text + first, "..", 2) != 0)
		return malformed(info, "not {header}..{signature}");
	if (!base64url_decode(text + first + 2, all - first - 2, octets,
			      &size) ||
	    size != ED25519_SIZE)
		return malformed(info, "not 64 octets of base64url");
	*protected_size = first;
	return ERR_OK;
}

enum err
truster_verify(const struct truster *truster, const void *data, size_t size,
	       const char *signature, struct err_info *info)
{
	unsigned char octets[BASE64URL_OCTETS(SIGNATURE_SIZE)];
	char kid[KID_SIZE];
	EVP_PKEY *key = NULL;
	unsigned char *input;
	size_t protected_size = 0;
	size_t input_size = 0;
	bool same;
	enum err err;

	err = split(signature, &protected_size, octets, info);
	if (err == ERR_OK)
		err = read_header(signature, protected_size, kid, info);
	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < truster->count && !key; i++)
		if (strcmp(truster->keys[i].kid, kid) == 0)
			key = truster->keys[i].key;
	if (!key)
		return err_set(info, ERR_SIGNATURE, "signature: unknown key %s",
			       kid);
	input =
	    signing_input(signature, protected_size, data, size, &input_size);
	if (!input)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	same = verify(key, octets, input, input_size);
	free(input);
	return same ? ERR_OK
		    : err_set(info, ERR_SIGNATURE, "signature: does not match");
}

/* ---- making keys ---- */

static enum err
write_bio(const char *path, BIO *bio, mode_t mode, struct err_info *info)
{
	char *data = NULL;
	long size = BIO_get_mem_data(bio, &data);

	return file_write(path, data, (size_t)size, mode, info);
}

enum err
signature_generate(const char *private_path, const char *public_path,
		   struct err_info *info)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *secret = BIO_new(BIO_s_secmem());
	BIO *open = BIO_new(BIO_s_mem());
	enum err err = ERR_INTERNAL;

	if (!key || !secret || !open ||
	    PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL,
					  NULL) != 1 ||
	    PEM_write_bio_PUBKEY(open, key) != 1) {
		err_set(info, err, "cannot make an Ed25519 key");
		goto out;
	}
	err = write_bio(private_path, secret, 0600, info);
	if (err == ERR_OK)
		err = write_bio(public_path, open, 0644, info);
out:
	BIO_free(secret);
	BIO_free(open);
	EVP_PKEY_free(key);
	return err;
}
