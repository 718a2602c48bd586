/*
 * lib/token.h: access tokens, JWT (RFC 7519) with HS256 and nothing else.
 */
#ifndef OSAPI_LIB_TOKEN_H
#define OSAPI_LIB_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define TOKEN_MAX         4096 /* characters of a token that is looked at */
#define TOKEN_SUBJECT_MAX 255
#define TOKEN_KEY_MIN     32 /* octets of a signing key */
#define TOKEN_LEEWAY_S    30

/* Ascending: a role may do what a lower one may. */
enum role { ROLE_NONE, ROLE_READ, ROLE_WRITE, ROLE_ADMIN };

struct token {
	enum role role; /* the highest of `role` and `roles` */
	char subject[TOKEN_SUBJECT_MAX + 1];
	int64_t issued_s; /* seconds since 1970; 0: no iat */
	int64_t expires_s;
};

/* "read", "write", "admin", "none". */
const char *role_text(enum role role);
/* ERR_INVALID for anything but read, write and admin. */
enum err role_parse(const char *text, enum role *role);

/*
 * Issues a token: iss "osapi", sub, role, iat, exp.  `key` has `key_size` >=
 * TOKEN_KEY_MIN octets.  The caller frees *text.  From every thread.
 */
enum err token_issue(const void *key, size_t key_size, enum role role,
		     const char *subject, int64_t now_s, int64_t expires_s,
		     char **text, struct err_info *info);

/*
 * Verifies `text` at `now_s`.  Checked before libjwt sees it: length, two dots,
 * non-empty base64url parts; then the header (alg HS256 exactly, no crit), the
 * signature in constant time, and the claims read strictly from the verified
 * octets: duplicates, wrong types, missing exp, role or sub, other iss are
 * refused; nbf honoured; TOKEN_LEEWAY_S.  ERR_EXPIRED,
 * ERR_SIGNATURE or ERR_UNAUTHENTICATED; `info` says why in words that
 * may be shown to the client (nothing of the token or key in them).
 * From every thread.
 */
enum err token_verify(const void *key, size_t key_size, const char *text,
		      int64_t now_s, struct token *token,
		      struct err_info *info);

#endif
