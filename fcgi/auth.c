/*
 * fcgi/auth.c: who asks, and may they.
 */
#include "fcgi/auth.h"

#include <string.h>
#include <strings.h>

static const char *const reasons[] = {
    [AUTH_MISSING] = "missing",     [AUTH_SCHEME] = "scheme",
    [AUTH_MALFORMED] = "malformed", [AUTH_SIGNATURE] = "signature",
    [AUTH_EXPIRED] = "expired",     [AUTH_SCOPE] = "scope",
};

const char *
auth_reason_text(enum auth_reason reason)
{
	return reasons[reason];
}

/* The token behind the scheme, NULL where it is another scheme. */
static const char *
bearer(const char *authorization)
{
	static const char scheme[] = "Bearer";
	const char *p = authorization + strspn(authorization, " \t");

	if (strncasecmp(p, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	p += sizeof(scheme) - 1;
	if (*p != ' ' && *p != '\t')
		return *p ? NULL : p;
	return p + strspn(p, " \t");
}

enum err
auth_check(const char *authorization, const char *key, enum role scope,
	   int64_t now_s, struct token *token, enum auth_reason *reason,
	   struct err_info *info)
{
	struct token read = {0};
	const char *text;
	enum err err;

	if (scope == ROLE_NONE)
		return ERR_OK;
	if (!authorization || !*authorization) {
		*reason = AUTH_MISSING;
		return err_set(info, ERR_UNAUTHENTICATED,
			       "a bearer token is needed");
	}
	text = bearer(authorization);
	if (!text) {
		*reason = AUTH_SCHEME;
		return err_set(info, ERR_UNAUTHENTICATED,
			       "the Authorization header is not a bearer "
			       "token");
	}
	err = token_verify(key, strlen(key), text, now_s, &read, info);
	if (err) {
		*reason = err == ERR_SIGNATURE ? AUTH_SIGNATURE
			  : err == ERR_EXPIRED ? AUTH_EXPIRED
					       : AUTH_MALFORMED;
		return err;
	}
	*token = read;
	if (read.role < scope) {
		*reason = AUTH_SCOPE;
		return err_set(info, ERR_FORBIDDEN,
			       "the role \"%s\" may not do this, it needs "
			       "\"%s\"",
			       role_text(read.role), role_text(scope));
	}
	return ERR_OK;
}

const char *
auth_challenge(enum err code, const char *authorization)
{
	if (code == ERR_FORBIDDEN)
		return "Bearer realm=\"osapi\", error=\"insufficient_scope\"";
	if (!authorization || !*authorization)
		return "Bearer realm=\"osapi\"";
	return "Bearer realm=\"osapi\", error=\"invalid_token\"";
}
