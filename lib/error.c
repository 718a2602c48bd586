/* lib/error.c: the table of error codes.  Static and read-only, no state. */
#include "lib/error.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *text;
	int http;
	int exit;
	bool retryable;
} errors[ERR_COUNT] = {
#define ERR_ROW(name, text, http, cli, retry) \
	[ERR_##name] = {#name, text, http, cli, retry},
    ERR_LIST(ERR_ROW)
#undef ERR_ROW
};

/* A code from elsewhere (a cast, a corrupted value) reads as INTERNAL. */
static enum err
known(enum err code)
{
	return (unsigned)code < ERR_COUNT ? code : ERR_INTERNAL;
}

const char *
err_name(enum err code)
{
	return errors[known(code)].name;
}

const char *
err_text(enum err code)
{
	return errors[known(code)].text;
}

int
err_http(enum err code)
{
	return errors[known(code)].http;
}

int
err_exit(enum err code)
{
	return errors[known(code)].exit;
}

bool
err_retryable(enum err code)
{
	return errors[known(code)].retryable;
}

/* Drops a UTF-8 sequence that a cut has left incomplete at the end: the text
 * goes on into JSON, which takes no such thing. */
static void
trim(struct err_info *info)
{
	size_t used = strlen(info->text);
	size_t at = used;
	unsigned char lead;
	size_t length;

	if (used < sizeof(info->text) - 1)
		return;
	while (at > 0 && ((unsigned char)info->text[at - 1] & 0xc0) == 0x80)
		at--;
	if (at == 0)
		return;
	lead = (unsigned char)info->text[at - 1];
	length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (at - 1 + length > used)
		info->text[at - 1] = '\0';
}

enum err
err_set(struct err_info *info, enum err code, const char *fmt, ...)
{
	va_list args;

	if (!info)
		return code;
	va_start(args, fmt);
	if (vsnprintf(info->text, sizeof(info->text), fmt, args) < 0)
		info->text[0] = '\0';
	va_end(args);
	trim(info);
	return code;
}

enum err
err_prefix(struct err_info *info, enum err code, const char *fmt, ...)
{
	char old[sizeof(info->text)];
	va_list args;
	size_t used;
	int n;

	if (!info)
		return code;
	memcpy(old, info->text, sizeof(old));
	old[sizeof(old) - 1] = '\0';
	va_start(args, fmt);
	n = vsnprintf(info->text, sizeof(info->text), fmt, args);
	va_end(args);
	used = n > 0 ? strlen(info->text) : 0;
	n = snprintf(info->text + used, sizeof(info->text) - used, ": %s", old);
	if (n < 0)
		info->text[used] = '\0';
	trim(info);
	return code;
}
