/*
 * fcgi/auth.h: who asks, and may they.
 */
#ifndef OSAPI_FCGI_AUTH_H
#define OSAPI_FCGI_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/token.h"

/* What was wrong, for who counts it. */
enum auth_reason {
	AUTH_MISSING,   /* no Authorization */
	AUTH_SCHEME,    /* another one than Bearer */
	AUTH_MALFORMED, /* no token of ours: form, algorithm, claims */
	AUTH_SIGNATURE,
	AUTH_EXPIRED,
	AUTH_SCOPE, /* a good token that does not allow this */
	AUTH_REASONS
};

/* One word, for a label. */
const char *auth_reason_text(enum auth_reason reason);

/*
 * Checks the value of an Authorization header (RFC 6750, NULL: missing)
 * against what an endpoint asks for; `scope` ROLE_NONE needs nothing.
 * ERR_UNAUTHENTICATED, ERR_SIGNATURE, ERR_EXPIRED, ERR_FORBIDDEN with words for
 * the client, and *reason where it is one of these.
 * From every thread.
 */
enum err auth_check(const char *authorization, const char *key, enum role scope,
		    int64_t now_s, struct token *token,
		    enum auth_reason *reason, struct err_info *info);

/* The value of WWW-Authenticate for such an error (RFC 6750, section 3). */
const char *auth_challenge(enum err code, const char *authorization);

#endif
