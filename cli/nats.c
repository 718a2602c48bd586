/*
 * cli/nats.c: `nats server start`.
 *
 * Permissions are lists of what is allowed, made from the names of the
 * streams; users are in explicit accounts and every account has one, so that
 * nobody gets in without a password.
 */
#include "cli/nats.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/local.h"
#include "cli/program.h"
#include "lib/broker.h"
#include "lib/file.h"
#include "lib/store.h"

#define MEMORY_STORE    (256 << 20)
#define INBOX_NAME_SIZE 64 /* as lib/broker.c cuts it */
#define CONF_NAME       "nats-server.conf"

/* A pattern of subjects; %s stands for the names in turn. */
enum names {
	NAMES_NONE,
	NAMES_STREAMS, /* the five streams */
	NAMES_JOBS,    /* the stream of notifications */
	NAMES_BUCKETS, /* the three buckets */
	NAMES_QUEUE,
	NAMES_RESPONSES,
	NAMES_REGISTRY,
	NAMES_SUBJECTS /* job.stream_subjects */
};

struct rule {
	const char *pattern; /* NULL ends a list */
	enum names names;
};

/* It makes the streams, stores jobs, keeps an index and reads the dead letters. */
static const struct rule api_publish[] = {
    {"$JS.API.STREAM.INFO.%s", NAMES_STREAMS},
    {"$JS.API.STREAM.CREATE.%s", NAMES_STREAMS},
    {"$JS.API.STREAM.UPDATE.%s", NAMES_STREAMS},
    {"$JS.API.STREAM.PURGE.%s", NAMES_STREAMS},
    {"$JS.API.STREAM.MSG.GET.%s", NAMES_STREAMS},
    {"$JS.API.DIRECT.GET.%s", NAMES_STREAMS},
    {"$JS.API.DIRECT.GET.%s.>", NAMES_STREAMS},
    {"$JS.API.CONSUMER.INFO.%s.>", NAMES_STREAMS},
    {"$JS.API.CONSUMER.CREATE.%s", NAMES_STREAMS},
    {"$JS.API.CONSUMER.CREATE.%s.>", NAMES_STREAMS},
    {"$JS.API.CONSUMER.DURABLE.CREATE.%s.>", NAMES_STREAMS},
    {"$JS.API.CONSUMER.DELETE.%s.>", NAMES_STREAMS},
    {"$JS.API.CONSUMER.MSG.NEXT.%s.>", NAMES_STREAMS},
    {"$JS.ACK.%s.>", NAMES_STREAMS},
    {"$KV.%s.>", NAMES_BUCKETS},
    {"%s", NAMES_SUBJECTS},
    {NULL, NAMES_NONE},
};

static const struct rule api_subscribe[] = {
    {STORE_CHANGES_PREFIX ">", NAMES_NONE},
    {NULL, NAMES_NONE},
};

/* It makes its own consumers of the notifications, and writes events, results
 * and its heartbeat; it cannot store a job, nor make or purge a stream. */
static const struct rule worker_publish[] = {
    {"$JS.API.STREAM.INFO.%s", NAMES_STREAMS},
    {"$JS.API.STREAM.MSG.GET.%s", NAMES_BUCKETS},
    {"$JS.API.DIRECT.GET.%s", NAMES_BUCKETS},
    {"$JS.API.DIRECT.GET.%s.>", NAMES_BUCKETS},
    {"$JS.API.CONSUMER.INFO.%s.>", NAMES_JOBS},
    {"$JS.API.CONSUMER.CREATE.%s", NAMES_JOBS},
    {"$JS.API.CONSUMER.CREATE.%s.>", NAMES_JOBS},
    {"$JS.API.CONSUMER.DURABLE.CREATE.%s.>", NAMES_JOBS},
    {"$JS.API.CONSUMER.MSG.NEXT.%s.>", NAMES_JOBS},
    {"$JS.ACK.%s.>", NAMES_JOBS},
    {"$KV.%s.status.>", NAMES_QUEUE},
    {"$KV.%s.>", NAMES_RESPONSES},
    {"$KV.%s.>", NAMES_REGISTRY},
    {NULL, NAMES_NONE},
};

static const struct rule worker_subscribe[] = {
    {NULL, NAMES_NONE},
};

/* A quoted string of nats-server's configuration. */
static void
quote(const char *text, FILE *out)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

static void
subject(const char *text, FILE *out)
{
	fputs("          ", out);
	quote(text, out);
	putc('\n', out);
}

/* The pattern with the name in place of its "%s". */
static void
subject_of(const char *pattern, const char *prefix, const char *name, FILE *out)
{
	const char *at = strstr(pattern, "%s");
	char text[1024];

	if (at)
		snprintf(text, sizeof(text), "%.*s%s%s%s", (int)(at - pattern),
			 pattern, prefix, name, at + 2);
	else
		snprintf(text, sizeof(text), "%s", pattern);
	subject(text, out);
}

static void
write_rule(const struct config *c, const struct rule *rule, FILE *out)
{
	const char *const buckets[] = {c->job.kv_bucket,
				       c->job.kv_response_bucket,
				       c->job.registry_bucket};
	/* a rule about a bucket's stream names it with KV_ before it, one
	 * about its keys does not */
	bool keys = strncmp(rule->pattern, "$KV.", 4) == 0;
	char dlq[80];
	size_t i;

	switch (rule->names) {
	case NAMES_NONE:
		subject_of(rule->pattern, "", "", out);
		break;
	case NAMES_STREAMS:
		snprintf(dlq, sizeof(dlq), "%.64s-DLQ", c->job.stream_name);
		subject_of(rule->pattern, "", dlq, out);
		subject_of(rule->pattern, "", c->job.stream_name, out);
		for (i = 0; i < 3; i++)
			subject_of(rule->pattern, "KV_", buckets[i], out);
		break;
	case NAMES_JOBS:
		subject_of(rule->pattern, "", c->job.stream_name, out);
		break;
	case NAMES_BUCKETS:
		for (i = 0; i < 3; i++)
			subject_of(rule->pattern, keys ? "" : "KV_", buckets[i],
				   out);
		break;
	case NAMES_QUEUE:
		subject_of(rule->pattern, "", buckets[0], out);
		break;
	case NAMES_RESPONSES:
		subject_of(rule->pattern, "", buckets[1], out);
		break;
	case NAMES_REGISTRY:
		subject_of(rule->pattern, "", buckets[2], out);
		break;
	case NAMES_SUBJECTS:
		subject_of(rule->pattern, "", c->job.stream_subjects, out);
		break;
	}
}

/* The subject below which lib/broker.c has the inboxes of this user. */
static void
inbox(const char *user, FILE *out)
{
	char text[INBOX_NAME_SIZE + 2];
	size_t at;

	snprintf(text, INBOX_NAME_SIZE, BROKER_INBOX_PREFIX "%s", user);
	for (at = strlen(BROKER_INBOX_PREFIX); text[at]; at++)
		if (!isalnum((unsigned char)text[at]) && text[at] != '-')
			text[at] = '_';
	memcpy(text + at, ".>", 3);
	subject(text, out);
}

static void
write_user(const struct config *c, const struct config_nats *nats,
	   const struct rule *publish, const struct rule *subscribe, FILE *out)
{
	fputs("      {\n        user: ", out);
	quote(nats->user, out);
	fputs("\n        password: ", out);
	quote(nats->password, out);
	fputs("\n        permissions {\n        publish: [\n", out);
	/* a program asks itself to find out how far its subscription is */
	inbox(nats->user, out);
	for (; publish->pattern; publish++)
		write_rule(c, publish, out);
	fputs("        ]\n        subscribe: [\n", out);
	inbox(nats->user, out);
	for (; subscribe->pattern; subscribe++)
		write_rule(c, subscribe, out);
	fputs("        ]\n        }\n      }\n", out);
}

/* A password that nobody knows: the system account has a user so that it is
 * not open, and osapi does not use it. */
static enum err
write_system_user(FILE *out, struct err_info *info)
{
	unsigned char random[24];
	size_t i;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(info, ERR_INTERNAL, "getrandom: %s",
			       strerror(errno));
	fputs("  \"$SYS\" {\n    users: [ { user: system, password: \"", out);
	for (i = 0; i < sizeof(random); i++)
		fprintf(out, "%02x", random[i]);
	fputs("\" } ]\n  }\n", out);
	return ERR_OK;
}

static void
write_tls(const struct config *c, FILE *out)
{
	if (!*c->nats.server.tls.certificate)
		return;
	fputs("tls {\n  cert_file: ", out);
	quote(c->nats.server.tls.certificate, out);
	fputs("\n  key_file: ", out);
	quote(c->nats.server.tls.key, out);
	if (*c->nats.server.tls.ca) {
		fputs("\n  ca_file: ", out);
		quote(c->nats.server.tls.ca, out);
		fputs("\n  verify: true", out);
	}
	fputs("\n}\n", out);
}

static void
write_cluster(const struct config *c, FILE *out)
{
	const struct config_list *routes = &c->nats.server.cluster.routes;
	size_t i;

	if (!*c->nats.server.cluster.name)
		return;
	fputs("cluster {\n  name: ", out);
	quote(c->nats.server.cluster.name, out);
	fputs("\n  listen: ", out);
	quote(c->nats.server.cluster.listen, out);
	fputs("\n  routes: [\n", out);
	for (i = 0; i < routes->count; i++) {
		fputs("    ", out);
		quote(routes->items[i], out);
		putc('\n', out);
	}
	fputs("  ]\n}\n", out);
}

static void
write_head(const struct config *c, bool sync, FILE *out)
{
	char host[256] = "osapi";

	gethostname(host, sizeof(host) - 1);
	fputs("# Rendered by osapi from osapi.yaml: change it there.\n"
	      "server_name: ",
	      out);
	quote(host, out);
	fputs("\nhost: ", out);
	quote(c->nats.server.host, out);
	fprintf(out,
		"\nport: %" PRId64 "\n"
		"max_payload: 2MB\n"
		"max_connections: 4096\n"
		"ping_interval: \"10s\"\n"
		"write_deadline: \"5s\"\n"
		"jetstream {\n  store_dir: ",
		c->nats.server.port);
	quote(c->nats.server.store_dir, out);
	fprintf(out, "\n  max_mem: %d\n  max_file: %" PRId64 "\n", MEMORY_STORE,
		c->nats.server.max_file_store);
	if (sync && c->nats.server.durability == CONFIG_DURABILITY_POWER)
		fputs("  sync_interval: always\n", out);
	fputs("}\n", out);
}

enum err
nats_render(const struct config *c, bool sync, FILE *out, struct err_info *info)
{
	const struct config_nats *api = &c->api.server.nats;
	const struct config_nats *worker = &c->job.worker.nats;
	enum err code;

	if (!*api->user || !*api->password)
		return err_set(info, ERR_INVALID,
			       "api.server.nats.user and password are "
			       "required: nats-server lets nobody in without");
	if (!*worker->user || !*worker->password)
		return err_set(info, ERR_INVALID,
			       "job.worker.nats.user and password are "
			       "required: nats-server lets nobody in without");
	if (strcmp(api->user, worker->user) == 0 ||
	    strcmp(api->user, "system") == 0 ||
	    strcmp(worker->user, "system") == 0)
		return err_set(info, ERR_INVALID,
			       "job.worker.nats.user: the users of api and "
			       "worker must differ, and not be \"system\"");
	write_head(c, sync, out);
	write_tls(c, out);
	write_cluster(c, out);
	fputs("accounts {\n", out);
	code = write_system_user(out, info);
	if (code != ERR_OK)
		return code;
	fputs("  OSAPI {\n    jetstream: enabled\n    users: [\n", out);
	write_user(c, api, api_publish, api_subscribe, out);
	write_user(c, worker, worker_publish, worker_subscribe, out);
	fputs("    ]\n  }\n}\n", out);
	return ERR_OK;
}

/* Whether the server is 2.10 or later, by what `nats-server --version` says
 * ("nats-server: v2.9.10"). */
static bool
knows_sync(const char *server)
{
	char text[128] = "";
	int pipes[2];
	int major = 0;
	int minor = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		execl(server, server, "--version", (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	n = pid > 0 ? read(pipes[0], text, sizeof(text) - 1) : 0;
	close(pipes[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (n <= 0 || sscanf(text, "%*[^v]v%d.%d", &major, &minor) != 2)
		return false;
	return major > 2 || (major == 2 && minor >= 10);
}

/* For servers that cannot be told to sync: files below a directory with this
 * attribute are written synchronously.  It is inherited by what is made below
 * from now on. */
static void
make_synchronous(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int flags = 0;
	bool done = false;

	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		done = flags & FS_SYNC_FL;
		flags |= FS_SYNC_FL;
		done = done || ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	}
	if (fd >= 0)
		close(fd);
	if (!done)
		fprintf(stderr,
			"osapi: nats.server.durability is power, but this "
			"nats-server has no sync_interval and %s cannot be "
			"written synchronously: what is acknowledged survives "
			"the death of the process, not the loss of power\n",
			dir);
}

static enum err
make_directory(const char *path, struct err_info *info)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

static enum err
write_conf(const struct config *c, bool sync, const char *path,
	   struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	enum err code;

	if (!out)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	code = nats_render(c, sync, out, info);
	if (fclose(out) != 0 && code == ERR_OK)
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
	if (code == ERR_OK)
		code = file_write(path, text, size, 0600, info);
	if (text)
		explicit_bzero(text, size);
	free(text);
	return code;
}

/* Everything up to the exec; *path is the configuration that was written. */
static enum err
prepare(const struct config *c, const char *server, const char *config_dir,
	char path[static PATH_MAX], struct err_info *info)
{
	const char *dir = config_dir ? config_dir : c->nats.server.store_dir;
	bool sync = knows_sync(server);
	enum err code = make_directory(c->nats.server.store_dir, info);
	int n;

	if (code == ERR_OK)
		code = make_directory(dir, info);
	if (code != ERR_OK)
		return code;
	if (!sync && c->nats.server.durability == CONFIG_DURABILITY_POWER)
		make_synchronous(c->nats.server.store_dir);
	n = snprintf(path, PATH_MAX, "%s/" CONF_NAME, dir);
	if (n < 0 || n >= PATH_MAX)
		return err_set(info, ERR_INVALID, "%.64s...: path too long",
			       dir);
	return write_conf(c, sync, path, info);
}

int
nats_run(const struct cli *cli, const struct arguments *arguments)
{
	const char *config_dir = arguments_value(arguments, "config-dir");
	bool print = arguments_has(arguments, "print");
	char server[PATH_MAX];
	char path[PATH_MAX] = "";
	struct config *config = NULL;
	struct err_info info = {""};
	enum err code;

	if (!program_system("nats-server", server))
		return command_fail(ERR_NOT_FOUND,
				    "nats-server is not installed "
				    "(apt-get install nats-server)");
	code = config_load(cli->config_path, CONFIG_NATS_SERVER, NULL, &config,
			   &info);
	if (code == ERR_OK && print)
		code = nats_render(config, knows_sync(server), stdout, &info);
	else if (code == ERR_OK)
		code = prepare(config, server, config_dir, path, &info);
	config_free(config);
	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	if (print)
		return 0;
	execl(server, "nats-server", "-c", path, (char *)NULL);
	return command_fail(ERR_IO, "%s: %s", server, strerror(errno));
}
