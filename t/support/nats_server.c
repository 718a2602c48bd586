/*
 * t/support/nats_server.c: a real nats-server with JetStream for one test.
 *
 * Its port is held, so that it is still there for a restart; the server is
 * ready when it greets a connection.
 */
#include "t/support/await.h"
#include "t/support/nats_server.h"
#include "t/support/port.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct nats_server {
	char directory[PATH_MAX - 64];
	char *extra;
	int port;
	pid_t pid; /* 0: does not run */
	char host[16];
	char user[64];
	char password[16];
	char none[1];
	struct config_nats config;
};

static void __attribute__((noreturn))
fail(const struct nats_server *server, const char *what)
{
	char path[PATH_MAX];
	char line[1024];
	FILE *log;

	(void)fprintf(stderr, "nats-server of the test: %s: %s\n", what,
		      strerror(errno));
	(void)snprintf(path, sizeof(path), "%s/log", server->directory);
	log = fopen(path, "r");
	while (log != NULL && fgets(line, sizeof(line), log) != NULL)
		(void)fputs(line, stderr);
	if (log != NULL)
		(void)fclose(log);
	if (server->pid > 0)
		(void)kill(server->pid, SIGKILL);
	abort();
}

static void
write_config(const struct nats_server *server)
{
	char path[PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/conf", server->directory);
	file = fopen(path, "w");
	if (file == NULL)
		fail(server, path);
	(void)fprintf(file,
		      "host: 127.0.0.1\nport: %d\nmax_payload: 2MB\n"
		      "jetstream {store_dir: \"%s/store\", max_mem: 256MB,"
		      " max_file: 4GB}\n%s\n",
		      server->port, server->directory, server->extra);
	if (fclose(file) != 0)
		fail(server, path);
}

static void __attribute__((noreturn))
run(const char *config, const char *log, pid_t parent)
{
	sigset_t none;
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	/* The test may die in any way; its server goes with it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(1);
	(void)execlp("nats-server", "nats-server", "-c", config, (char *)NULL);
	_exit(127);
}

static void
spawn(struct nats_server *server)
{
	char config[PATH_MAX];
	char log[PATH_MAX];
	pid_t parent = getpid();

	(void)snprintf(config, sizeof(config), "%s/conf", server->directory);
	(void)snprintf(log, sizeof(log), "%s/log", server->directory);
	write_config(server);
	server->pid = fork();
	if (server->pid < 0)
		fail(server, "fork");
	if (server->pid == 0)
		run(config, log, parent);
}

static bool
greets(int port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char word[5] = "";
	bool yes;

	yes = fd >= 0 &&
	      connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	      poll(&ready, 1, 1000) == 1 && read(fd, word, 4) == 4 &&
	      strcmp(word, "INFO") == 0;
	if (fd >= 0)
		(void)close(fd);
	return yes;
}

static bool
takes_connections(struct nats_server *server)
{
	if (greets(server->port))
		return true;
	if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
		server->pid = 0;
		fail(server, "ended at once");
	}
	return false;
}

void
nats_server_wait(struct nats_server *server)
{
	if (!AWAIT(takes_connections(server)))
		fail(server, "does not become ready");
}

struct nats_server *
nats_server_spawn(const char *directory, const char *name, const char *extra,
		  int port)
{
	struct nats_server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		abort();
	(void)snprintf(server->directory, sizeof(server->directory), "%s/%s",
		       directory, name);
	(void)snprintf(server->host, sizeof(server->host), "127.0.0.1");
	server->extra = strdup(extra == NULL ? "" : extra);
	server->port = port;
	if (server->extra == NULL)
		abort();
	if (mkdir(server->directory, 0700) != 0)
		fail(server, server->directory);
	spawn(server);
	return server;
}

struct nats_server *
nats_server_start(const char *directory, const char *name, const char *extra)
{
	struct nats_server *server =
	    nats_server_spawn(directory, name, extra, port_hold());

	nats_server_wait(server);
	return server;
}

static void
end(struct nats_server *server, int signal_number)
{
	if (server->pid <= 0)
		return;
	(void)kill(server->pid, signal_number);
	while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
		;
	server->pid = 0;
}

void
nats_server_free(struct nats_server *server)
{
	if (server == NULL)
		return;
	end(server, SIGKILL);
	free(server->extra);
	free(server);
}

int
nats_server_port(const struct nats_server *server)
{
	return server->port;
}

const struct config_nats *
nats_server_config(struct nats_server *server, const char *user)
{
	struct config_nats *config = &server->config;

	(void)snprintf(server->user, sizeof(server->user), "%s", user);
	(void)snprintf(server->password, sizeof(server->password), "%s",
		       user[0] == '\0' ? "" : "secret");
	config->host = server->host;
	config->port = server->port;
	config->client_name = server->none;
	config->user = server->user;
	config->password = server->password;
	config->creds_file = server->none;
	config->tls.ca = server->none;
	config->tls.certificate = server->none;
	config->tls.key = server->none;
	return config;
}

void
nats_server_stop(struct nats_server *server)
{
	end(server, SIGTERM);
}

void
nats_server_kill(struct nats_server *server)
{
	end(server, SIGKILL);
}

void
nats_server_reconfigure(struct nats_server *server, const char *extra)
{
	free(server->extra);
	server->extra = strdup(extra);
	if (server->extra == NULL)
		abort();
}

void
nats_server_restart(struct nats_server *server)
{
	spawn(server);
	nats_server_wait(server);
}

void
nats_server_freeze(struct nats_server *server)
{
	int status;

	if (kill(server->pid, SIGSTOP) != 0 ||
	    waitpid(server->pid, &status, WUNTRACED) != server->pid)
		fail(server, "cannot be stopped");
}

void
nats_server_thaw(struct nats_server *server)
{
	(void)kill(server->pid, SIGCONT);
}

int
nats_server_logged(const struct nats_server *server, const char *text)
{
	char path[PATH_MAX];
	char line[1024];
	FILE *log;
	int count = 0;

	(void)snprintf(path, sizeof(path), "%s/log", server->directory);
	log = fopen(path, "r");
	if (log == NULL)
		return 0;
	while (fgets(line, sizeof(line), log) != NULL)
		count += strstr(line, text) != NULL;
	(void)fclose(log);
	return count;
}
