/*
 * lib/subject.c: targets and the NATS subjects that stand for them.
 *
 * Everything that becomes part of a subject is checked here first, so no
 * target can hold a wildcard, a blank or a further token.
 */
#include "lib/subject.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_LABEL_MAX  63
#define TARGET_TEXT_MAX SUBJECT_HOST_MAX
#define LIVE_TOKEN      ".live"

static const char *const kind_texts[] = {
    [JOB_QUERY] = "query", [JOB_MODIFY] = "modify"};

/* Not <ctype.h>: a locale must not widen what a subject may hold. */
static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool
is_word(char c)
{
	return is_alnum(c) || c == '_' || c == '-';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void
copy(char *out, size_t size, const char *text, size_t length)
{
	if (length >= size)
		length = size - 1;
	memcpy(out, text, length);
	out[length] = '\0';
}

const char *
job_kind_text(enum job_kind kind)
{
	return kind_texts[kind];
}

/* One label of a host name; its length, 0: not one. */
static size_t
host_label(const char *text)
{
	size_t n = 0;

	while (is_alnum(text[n]) || text[n] == '-')
		n++;
	if (n == 0 || n > HOST_LABEL_MAX || text[0] == '-' ||
	    text[n - 1] == '-')
		return 0;
	return n;
}

static enum err
bad_host(struct err_info *info)
{
	return err_set(info, ERR_INVALID,
		       "not a host name: letters, digits, \"-\" and \".\", "
		       "1 to 63 between dots");
}

enum err
subject_host_check(const char *host, char out[static SUBJECT_HOST_MAX + 1],
		   struct err_info *info)
{
	size_t size = strnlen(host, SUBJECT_HOST_MAX + 2);
	size_t at = 0;

	if (size > 0 && host[size - 1] == '.')
		size--;
	if (size == 0)
		return err_set(info, ERR_INVALID, "host name is empty");
	if (size > SUBJECT_HOST_MAX)
		return err_set(info, ERR_INVALID,
			       "host name has more than %d characters",
			       SUBJECT_HOST_MAX);
	while (at < size) {
		size_t n = host_label(host + at);

		if (n == 0)
			return bad_host(info);
		at += n;
		if (at < size && (host[at] != '.' || at + 1 == size))
			return bad_host(info);
		at++;
	}
	for (at = 0; at < size; at++)
		out[at] = lower(host[at]);
	out[size] = '\0';
	return ERR_OK;
}

static bool
key_ok(const char *key, size_t size)
{
	size_t n = 0;

	while (n < size && is_word(key[n]))
		n++;
	return n == size && size > 0 && size <= SUBJECT_KEY_MAX;
}

/* Segments of word characters with single dots between them. */
static bool
value_ok(const char *value)
{
	size_t size = strnlen(value, SUBJECT_VALUE_MAX + 1);

	if (size == 0 || size > SUBJECT_VALUE_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (is_word(value[i]))
			continue;
		if (value[i] != '.' || i == 0 || i + 1 == size ||
		    value[i - 1] == '.')
			return false;
	}
	return true;
}

static enum err
label_check(const char *key, size_t key_size, const char *value,
	    struct err_info *info)
{
	if (!key_ok(key, key_size))
		return err_set(info, ERR_INVALID,
			       "label key: wanted 1 to %d of letters, digits, "
			       "\"_\" and \"-\"",
			       SUBJECT_KEY_MAX);
	if (!value_ok(value))
		return err_set(info, ERR_INVALID,
			       "label value: wanted 1 to %d of letters, "
			       "digits, \"_\" and \"-\", in segments with one "
			       "\".\" between them",
			       SUBJECT_VALUE_MAX);
	return ERR_OK;
}

enum err
subject_label_check(const char *key, const char *value, struct err_info *info)
{
	return label_check(key, strnlen(key, SUBJECT_KEY_MAX + 1), value, info);
}

enum err
target_parse(const char *text, struct target *target, struct err_info *info)
{
	struct target t = {.kind = TARGET_ANY};
	const char *colon;
	enum err err;

	if (!text || !*text)
		return err_set(info, ERR_INVALID, "target is empty");
	colon = strchr(text, ':');
	if (strcmp(text, "_any") == 0) {
		t.kind = TARGET_ANY;
	} else if (strcmp(text, "_all") == 0) {
		t.kind = TARGET_ALL;
	} else if (colon) {
		t.kind = TARGET_LABEL;
		err =
		    label_check(text, (size_t)(colon - text), colon + 1, info);
		if (err != ERR_OK)
			return err;
		copy(t.key, sizeof(t.key), text, (size_t)(colon - text));
		copy(t.value, sizeof(t.value), colon + 1, strlen(colon + 1));
	} else {
		t.kind = TARGET_HOST;
		err = subject_host_check(text, t.host, info);
		if (err != ERR_OK)
			return err_set(
			    info, err,
			    "wanted _any, _all, key:value or a host name: at "
			    "most %d letters, digits, \"-\" and \".\", 1 to "
			    "%d between dots",
			    SUBJECT_HOST_MAX, HOST_LABEL_MAX);
	}
	*target = t;
	return ERR_OK;
}

char *
target_text(const struct target *target, char buf[static SUBJECT_SIZE])
{
	switch (target->kind) {
	case TARGET_ANY:
		copy(buf, SUBJECT_SIZE, "_any", 4);
		break;
	case TARGET_ALL:
		copy(buf, SUBJECT_SIZE, "_all", 4);
		break;
	case TARGET_HOST:
		copy(buf, SUBJECT_SIZE, target->host, strlen(target->host));
		break;
	case TARGET_LABEL:
		snprintf(buf, SUBJECT_SIZE, "%s:%s", target->key,
			 target->value);
		break;
	}
	return buf;
}

/* Whether "web.dev" (had) is also reached as "web" or "web.dev" (wanted). */
static bool
value_matches(const char *wanted, const char *had)
{
	size_t size = strlen(wanted);

	return strncmp(wanted, had, size) == 0 &&
	       (had[size] == '\0' || had[size] == '.');
}

bool
target_matches(const struct target *target, const char *host,
	       size_t label_count, char *const *label_keys,
	       char *const *label_values)
{
	if (target->kind == TARGET_ANY || target->kind == TARGET_ALL)
		return true;
	if (target->kind == TARGET_HOST)
		return strcasecmp(target->host, host) == 0;
	for (size_t i = 0; i < label_count; i++)
		if (strcmp(label_keys[i], target->key) == 0 &&
		    value_matches(target->value, label_values[i]))
			return true;
	return false;
}

static char *
translate(const char *text, char from, char to,
	  char buf[static SUBJECT_HOST_MAX + 1])
{
	size_t i;

	for (i = 0; i < SUBJECT_HOST_MAX && text[i]; i++)
		buf[i] = text[i] == from ? to : text[i];
	buf[i] = '\0';
	return buf;
}

char *
subject_host_token(const char *host, char buf[static SUBJECT_HOST_MAX + 1])
{
	return translate(host, '.', '_', buf);
}

char *
subject_token_host(const char *token, char buf[static SUBJECT_HOST_MAX + 1])
{
	return translate(token, '_', '.', buf);
}

static int
print_target(const struct target *target, char *buf, size_t size)
{
	char host[SUBJECT_HOST_MAX + 1];

	switch (target->kind) {
	case TARGET_ANY:
		return snprintf(buf, size, "_any");
	case TARGET_ALL:
		return snprintf(buf, size, "_all");
	case TARGET_HOST:
		return snprintf(buf, size, "host.%s",
				subject_host_token(target->host, host));
	case TARGET_LABEL:
		break;
	}
	return snprintf(buf, size, "label.%s.%s", target->key, target->value);
}

static enum err
print_subject(const char *prefix, enum job_lane lane, const char *kind,
	      const struct target *target, char buf[static SUBJECT_SIZE])
{
	char subject[SUBJECT_SIZE];
	char last[SUBJECT_SIZE];
	int size;

	print_target(target, last, sizeof(last));
	size = snprintf(subject, sizeof(subject), "%s%s.%s.%s", prefix,
			lane == JOB_LIVE ? LIVE_TOKEN : "", kind, last);
	if (size < 0 || (size_t)size >= sizeof(subject))
		return ERR_TOO_LARGE;
	copy(buf, SUBJECT_SIZE, subject, (size_t)size);
	return ERR_OK;
}

enum err
subject_job(const char *prefix, enum job_lane lane, enum job_kind kind,
	    const struct target *target, char buf[static SUBJECT_SIZE])
{
	return print_subject(prefix, lane, job_kind_text(kind), target, buf);
}

enum err
subject_filter(const char *prefix, enum job_lane lane,
	       const struct target *target, char buf[static SUBJECT_SIZE])
{
	return print_subject(prefix, lane, "*", target, buf);
}

enum err
subject_prefix(const char *stream_subjects, char buf[static SUBJECT_SIZE],
	       struct err_info *info)
{
	size_t n = 0;

	while (is_word(stream_subjects[n]))
		n++;
	if (n == 0 || n > SUBJECT_KEY_MAX ||
	    strcmp(stream_subjects + n, ".>") != 0)
		return err_set(info, ERR_INVALID,
			       "wanted one word of letters, digits, \"_\" and "
			       "\"-\" and then \".>\", as in \"jobs.>\"");
	copy(buf, SUBJECT_SIZE, stream_subjects, n);
	return ERR_OK;
}
