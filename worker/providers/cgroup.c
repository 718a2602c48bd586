/*
 * worker/providers/cgroup.c: memory limits of control groups.
 *
 * Where the hierarchy is mounted comes from the mount table.  In a container
 * without a cgroup namespace /proc/self/cgroup has the host's path while the
 * mount shows that directory as its root, so the mount's root is cut off.
 */
#include "worker/providers/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "worker/providers/line.h"
#include "worker/providers/mounts.h"

#define CGROUP_MAX  (64 * 1024)
#define LIMIT_MAX   64
#define SERVICE_END ".service"

struct hierarchy {
	const char *type;   /* of the filesystem */
	const char *option; /* NULL: any */
	const char *file;   /* that holds the limit */
	const char *path;   /* of this process's group */
	uint64_t smallest;
};

static bool
has_word(const char *list, size_t size, const char *word)
{
	size_t length = strlen(word);

	while (size) {
		const char *comma = memchr(list, ',', size);
		size_t item = comma ? (size_t)(comma - list) : size;

		if (item == length && memcmp(list, word, length) == 0)
			return true;
		item += comma ? 1 : 0;
		list += item;
		size -= item;
	}
	return false;
}

static void
keep_path(const char *path, size_t size, char out[PATH_MAX])
{
	if (size == 0 || size >= PATH_MAX || path[0] != '/' ||
	    memchr(path, '\0', size))
		return;
	memcpy(out, path, size);
	out[size] = '\0';
	/* a group outside the namespace's root cannot be reached by name */
	if (strncmp(out, "/..", 3) == 0)
		memcpy(out, "/", 2);
}

static void
parse_line(const char *line, size_t size, struct cgroup_paths *paths)
{
	const char *end = line + size;
	const char *list = memchr(line, ':', size);
	const char *path;

	if (!list)
		return;
	list++;
	path = memchr(list, ':', (size_t)(end - list));
	if (!path)
		return;
	path++;
	if (size > 3 && memcmp(line, "0::", 3) == 0)
		keep_path(path, (size_t)(end - path), paths->unified);
	else if (has_word(list, (size_t)(path - 1 - list), "memory"))
		keep_path(path, (size_t)(end - path), paths->memory);
}

void
cgroup_parse(const char *text, size_t size, struct cgroup_paths *paths)
{
	struct line line;

	paths->unified[0] = '\0';
	paths->memory[0] = '\0';
	while (line_next(&text, &size, &line))
		parse_line(line.text, line.size, paths);
}

enum err
cgroup_parse_limit(const char *text, size_t size, uint64_t *octets,
		   struct err_info *info)
{
	uint64_t value = 0;
	size_t i;

	if (size && text[size - 1] == '\n')
		size--;
	if (size == 3 && memcmp(text, "max", 3) == 0) {
		*octets = UINT64_MAX;
		return ERR_OK;
	}
	for (i = 0; i < size && text[i] >= '0' && text[i] <= '9'; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'),
					   &value))
			value = UINT64_MAX;
	if (i == 0 || i != size)
		return err_set(info, ERR_IO,
			       "neither \"max\" nor a number of octets");
	*octets = value;
	return ERR_OK;
}

static enum err
read_level(const char *directory, struct hierarchy *hierarchy,
	   struct err_info *info)
{
	char path[2 * PATH_MAX + 64];
	char *text = NULL;
	size_t size = 0;
	uint64_t octets = UINT64_MAX;
	enum err err;

	snprintf(path, sizeof(path), "%s/%s", directory, hierarchy->file);
	err = file_read(path, LIMIT_MAX, &text, &size, info);
	if (err == ERR_NOT_FOUND) /* no memory controller at this level */
		return ERR_OK;
	if (!err) {
		err = cgroup_parse_limit(text, size, &octets, info);
		if (err)
			err_prefix(info, err, "%s", path);
	}
	free(text);
	if (!err && octets < hierarchy->smallest)
		hierarchy->smallest = octets;
	return err;
}

/* The part of the group's path that lies below the mount's root. */
static const char *
below_root(const char *path, const char *root)
{
	size_t length = strlen(root);

	if (strcmp(root, "/") == 0)
		return path;
	if (strncmp(path, root, length) == 0 &&
	    (path[length] == '/' || path[length] == '\0'))
		return path + length;
	return "";
}

static bool
is_service(const char *path)
{
	size_t length = strlen(path);
	size_t end = strlen(SERVICE_END);

	return length > end && strcmp(path + length - end, SERVICE_END) == 0;
}

static enum err
walk_up(const char *target, const char *root, struct hierarchy *hierarchy,
	struct err_info *info)
{
	char directory[2 * PATH_MAX];
	size_t top = strlen(target);
	enum err err = ERR_OK;
	char *slash;

	snprintf(directory, sizeof(directory), "%s%s", target,
		 below_root(hierarchy->path, root));
	if (is_service(directory) && (slash = strrchr(directory, '/')))
		*slash = '\0';
	while (!err && strlen(directory) > top) {
		err = read_level(directory, hierarchy, info);
		slash = strrchr(directory, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return err ? err : read_level(target, hierarchy, info);
}

struct search {
	struct hierarchy *hierarchy;
	struct err_info *info;
};

static enum err
look(struct libmnt_fs *fs, void *arg)
{
	struct search *search = arg;
	struct hierarchy *hierarchy = search->hierarchy;
	const char *type = mnt_fs_get_fstype(fs);
	const char *target = mnt_fs_get_target(fs);
	const char *root = mnt_fs_get_root(fs);
	const char *options = mnt_fs_get_fs_options(fs);

	if (!type || strcmp(type, hierarchy->type) != 0 || !target || !root ||
	    strlen(target) >= PATH_MAX)
		return ERR_OK;
	if (hierarchy->option &&
	    !(options && has_word(options, strlen(options), hierarchy->option)))
		return ERR_OK;
	return walk_up(target, root, hierarchy, search->info);
}

enum err
cgroup_find_limit(const struct cgroup_paths *paths, struct libmnt_table *table,
		  uint64_t *octets, struct err_info *info)
{
	struct hierarchy hierarchies[] = {
	    {"cgroup2", NULL, "memory.max", paths->unified, UINT64_MAX},
	    {"cgroup", "memory", "memory.limit_in_bytes", paths->memory,
	     UINT64_MAX},
	};
	uint64_t smallest = UINT64_MAX;
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; i < 2 && !err; i++) {
		struct search search = {&hierarchies[i], info};

		if (hierarchies[i].path[0])
			err = mounts_each(table, look, &search);
		if (hierarchies[i].smallest < smallest)
			smallest = hierarchies[i].smallest;
	}
	if (!err)
		*octets = smallest;
	return err;
}

static enum err
parse_and_find(const char *text, size_t size, uint64_t *octets,
	       struct err_info *info)
{
	struct cgroup_paths *paths = malloc(sizeof(*paths));
	struct libmnt_table *table = NULL;
	enum err err;

	if (!paths)
		return err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	cgroup_parse(text, size, paths);
	err = mounts_read(&table, info);
	if (!err)
		err = cgroup_find_limit(paths, table, octets, info);
	mnt_unref_table(table);
	free(paths);
	return err;
}

enum err
cgroup_memory_limit(uint64_t *octets, struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	enum err err;

	err = file_read("/proc/self/cgroup", CGROUP_MAX, &text, &size, info);
	if (err == ERR_NOT_FOUND) { /* a kernel without control groups */
		*octets = UINT64_MAX;
		return ERR_OK;
	}
	if (!err)
		err = parse_and_find(text, size, octets, info);
	free(text);
	return err;
}
