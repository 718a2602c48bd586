/*
 * cli/nats.c: `nats server start`: writes nats-server's configuration and
 * watches over the server that runs with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/local.h"
#include "cli/nats_conf.h"
#include "cli/nats_store.h"
#include "cli/nats_watch.h"
#include "cli/output.h"
#include "cli/program.h"
#include "lib/file.h"
#include "lib/log.h"

#define CONF_NAME   "nats-server.conf"
#define OUTPUT_SIZE 512

/* What stays the same from reload to reload. */
struct run {
	const struct cli *cli;
	char server[PATH_MAX];
	const char *config_dir; /* NULL: the store's */
	char path[PATH_MAX];    /* of the configuration */
	struct nats_extra extra;
};

/* Lets nats-server look at a configuration; ERR_INVALID with its words. */
static enum err
test_conf(const char *server, const char *path, struct err_info *info)
{
	char text[OUTPUT_SIZE] = "";
	size_t used = 0;
	int status = -1;
	int pipes[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_set(info, ERR_INTERNAL, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		execl(server, "nats-server", "-t", "-c", path, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	while (pid > 0 && used < sizeof(text) - 1 &&
	       (n = read(pipes[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(pipes[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return err_set(info, ERR_INTERNAL, "%s: %s", server,
			       strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return ERR_OK;
	text[strcspn(text, "\n")] = '\0';
	return err_set(info, ERR_INVALID,
		       "nats-server refuses its configuration: %s", text);
}

/* Whether the server knows sync_interval (2.10): it says so itself. */
static bool
knows_sync(const char *server)
{
	static const char conf[] =
	    "jetstream { store_dir: \"/nonexistent\", sync_interval: always }";
	struct err_info info = {""};
	bool knows = false;
	char path[64];
	int fd = memfd_create("nats-server.conf", 0);

	if (fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, conf, strlen(conf)) == (ssize_t)strlen(conf))
		knows = test_conf(server, path, &info) == ERR_OK;
	close(fd);
	return knows;
}

static enum err
make_directory(const char *path, struct err_info *info)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

static enum err
render(const struct config *c, const struct nats_extra *extra, char **text,
       size_t *size, struct err_info *info)
{
	struct nats_workers workers;
	enum err code =
	    nats_workers_read(c->nats.server.workers, &workers, info);
	FILE *out;

	if (code != ERR_OK)
		return code;
	out = open_memstream(text, size);
	if (!out)
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
	else
		code = nats_render(c, &workers, extra, out, info);
	if (out && fclose(out) != 0 && code == ERR_OK)
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
	nats_workers_release(&workers);
	return code;
}

/* The configuration goes into place only when nats-server takes it. */
static enum err
write_conf(const struct run *run, const struct config *c, struct err_info *info)
{
	char fresh[PATH_MAX + 8];
	char *text = NULL;
	size_t size = 0;
	enum err code = render(c, &run->extra, &text, &size, info);

	snprintf(fresh, sizeof(fresh), "%s.new", run->path);
	if (code == ERR_OK)
		code = file_write(fresh, text, size, 0600, info);
	if (code == ERR_OK)
		code = test_conf(run->server, fresh, info);
	if (code == ERR_OK && rename(fresh, run->path) < 0)
		code =
		    err_set(info, ERR_IO, "%s: %s", run->path, strerror(errno));
	if (code != ERR_OK)
		unlink(fresh);
	if (text)
		explicit_bzero(text, size);
	free(text);
	return code;
}

static enum err
load(const struct run *run, struct config **config, struct err_info *info)
{
	return config_load(run->cli->config_path, CONFIG_NATS_SERVER, NULL,
			   config, info);
}

static enum err
reload(void *arg, struct config **config, const char **password,
       struct err_info *info)
{
	struct run *run = arg;
	struct config *fresh = NULL;
	enum err code = load(run, &fresh, info);

	if (code == ERR_OK)
		code = write_conf(run, fresh, info);
	if (code != ERR_OK) {
		config_free(fresh);
		return code;
	}
	*config = fresh;
	*password = nats_monitor_password(fresh, &run->extra);
	return ERR_OK;
}

/* Everything up to the start. */
static enum err
prepare(struct run *run, const struct config *c, struct err_info *info)
{
	const char *dir =
	    run->config_dir ? run->config_dir : c->nats.server.store_dir;
	enum err code = nats_store_prepare(c, run->extra.sync, info);
	int n;

	if (code == ERR_OK)
		code = make_directory(dir, info);
	if (code != ERR_OK)
		return code;
	n = snprintf(run->path, sizeof(run->path), "%s/" CONF_NAME, dir);
	if (n < 0 || (size_t)n >= sizeof(run->path))
		return err_set(info, ERR_INVALID, "%.64s...: path too long",
			       dir);
	return write_conf(run, c, info);
}

static int
print(const struct run *run, const struct config *c, struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	enum err code = render(c, &run->extra, &text, &size, info);

	if (code == ERR_OK)
		output_write(text, size);
	if (text)
		explicit_bzero(text, size);
	free(text);
	return code == ERR_OK ? 0 : command_fail(code, "%s", info->text);
}

static int
watch(struct run *run, struct config *c, struct err_info *info)
{
	const struct nats_watch_plan plan = {
	    .server = run->server,
	    .conf = run->path,
	    .password = nats_monitor_password(c, &run->extra),
	    .config = c,
	    .reload = reload,
	    .arg = run};
	enum err code;

	log_init("osapi-nats", LOG_FORMAT_AUTO,
		 run->cli->debug || c->debug ? LOG_LEVEL_DEBUG
					     : LOG_LEVEL_INFO);
	code = prepare(run, c, info);
	if (code == ERR_OK)
		return nats_watch(&plan);
	config_free(c);
	return command_fail(code, "%s", info->text);
}

int
nats_run(const struct cli *cli, const struct arguments *arguments)
{
	static struct run run;
	struct config *config = NULL;
	struct err_info info = {""};
	enum err code;
	int status;

	run.cli = cli;
	run.config_dir = arguments_value(arguments, "config-dir");
	if (!program_system("nats-server", run.server))
		return command_fail(ERR_NOT_FOUND,
				    "nats-server is not installed "
				    "(apt-get install nats-server)");
	code = load(&run, &config, &info);
	if (code == ERR_OK)
		code = nats_extra_init(&run.extra, &info);
	if (code != ERR_OK) {
		config_free(config);
		return command_fail(code, "%s", info.text);
	}
	run.extra.sync = knows_sync(run.server);
	if (!arguments_has(arguments, "print"))
		return watch(&run, config, &info);
	status = print(&run, config, &info);
	config_free(config);
	return status;
}
