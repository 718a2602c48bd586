/*
 * cli/init.c: `init`, and the first start of `up`.
 *
 * No secret is ever a constant: each is 32 octets of getrandom(2).  Nothing
 * that exists is written over, and osapi.yaml comes last, so that its presence
 * means that all is there.
 */
#include "cli/init.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/init_text.h"
#include "cli/init_worker.h"
#include "cli/local.h"
#include "cli/nats_workers.h"
#include "cli/secret.h"
#include "lib/file.h"
#include "lib/signature.h"
#include "lib/subject.h"

#define DIR_DEFAULT  "/etc/osapi"
#define SERVICE_USER "osapi"

struct secrets {
	char signing_key[SECRET_SIZE];
	char api_password[SECRET_SIZE];
	char monitor_password[SECRET_SIZE];
	char worker_password[SECRET_SIZE];
};

struct paths {
	char config[PATH_MAX];
	char keys[PATH_MAX];
	char private_key[PATH_MAX];
	char public_key[PATH_MAX];
	char token_key[PATH_MAX];
	char workers[PATH_MAX];
	char host[SUBJECT_HOST_MAX + 1];
};

static enum err
make_secrets(struct secrets *secrets, struct err_info *info)
{
	enum err code = secret_make(secrets->signing_key, info);

	if (code == ERR_OK)
		code = secret_make(secrets->api_password, info);
	if (code == ERR_OK)
		code = secret_make(secrets->monitor_password, info);
	if (code == ERR_OK)
		code = secret_make(secrets->worker_password, info);
	return code;
}

static void
render_api(FILE *out, const struct init_plan *plan,
	   const struct secrets *secrets, const struct paths *paths)
{
	fprintf(out,
		"# Made by osapi init; the secrets are random and of this "
		"machine only.\n"
		"# osapi config check reads it, osapi config dump shows all "
		"keys.\n"
		"api:\n"
		"  client:\n"
		"    url: \"http://127.0.0.1:%d\"\n",
		plan->port);
	if (plan->token_file)
		fputs("    security:\n", out);
	init_text_member(3, "bearer_token_file", plan->token_file, out);
	fprintf(out, "  server:\n    port: %d\n", plan->port);
	if (plan->socket)
		fputs("    fcgi:\n", out);
	init_text_member(3, "socket", plan->socket, out);
	fputs("    nats:\n      user: api\n", out);
	init_text_member(3, "password", secrets->api_password, out);
	fputs("    security:\n", out);
	init_text_member(3, "signing_key_file", paths->token_key, out);
	init_text_member(3, "job_signing_key_file", paths->private_key, out);
}

static void
render_rest(FILE *out, const struct init_plan *plan,
	    const struct secrets *secrets, const struct paths *paths)
{
	struct init_worker worker = {.public_keys = paths->public_key,
				     .host = paths->host,
				     .named = plan->host != NULL,
				     .password = secrets->worker_password,
				     .journal_dir = plan->journal_dir};

	fputs("nats:\n"
	      "  server:\n"
	      "    # 0.0.0.0 lets workers of other hosts in; use tls then\n"
	      "    host: 127.0.0.1\n",
	      out);
	init_text_member(2, "store_dir", plan->store_dir, out);
	init_text_member(2, "workers", paths->workers, out);
	fputs("    monitor:\n", out);
	init_text_member(3, "password", secrets->monitor_password, out);
	init_render_worker(&worker, out);
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* As the worker finds it. */
static enum err
find_host(const struct init_plan *plan, struct paths *paths,
	  struct err_info *info)
{
	char name[SUBJECT_HOST_MAX + 2] = "";
	struct err_info why = {""};

	if (!plan->host && gethostname(name, sizeof(name) - 1) < 0)
		return err_set(info, ERR_INVALID, "gethostname: %s",
			       strerror(errno));
	if (subject_host_check(plan->host ? plan->host : name, paths->host,
			       &why) == ERR_OK)
		return ERR_OK;
	return err_set(info, ERR_INVALID,
		       "\"%s\": %s; give the name of this host with --host",
		       plan->host ? plan->host : name, why.text);
}

static enum err
find_paths(const struct init_plan *plan, struct paths *paths,
	   struct err_info *info)
{
	const char *p;

	for (p = plan->dir; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(info, ERR_INVALID,
				       "the directory's name has a control "
				       "character in it");
	if (strlen(plan->dir) > PATH_MAX - 64)
		return err_set(info, ERR_INVALID,
			       "the directory's name is "
			       "too long");
	snprintf(paths->config, sizeof(paths->config), "%.4000s/osapi.yaml",
		 plan->dir);
	snprintf(paths->keys, sizeof(paths->keys), "%.4000s/keys", plan->dir);
	snprintf(paths->private_key, sizeof(paths->private_key),
		 "%.4000s/keys/job-signing.pem", plan->dir);
	snprintf(paths->public_key, sizeof(paths->public_key),
		 "%.4000s/keys/job-signing.pub.pem", plan->dir);
	snprintf(paths->token_key, sizeof(paths->token_key),
		 "%.4000s/keys/token-signing.key", plan->dir);
	snprintf(paths->workers, sizeof(paths->workers), "%.4000s/workers",
		 plan->dir);
	return find_host(plan, paths, info);
}

/* Without such a user or group the file stays the caller's: the packages make
 * them, a first look at a machine does without.  Only root can give it away. */
static enum err
give(const char *path, const char *owner, const char *group,
     struct err_info *info)
{
	const struct passwd *user = *owner ? getpwnam(owner) : NULL;
	const struct group *members = *group ? getgrnam(group) : NULL;

	if ((!user && !members) || geteuid() != 0)
		return ERR_OK;
	if (chown(path, user ? user->pw_uid : (uid_t)-1,
		  members ? members->gr_gid : (gid_t)-1) < 0)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
	return ERR_OK;
}

static enum err
write_config(const struct init_plan *plan, const struct secrets *secrets,
	     const struct paths *paths, struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	enum err code;

	if (!out)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	render_api(out, plan, secrets, paths);
	render_rest(out, plan, secrets, paths);
	if (fclose(out) != 0)
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
	else
		code = file_write(paths->config, text, size, plan->mode, info);
	if (text)
		explicit_bzero(text, size);
	free(text);
	return code;
}

/* Everything but osapi.yaml. */
static enum err
write_rest(const struct init_plan *plan, const struct secrets *secrets,
	   const struct paths *paths, struct err_info *info)
{
	enum err code =
	    signature_generate(paths->private_key, paths->public_key, info);

	if (code == ERR_OK)
		code = give(paths->private_key, plan->owner, "", info);
	if (code == ERR_OK)
		code = file_write(paths->token_key, secrets->signing_key,
				  strlen(secrets->signing_key), 0600, info);
	if (code == ERR_OK)
		code = give(paths->token_key, plan->owner, "", info);
	if (code == ERR_OK)
		code = nats_workers_add(paths->workers, plan->mode, paths->host,
					secrets->worker_password, NULL, info);
	if (code == ERR_OK)
		code = give(paths->workers, "", plan->group, info);
	return code;
}

enum err
init_write(const struct init_plan *plan, struct err_info *info)
{
	struct secrets secrets;
	struct paths paths;
	enum err code = find_paths(plan, &paths, info);

	if (code != ERR_OK)
		return code;
	if (exists(paths.config))
		return err_set(info, ERR_EXISTS, "%s is there already",
			       paths.config);
	if (exists(paths.private_key) || exists(paths.public_key) ||
	    exists(paths.token_key))
		return err_set(info, ERR_EXISTS, "%s has keys already",
			       paths.keys);
	if (exists(paths.workers))
		return err_set(info, ERR_EXISTS, "%s is there already",
			       paths.workers);
	if (mkdir(paths.keys, 0755) < 0 && errno != EEXIST)
		return err_set(info, ERR_IO, "%s: %s", paths.keys,
			       strerror(errno));
	code = make_secrets(&secrets, info);
	if (code == ERR_OK)
		code = write_rest(plan, &secrets, &paths, info);
	if (code == ERR_OK)
		code = write_config(plan, &secrets, &paths, info);
	if (code == ERR_OK)
		code = give(paths.config, "", plan->group, info);
	explicit_bzero(&secrets, sizeof(secrets));
	if (code != ERR_OK) { /* what this call made, so that the next can */
		unlink(paths.config);
		unlink(paths.private_key);
		unlink(paths.public_key);
		unlink(paths.token_key);
		unlink(paths.workers);
	}
	return code;
}

/* Whether this machine has our units, by a package or by make install. */
static bool
have_units(void)
{
	static const char *const paths[] = {
	    "/etc/systemd/system/osapi-nats.service",
	    "/usr/local/lib/systemd/system/osapi-nats.service",
	    "/usr/lib/systemd/system/osapi-nats.service"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (exists(paths[i]))
			return true;
	return false;
}

/* What comes next, in three commands. */
static void
say_next(const char *dir)
{
	bool usual = strcmp(dir, DIR_DEFAULT) == 0;

	printf("Wrote %s/osapi.yaml, %s/workers and %s/keys.\n\nNext:\n", dir,
	       dir, dir);
	if (usual && have_units())
		printf(
		    "  systemctl enable --now osapi-nats osapi-fcgi "
		    "osapi-worker\n"
		    "  osapi nginx config >/etc/nginx/sites-enabled/osapi && "
		    "systemctl reload nginx\n"
		    "  osapi token generate --role admin --subject NAME\n");
	else
		printf("  osapi -f %s/osapi.yaml nats server start\n"
		       "  osapi -f %s/osapi.yaml api server start\n"
		       "  osapi -f %s/osapi.yaml job worker start\n\n"
		       "each in a terminal of its own; osapi help nginx config "
		       "and osapi help token generate say\n"
		       "how it gets a web server and a client.\n",
		       dir, dir, dir);
}

int
init_run(const struct cli *cli, const struct arguments *arguments)
{
	const char *dir = arguments_value(arguments, "dir");
	struct init_plan plan = {.mode = 0640,
				 .owner = SERVICE_USER,
				 .group = SERVICE_USER,
				 .port = 8080,
				 .store_dir = "/var/lib/osapi-nats",
				 .journal_dir = "/var/lib/osapi-worker"};
	char absolute[PATH_MAX];
	struct err_info info = {""};
	enum err code;

	(void)cli;
	if (dir && !*dir)
		return command_fail(ERR_INVALID, "--dir: must not be empty");
	dir = dir ? dir : DIR_DEFAULT;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return command_fail(ERR_IO, "%s: %s", dir, strerror(errno));
	if (!realpath(dir, absolute))
		return command_fail(ERR_IO, "%s: %s", dir, strerror(errno));
	plan.dir = absolute;
	plan.host = arguments_value(arguments, "host");
	code = init_write(&plan, &info);
	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	say_next(absolute);
	return 0;
}
