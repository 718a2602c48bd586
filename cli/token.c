/* cli/token.c: `token generate` and `token validate`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/local.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/token.h"

#define EXPIRES_DEFAULT "90d"
#define EXPIRES_MAX_MS  (INT64_C(3650) * 86400000)

static enum err
lifetime(const char *text, int64_t *seconds, struct err_info *info)
{
	int64_t ms;

	if (clock_parse_duration(text ? text : EXPIRES_DEFAULT, &ms) != ERR_OK)
		return err_set(info, ERR_INVALID,
			       "--expires %s: expected a duration such as 24h "
			       "or 90d",
			       text);
	if (ms < 1000 || ms > EXPIRES_MAX_MS)
		return err_set(info, ERR_INVALID,
			       "--expires %s: expected 1s to 3650d", text);
	*seconds = ms / 1000;
	return ERR_OK;
}

int
token_generate(const struct cli *cli, const struct arguments *arguments)
{
	const char *role_word = arguments_value(arguments, "role");
	const char *subject = arguments_value(arguments, "subject");
	const char *expires = arguments_value(arguments, "expires");
	struct config *config = NULL;
	struct err_info info = {""};
	char *text = NULL;
	int64_t seconds = 0;
	int64_t now;
	enum role role;
	enum err code;

	if (!role_word || !subject)
		return command_fail(ERR_INVALID,
				    "usage: osapi token generate --role ROLE "
				    "--subject NAME [--expires 90d]");
	if (role_parse(role_word, &role) != ERR_OK)
		return command_fail(ERR_INVALID,
				    "--role %s: expected read, write or admin",
				    role_word);
	code = lifetime(expires, &seconds, &info);
	if (code == ERR_OK)
		code = config_load(cli->config_path, CONFIG_ISSUER, NULL,
				   &config, &info);
	if (code == ERR_OK) {
		const char *key = config->api.server.security.signing_key;

		now = clock_wall_ns() / CLOCK_NS_PER_S;
		code = token_issue(key, strlen(key), role, subject, now,
				   now + seconds, &text, &info);
	}
	config_free(config);
	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	puts(text);
	free(text);
	return 0;
}

/* The token of the command line or of standard input; the caller frees it. */
static char *
token_of(const struct arguments *arguments)
{
	char *text = NULL;
	size_t room = 0;

	if (arguments->word_count && strcmp(arguments->words[0], "-") != 0)
		return strdup(arguments->words[0]);
	if (isatty(STDIN_FILENO))
		fputs("token: ", stderr);
	if (getline(&text, &room, stdin) < 0) {
		free(text);
		return NULL;
	}
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

static void
show(const struct cli *cli, const struct token *token)
{
	char issued[CLOCK_RFC3339_SIZE] = "";
	char expires[CLOCK_RFC3339_SIZE];
	json_auto_t *object = NULL;
	char *text;

	clock_rfc3339(token->expires_s * CLOCK_NS_PER_S, expires);
	if (token->issued_s)
		clock_rfc3339(token->issued_s * CLOCK_NS_PER_S, issued);
	if (!cli->json) {
		printf("valid: role %s, subject %s, expires %s\n",
		       role_text(token->role), token->subject, expires);
		return;
	}
	object = json_pack("{s:b, s:s, s:s, s:s, s:s}", "valid", 1, "role",
			   role_text(token->role), "subject", token->subject,
			   "issued", issued, "expires", expires);
	text = json_text(object, NULL);
	puts(text ? text : "");
	free(text);
}

int
token_validate(const struct cli *cli, const struct arguments *arguments)
{
	struct config *config = NULL;
	struct err_info info = {""};
	struct token token = {.role = ROLE_NONE};
	const char *key;
	char *text;
	enum err code;

	code =
	    config_load(cli->config_path, CONFIG_ISSUER, NULL, &config, &info);
	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	text = token_of(arguments);
	key = config->api.server.security.signing_key;
	code =
	    text ? token_verify(key, strlen(key), text,
				clock_wall_ns() / CLOCK_NS_PER_S, &token, &info)
		 : err_set(&info, ERR_INVALID, "no token on standard input");
	if (code == ERR_OK)
		show(cli, &token);
	free(text);
	config_free(config);
	if (code == ERR_OK)
		return 0;
	/* without the next step of an expired login: this
	 * one was asked about */
	fprintf(stderr, "osapi: not valid: %s\n", info.text);
	return err_exit(code);
}
