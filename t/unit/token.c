/* t/unit/token.c: tokens that are good, and every way to forge one. */
#include "t/unit/unit.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base64url.h"
#include "lib/token.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW      INT64_C(1800000000)
#define HS256    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS   "\"iss\":\"osapi\",\"sub\":\"alice\",\"iat\":1799999000"
#define READ     "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000060}"

static const char key[] = "0123456789abcdef0123456789abcdef";
static const char other_key[] = "another key of at least 32 octets";

/* "{header}.{payload}.{mac}" with a right MAC over whatever it says. */
static char *
forge_with(const char *header, const char *payload, const void *secret,
	   size_t secret_size, const EVP_MD *digest)
{
	size_t room = BASE64URL_TEXT_SIZE(strlen(header)) +
		      BASE64URL_TEXT_SIZE(strlen(payload)) +
		      BASE64URL_TEXT_SIZE(EVP_MAX_MD_SIZE) + 2;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_size = 0;
	char *text = calloc(1, room);
	size_t n;

	if (!text)
		abort();
	n = base64url_encode(header, strlen(header), text);
	text[n++] = '.';
	n += base64url_encode(payload, strlen(payload), text + n);
	HMAC(digest, secret, (int)secret_size, (unsigned char *)text, n, mac,
	     &mac_size);
	text[n++] = '.';
	base64url_encode(mac, mac_size, text + n);
	return text;
}

static char *
forge(const char *header, const char *payload)
{
	return forge_with(header, payload, key, strlen(key), EVP_sha256());
}

static enum err
verify(const char *text, struct token *token, struct err_info *info)
{
	return token_verify(key, strlen(key), text, NOW, token, info);
}

static void
refused(const char *why, const char *text, enum err wanted, const char *says)
{
	struct token token = {.subject = "untouched"};
	struct err_info info = {""};

	IS_INT(why, verify(text, &token, &info), wanted);
	HAS_TEXT(why, info.text, says);
	IS_TEXT("untouched", token.subject, "untouched");
	OK("nothing of the token in the message",
	   !strstr(info.text, "alice") && !strstr(info.text, "eyJ"));
}

static void
issues_what_it_verifies(void)
{
	for (unsigned i = ROLE_READ; i <= ROLE_ADMIN; i++) {
		struct token token = {.role = ROLE_NONE};
		struct err_info info = {""};
		char *text = NULL;

		IS_INT("issued",
		       token_issue(key, strlen(key), (enum role)i, "al\xc3\xa9",
				   NOW, NOW + 60, &text, &info),
		       ERR_OK);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		IS_INT("verified", verify(text, &token, &info), ERR_OK);
		IS_INT("role", token.role, i);
		IS_TEXT("subject", token.subject, "al\xc3\xa9");
		IS_INT("iat", token.issued_s, NOW);
		IS_INT("exp", token.expires_s, NOW + 60);
		free(text);
	}
}

static void
takes_a_token_made_elsewhere(void)
{
	struct token token = {.role = ROLE_NONE};
	struct err_info info = {""};
	char *text = forge(HS256, READ);

	IS_INT("verified", verify(text, &token, &info), ERR_OK);
	IS_TEXT("no complaint", info.text, "");
	IS_INT("role", token.role, ROLE_READ);
	free(text);
}

static void
issues_nothing_that_it_would_refuse(void)
{
	static const char long_subject[TOKEN_SUBJECT_MAX + 2] = {
	    [0 ... TOKEN_SUBJECT_MAX] = 'a'};
	static const struct {
		const char *why;
		size_t key_size;
		enum role role;
		const char *subject;
		int64_t expires_s;
		const char *says;
	} rows[] = {
	    {"key of 31", 31, ROLE_READ, "a", NOW + 1, "31 octets"},
	    {"empty key", 0, ROLE_READ, "a", NOW + 1, "0 octets"},
	    {"no role", 32, ROLE_NONE, "a", NOW + 1, "role"},
	    {"a role that is none", 32, (enum role)9, "a", NOW + 1, "role"},
	    {"no subject", 32, ROLE_READ, "", NOW + 1, "subject"},
	    {"long subject", 32, ROLE_READ, long_subject, NOW + 1, "subject"},
	    {"line end", 32, ROLE_READ, "a\nb", NOW + 1, "subject"},
	    {"not UTF-8", 32, ROLE_READ, "a\xff", NOW + 1, "UTF-8"},
	    {"expired at once", 32, ROLE_READ, "a", NOW, "expiry"},
	    {"year 10000", 32, ROLE_READ, "a", INT64_MAX, "expiry"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err_info info = {""};
		char *text = NULL;

		IS_INT(rows[i].why,
		       token_issue(key, rows[i].key_size, rows[i].role,
				   rows[i].subject, NOW, rows[i].expires_s,
				   &text, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].says);
		OK("nothing made", text == NULL);
	}
}

static void
refuses_forged_headers(void)
{
	static const struct {
		const char *why;
		const char *header;
		const char *says;
	} rows[] = {
	    {"none", "{\"alg\":\"none\"}", "alg"},
	    {"None", "{\"alg\":\"None\"}", "alg"},
	    {"lower case", "{\"alg\":\"hs256\"}", "alg"},
	    {"blank behind", "{\"alg\":\"HS256 \"}", "alg"},
	    {"HS384", "{\"alg\":\"HS384\"}", "alg"},
	    {"HS512", "{\"alg\":\"HS512\"}", "alg"},
	    {"RS256 with our key as the public one", "{\"alg\":\"RS256\"}",
	     "alg"},
	    {"ES256", "{\"alg\":\"ES256\"}", "alg"},
	    {"EdDSA", "{\"alg\":\"EdDSA\"}", "alg"},
	    {"no alg", "{\"typ\":\"JWT\"}", "alg"},
	    {"alg null", "{\"alg\":null}", "alg"},
	    {"alg a list", "{\"alg\":[\"HS256\"]}", "alg"},
	    {"alg twice", "{\"alg\":\"none\",\"alg\":\"HS256\"}", "twice"},
	    {"alg twice, the other way", "{\"alg\":\"HS256\",\"alg\":\"none\"}",
	     "twice"},
	    {"crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "crit"},
	    {"empty crit", "{\"alg\":\"HS256\",\"crit\":[]}", "crit"},
	    {"b64", "{\"alg\":\"HS256\",\"b64\":false}", "crit"},
	    {"a signed job", "{\"alg\":\"HS256\",\"typ\":\"osapi-job\"}",
	     "typ"},
	    {"typ a number", "{\"alg\":\"HS256\",\"typ\":1}", "typ"},
	    {"a list", "[\"HS256\"]", "not a JSON object"},
	    {"a string", "\"HS256\"", "not a JSON object"},
	    {"no JSON", "alg=HS256", "not JSON"},
	    {"text behind", HS256 "x", "not JSON"},
	    {"not UTF-8", "{\"alg\":\"HS256\",\"x\":\"\xff\"}", "not JSON"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = forge(rows[i].header, READ);

		refused(rows[i].why, text, ERR_UNAUTHENTICATED, rows[i].says);
		free(text);
	}
}

static void
refuses_other_macs(void)
{
	static const struct {
		const char *why;
		const char *header;
		const char *secret;
		const EVP_MD *(*digest)(void);
	} rows[] = {
	    {"wrong key", HS256, other_key, EVP_sha256},
	    {"empty key", HS256, "", EVP_sha256},
	    {"key cut", HS256, "0123456789abcdef0123456789abcde", EVP_sha256},
	    {"SHA-512 under HS256", HS256, key, EVP_sha512},
	    {"HS512 done right", "{\"alg\":\"HS512\"}", key, EVP_sha512},
	    {"HS384 done right", "{\"alg\":\"HS384\"}", key, EVP_sha384},
	    {"jwk in the header",
	     "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"YQ\"}}", "a",
	     EVP_sha256},
	    {"kid that names a file of zeros",
	     "{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}", "", EVP_sha256},
	    {"kid with SQL",
	     "{\"alg\":\"HS256\",\"kid\":\"' UNION SELECT 'a\"}", "a",
	     EVP_sha256},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text =
		    forge_with(rows[i].header, READ, rows[i].secret,
			       strlen(rows[i].secret), rows[i].digest());

		/* Another algorithm is not even looked at. */
		refused(rows[i].why, text,
			strstr(rows[i].header, "HS256") ? ERR_SIGNATURE
							: ERR_UNAUTHENTICATED,
			"token: ");
		free(text);
	}
}

static void
passes_over_a_kid(void)
{
	char *text =
	    forge("{\"alg\":\"HS256\",\"kid\":\"../../etc/passwd\"}", READ);
	struct token token;

	IS_INT("with our MAC", verify(text, &token, NULL), ERR_OK);
	free(text);
}

/* Writes `form` with the parts of `good` for the letters h, p and m. */
static char *
put_parts(const char *form, const char *good)
{
	const char *payload = strchr(good, '.') + 1;
	const char *mac = strchr(payload, '.') + 1;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (; out && *form; form++) {
		if (*form == 'h')
			fwrite(good, 1, (size_t)(payload - good) - 1, out);
		else if (*form == 'p')
			fwrite(payload, 1, (size_t)(mac - payload) - 1, out);
		else if (*form == 'm')
			fputs(mac, out);
		else
			fputc(*form, out);
	}
	if (!out || fclose(out) != 0)
		abort();
	return text;
}

static void
refuses_other_forms(void)
{
	static const struct {
		const char *why;
		const char *form;
	} rows[] = {
	    {"empty", ""},
	    {"two dots", ".."},
	    {"one dot", "h.p"},
	    {"no dot", "h"},
	    {"three dots", "h.p.m."},
	    {"four parts", "h.p.m.m"},
	    {"no header", ".p.m"},
	    {"no payload", "h..m"},
	    {"no signature", "h.p."},
	    {"dot first", ".h.p.m"},
	    {"blank behind", "h.p.m "},
	    {"blank before", " h.p.m"},
	    {"line end behind", "h.p.m\n"},
	    {"padding", "h.p.m="},
	    {"padded payload", "h.p=.m"},
	    {"plain base64", "h.p+.m"},
	    {"slash", "h.p.m/"},
	    {"not ASCII", "h.p.\xc3\xbc"},
	    {"parts in other order", "p.h.m"},
	    {"header for payload", "h.h.m"},
	    {"more in the payload", "h.pp.m"},
	    {"more in the MAC", "h.p.mA"},
	    {"control character", "h.p\x01.m"},
	    {"encrypted, five parts", "h.p.m.m.m"},
	};
	char *good = forge(HS256, READ);

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = put_parts(rows[i].form, good);
		/* Well formed, so only the MAC says that they are bad. */
		bool whole = !strcmp(rows[i].form, "h.h.m") ||
			     !strcmp(rows[i].form, "h.p.mA");

		refused(rows[i].why, text,
			whole ? ERR_SIGNATURE : ERR_UNAUTHENTICATED, "token: ");
		free(text);
	}
	free(good);
}

static void
refuses_each_changed_character_of_the_signature(void)
{
	char *text = forge(HS256, READ);
	char *mac = strrchr(text, '.') + 1;
	struct token token;
	int taken = 0;

	for (char *at = mac; *at; at++) {
		char before = *at;

		*at = before == 'A' ? 'B' : 'A';
		taken += verify(text, &token, NULL) == ERR_OK;
		*at = before;
	}
	IS_INT("taken", taken, 0);
	for (size_t cut = strlen(mac); cut > 0; cut--) {
		mac[cut - 1] = '\0';
		taken += verify(text, &token, NULL) == ERR_OK;
	}
	IS_INT("taken with its end cut off", taken, 0);
	free(text);
}

static void
refuses_what_is_too_large(void)
{
	char *huge = malloc(400001);
	char *text;
	char payload[3000];

	CU_ASSERT_PTR_NOT_NULL_FATAL(huge);
	memset(huge, 'A', 400000);
	huge[400000] = '\0';
	refused("400,000 characters", huge, ERR_UNAUTHENTICATED, "too long");
	huge[100] = huge[200] = '.';
	refused("in three parts", huge, ERR_UNAUTHENTICATED, "too long");
	huge[TOKEN_MAX + 1] = '\0';
	refused("one over", huge, ERR_UNAUTHENTICATED, "too long");
	huge[TOKEN_MAX] = '\0';
	refused("as long as is looked at", huge, ERR_UNAUTHENTICATED,
		"a part is not");
	free(huge);
	memset(payload, '[', sizeof(payload) - 1);
	payload[sizeof(payload) - 1] = '\0';
	text = forge(HS256, payload);
	refused("nothing but brackets", text, ERR_UNAUTHENTICATED, "not JSON");
	free(text);
}

static const struct claims {
	const char *why;
	const char *payload;
	enum err err;
	const char *says;
} claims[] = {
    {"a list", "[]", ERR_UNAUTHENTICATED, "not a JSON object"},
    {"null", "null", ERR_UNAUTHENTICATED, "not a JSON object"},
    {"empty", "{}", ERR_UNAUTHENTICATED, "sub is missing"},
    {"role twice",
     "{" CLAIMS ",\"exp\":1800000060,\"role\":\"read\",\"role\":\"admin\"}",
     ERR_UNAUTHENTICATED, "twice"},
    {"exp twice", "{" CLAIMS ",\"role\":\"read\",\"exp\":1,\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "twice"},
    {"role twice, once escaped",
     "{" CLAIMS ",\"exp\":1800000060,\"role\":\"read\",\"r\\u006fle\":1}",
     ERR_UNAUTHENTICATED, "twice"},
    {"33 levels",
     "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
     "]}",
     ERR_UNAUTHENTICATED, "not JSON"},
    {"no exp", "{" CLAIMS ",\"role\":\"read\"}", ERR_UNAUTHENTICATED,
     "exp is missing"},
    {"exp null", "{" CLAIMS ",\"role\":\"read\",\"exp\":null}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp a string", "{" CLAIMS ",\"role\":\"read\",\"exp\":\"1800000060\"}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp a float", "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000060.5}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp in exponents", "{" CLAIMS ",\"role\":\"read\",\"exp\":1e300}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp true", "{" CLAIMS ",\"role\":\"read\",\"exp\":true}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp zero", "{" CLAIMS ",\"role\":\"read\",\"exp\":0}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp negative", "{" CLAIMS ",\"role\":\"read\",\"exp\":-1}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp the largest",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":9223372036854775807}",
     ERR_UNAUTHENTICATED, "exp is not"},
    {"exp beyond",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":99999999999999999999}",
     ERR_UNAUTHENTICATED, "not JSON"},
    {"expired long ago", "{" CLAIMS ",\"role\":\"read\",\"exp\":1}",
     ERR_EXPIRED, "expired"},
    {"expired as the leeway ends",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1799999970}", ERR_EXPIRED,
     "expired"},
    {"expired within the leeway",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1799999971}", ERR_OK, ""},
    {"nbf beyond the leeway",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000090,\"nbf\":1800000031}",
     ERR_UNAUTHENTICATED, "not valid yet"},
    {"nbf within the leeway",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000090,\"nbf\":1800000030}",
     ERR_OK, ""},
    {"nbf a string",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000090,\"nbf\":\"0\"}",
     ERR_UNAUTHENTICATED, "nbf is not"},
    {"iat a string",
     "{\"sub\":\"a\",\"role\":\"read\",\"exp\":1800000090,\"iat\":\"0\"}",
     ERR_UNAUTHENTICATED, "iat is not"},
    {"no iat, no iss", "{\"sub\":\"a\",\"role\":\"read\",\"exp\":1800000090}",
     ERR_OK, ""},
    {"another iss",
     "{\"iss\":\"other\",\"sub\":\"a\",\"role\":\"read\",\"exp\":1800000090}",
     ERR_UNAUTHENTICATED, "iss"},
    {"iss null",
     "{\"iss\":null,\"sub\":\"a\",\"role\":\"read\",\"exp\":1800000090}",
     ERR_UNAUTHENTICATED, "iss"},
    {"for another audience",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000060,\"aud\":\"x\"}",
     ERR_UNAUTHENTICATED, "aud"},
    {"for several, us among them",
     "{" CLAIMS ",\"role\":\"read\",\"exp\":1800000060,"
     "\"aud\":[\"x\",\"osapi\"]}",
     ERR_OK, ""},
    {"no sub", "{\"role\":\"read\",\"exp\":1800000060}", ERR_UNAUTHENTICATED,
     "sub"},
    {"sub empty", "{\"sub\":\"\",\"role\":\"read\",\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "sub"},
    {"sub a number", "{\"sub\":7,\"role\":\"read\",\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "sub"},
    {"sub with a line end",
     "{\"sub\":\"a\\nlevel=error\",\"role\":\"read\",\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "sub"},
    {"sub with an escape",
     "{\"sub\":\"\\u001b[2J\",\"role\":\"read\",\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "sub"},
    {"sub with a C1 control",
     "{\"sub\":\"a\\u009b2J\",\"role\":\"read\",\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "sub"},
    {"sub with NUL",
     "{\"sub\":\"a\\u0000b\",\"role\":\"read\",\"exp\":1800000060}",
     ERR_UNAUTHENTICATED, "not JSON"},
    {"sub in Unicode",
     "{\"sub\":\"\xe5\xb1\xb1\xe7\x94\xb0\",\"role\":\"read\","
     "\"exp\":1800000060}",
     ERR_OK, ""},
    {"no role", "{" CLAIMS ",\"exp\":1800000060}", ERR_UNAUTHENTICATED, "role"},
    {"unknown role", "{" CLAIMS ",\"exp\":1800000060,\"role\":\"root\"}",
     ERR_UNAUTHENTICATED, "role"},
    {"role none", "{" CLAIMS ",\"exp\":1800000060,\"role\":\"none\"}",
     ERR_UNAUTHENTICATED, "role"},
    {"role in capitals", "{" CLAIMS ",\"exp\":1800000060,\"role\":\"ADMIN\"}",
     ERR_UNAUTHENTICATED, "role"},
    {"role a list", "{" CLAIMS ",\"exp\":1800000060,\"role\":[\"admin\"]}",
     ERR_UNAUTHENTICATED, "role is not a string"},
    {"role a number", "{" CLAIMS ",\"exp\":1800000060,\"role\":3}",
     ERR_UNAUTHENTICATED, "role is not a string"},
    {"roles a string", "{" CLAIMS ",\"exp\":1800000060,\"roles\":\"admin\"}",
     ERR_UNAUTHENTICATED, "roles is not an array"},
    {"roles holds a number",
     "{" CLAIMS ",\"exp\":1800000060,\"roles\":[\"admin\",1]}",
     ERR_UNAUTHENTICATED, "role is not a string"},
    {"roles empty", "{" CLAIMS ",\"exp\":1800000060,\"roles\":[]}",
     ERR_UNAUTHENTICATED, "role"},
    {"roles with unknown words alone",
     "{" CLAIMS ",\"exp\":1800000060,\"roles\":[\"root\",\"\"]}",
     ERR_UNAUTHENTICATED, "role"},
};

static void
judges_claims(void)
{
	for (size_t i = 0; i < COUNT(claims); i++) {
		char *text = forge(HS256, claims[i].payload);
		struct token token = {.role = ROLE_NONE};

		if (claims[i].err == ERR_OK)
			IS_INT(claims[i].why, verify(text, &token, NULL),
			       ERR_OK);
		else
			refused(claims[i].why, text, claims[i].err,
				claims[i].says);
		free(text);
	}
}

static void
takes_the_highest_role(void)
{
	static const struct {
		const char *roles;
		enum role role;
	} rows[] = {
	    {"\"roles\":[\"read\",\"admin\",\"write\"]", ROLE_ADMIN},
	    {"\"roles\":[\"root\",\"read\"]", ROLE_READ},
	    {"\"role\":\"read\",\"roles\":[\"write\"]", ROLE_WRITE},
	    {"\"role\":\"admin\",\"roles\":[\"read\"]", ROLE_ADMIN},
	    {"\"role\":\"root\",\"roles\":[\"read\"]", ROLE_READ},
	    {"\"role\":\"write\",\"roles\":[]", ROLE_WRITE},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct token token = {.role = ROLE_NONE};
		char payload[256];
		char *text;

		snprintf(payload, sizeof(payload),
			 "{" CLAIMS ",\"exp\":1800000060,%s}", rows[i].roles);
		text = forge(HS256, payload);
		IS_INT(rows[i].roles, verify(text, &token, NULL), ERR_OK);
		IS_INT(rows[i].roles, token.role, rows[i].role);
		free(text);
	}
}

static void
verifies_nothing_without_a_key(void)
{
	char *text =
	    forge_with("{\"alg\":\"none\"}", READ, "", 0, EVP_sha256());
	struct token token;

	IS_INT("empty key", token_verify("", 0, text, NOW, &token, NULL),
	       ERR_INTERNAL);
	IS_INT("short key", token_verify(key, 31, text, NOW, &token, NULL),
	       ERR_INTERNAL);
	IS_INT("no token", token_verify(key, 32, NULL, NOW, &token, NULL),
	       ERR_UNAUTHENTICATED);
	free(text);
}

static void *
verify_often(void *arg)
{
	size_t *failures = arg;

	for (int i = 0; i < 500; i++) {
		struct token token;
		char *text = NULL;

		if (token_issue(key, strlen(key), ROLE_WRITE, "alice", NOW,
				NOW + 60, &text, NULL) != ERR_OK ||
		    verify(text, &token, NULL) != ERR_OK ||
		    token.role != ROLE_WRITE)
			(*failures)++;
		free(text);
	}
	return NULL;
}

/* The MAC is compared by libjwt. One that does so with strcmp
 * (CVE-2024-25189) tells by its time how much of a MAC was right. */
static void
compares_in_constant_time(void)
{
	OK("libjwt has its own comparison",
	   dlsym(RTLD_DEFAULT, "jwt_strcmp") != NULL);
}

static void
works_from_several_threads(void)
{
	size_t failures[4] = {0};
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, verify_often, &failures[i]);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		IS_INT("failures", failures[i], 0);
	}
}

static void
knows_the_roles(void)
{
	enum role role = ROLE_NONE;

	for (unsigned i = ROLE_READ; i <= ROLE_ADMIN; i++) {
		IS_INT("there and back",
		       role_parse(role_text((enum role)i), &role), ERR_OK);
		IS_INT("the same", role, i);
	}
	IS_INT("none is not asked for", role_parse("none", &role), ERR_INVALID);
	IS_INT("empty", role_parse("", &role), ERR_INVALID);
}

const struct unit_case unit_cases[] = {
    {"issues what it verifies", issues_what_it_verifies},
    {"takes a token made elsewhere", takes_a_token_made_elsewhere},
    {"issues nothing that it would refuse",
     issues_nothing_that_it_would_refuse},
    {"refuses forged headers", refuses_forged_headers},
    {"refuses other MACs", refuses_other_macs},
    {"passes over a kid", passes_over_a_kid},
    {"refuses other forms", refuses_other_forms},
    {"refuses each changed character of the signature",
     refuses_each_changed_character_of_the_signature},
    {"refuses what is too large", refuses_what_is_too_large},
    {"judges claims", judges_claims},
    {"takes the highest role", takes_the_highest_role},
    {"verifies nothing without a key", verifies_nothing_without_a_key},
    {"compares in constant time", compares_in_constant_time},
    {"works from several threads", works_from_several_threads},
    {"knows the roles", knows_the_roles},
    {NULL, NULL},
};
const char unit_name[] = "token";
