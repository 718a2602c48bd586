/*
 * worker/providers/system.c: the operations system.*.get on Linux.
 *
 * Each part of a result is made by one function; an operation is a list of
 * parts, so that system.status.get has the same members as the operations that
 * give one of them.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "worker/provider.h"
#include "worker/providers/disks.h"
#include "worker/providers/memory.h"
#include "worker/providers/os_release.h"
#include "worker/providers/proc.h"

/* Adds members to `result`. */
typedef enum err (*part)(const struct provider_call *call, json_t *result,
			 struct err_info *info);

/* Takes `member`; NULL and failure are both a lack of memory, or a text that
 * is not UTF-8. */
static enum err
set(json_t *result, const char *key, json_t *member, struct err_info *info)
{
	if (json_object_set_new(result, key, member) != 0)
		return err_set(info, ERR_INTERNAL,
			       "%s: no memory, or not UTF-8", key);
	return ERR_OK;
}

static json_t *
octets(uint64_t count)
{
	return json_integer((json_int_t)count);
}

static enum err
add_labels(const struct provider_call *call, json_t *result,
	   struct err_info *info)
{
	if (json_object_size(call->labels) == 0)
		return ERR_OK;
	return set(result, "labels", json_deep_copy(call->labels), info);
}

static enum err
read_uptime(uint64_t *seconds, char text[static PROC_UPTIME_TEXT_SIZE],
	    struct err_info *info)
{
	enum err err = proc_read_uptime(seconds, info);

	if (!err)
		proc_uptime_text(*seconds, text);
	return err;
}

static enum err
add_uptime(const struct provider_call *call, json_t *result,
	   struct err_info *info)
{
	char text[PROC_UPTIME_TEXT_SIZE];
	uint64_t seconds;
	enum err err = read_uptime(&seconds, text, info);

	(void)call;
	return err ? err : set(result, "uptime", json_string(text), info);
}

static enum err
add_uptime_seconds(const struct provider_call *call, json_t *result,
		   struct err_info *info)
{
	char text[PROC_UPTIME_TEXT_SIZE];
	uint64_t seconds;
	enum err err = read_uptime(&seconds, text, info);

	(void)call;
	if (!err)
		err = set(result, "uptime", json_string(text), info);
	if (!err)
		err = set(result, "uptime_seconds", octets(seconds), info);
	return err;
}

static enum err
add_load(const struct provider_call *call, json_t *result,
	 struct err_info *info)
{
	struct proc_load load;
	enum err err = proc_read_load(&load, info);

	(void)call;
	if (err)
		return err;
	return set(result, "load_average",
		   json_pack("{s:f,s:f,s:f}", "1min", load.min1, "5min",
			     load.min5, "15min", load.min15),
		   info);
}

static enum err
add_memory(const struct provider_call *call, json_t *result,
	   struct err_info *info)
{
	struct memory memory;
	json_t *object;
	enum err err = memory_read(&memory, info);

	(void)call;
	if (err)
		return err;
	object =
	    json_pack("{s:o,s:o,s:o,s:o}", "total", octets(memory.total),
		      "free", octets(memory.free), "used", octets(memory.used),
		      "available", octets(memory.available));
	if (object && memory.limit)
		err = set(object, "limit", octets(memory.limit), info);
	if (!err)
		return set(result, "memory", object, info);
	json_decref(object);
	return err;
}

/* A mount point need not be UTF-8; what is not becomes "?". */
static json_t *
mount_name(const char *name)
{
	json_t *string = json_string(name);
	char *copy = string ? NULL : strdup(name);
	size_t i;

	if (!copy)
		return string;
	for (i = 0; copy[i]; i++)
		if ((unsigned char)copy[i] >= 0x80)
			copy[i] = '?';
	string = json_string(copy);
	free(copy);
	return string;
}

static json_t *
disk_list(const struct disks *disks)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; list && i < disks->count; i++) {
		const struct disk *disk = &disks->items[i];
		json_t *object = json_pack(
		    "{s:o,s:o,s:o,s:o}", "name", mount_name(disk->name),
		    "total", octets(disk->total), "used", octets(disk->used),
		    "free", octets(disk->free));

		if (json_array_append_new(list, object) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static enum err
add_disks(const struct provider_call *call, json_t *result,
	  struct err_info *info)
{
	struct disks disks = {0, NULL};
	enum err err = disks_read(call->deadline_ms, &disks, info);

	if (!err)
		err = set(result, "disks", disk_list(&disks), info);
	disks_release(&disks);
	return err;
}

static enum err
add_distribution(const struct provider_call *call, json_t *result,
		 struct err_info *info)
{
	struct os_release os;
	enum err err = os_release_read(&os, info);

	(void)call;
	if (!err)
		err = set(result, "distribution", json_string(os.distribution),
			  info);
	if (!err)
		err = set(result, "version", json_string(os.version), info);
	return err;
}

static enum err
add_os_info(const struct provider_call *call, json_t *result,
	    struct err_info *info)
{
	json_t *object = json_object();
	enum err err = set(result, "os_info", object, info);

	return err ? err : add_distribution(call, object, info);
}

static enum err
add_kernel(const struct provider_call *call, json_t *result,
	   struct err_info *info)
{
	struct utsname name;
	enum err err;

	(void)call;
	if (uname(&name) < 0)
		return err_set(info, ERR_IO, "uname: %s", strerror(errno));
	err = set(result, "kernel", json_string(name.release), info);
	if (!err)
		err = set(result, "architecture", json_string(name.machine),
			  info);
	return err;
}

static enum err
collect(const part *parts, const struct provider_call *call, json_t **result,
	struct err_info *info)
{
	json_t *object = json_object();
	enum err err = ERR_OK;

	if (!object)
		return err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	for (; *parts && !err; parts++) {
		if (provider_expired(call))
			err = err_set(info, ERR_TIMEOUT,
				      "the deadline of the job has passed");
		else
			err = (*parts)(call, object, info);
	}
	if (err)
		json_decref(object);
	else
		*result = object;
	return err;
}

static enum err
get_hostname(const struct provider_call *call, json_t **result,
	     struct err_info *info)
{
	static const part parts[] = {add_labels, NULL};

	return collect(parts, call, result, info);
}

static enum err
get_status(const struct provider_call *call, json_t **result,
	   struct err_info *info)
{
	static const part parts[] = {add_uptime, add_load,    add_memory,
				     add_disks,  add_os_info, NULL};

	return collect(parts, call, result, info);
}

static enum err
get_uptime(const struct provider_call *call, json_t **result,
	   struct err_info *info)
{
	static const part parts[] = {add_uptime_seconds, NULL};

	return collect(parts, call, result, info);
}

static enum err
get_os(const struct provider_call *call, json_t **result, struct err_info *info)
{
	static const part parts[] = {add_distribution, add_kernel, NULL};

	return collect(parts, call, result, info);
}

static enum err
get_disk(const struct provider_call *call, json_t **result,
	 struct err_info *info)
{
	static const part parts[] = {add_disks, NULL};

	return collect(parts, call, result, info);
}

static enum err
get_memory(const struct provider_call *call, json_t **result,
	   struct err_info *info)
{
	static const part parts[] = {add_memory, NULL};

	return collect(parts, call, result, info);
}

static enum err
get_load(const struct provider_call *call, json_t **result,
	 struct err_info *info)
{
	static const part parts[] = {add_load, NULL};

	return collect(parts, call, result, info);
}

const struct provider provider_system[] = {
    {"system.hostname.get", "linux", get_hostname, NULL},
    {"system.status.get", "linux", get_status, NULL},
    {"system.uptime.get", "linux", get_uptime, NULL},
    {"system.os.get", "linux", get_os, NULL},
    {"system.disk.get", "linux", get_disk, NULL},
    {"system.memory.get", "linux", get_memory, NULL},
    {"system.load.get", "linux", get_load, NULL},
    {NULL, NULL, NULL, NULL},
};
