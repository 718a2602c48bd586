/*
 * t/fuzz/subject.c: targets, host names and labels from any octets.
 *
 * Whatever is taken must come back the same from its text, and its subject
 * must hold nothing that NATS gives a meaning: no wildcard, blank, control
 * character or empty token.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_subject(const char *subject)
{
	char before = '.';

	for (; *subject; before = *subject++)
		if (*subject <= ' ' || *subject > '~' || *subject == '*' ||
		    *subject == '>' || (*subject == '.' && before == '.'))
			abort();
	if (before == '.')
		abort();
}

static void
try_target(const char *text)
{
	struct target target;
	struct target again;
	char back[SUBJECT_SIZE];
	char subject[SUBJECT_SIZE];

	if (target_parse(text, &target, NULL) != ERR_OK)
		return;
	if (target_parse(target_text(&target, back), &again, NULL) != ERR_OK ||
	    again.kind != target.kind || strcmp(again.host, target.host) != 0 ||
	    strcmp(again.key, target.key) != 0 ||
	    strcmp(again.value, target.value) != 0)
		abort();
	if (subject_job("jobs", JOB_LIVE, JOB_MODIFY, &target, subject) !=
	    ERR_OK)
		abort();
	check_subject(subject);
}

static void
try_host(const char *text)
{
	char host[SUBJECT_HOST_MAX + 1];
	char token[SUBJECT_HOST_MAX + 1];
	char back[SUBJECT_HOST_MAX + 1];

	if (subject_host_check(text, host, NULL) != ERR_OK)
		return;
	subject_host_token(host, token);
	if (strchr(token, '.') ||
	    strcmp(subject_token_host(token, back), host) != 0)
		abort();
	check_subject(token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char prefix[SUBJECT_SIZE];
	char *colon;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	try_target(text);
	try_host(text);
	if (subject_prefix(text, prefix, NULL) == ERR_OK)
		check_subject(prefix);
	colon = strchr(text, ':');
	if (colon) {
		*colon = '\0';
		(void)subject_label_check(text, colon + 1, NULL);
	}
	free(text);
	return 0;
}
