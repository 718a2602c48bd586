/*
 * cli/program.c: finds the other programs, and runs osapi-fcgi and
 * osapi-worker in our place.
 */
#include "cli/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/local.h"
#include "lib/config.h"

static bool
executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

/* "{directory}/{name}"; `length` octets of the directory count. */
static bool
try(const char *directory, size_t length, const char *name,
    char path[static PATH_MAX])
{
	char candidate[PATH_MAX];
	int n = snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length,
			 directory, name);

	if (n < 0 || (size_t)n >= sizeof(candidate) || !executable(candidate))
		return false;
	memcpy(path, candidate, (size_t)n + 1);
	return true;
}

static bool
in_path(const char *name, char path[static PATH_MAX])
{
	const char *at = getenv("PATH");
	size_t length;

	for (; at; at = at[length] ? at + length + 1 : NULL) {
		length = strcspn(at, ":");
		/* an empty entry means the working directory: not for us */
		if (length > 0 && try(at, length, name, path))
			return true;
	}
	return false;
}

bool
program_self(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n <= 0)
		return false;
	path[n] = '\0';
	return true;
}

bool
program_ours(const char *name, char path[static PATH_MAX])
{
	char self[PATH_MAX];
	char *slash;

	if (program_self(self) && (slash = strrchr(self, '/'))) {
		if (try(self, (size_t)(slash - self), name, path))
			return true;
		*slash = '\0';
		slash = strrchr(self, '/');
		if (slash && (size_t)(slash - self) + 6 < sizeof(self)) {
			memcpy(slash, "/sbin", 6);
			if (try(self, strlen(self), name, path))
				return true;
		}
	}
	return in_path(name, path);
}

bool
program_system(const char *name, char path[static PATH_MAX])
{
	static const char *const usual[] = {"/usr/sbin", "/usr/local/sbin"};
	size_t i;

	if (in_path(name, path))
		return true;
	for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (try(usual[i], strlen(usual[i]), name, path))
			return true;
	return false;
}

/* Becomes the program `name` with our -f and -d. */
static int
become(const struct cli *cli, const char *name)
{
	char path[PATH_MAX];
	const char *words[6] = {name};
	size_t count = 1;

	if (!program_ours(name, path))
		return command_fail(ERR_NOT_FOUND,
				    "%s is not installed beside osapi", name);
	if (cli->config_path) {
		words[count++] = "-f";
		words[count++] = cli->config_path;
	}
	if (cli->debug)
		words[count++] = "-d";
	words[count] = NULL;
	/* execv(3) does not change the words, its type is older than const */
	execv(path, (char *const *)(uintptr_t)words);
	return command_fail(ERR_IO, "%s: %s", path, strerror(errno));
}

int
program_api_start(const struct cli *cli, const struct arguments *arguments)
{
	(void)arguments;
	return become(cli, "osapi-fcgi");
}

int
program_worker_start(const struct cli *cli, const struct arguments *arguments)
{
	(void)arguments;
	return become(cli, "osapi-worker");
}
