/* t/unit/signature.c: who may command a worker, and how to forge it. */
#include "t/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base64url.h"
#include "lib/file.h"
#include "lib/signature.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KID      "\"kid\":\"@\""

static const char data[] = "{\"id\":\"1\",\"operation\":{}}";

/* "{directory}/{name}" in one of a few static buffers. */
static char *
path_of(const char *name)
{
	static char paths[8][4400];
	static unsigned used;
	char *path = paths[used++ % COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", unit_directory(), name);
	return path;
}

static struct signer *
signer_named(const char *name)
{
	struct signer *signer = NULL;
	struct err_info info = {""};
	char pub[64];

	snprintf(pub, sizeof(pub), "%s.pub", name);
	if (access(path_of(name), F_OK) != 0)
		IS_INT("keys are made",
		       signature_generate(path_of(name), path_of(pub), &info),
		       ERR_OK);
	IS_INT("private key loads", signer_load(path_of(name), &signer, &info),
	       ERR_OK);
	IS_TEXT("no complaint", info.text, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(signer);
	return signer;
}

static struct truster *
truster_of(const char *one, const char *two)
{
	char *paths[] = {path_of(one), two ? path_of(two) : NULL};
	struct truster *truster = NULL;
	struct err_info info = {""};

	IS_INT("public keys load",
	       truster_load(paths, two ? 2 : 1, &truster, &info), ERR_OK);
	IS_TEXT("no complaint", info.text, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(truster);
	return truster;
}

static void
signs_what_the_public_key_verifies(void)
{
	struct signer *signer = signer_named("a");
	struct truster *truster = truster_of("a.pub", NULL);
	char text[SIGNATURE_SIZE];

	IS_INT("signs", signer_sign(signer, data, strlen(data), text), ERR_OK);
	HAS_TEXT("detached", text, "..");
	IS_INT("verifies",
	       truster_verify(truster, data, strlen(data), text, NULL), ERR_OK);
	IS_INT("nothing at all", signer_sign(signer, "", 0, text), ERR_OK);
	IS_INT("verifies", truster_verify(truster, "", 0, text, NULL), ERR_OK);
	signer_free(signer);
	truster_free(truster);
	signer_free(NULL);
	truster_free(NULL);
}

static void
keeps_the_private_key_to_its_owner(void)
{
	struct stat st;

	signer_free(signer_named("a"));
	IS_INT("private", stat(path_of("a"), &st), 0);
	IS_INT("mode", st.st_mode & 0777, 0600);
	IS_INT("public", stat(path_of("a.pub"), &st), 0);
	IS_INT("mode", st.st_mode & 0777, 0644);
}

static void
refuses_each_flipped_bit(void)
{
	struct signer *signer = signer_named("a");
	struct truster *truster = truster_of("a.pub", NULL);
	char text[SIGNATURE_SIZE];
	char copy[sizeof(data)];
	size_t size;
	int taken = 0;

	IS_INT("signs", signer_sign(signer, data, strlen(data), text), ERR_OK);
	for (size_t bit = 0; bit < strlen(data) * 8; bit++) {
		memcpy(copy, data, sizeof(data));
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		taken += truster_verify(truster, copy, strlen(data), text,
					NULL) == ERR_OK;
	}
	IS_INT("taken with a bit of the payload flipped", taken, 0);
	size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		text[i] = (char)(text[i] ^ 1);
		taken += truster_verify(truster, data, strlen(data), text,
					NULL) == ERR_OK;
		text[i] = (char)(text[i] ^ 1);
	}
	IS_INT("taken with a bit of a character flipped", taken, 0);
	for (; size > 0; size--) {
		text[size - 1] = '\0';
		taken += truster_verify(truster, data, strlen(data), text,
					NULL) == ERR_OK;
	}
	IS_INT("taken with its end cut off", taken, 0);
	signer_free(signer);
	truster_free(truster);
}

static void
refuses_other_octets(void)
{
	struct signer *signer = signer_named("a");
	struct truster *truster = truster_of("a.pub", NULL);
	struct err_info info = {""};
	char text[SIGNATURE_SIZE];

	IS_INT("signs", signer_sign(signer, data, strlen(data), text), ERR_OK);
	IS_INT("one octet less",
	       truster_verify(truster, data, strlen(data) - 1, text, &info),
	       ERR_SIGNATURE);
	HAS_TEXT("says so", info.text, "does not match");
	IS_INT("the NUL too",
	       truster_verify(truster, data, strlen(data) + 1, text, NULL),
	       ERR_SIGNATURE);
	signer_free(signer);
	truster_free(truster);
}

static void
knows_its_keys_by_name_and_can_rotate(void)
{
	struct signer *a = signer_named("a");
	struct signer *b = signer_named("b");
	struct truster *only_a = truster_of("a.pub", NULL);
	struct truster *both = truster_of("a.pub", "b.pub");
	struct err_info info = {""};
	char by_a[SIGNATURE_SIZE];
	char by_b[SIGNATURE_SIZE];

	IS_INT("signs", signer_sign(a, data, strlen(data), by_a), ERR_OK);
	IS_INT("signs", signer_sign(b, data, strlen(data), by_b), ERR_OK);
	IS_INT("b is unknown",
	       truster_verify(only_a, data, strlen(data), by_b, &info),
	       ERR_SIGNATURE);
	HAS_TEXT("says so", info.text, "unknown key");
	IS_INT("both trust a",
	       truster_verify(both, data, strlen(data), by_a, NULL), ERR_OK);
	IS_INT("both trust b",
	       truster_verify(both, data, strlen(data), by_b, NULL), ERR_OK);
	memcpy(strstr(by_a, ".."), strstr(by_b, ".."),
	       strlen(strstr(by_b, "..")) + 1);
	IS_INT("b's signature under a's name",
	       truster_verify(both, data, strlen(data), by_a, &info),
	       ERR_SIGNATURE);
	HAS_TEXT("says so", info.text, "does not match");
	signer_free(a);
	signer_free(b);
	truster_free(only_a);
	truster_free(both);
}

/* The kid that the key "a" has, from a signature that it made. */
static void
kid_of_a(char kid[static 64])
{
	struct signer *signer = signer_named("a");
	char header[SIGNATURE_SIZE];
	char text[SIGNATURE_SIZE];
	const char *at;
	size_t size = 0;

	IS_INT("signs", signer_sign(signer, "", 0, text), ERR_OK);
	OK("decodes",
	   base64url_decode(text, strcspn(text, "."), header, &size));
	at = strstr(header, "\"kid\":\"");
	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	at += strlen("\"kid\":\"");
	snprintf(kid, 64, "%.*s", (int)strcspn(at, "\""), at);
	signer_free(signer);
}

/* A true signature by "a" over a header of our choice. */
static void
sign_with_header(const char *header, char out[static SIGNATURE_SIZE])
{
	char protected[SIGNATURE_SIZE / 2];
	char input[SIGNATURE_SIZE + sizeof(data)];
	char encoded[BASE64URL_TEXT_SIZE(64)];
	unsigned char octets[64];
	size_t size = sizeof(octets);
	FILE *in = fopen(path_of("a"), "r");
	EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int n;

	fclose(in);
	base64url_encode(header, strlen(header), protected);
	n = snprintf(input, sizeof(input), "%s.%s", protected, data);
	EVP_DigestSignInit(context, NULL, NULL, NULL, key);
	EVP_DigestSign(context, octets, &size, (unsigned char *)input,
		       (size_t)n);
	base64url_encode(octets, size, encoded);
	snprintf(out, SIGNATURE_SIZE, "%s..%s", protected, encoded);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static const struct header {
	const char *why;
	const char *form; /* "@" stands for the kid, "#" for most of it */
	const char *says; /* NULL: verifies */
} headers[] = {
    {"as we write it",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\"}",
     NULL},
    {"in another order",
     "{\"typ\":\"osapi-job\"," KID
     ",\"crit\":[\"b64\"],\"b64\":false,\"alg\":\"EdDSA\"}",
     NULL},
    {"alg none",
     "{\"alg\":\"none\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\"}",
     "alg"},
    {"alg HS256",
     "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\"}",
     "alg"},
    {"alg in lower case",
     "{\"alg\":\"eddsa\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\"}",
     "alg"},
    {"no alg",
     "{\"b64\":false,\"crit\":[\"b64\"]," KID ",\"typ\":\"osapi-job\"}", "alg"},
    {"alg twice",
     "{\"alg\":\"none\",\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\"}",
     "protected header"},
    {"typ JWT",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"JWT\"}",
     "typ"},
    {"no typ", "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"]," KID "}",
     "typ"},
    {"b64 true",
     "{\"alg\":\"EdDSA\",\"b64\":true,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\"}",
     "b64"},
    {"b64 missing",
     "{\"alg\":\"EdDSA\",\"crit\":[\"b64\"]," KID ",\"typ\":\"osapi-job\"}",
     "b64"},
    {"no crit",
     "{\"alg\":\"EdDSA\",\"b64\":false," KID ",\"typ\":\"osapi-job\"}", "crit"},
    {"empty crit",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[]," KID
     ",\"typ\":\"osapi-job\"}",
     "crit"},
    {"more crit",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\",\"exp\"]," KID
     ",\"typ\":\"osapi-job\"}",
     "crit"},
    {"unknown member",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"]," KID
     ",\"typ\":\"osapi-job\",\"jwk\":{}}",
     "unknown member"},
    {"kid of another size",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"],\"kid\":\"x\","
     "\"typ\":\"osapi-job\"}",
     "kid"},
    {"kid with a line end",
     "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"],"
     "\"kid\":\"#\\n\",\"typ\":\"osapi-job\"}",
     "kid"},
    {"a list", "[\"EdDSA\"]", "alg"},
    {"no JSON", "alg=EdDSA", "protected header"},
};

static void
takes_one_form_of_header_only(void)
{
	struct truster *truster;
	char kid[64];

	kid_of_a(kid);
	truster = truster_of("a.pub", NULL);
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct err_info info = {""};
		char header[512] = "";
		char text[SIGNATURE_SIZE];
		FILE *out = fmemopen(header, sizeof(header), "w");

		CU_ASSERT_PTR_NOT_NULL_FATAL(out);
		for (const char *at = headers[i].form; *at; at++) {
			if (*at == '@' || *at == '#')
				fprintf(out, "%.*s", *at == '@' ? 43 : 42, kid);
			else
				fputc(*at, out);
		}
		fclose(out);
		sign_with_header(header, text);
		IS_INT(headers[i].why,
		       truster_verify(truster, data, strlen(data), text, &info),
		       headers[i].says ? ERR_SIGNATURE : ERR_OK);
		HAS_TEXT(headers[i].why, info.text,
			 headers[i].says ? headers[i].says : "");
	}
	truster_free(truster);
}

static void
refuses_other_forms(void)
{
	static const struct {
		const char *why;
		const char *form; /* h and s stand for the good parts */
	} rows[] = {
	    {"empty", ""},
	    {"dots alone", ".."},
	    {"one dot", "h.s"},
	    {"three dots", "h...s"},
	    {"no header", "..s"},
	    {"no signature", "h.."},
	    {"payload inside", "h.e30.s"},
	    {"padding", "h..s=="},
	    {"blank behind", "h..s "},
	    {"signature twice", "h..ss"},
	    {"plain base64", "h..+s"},
	    {"too long", "hhhhhhhh..s"},
	};
	struct signer *signer = signer_named("a");
	struct truster *truster = truster_of("a.pub", NULL);
	char good[SIGNATURE_SIZE];

	IS_INT("signs", signer_sign(signer, data, strlen(data), good), ERR_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err_info info = {""};
		char text[SIGNATURE_SIZE * 4] = "";
		FILE *out = fmemopen(text, sizeof(text), "w");

		CU_ASSERT_PTR_NOT_NULL_FATAL(out);
		for (const char *at = rows[i].form; *at; at++) {
			if (*at == 'h')
				fwrite(good, 1, strcspn(good, "."), out);
			else if (*at == 's')
				fputs(strstr(good, "..") + 2, out);
			else
				fputc(*at, out);
		}
		fclose(out);
		IS_INT(rows[i].why,
		       truster_verify(truster, data, strlen(data), text, &info),
		       ERR_SIGNATURE);
		HAS_TEXT(rows[i].why, info.text, "malformed");
	}
	IS_INT("none", truster_verify(truster, data, 1, NULL, NULL),
	       ERR_SIGNATURE);
	signer_free(signer);
	truster_free(truster);
}

static void
write_key(const char *name, EVP_PKEY *key, const char *password)
{
	FILE *out = fopen(path_of(name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fchmod(fileno(out), 0600);
	PEM_write_PKCS8PrivateKey(out, key, password ? EVP_aes_256_cbc() : NULL,
				  NULL, 0, NULL,
				  password ? strdupa(password) : NULL);
	fclose(out);
	EVP_PKEY_free(key);
}

static void
refuses_other_key_files(void)
{
	static const struct {
		const char *why;
		const char *name;
		mode_t mode; /* 0: as it is */
		enum err err;
		const char *says;
	} rows[] = {
	    {"missing", "none", 0, ERR_NOT_FOUND, "none"},
	    {"public instead of private", "a.pub", 0600, ERR_INVALID,
	     "holds \"PUBLIC KEY\", wanted \"PRIVATE KEY\""},
	    {"readable by others", "a", 0644, ERR_INVALID, "mode 644"},
	    {"readable by the group", "a", 0640, ERR_INVALID, "mode 640"},
	    {"RSA", "rsa", 0600, ERR_INVALID, "not an Ed25519 key"},
	    {"Ed448", "ed448", 0600, ERR_INVALID, "not an Ed25519 key"},
	    {"with a password", "locked", 0600, ERR_INVALID, "ENCRYPTED"},
	    {"no PEM", "text", 0600, ERR_INVALID, "not PEM"},
	    {"empty", "empty", 0600, ERR_INVALID, "not PEM"},
	    {"cut", "cut", 0600, ERR_INVALID, "not PEM"},
	    {"nothing in it", "hollow", 0600, ERR_INVALID, "not an Ed25519"},
	    {"as it should be", "a", 0600, ERR_OK, ""},
	};

	signer_free(signer_named("a"));
	write_key("rsa", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
		  NULL);
	write_key("ed448", EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), NULL);
	write_key("locked", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "secret");
	file_write(path_of("text"), "hello\n", 6, 0600, NULL);
	file_write(path_of("empty"), "", 0, 0600, NULL);
	file_write(path_of("cut"), "-----BEGIN PRIVATE KEY-----\nMC4C\n", 33,
		   0600, NULL);
	file_write(path_of("hollow"),
		   "-----BEGIN PRIVATE KEY-----\nMC4C\n"
		   "-----END PRIVATE KEY-----\n",
		   59, 0600, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct signer *signer = NULL;
		struct err_info info = {""};

		if (rows[i].mode)
			chmod(path_of(rows[i].name), rows[i].mode);
		IS_INT(rows[i].why,
		       signer_load(path_of(rows[i].name), &signer, &info),
		       rows[i].err);
		HAS_TEXT(rows[i].why, info.text, rows[i].says);
		OK(rows[i].why, (signer != NULL) == (rows[i].err == ERR_OK));
		signer_free(signer);
	}
}

static void
refuses_other_sets_of_trusted_keys(void)
{
	char *paths[SIGNATURE_TRUST_MAX + 1];
	struct truster *truster = NULL;
	struct err_info info = {""};

	signer_free(signer_named("a"));
	for (size_t i = 0; i < COUNT(paths); i++)
		paths[i] = path_of("a.pub");
	paths[1] = path_of("a");
	IS_INT("none", truster_load(paths, 0, &truster, &info), ERR_INVALID);
	IS_INT("nine", truster_load(paths, COUNT(paths), &truster, &info),
	       ERR_INVALID);
	HAS_TEXT("says the limit", info.text, "1 to 8");
	IS_INT("a private key", truster_load(paths, 2, &truster, &info),
	       ERR_INVALID);
	HAS_TEXT("says so", info.text,
		 "holds \"PRIVATE KEY\", wanted \"PUBLIC KEY\"");
	paths[0] = path_of("none");
	IS_INT("missing", truster_load(paths, 1, &truster, &info),
	       ERR_NOT_FOUND);
	OK("nothing made", truster == NULL);
}

struct load {
	const struct signer *signer;
	const struct truster *truster;
	int failures;
};

static void *
sign_often(void *arg)
{
	struct load *load = arg;

	for (int i = 0; i < 200; i++) {
		char text[SIGNATURE_SIZE];

		if (signer_sign(load->signer, data, strlen(data), text) !=
			ERR_OK ||
		    truster_verify(load->truster, data, strlen(data), text,
				   NULL) != ERR_OK ||
		    truster_verify(load->truster, data, strlen(data) - 1, text,
				   NULL) != ERR_SIGNATURE)
			load->failures++;
	}
	return NULL;
}

static void
works_from_several_threads(void)
{
	struct signer *signer = signer_named("a");
	struct truster *truster = truster_of("a.pub", NULL);
	struct load loads[4];
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++) {
		loads[i] = (struct load){signer, truster, 0};
		pthread_create(&threads[i], NULL, sign_often, &loads[i]);
	}
	for (size_t i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		IS_INT("failures", loads[i].failures, 0);
	}
	signer_free(signer);
	truster_free(truster);
}

const struct unit_case unit_cases[] = {
    {"signs what the public key verifies", signs_what_the_public_key_verifies},
    {"keeps the private key to its owner", keeps_the_private_key_to_its_owner},
    {"refuses each flipped bit", refuses_each_flipped_bit},
    {"refuses other octets", refuses_other_octets},
    {"knows its keys by name and can rotate",
     knows_its_keys_by_name_and_can_rotate},
    {"takes one form of header only", takes_one_form_of_header_only},
    {"refuses other forms", refuses_other_forms},
    {"refuses other key files", refuses_other_key_files},
    {"refuses other sets of trusted keys", refuses_other_sets_of_trusted_keys},
    {"works from several threads", works_from_several_threads},
    {NULL, NULL},
};
const char unit_name[] = "signature";
