/* t/support/command.c: posix_spawn with the output in a buffer. */
#include "t/support/command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Reads until the end, what does not fit is dropped. */
static void
drain(int fd, char *out, size_t out_size)
{
	char rest[4096];
	size_t used = 0;
	ssize_t n;

	for (;;) {
		bool fits = out && used + 1 < out_size;

		n = fits ? read(fd, out + used, out_size - 1 - used)
			 : read(fd, rest, sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += fits ? (size_t)n : 0;
	}
	if (out && out_size)
		out[used] = '\0';
}

static int
spawn(const char *const argv[], int stdout_fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO);
	rc = posix_spawnp(pid, argv[0], &actions, NULL,
			  (char **)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(rc));
	return rc;
}

int
command_run(const char *const argv[], char *out, size_t out_size)
{
	int fds[2];
	int status = 0;
	pid_t pid;
	int rc;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	rc = spawn(argv, fds[1], &pid);
	close(fds[1]);
	if (rc == 0)
		drain(fds[0], out, out_size);
	close(fds[0]);
	if (rc)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
