/* cli/confirm.c: how many hosts a target means, and the question. */
#include "cli/confirm.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal.h"
#include "lib/json.h"
#include "lib/subject.h"

#define LABELS_MAX 64

enum { EXIT_REFUSED = 1 };

const struct argument confirm_arguments[] = {
    {"yes", 'y', NULL, true, "Do not ask before changing many hosts."},
    {NULL, 0, NULL, false, NULL},
};

static bool
matches(const struct target *target, const json_t *worker)
{
	const char *host = json_member_string(worker, "hostname");
	json_t *labels = json_object_get(worker, "labels");
	char *keys[LABELS_MAX];
	char *values[LABELS_MAX];
	size_t count = 0;
	const char *key;
	json_t *value;

	json_object_foreach (labels, key, value) {
		if (count == LABELS_MAX || !json_is_string(value))
			continue;
		/* target_matches reads them only */
		keys[count] = (char *)(uintptr_t)key;
		values[count] = (char *)(uintptr_t)json_string_value(value);
		count++;
	}
	return host && target_matches(target, host, count, keys, values);
}

/* How many live workers the target means. */
static int
count_hosts(const struct api *api, const struct target *target, size_t *count)
{
	json_t *answer = NULL;
	const json_t *workers;
	size_t i;
	int status =
	    api_get(api, "/api/v1/jobs/workers", API_TIMEOUT_MS, &answer);

	if (status)
		return status;
	workers = json_object_get(answer, "workers");
	*count = 0;
	for (i = 0; i < json_array_size(workers); i++)
		*count += matches(target, json_array_get(workers, i));
	json_decref(answer);
	return 0;
}

int
confirm_change(const struct api *api, const struct spec_operation *operation,
	       const char *target_text, bool yes)
{
	struct target target;
	char question[256];
	size_t hosts = 0;
	int status;

	if (yes || !operation || operation->kind != JOB_MODIFY ||
	    !target_text ||
	    target_parse(target_text, &target, NULL) != ERR_OK ||
	    (target.kind != TARGET_ALL && target.kind != TARGET_LABEL))
		return 0;
	if (!terminal_interactive())
		return command_fail(ERR_INVALID,
				    "this will %s on every host that %s "
				    "means: say --yes to do it without being "
				    "asked",
				    operation->change, target_text);
	status = count_hosts(api, &target, &hosts);
	if (status)
		return status;
	snprintf(question, sizeof(question),
		 "This will %s on %zu host%s. Continue?", operation->change,
		 hosts, hosts == 1 ? "" : "s");
	if (terminal_confirm(question))
		return 0;
	fputs("osapi: nothing was changed\n", stderr);
	return EXIT_REFUSED;
}
