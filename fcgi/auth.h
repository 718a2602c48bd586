/*
 * fcgi/auth.h: who asks, and may they.
 */
#ifndef OSAPI_FCGI_AUTH_H
#define OSAPI_FCGI_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/token.h"

/*
 * Checks the value of an Authorization header (RFC 6750, NULL: missing)
 * against what an endpoint asks for; `scope` ROLE_NONE needs nothing.
 * ERR_UNAUTHENTICATED, ERR_EXPIRED, ERR_FORBIDDEN with words for the client.
 * From every thread.
 */
enum err auth_check(const char *authorization, const char *key, enum role scope,
		    int64_t now_s, struct token *token, struct err_info *info);

/* The value of WWW-Authenticate for such an error (RFC 6750, section 3). */
const char *auth_challenge(enum err code, const char *authorization);

#endif
