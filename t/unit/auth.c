/* t/unit/auth.c: bearer tokens and scopes. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth.h"

#define NOW 1800000000
#define KEY "0123456789abcdef0123456789abcdef"

static char *
issue(enum role role)
{
	struct err_info info = {""};
	char *text = NULL;

	if (token_issue(KEY, strlen(KEY), role, "alice", NOW - 10, NOW + 600,
			&text, &info))
		CU_FAIL_FATAL("no token");
	return text;
}

static void
takes_the_scheme_in_any_case(void)
{
	static const struct {
		const char *before;
		int err;
		const char *why;
	} rows[] = {
	    {"Bearer ", ERR_OK, "as written in RFC 6750"},
	    {"bearer ", ERR_OK, "lower case"},
	    {"BEARER  ", ERR_OK, "upper case, two blanks"},
	    {"Basic ", ERR_UNAUTHENTICATED, "another scheme"},
	    {"Bearer", ERR_UNAUTHENTICATED, "no blank"},
	    {"", ERR_UNAUTHENTICATED, "no scheme"},
	};
	char *token = issue(ROLE_READ), header[1024];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_info info = {""};
		enum auth_reason reason = AUTH_REASONS;
		struct token read = {0};

		snprintf(header, sizeof(header), "%s%s", rows[i].before, token);
		IS_INT(rows[i].why,
		       auth_check(header, KEY, ROLE_READ, NOW, &read, &reason,
				  &info),
		       rows[i].err);
		IS_TEXT(rows[i].why, read.subject, rows[i].err ? "" : "alice");
	}
	free(token);
}

static void
compares_scopes(void)
{
	for (int have = ROLE_READ; have <= ROLE_ADMIN; have++) {
		char *token = issue((enum role)have), header[1024];

		snprintf(header, sizeof(header), "Bearer %s", token);
		for (int need = ROLE_NONE; need <= ROLE_ADMIN; need++) {
			struct err_info info = {""};
			enum auth_reason reason = AUTH_REASONS;
			struct token read = {0};

			IS_INT(role_text((enum role)need),
			       auth_check(header, KEY, (enum role)need, NOW,
					  &read, &reason, &info),
			       have >= need ? ERR_OK : ERR_FORBIDDEN);
		}
		free(token);
	}
}

/* What a failure is counted as. */
static void
names_what_is_wrong(void)
{
	char *good = issue(ROLE_READ), *other = NULL, header[6][1024];
	struct err_info info = {""};
	struct token read = {0};

	token_issue("another key of at least 32 octets", 33, ROLE_ADMIN,
		    "mallory", NOW, NOW + 60, &other, &info);
	if (!other)
		CU_FAIL_FATAL("no token");
	header[AUTH_MISSING][0] = '\0';
	snprintf(header[AUTH_SCHEME], 1024, "Basic %s", good);
	snprintf(header[AUTH_MALFORMED], 1024, "Bearer nonsense");
	snprintf(header[AUTH_SIGNATURE], 1024, "Bearer %s", other);
	snprintf(header[AUTH_EXPIRED], 1024, "Bearer %s", good);
	snprintf(header[AUTH_SCOPE], 1024, "Bearer %s", good);
	for (int i = 0; i < AUTH_REASONS; i++) {
		enum auth_reason reason = AUTH_REASONS;
		int64_t now_s = i == AUTH_EXPIRED ? NOW + 86400 : NOW;
		enum err err = auth_check(header[i], KEY, ROLE_WRITE, now_s,
					  &read, &reason, &info);

		OK(auth_reason_text((enum auth_reason)i), err != ERR_OK);
		IS_INT(auth_reason_text((enum auth_reason)i), reason, i);
	}
	free(good);
	free(other);
}

static void
challenges(void)
{
	struct err_info info = {""};
	enum auth_reason reason;
	struct token read = {0};

	IS_INT("no header",
	       auth_check(NULL, KEY, ROLE_READ, NOW, &read, &reason, &info),
	       ERR_UNAUTHENTICATED);
	IS_TEXT("no header: no error code",
		auth_challenge(ERR_UNAUTHENTICATED, NULL),
		"Bearer realm=\"osapi\"");
	HAS_TEXT("a bad token", auth_challenge(ERR_EXPIRED, "Bearer x"),
		 "invalid_token");
	HAS_TEXT("a low role", auth_challenge(ERR_FORBIDDEN, "Bearer x"),
		 "insufficient_scope");
	IS_INT("nothing needed",
	       auth_check(NULL, KEY, ROLE_NONE, NOW, &read, &reason, &info),
	       ERR_OK);
}

const struct unit_case unit_cases[] = {
    {"takes the scheme in any case", takes_the_scheme_in_any_case},
    {"compares the role with the scope", compares_scopes},
    {"names what is wrong", names_what_is_wrong},
    {"challenges as RFC 6750 says", challenges},
    {NULL, NULL},
};
const char unit_name[] = "auth";
