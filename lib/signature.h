/*
 * lib/signature.h: who may command a worker.
 *
 * Ed25519 (RFC 8032) over exact octets, written as a JWS with detached,
 * unencoded payload (RFC 7515 appendix F, RFC 7797):
 * "{protected}..{signature}", protected header
 * {"alg":"EdDSA","b64":false,"crit":["b64"],"kid":...,"typ":"osapi-job"}. kid
 * is the base64url SHA-256 of the public key's DER (SubjectPublicKeyInfo).
 */
#ifndef OSAPI_LIB_SIGNATURE_H
#define OSAPI_LIB_SIGNATURE_H

#include <stddef.h>

#include "lib/error.h"

#define SIGNATURE_SIZE      1024 /* room for the text with its NUL */
#define SIGNATURE_TRUST_MAX 8    /* keys that are trusted at the same time */

struct signer;  /* a private key; read-only after signer_load, every thread */
struct truster; /* public keys; read-only after truster_load, every thread */

/* Reads a PEM private key (PKCS #8).  ERR_INVALID unless it is Ed25519; a file
 * that others may read (mode & 077) is refused too. */
enum err signer_load(const char *path, struct signer **signer,
		     struct err_info *info);
void signer_free(struct signer *signer);

/* Signs `size` octets; ERR_INTERNAL when OpenSSL fails. */
enum err signer_sign(const struct signer *signer, const void *data, size_t size,
		     char out[static SIGNATURE_SIZE]);

/* Reads 1 to SIGNATURE_TRUST_MAX PEM public keys (SubjectPublicKeyInfo). */
enum err truster_load(char *const *paths, size_t count,
		      struct truster **truster, struct err_info *info);
void truster_free(struct truster *truster);

/* Verifies; ERR_SIGNATURE with "unknown key ...",
 * "malformed", "does not match". */
enum err truster_verify(const struct truster *truster, const void *data,
			size_t size, const char *signature,
			struct err_info *info);

/* Makes a key pair and writes both PEM files: private 0600, public 0644. */
enum err signature_generate(const char *private_path, const char *public_path,
			    struct err_info *info);

#endif
