/*
 * lib/job_heartbeat.c: a worker's entry in the registry bucket.
 */
#include "lib/job.h"

#include "lib/document.h"

#define HEARTBEAT_SIZE_MAX 65536 /* octets */

static bool
is_labels(json_t *labels)
{
	const char *key;
	json_t *value;

	json_object_foreach (labels, key, value)
		if (!json_is_string(value) ||
		    subject_label_check(key, json_string_value(value), NULL) !=
			ERR_OK)
			return false;
	return true;
}

static const char *const states[] = {"starting", "listening", NULL};

static const struct document_field fields[] = {
    {"hostname", DOCUMENT_TEXT, DOCUMENT_SIZED(struct heartbeat, hostname),
     .check = document_is_host, .expected = "a host name in lower case"},
    {"instance", DOCUMENT_TEXT, DOCUMENT_SIZED(struct heartbeat, instance),
     .check = uuid_valid, .expected = "a UUID"},
    {"version", DOCUMENT_TEXT, DOCUMENT_SIZED(struct heartbeat, version),
     .flags = DOCUMENT_REPAIR},
    {"os", DOCUMENT_TEXT, DOCUMENT_SIZED(struct heartbeat, os),
     .flags = DOCUMENT_REPAIR},
    {"state", DOCUMENT_WORD, DOCUMENT_SIZED(struct heartbeat, listening),
     .words = states},
    {"labels", DOCUMENT_OBJECT, DOCUMENT_AT(struct heartbeat, labels),
     .check_object = is_labels,
     .expected = "labels of letters, digits, _ and -"},
    {"providers", DOCUMENT_OBJECT, DOCUMENT_AT(struct heartbeat, providers),
     .check_object = document_is_strings, .expected = "an object of strings"},
    {"started_at", DOCUMENT_TIME, DOCUMENT_AT(struct heartbeat, started_ns)},
    {"last_seen", DOCUMENT_TIME, DOCUMENT_AT(struct heartbeat, seen_ns)},
    {"running", DOCUMENT_INT, DOCUMENT_AT(struct heartbeat, running)},
    {"completed", DOCUMENT_INT, DOCUMENT_AT(struct heartbeat, completed)},
    {"failed", DOCUMENT_INT, DOCUMENT_AT(struct heartbeat, failed)},
    {.name = NULL},
};

void
heartbeat_release(struct heartbeat *heartbeat)
{
	json_decref(heartbeat->labels);
	json_decref(heartbeat->providers);
	heartbeat->labels = NULL;
	heartbeat->providers = NULL;
}

enum err
heartbeat_encode(const struct heartbeat *heartbeat, char **text, size_t *size)
{
	return document_encode(fields, heartbeat, HEARTBEAT_SIZE_MAX, text,
			       size, NULL);
}

enum err
heartbeat_decode(const char *text, size_t size, struct heartbeat *heartbeat,
		 struct err_info *info)
{
	struct heartbeat read = {.hostname = ""};
	enum err err;

	err = document_decode(fields, "heartbeat", text, size,
			      HEARTBEAT_SIZE_MAX, &read, info);
	if (err == ERR_OK)
		*heartbeat = read;
	else
		heartbeat_release(&read);
	return err;
}
