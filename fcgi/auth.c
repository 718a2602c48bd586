/*
 * fcgi/auth.c: who asks, and may they.
 */
#include "fcgi/auth.h"

#include <string.h>
#include <strings.h>

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
	   int64_t now_s, struct token *token, struct err_info *info)
{
	struct token read = {0};
	const char *text;
	enum err err;

	if (scope == ROLE_NONE)
		return ERR_OK;
	if (!authorization || !*authorization)
		return err_set(info, ERR_UNAUTHENTICATED,
			       "a bearer token is needed");
	text = bearer(authorization);
	if (!text)
		return err_set(info, ERR_UNAUTHENTICATED,
			       "the Authorization header is not a bearer "
			       "token");
	err = token_verify(key, strlen(key), text, now_s, &read, info);
	if (err)
		return err;
	*token = read;
	if (read.role < scope)
		return err_set(info, ERR_FORBIDDEN,
			       "the role \"%s\" may not do this, it needs "
			       "\"%s\"",
			       role_text(read.role), role_text(scope));
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
