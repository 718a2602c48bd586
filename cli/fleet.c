/* cli/fleet.c: the registry, asked through the API. */
#include "cli/fleet.h"

#include <stdint.h>

#include "lib/json.h"

#define LABELS_MAX 64

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

int
fleet_count(const struct api *api, const struct target *target, size_t *count)
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
