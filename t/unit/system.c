/* t/unit/system.c: worker/providers/system.c, the shapes of its results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "t/support/command.h"
#include "t/unit/unit.h"
#include "worker/provider.h"

static const struct provider *
find(const char *operation)
{
	const struct provider *p;

	for (p = provider_system; p->operation; p++)
		if (strcmp(p->operation, operation) == 0)
			return p;
	return NULL;
}

static enum err
run(const char *operation, const char *labels, int64_t left_ms, json_t **result,
    struct err_info *info)
{
	json_t *object = json_loads(labels, 0, NULL);
	json_t *data = json_object();
	volatile bool cancelled = false;
	struct provider_call call = {
	    .hostname = "web-01",
	    .labels = object,
	    .data = data,
	    .deadline_ms = clock_mono_ms() + left_ms,
	    .cancelled = &cancelled,
	};
	const struct provider *p = find(operation);
	enum err err = p ? p->run(&call, result, info) : ERR_NOT_FOUND;

	json_decref(object);
	json_decref(data);
	return err;
}

static json_t *
result_of(const char *operation)
{
	struct err_info info = {.text = ""};
	json_t *result = NULL;

	IS_INT(operation, run(operation, "{}", 30000, &result, &info), ERR_OK);
	OK(operation, json_is_object(result));
	return result;
}

static char type_letter(const json_t *value);

/* "{total:i,free:i}": member names and types, in their order. */
static void
describe(const json_t *value, char *out, size_t size)
{
	const char *key;
	json_t *member;
	size_t used;
	const char *comma = "";

	if (!json_is_object(value)) {
		snprintf(out, size, "%c", type_letter(value));
		return;
	}
	snprintf(out, size, "{");
	json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
		used = strlen(out);
		snprintf(out + used, size - used, "%s%s:", comma, key);
		used = strlen(out);
		describe(member, out + used, size - used);
		comma = ",";
	}
	used = strlen(out);
	snprintf(out + used, size - used, "}");
}

static char
type_letter(const json_t *value)
{
	if (json_is_string(value))
		return 's';
	if (json_is_integer(value))
		return 'i';
	if (json_is_real(value))
		return 'r';
	return json_is_array(value) ? 'a' : '?';
}

static void
has_the_shapes(void)
{
	static const struct {
		const char *operation;
		const char *shape;
	} rows[] = {
	    {"system.hostname.get", "{}"},
	    {"system.uptime.get", "{uptime:s,uptime_seconds:i}"},
	    {"system.os.get",
	     "{distribution:s,version:s,kernel:s,architecture:s}"},
	    {"system.disk.get", "{disks:a}"},
	    {"system.load.get", "{load_average:{1min:r,5min:r,15min:r}}"},
	};
	char got[512];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *result = result_of(rows[i].operation);

		describe(result, got, sizeof(got));
		IS_TEXT(rows[i].operation, got, rows[i].shape);
		json_decref(result);
	}
}

/* `limit` is there in a container only. */
static void
has_the_shape_of_memory(void)
{
	json_t *result = result_of("system.memory.get");
	json_t *memory = json_object_get(result, "memory");
	char got[512];

	json_object_del(memory, "limit");
	describe(result, got, sizeof(got));
	IS_TEXT("memory", got, "{memory:{total:i,free:i,used:i,available:i}}");
	IS_INT("used", json_member_int(memory, "used", -1),
	       json_member_int(memory, "total", 0) -
		   json_member_int(memory, "available", 0));
	json_decref(result);
}

static void
status_has_all_parts(void)
{
	json_t *result = result_of("system.status.get");
	const json_t *disk;
	char got[512];
	size_t i;

	json_object_del(json_object_get(result, "memory"), "limit");
	describe(result, got, sizeof(got));
	IS_TEXT("status", got,
		"{uptime:s,load_average:{1min:r,5min:r,15min:r},"
		"memory:{total:i,free:i,used:i,available:i},disks:a,"
		"os_info:{distribution:s,version:s}}");
	json_array_foreach (json_object_get(result, "disks"), i, disk) {
		describe(disk, got, sizeof(got));
		IS_TEXT("disk", got, "{name:s,total:i,used:i,free:i}");
	}
	json_decref(result);
}

static void
gives_labels(void)
{
	struct err_info info = {.text = ""};
	json_t *result = NULL;
	json_t *labels;

	IS_INT("run",
	       run("system.hostname.get", "{\"group\":\"web.dev\"}", 30000,
		   &result, &info),
	       ERR_OK);
	labels = json_object_get(result, "labels");
	IS_TEXT("label", json_member_string(labels, "group"), "web.dev");
	json_decref(result);
}

static void
agrees_with_uname(void)
{
	static const char *const release[] = {"uname", "-r", NULL};
	static const char *const machine[] = {"uname", "-m", NULL};
	json_t *result = result_of("system.os.get");
	char text[256];

	IS_INT("uname", command_run(release, text, sizeof(text)), 0);
	text[strcspn(text, "\n")] = '\0';
	IS_TEXT("kernel", json_member_string(result, "kernel"), text);
	IS_INT("uname", command_run(machine, text, sizeof(text)), 0);
	text[strcspn(text, "\n")] = '\0';
	IS_TEXT("architecture", json_member_string(result, "architecture"),
		text);
	json_decref(result);
}

static void
stops_at_the_deadline(void)
{
	const struct provider *p;

	for (p = provider_system; p->operation; p++) {
		struct err_info info = {.text = ""};
		json_t *result = NULL;

		IS_INT(p->operation,
		       run(p->operation, "{}", -1, &result, &info),
		       ERR_TIMEOUT);
		HAS_TEXT("says so", info.text, "deadline");
		OK("no result", result == NULL);
	}
}

const char unit_name[] = "system";
const struct unit_case unit_cases[] = {
    {"has the shapes of the contract", has_the_shapes},
    {"has the shape of memory", has_the_shape_of_memory},
    {"status has all parts", status_has_all_parts},
    {"gives the worker's labels", gives_labels},
    {"agrees with uname(1)", agrees_with_uname},
    {"stops at the deadline", stops_at_the_deadline},
    {NULL, NULL},
};
