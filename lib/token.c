/*
 * lib/token.c: access tokens.
 *
 * libjwt makes tokens and verifies signatures (its comparison takes the same
 * time wherever the difference is).  It is shown a token only after its
 * size, form and header were checked here, and its own reading of claims is not
 * used: it takes the last of duplicates, and 0 for an exp of the wrong type.
 * Nothing of a token is repeated in a message.
 */
#include "lib/token.h"

#include <jwt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base64url.h"
#include "lib/document.h"
#include "lib/json.h"

#define ISSUER     "osapi"
#define ALGORITHM  "HS256"
#define TIME_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

enum part { HEADER, PAYLOAD, MAC, PARTS };

struct span { /* of the token's text */
	const char *text;
	size_t size;
};

static const char *const role_texts[] = {[ROLE_NONE] = "none",
					 [ROLE_READ] = "read",
					 [ROLE_WRITE] = "write",
					 [ROLE_ADMIN] = "admin"};

const char *
role_text(enum role role)
{
	return role_texts[role];
}

enum err
role_parse(const char *text, enum role *role)
{
	for (unsigned i = ROLE_READ; i <= ROLE_ADMIN; i++) {
		if (strcmp(role_texts[i], text) == 0) {
			*role = (enum role)i;
			return ERR_OK;
		}
	}
	return ERR_INVALID;
}

static enum err
refuse(struct err_info *info, const char *why)
{
	return err_set(info, ERR_UNAUTHENTICATED, "token: %s", why);
}

static bool
key_usable(const void *key, size_t size)
{
	return key && size >= TOKEN_KEY_MIN && size <= INT_MAX;
}

static bool
subject_ok(const char *subject)
{
	size_t size = strnlen(subject, TOKEN_SUBJECT_MAX + 1);

	return size > 0 && size <= TOKEN_SUBJECT_MAX &&
	       document_is_printable(subject);
}

/* ---- issue ---- */

static int
add_claims(jwt_t *jwt, enum role role, const char *subject, int64_t now_s,
	   int64_t expires_s)
{
	return jwt_add_grant(jwt, "iss", ISSUER) ||
	       jwt_add_grant(jwt, "sub", subject) ||
	       jwt_add_grant(jwt, "role", role_text(role)) ||
	       jwt_add_grant_int(jwt, "iat", now_s) ||
	       jwt_add_grant_int(jwt, "exp", expires_s);
}

enum err
token_issue(const void *key, size_t key_size, enum role role,
	    const char *subject, int64_t now_s, int64_t expires_s, char **text,
	    struct err_info *info)
{
	jwt_t *jwt = NULL;
	char *made = NULL;

	if (!key_usable(key, key_size))
		return err_set(info, ERR_INVALID,
			       "signing key: %zu octets, wanted %d or more",
			       key_size, TOKEN_KEY_MIN);
	if (role == ROLE_NONE || role > ROLE_ADMIN)
		return err_set(info, ERR_INVALID,
			       "role: wanted read, write or admin");
	if (!subject_ok(subject))
		return err_set(
		    info, ERR_INVALID,
		    "subject: wanted 1 to %d octets of UTF-8 without "
		    "control characters",
		    TOKEN_SUBJECT_MAX);
	if (expires_s <= now_s || expires_s > TIME_MAX_S)
		return err_set(info, ERR_INVALID,
			       "expiry: not in the future, or past 9999");
	if (jwt_new(&jwt) == 0 &&
	    jwt_set_alg(jwt, JWT_ALG_HS256, key, (int)key_size) == 0 &&
	    add_claims(jwt, role, subject, now_s, expires_s) == 0)
		made = jwt_encode_str(jwt);
	jwt_free(jwt);
	/* libjwt refuses a subject that is not UTF-8 in the same way */
	if (!made)
		return err_set(info, ERR_INVALID, "subject: not UTF-8");
	*text = made;
	return ERR_OK;
}

/* ---- verify: form ---- */

/* Three non-empty parts; their characters are checked by who decodes them. */
static bool
split(const char *text, struct span parts[static PARTS])
{
	size_t i;

	for (i = 0; i < PARTS; i++) {
		parts[i].text = text;
		parts[i].size = strcspn(text, ".");
		if (parts[i].size == 0)
			return false;
		text += parts[i].size;
		if (*text == '.' && i + 1 < PARTS)
			text++;
		else if (i + 1 < PARTS)
			return false;
	}
	return *text == '\0';
}

/* A part that holds a JSON object; the caller owns *object. */
static enum err
open_part(const struct span *part, json_t **object, struct err_info *info)
{
	unsigned char octets[BASE64URL_OCTETS(TOKEN_MAX)];
	json_t *value = NULL;
	size_t size;
	enum err err;

	if (!base64url_decode(part->text, part->size, octets, &size))
		return refuse(info, "a part is not base64url");
	err = json_parse((const char *)octets, size, &value, NULL);
	if (err == ERR_NO_MEMORY)
		return err_set(info, err, "out of memory");
	if (err != ERR_OK)
		return refuse(info, "a part is not JSON, or has a name twice");
	if (!json_is_object(value)) {
		json_decref(value);
		return refuse(info, "a part is not a JSON object");
	}
	*object = value;
	return ERR_OK;
}

static enum err
check_header(const struct span *part, struct err_info *info)
{
	json_auto_t *header = NULL;
	const char *algorithm;
	const json_t *type;
	enum err err = open_part(part, &header, info);

	if (err != ERR_OK)
		return err;
	algorithm = json_member_string(header, "alg");
	if (!algorithm || strcmp(algorithm, ALGORITHM) != 0)
		return refuse(info, "alg is not " ALGORITHM);
	if (json_object_get(header, "crit") || json_object_get(header, "b64"))
		return refuse(info, "crit is not supported");
	type = json_object_get(header, "typ");
	if (type && (!json_is_string(type) ||
		     strcasecmp(json_string_value(type), "JWT") != 0))
		return refuse(info, "typ is not JWT");
	return ERR_OK;
}

static enum err
check_mac(const void *key, size_t key_size, const char *text,
	  const struct span *mac, struct err_info *info)
{
	unsigned char octets[BASE64URL_OCTETS(TOKEN_MAX)];
	jwt_t *jwt = NULL;
	bool same;
	size_t size;

	if (!base64url_decode(mac->text, mac->size, octets, &size))
		return refuse(info, "a part is not base64url");
	same = jwt_decode(&jwt, text, key, (int)key_size) == 0 &&
	       jwt_get_alg(jwt) == JWT_ALG_HS256;
	jwt_free(jwt);
	return same ? ERR_OK
		    : err_set(info, ERR_SIGNATURE,
			      "token: signature does not match");
}

/* ---- verify: claims ---- */

/* An integer from 1 to the end of 9999; `required` or left as it is. */
static enum err
read_time(const json_t *claims, const char *name, bool required, int64_t *out,
	  struct err_info *info)
{
	const json_t *claim = json_object_get(claims, name);

	if (!claim && !required)
		return ERR_OK;
	if (!json_is_integer(claim) || json_integer_value(claim) <= 0 ||
	    json_integer_value(claim) > TIME_MAX_S)
		return err_set(
		    info, ERR_UNAUTHENTICATED, "token: %s is %s", name,
		    claim ? "not a time in whole seconds" : "missing");
	*out = json_integer_value(claim);
	return ERR_OK;
}

static enum err
check_times(const json_t *claims, int64_t now_s, struct token *token,
	    struct err_info *info)
{
	int64_t begins_s = 0;
	enum err err;

	err = read_time(claims, "exp", true, &token->expires_s, info);
	if (err == ERR_OK)
		err = read_time(claims, "iat", false, &token->issued_s, info);
	if (err == ERR_OK)
		err = read_time(claims, "nbf", false, &begins_s, info);
	if (err != ERR_OK)
		return err;
	if (now_s - TOKEN_LEEWAY_S >= token->expires_s)
		return err_set(info, ERR_EXPIRED, "token: has expired");
	if (now_s + TOKEN_LEEWAY_S < begins_s)
		return refuse(info, "is not valid yet");
	return ERR_OK;
}

static enum err
raise(const json_t *claim, enum role *highest, struct err_info *info)
{
	enum role role = ROLE_NONE;

	if (!json_is_string(claim))
		return refuse(info, "a role is not a string");
	/* A word that is unknown here gives nothing. */
	if (role_parse(json_string_value(claim), &role) == ERR_OK &&
	    role > *highest)
		*highest = role;
	return ERR_OK;
}

static enum err
read_roles(const json_t *claims, enum role *role, struct err_info *info)
{
	const json_t *one = json_object_get(claims, "role");
	const json_t *many = json_object_get(claims, "roles");
	enum role highest = ROLE_NONE;
	enum err err = ERR_OK;

	if (one)
		err = raise(one, &highest, info);
	if (many && !json_is_array(many))
		return refuse(info, "roles is not an array");
	for (size_t i = 0; err == ERR_OK && i < json_array_size(many); i++)
		err = raise(json_array_get(many, i), &highest, info);
	if (err != ERR_OK)
		return err;
	if (highest == ROLE_NONE)
		return refuse(info, "no role of read, write, admin");
	*role = highest;
	return ERR_OK;
}

/* `aud` (RFC 7519 section 4.1.3): whoever is not named must refuse. */
static bool
audience_ok(const json_t *audience)
{
	const char *one = json_string_value(audience);

	if (!audience || (one && strcmp(one, ISSUER) == 0))
		return true;
	for (size_t i = 0; i < json_array_size(audience); i++) {
		one = json_string_value(json_array_get(audience, i));
		if (one && strcmp(one, ISSUER) == 0)
			return true;
	}
	return false;
}

static enum err
read_claims(const json_t *claims, int64_t now_s, struct token *token,
	    struct err_info *info)
{
	const char *subject = json_member_string(claims, "sub");
	const json_t *issuer = json_object_get(claims, "iss");
	enum err err;

	if (issuer && (!json_is_string(issuer) ||
		       strcmp(json_string_value(issuer), ISSUER) != 0))
		return refuse(info, "iss is not " ISSUER);
	if (!audience_ok(json_object_get(claims, "aud")))
		return refuse(info, "aud does not name " ISSUER);
	if (!subject || !subject_ok(subject))
		return refuse(info, "sub is missing, too long, or not a text "
				    "without control characters");
	memcpy(token->subject, subject, strlen(subject) + 1);
	err = check_times(claims, now_s, token, info);
	if (err == ERR_OK)
		err = read_roles(claims, &token->role, info);
	return err;
}

enum err
token_verify(const void *key, size_t key_size, const char *text, int64_t now_s,
	     struct token *token, struct err_info *info)
{
	struct token read = {.role = ROLE_NONE};
	json_auto_t *claims = NULL;
	struct span parts[PARTS];
	enum err err;

	if (!key_usable(key, key_size))
		return err_set(info, ERR_INTERNAL,
			       "this server has no usable signing key");
	if (!text || strnlen(text, TOKEN_MAX + 1) > TOKEN_MAX)
		return refuse(info, "is too long");
	if (!split(text, parts))
		return refuse(info, "not three parts with a dot between them");
	err = check_header(&parts[HEADER], info);
	/* Before libjwt, whose parser would follow any depth of nesting. */
	if (err == ERR_OK)
		err = open_part(&parts[PAYLOAD], &claims, info);
	if (err == ERR_OK)
		err = check_mac(key, key_size, text, &parts[MAC], info);
	if (err == ERR_OK)
		err = read_claims(claims, now_s, &read, info);
	if (err == ERR_OK)
		*token = read;
	return err;
}
