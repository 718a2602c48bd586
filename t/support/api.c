/* t/support/api.c: a real pool of responders for one test. */
#include "t/support/api.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/listener.h"
#include "fcgi/pool.h"
#include "lib/file.h"
#include "lib/signature.h"
#include "t/support/await.h"
#include "t/support/fastcgi.h"

#define PATH_SIZE 1200
#define LOG_MAX   (16 * 1024 * 1024)

struct api {
	pid_t pid;
	char directory[1024];
	char socket[PATH_SIZE];
	char config[PATH_SIZE];
	char log[PATH_SIZE];
};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "api: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static void
write_config(const struct api *api, int nats_port, int processes,
	     const char *key)
{
	FILE *f = fopen(api->config, "w");

	if (!f)
		fail(api->config, strerror(errno));
	fprintf(f,
		"api.server.fcgi.socket: %s\n"
		"api.server.fcgi.processes: %d\n"
		"api.server.fcgi.threads: 4\n"
		"api.server.fcgi.max_waiters: %d\n"
		"api.server.nats.host: 127.0.0.1\n"
		"api.server.nats.port: %d\n"
		"api.server.security.signing_key: \"%s\"\n"
		"api.server.security.job_signing_key_file: %s\n",
		api->socket, processes, API_MAX_WAITERS, nats_port, API_KEY,
		key);
	fclose(f);
}

/* As osapi-fcgi's main does. */
static void
run(const char *config, const char *socket, const char *log)
{
	struct pool_options options = {.config_path = config};
	struct pool_setup setup;
	struct err_info info = {""};
	bool passed;
	int fd, code;

	/* It ends with the test, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	close(fd);
	pool_block_signals();
	if (spec_load(&options.spec, &info) ||
	    pool_setup_load(&options, &setup, &info) ||
	    listener_open(socket, &options.listen_fd, &passed, &info)) {
		fprintf(stderr, "%s\n", info.text);
		_exit(EXIT_FAILURE);
	}
	code = pool_run(&options, &setup);
	listener_close(options.listen_fd, socket, passed);
	spec_free(options.spec);
	exit(code);
}

/* Before main: whether this is the child. */
__attribute__((constructor)) static void
become_api(void)
{
	const char *config = getenv("OSAPI_TEST_CONFIG");
	const char *socket = getenv("OSAPI_TEST_SOCKET");
	const char *log = getenv("OSAPI_TEST_LOG");

	if (!config || !socket || !log)
		return;
	unsetenv("OSAPI_TEST_CONFIG"); /* no key of ours begins so */
	unsetenv("OSAPI_TEST_SOCKET");
	unsetenv("OSAPI_TEST_LOG");
	run(config, socket, log);
}

static void
spawn(struct api *api)
{
	setenv("OSAPI_TEST_CONFIG", api->config, 1);
	setenv("OSAPI_TEST_SOCKET", api->socket, 1);
	setenv("OSAPI_TEST_LOG", api->log, 1);
	fflush(NULL);
	api->pid = fork();
	if (api->pid < 0)
		fail("fork", strerror(errno));
	if (api->pid == 0) {
		execl("/proc/self/exe", "api", (char *)NULL);
		_exit(EXIT_FAILURE);
	}
	unsetenv("OSAPI_TEST_CONFIG");
	unsetenv("OSAPI_TEST_SOCKET");
	unsetenv("OSAPI_TEST_LOG");
}

static void
await_socket(const struct api *api)
{
	bool ended = false;
	struct stat st;

	if (!AWAIT(stat(api->socket, &st) == 0 ||
		   (ended = waitpid(api->pid, NULL, WNOHANG) == api->pid)) ||
	    ended)
		fail("does not start, see", api->log);
}

struct api *
api_start(const char *directory, const char *name, int nats_port, int processes,
	  const char *key)
{
	struct api *api = calloc(1, sizeof(*api));
	char private[PATH_SIZE], public[PATH_SIZE];
	struct err_info info = {""};

	if (!api)
		fail("start", "out of memory");
	snprintf(api->directory, sizeof(api->directory), "%s/%s", directory,
		 name);
	if (mkdir(api->directory, 0700) < 0)
		fail(api->directory, strerror(errno));
	snprintf(api->socket, sizeof(api->socket), "%s/socket", api->directory);
	snprintf(api->config, sizeof(api->config), "%s/osapi.yaml",
		 api->directory);
	snprintf(api->log, sizeof(api->log), "%s/log", api->directory);
	snprintf(private, sizeof(private), "%s/job.pem", api->directory);
	snprintf(public, sizeof(public), "%s/job.pub", api->directory);
	if (!key && signature_generate(private, public, &info))
		fail("key", info.text);
	write_config(api, nats_port, processes, key ? key : private);
	spawn(api);
	await_socket(api);
	return api;
}

/* What the sanitizers say goes into the log as well. */
static bool
clean(const struct api *api)
{
	static const char *const words[] = {
	    "Sanitizer", "runtime error:", "\"responder ended\""};
	char *log = NULL;
	size_t size;
	bool ok = true;

	if (file_read(api->log, LOG_MAX, &log, &size, NULL))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ok = ok && !strstr(log, words[i]);
	if (!ok)
		fwrite(log, 1, size, stderr);
	free(log);
	return ok;
}

int
api_stop(struct api *api)
{
	int status = 0;

	if (!api->pid)
		return -1;
	kill(api->pid, SIGTERM);
	while (waitpid(api->pid, &status, 0) < 0 && errno == EINTR)
		;
	api->pid = 0;
	return WIFEXITED(status) && clean(api) ? WEXITSTATUS(status) : -1;
}

void
api_free(struct api *api)
{
	if (!api)
		return;
	if (api->pid) {
		kill(api->pid, SIGKILL);
		waitpid(api->pid, NULL, 0);
	}
	free(api);
}

const char *
api_socket(const struct api *api)
{
	return api->socket;
}

pid_t
api_pid(const struct api *api)
{
	return api->pid;
}

const char *
api_config_path(const struct api *api)
{
	return api->config;
}

const char *
api_log_path(const struct api *api)
{
	return api->log;
}

static int
occurrences(const struct api *api, const char *text)
{
	char *log = NULL;
	size_t size;
	int n = 0;

	if (file_read(api->log, LOG_MAX, &log, &size, NULL))
		return 0;
	for (const char *p = log; (p = strstr(p, text)) != NULL; p++)
		n++;
	free(log);
	return n;
}

bool
api_log_has(const struct api *api, const char *text, int times)
{
	return AWAIT(occurrences(api, text) >= times);
}

static bool
is_ready(const struct api *api)
{
	struct fastcgi_call call = {.method = "GET", .uri = "/health/ready"};
	struct fastcgi_answer answer;
	bool is;

	fastcgi_ask(api->socket, &call, &answer);
	is = answer.status == 200;
	fastcgi_answer_free(&answer);
	return is;
}

bool
api_wait_ready(const struct api *api)
{
	return AWAIT(is_ready(api));
}

const char *
api_token(enum role role)
{
	static char text[4][1024];
	int64_t now = time(NULL);
	struct err_info info = {""};
	char *token;

	if (token_issue(API_KEY, strlen(API_KEY), role, "alice", now,
			now + 3600, &token, &info))
		fail("token", info.text);
	snprintf(text[role], sizeof(text[role]), "%s", token);
	free(token);
	return text[role];
}

static pid_t
parent_of(const char *pid)
{
	char path[300], *text = NULL, *end;
	pid_t parent = 0;
	size_t size;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (file_read(path, 4096, &text, &size, NULL))
		return 0;
	end = strrchr(text, ')');
	if (end && strlen(end) > 4)
		parent = (pid_t)strtol(end + 4, NULL, 10);
	free(text);
	return parent;
}

int
api_responders(const struct api *api, pid_t *pids, int max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while (proc && n < max && (entry = readdir(proc)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    parent_of(entry->d_name) == api->pid)
			pids[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
	if (proc)
		closedir(proc);
	return n;
}
