/*
 * cli/up_prepare.c: what `up` does before it starts anything.
 *
 * All state is below one directory of mode 0700.  What changes from start to
 * start (ports, a socket's place) goes to the programs by the environment, so
 * osapi.yaml stays as it was written.
 */
#include "cli/up.h"

#include <assert.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/init.h"
#include "cli/nginx.h"
#include "cli/program.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/token.h"

#define SOCKET_MAX   100 /* a unix socket's path has room for 107 */
#define TOKEN_LIFE_S (INT64_C(365) * 86400)
#define PORT_DEFAULT 8080

static enum err
find_programs(struct up *up, struct err_info *info)
{
	const struct {
		const char *name;
		char *path;
		bool ours;
		const char *hint;
	} programs[] = {
	    {"nats-server", up->nats_server, false,
	     " (apt-get install nats-server)"},
	    {"nginx", up->nginx, false, " (apt-get install nginx-light)"},
	    {"osapi-fcgi", up->fcgi, true, " beside osapi"},
	    {"osapi-worker", up->worker, true, " beside osapi"},
	};
	size_t i;

	if (!program_self(up->self))
		return err_set(info, ERR_INTERNAL, "/proc/self/exe: %s",
			       strerror(errno));
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!(programs[i].ours ? program_ours : program_system)(
			programs[i].name, programs[i].path))
			return err_set(info, ERR_NOT_FOUND,
				       "%s is not installed%s",
				       programs[i].name, programs[i].hint);
	return ERR_OK;
}

static enum err
fail(struct err_info *info, const char *path)
{
	return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
}

static bool
is_empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	while (directory && empty && (entry = readdir(directory)))
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	if (directory)
		closedir(directory);
	return empty;
}

/* Makes the directory, or takes one that is empty or was made by us. */
static enum err
take_directory(struct up *up, const char *dir, struct err_info *info)
{
	char absolute[PATH_MAX];

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(info, dir);
	if (!realpath(dir, absolute))
		return fail(info, dir);
	if (strlen(absolute) >= sizeof(up->dir))
		return err_set(info, ERR_INVALID, "%.64s...: path too long",
			       absolute);
	memcpy(up->dir, absolute, strlen(absolute) + 1);
	snprintf(up->config_path, sizeof(up->config_path), "%s/osapi.yaml",
		 up->dir);
	snprintf(up->token_path, sizeof(up->token_path), "%s/token", up->dir);
	snprintf(up->log_dir, sizeof(up->log_dir), "%s/log", up->dir);
	snprintf(up->nginx_dir, sizeof(up->nginx_dir), "%s/nginx", up->dir);
	snprintf(up->nginx_conf, sizeof(up->nginx_conf), "%s/nginx/nginx.conf",
		 up->dir);
	snprintf(absolute, sizeof(absolute), "%s/up.lock", up->dir);
	if (access(absolute, F_OK) < 0 && !is_empty(up->dir))
		return err_set(info, ERR_EXISTS,
			       "%s is not empty and was not made by osapi up",
			       up->dir);
	return ERR_OK;
}

/* One `up` a directory.  The lock goes with the process, however it ends. */
static enum err
take_lock(struct up *up, struct err_info *info)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/up.lock", up->dir);
	up->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (up->lock < 0)
		return fail(info, path);
	if (flock(up->lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			   ? err_set(info, ERR_CONFLICT,
				     "another osapi up uses %s; stop it, or "
				     "give another directory with --dir",
				     up->dir)
			   : fail(info, path);
	return ERR_OK;
}

static enum err
make_below(const struct up *up, struct err_info *info)
{
	static const char *const names[] = {"log", "nats", "worker", "nginx"};
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", up->dir, names[i]);
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return fail(info, path);
	}
	return ERR_OK;
}

/* The first start: osapi.yaml and keys. */
static enum err
write_configuration(const struct up *up, struct err_info *info)
{
	char store[PATH_MAX];
	char journal[PATH_MAX];
	struct init_plan plan = {
	    .dir = up->dir,
	    .mode = 0600,
	    .owner = "",
	    .group = "",
	    .port = up->port ? up->port : PORT_DEFAULT,
	    .store_dir = store,
	    .journal_dir = journal,
	    .token_file = up->token_path,
	};

	if (access(up->config_path, F_OK) == 0)
		return ERR_OK;
	snprintf(store, sizeof(store), "%s/nats", up->dir);
	snprintf(journal, sizeof(journal), "%s/worker", up->dir);
	return init_write(&plan, info);
}

/* A bound TCP socket on 127.0.0.1, -1 with errno. */
static int
bind_port(int port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	int saved;

	if (fd < 0)
		return -1;
	/* as nginx does: a port in TIME_WAIT is free */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, 1) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static enum err
check_port(int port, struct err_info *info)
{
	int fd = bind_port(port);

	if (fd >= 0) {
		close(fd);
		return ERR_OK;
	}
	if (errno == EADDRINUSE)
		return err_set(info, ERR_CONFLICT,
			       "port %d of 127.0.0.1 is in use; stop what "
			       "listens there, or give another with --port",
			       port);
	return err_set(info, ERR_IO, "port %d of 127.0.0.1: %s", port,
		       strerror(errno));
}

/* A port that is free now; nats-server takes it within a moment, and keeps it
 * over its restarts. */
static int
free_port(void)
{
	struct sockaddr_in address = {.sin_port = 0};
	socklen_t size = sizeof(address);
	int fd = bind_port(0);
	int port = 0;

	if (fd < 0)
		return 0;
	if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
		port = ntohs(address.sin_port);
	close(fd);
	return port;
}

/* Where the FastCGI socket goes: into the directory, unless its path would be
 * longer than a socket's may be. */
static enum err
choose_socket(struct up *up, char socket_path[static PATH_MAX],
	      struct err_info *info)
{
	snprintf(socket_path, PATH_MAX, "%s/fcgi.sock", up->dir);
	if (strlen(socket_path) <= SOCKET_MAX && !strchr(socket_path, ':'))
		return ERR_OK;
	snprintf(up->socket_dir, sizeof(up->socket_dir), "/tmp/osapi-XXXXXX");
	if (!mkdtemp(up->socket_dir)) {
		up->socket_dir[0] = '\0';
		return fail(info, "/tmp");
	}
	snprintf(socket_path, PATH_MAX, "%s/fcgi.sock", up->socket_dir);
	return ERR_OK;
}

/* What all programs are to see; it goes before osapi.yaml. */
static void
set_environment(int port, int nats_port, const char *socket_path)
{
	/* a client's settings in the caller's shell are for another API */
	static const char *const unset[] = {
	    "OSAPI_FILE", "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN",
	    "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE"};
	static const char *const hosts[] = {"OSAPI_API_SERVER_NATS_HOST",
					    "OSAPI_JOB_WORKER_NATS_HOST",
					    "OSAPI_NATS_SERVER_HOST"};
	static const char *const ports[] = {"OSAPI_API_SERVER_NATS_PORT",
					    "OSAPI_JOB_WORKER_NATS_PORT",
					    "OSAPI_NATS_SERVER_PORT"};
	char text[64];
	size_t i;

	for (i = 0; i < 3; i++) {
		unsetenv(unset[i]);
		setenv(hosts[i], "127.0.0.1", 1);
		snprintf(text, sizeof(text), "%d", nats_port);
		setenv(ports[i], text, 1);
	}
	snprintf(text, sizeof(text), "%d", port);
	setenv("OSAPI_API_SERVER_PORT", text, 1);
	snprintf(text, sizeof(text), "http://127.0.0.1:%d", port);
	setenv("OSAPI_API_CLIENT_URL", text, 1);
	setenv("OSAPI_API_SERVER_FCGI_SOCKET", socket_path, 1);
}

static enum err
load(struct up *up, unsigned parts, struct err_info *info)
{
	char port[16];
	const struct config_override overrides[] = {{"api.server.port", port},
						    {NULL, NULL}};

	snprintf(port, sizeof(port), "%d", up->port);
	config_free(up->config);
	up->config = NULL;
	return config_load(up->config_path, parts, up->port ? overrides : NULL,
			   &up->config, info);
}

/* A token of role admin for the person who runs this; a good one stays. */
static enum err
keep_token(const struct up *up, struct err_info *info)
{
	const char *key = up->config->api.server.security.signing_key;
	int64_t now_s = clock_wall_ns() / CLOCK_NS_PER_S;
	struct token token;
	char *text = NULL;
	size_t size = 0;
	enum err code;

	if (file_read(up->token_path, TOKEN_MAX, &text, &size, NULL) ==
	    ERR_OK) {
		text[strcspn(text, "\n")] = '\0';
		code =
		    token_verify(key, strlen(key), text, now_s, &token, NULL);
		free(text);
		text = NULL;
		if (code == ERR_OK && token.expires_s > now_s + 86400)
			return ERR_OK;
	}
	code = token_issue(key, strlen(key), ROLE_ADMIN, "up", now_s,
			   now_s + TOKEN_LIFE_S, &text, info);
	if (code == ERR_OK)
		code =
		    file_write(up->token_path, text, strlen(text), 0600, info);
	free(text);
	return code;
}

static enum err
write_nginx(const struct up *up, struct err_info *info)
{
	char access_log[PATH_MAX];
	const struct nginx_plan plan = {.config = up->config,
					.dir = up->nginx_dir,
					.access_log = access_log};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	enum err code;

	if (!out)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	snprintf(access_log, sizeof(access_log), "%s/log/access.log", up->dir);
	code = nginx_render(&plan, out, info);
	if (fclose(out) != 0 && code == ERR_OK)
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
	if (code == ERR_OK)
		code = file_write(up->nginx_conf, text, size, 0600, info);
	free(text);
	return code;
}

/* osapi.yaml names its files by full paths: those of another directory would
 * be used, and changed, by two. */
static enum err
check_moved(const struct up *up, struct err_info *info)
{
	const char *key = up->config->api.server.security.job_signing_key_file;
	size_t length = strlen(up->dir);

	if (strncmp(key, up->dir, length) == 0 && key[length] == '/')
		return ERR_OK;
	return err_set(info, ERR_CONFLICT,
		       "%s was moved or copied: its osapi.yaml names %s; "
		       "remove it, or give another directory with --dir",
		       up->dir, key);
}

/* Ports and socket, known to all by the environment. */
static enum err
choose_places(struct up *up, struct err_info *info)
{
	char socket_path[PATH_MAX];
	enum err code = load(up, 0, info);
	int nats_port;
	int port;

	if (code != ERR_OK)
		return code;
	assert(up->config);
	code = check_moved(up, info);
	if (code != ERR_OK)
		return code;
	port = (int)up->config->api.server.port;
	code = check_port(port, info);
	if (code != ERR_OK)
		return code;
	nats_port = free_port();
	if (nats_port == 0)
		return err_set(info, ERR_IO, "no free port on 127.0.0.1: %s",
			       strerror(errno));
	code = choose_socket(up, socket_path, info);
	if (code == ERR_OK)
		set_environment(port, nats_port, socket_path);
	return code;
}

enum err
up_prepare(struct up *up, const char *dir, struct err_info *info)
{
	static enum err (*const steps[])(
	    const struct up *up, struct err_info *info) = {make_below,
							   write_configuration};
	enum err code = find_programs(up, info);
	size_t i;

	if (code == ERR_OK)
		code = take_directory(up, dir, info);
	if (code == ERR_OK)
		code = take_lock(up, info);
	for (i = 0; i < 2 && code == ERR_OK; i++)
		code = steps[i](up, info);
	if (code == ERR_OK)
		code = choose_places(up, info);
	if (code == ERR_OK)
		code = load(up, CONFIG_SERVER | CONFIG_WORKER, info);
	if (code == ERR_OK)
		code = keep_token(up, info);
	/* again, as the token's file is there now */
	if (code == ERR_OK)
		code = load(up, CONFIG_SERVER | CONFIG_WORKER | CONFIG_CLIENT,
			    info);
	if (code == ERR_OK)
		code = write_nginx(up, info);
	return code;
}

void
up_release(struct up *up)
{
	char path[PATH_MAX];

	config_free(up->config);
	up->config = NULL;
	if (*up->socket_dir) {
		snprintf(path, sizeof(path), "%s/fcgi.sock", up->socket_dir);
		unlink(path);
		rmdir(up->socket_dir);
	}
	if (up->lock >= 0)
		close(up->lock);
	up->lock = -1;
}
