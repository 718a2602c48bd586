/*
 * cli/nats_worker.c: `nats worker add`: lets the worker of another host in.
 *
 * The host's files come first and its line in the list last: a command that was
 * cut short has let nobody in.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/init_worker.h"
#include "cli/local.h"
#include "cli/nats_workers.h"
#include "cli/secret.h"
#include "lib/file.h"

#define AT_DEFAULT   "/etc/osapi"
#define KEYS_MAX     8
#define PEM_SIZE_MAX 65536
#define FILE_MODE    0600
#define LIST_MODE    0640
#define PATH_ROOM    (PATH_MAX - 64)

struct addition {
	const struct config *config;
	char host[SUBJECT_HOST_MAX + 1];
	char dir[PATH_MAX];
	const char *at;
	char password[SECRET_SIZE];
	char *labels;          /* "KEY:VALUE,..." or NULL */
	struct config_map map; /* the same */
	char *map_text;        /* what `map` points into */
	char ca[PATH_MAX];     /* on that host, "" for none */
	char keys[KEYS_MAX * PATH_MAX];
};

static enum err
fail(const char *path, struct err_info *info)
{
	return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
}

static enum err
no_memory(struct err_info *info)
{
	return err_set(info, ERR_NO_MEMORY, "out of memory");
}

/* ---- what is asked for ---- */

static enum err
take_labels(struct addition *a, const struct arguments *arguments,
	    struct err_info *info)
{
	char *rest;
	char *word;
	char *colon;

	a->labels = arguments_joined(arguments, "label");
	if (!a->labels)
		return ERR_OK;
	a->map_text = strdup(a->labels);
	a->map.keys = calloc(strlen(a->labels) + 1, sizeof(char *));
	a->map.values = calloc(strlen(a->labels) + 1, sizeof(char *));
	if (!a->map_text || !a->map.keys || !a->map.values)
		return no_memory(info);
	rest = a->map_text;
	while ((word = strsep(&rest, ","))) {
		colon = strchr(word, ':');
		if (!colon)
			return err_set(info, ERR_INVALID,
				       "--label %s: expected KEY:VALUE", word);
		*colon = '\0';
		if (subject_label_check(word, colon + 1, info) != ERR_OK)
			return err_prefix(info, ERR_INVALID, "--label %s:%s",
					  word, colon + 1);
		a->map.keys[a->map.count] = word;
		a->map.values[a->map.count++] = colon + 1;
	}
	return ERR_OK;
}

/* "{directory of osapi.yaml}/hosts/{host}" unless --dir says another. */
static enum err
choose_dir(struct addition *a, const struct arguments *arguments,
	   struct err_info *info)
{
	const char *given = arguments_value(arguments, "dir");
	const char *path = config_path(a->config);
	const char *slash = strrchr(path, '/');
	int base = slash ? (int)(slash - path) : 1;
	char parent[PATH_MAX];

	if (strlen(given ? given : path) > PATH_ROOM - SUBJECT_HOST_MAX)
		return err_set(info, ERR_INVALID,
			       "the directory's name is "
			       "too long");
	if (given) {
		snprintf(a->dir, sizeof(a->dir), "%s", given);
		return ERR_OK;
	}
	snprintf(parent, sizeof(parent), "%.*s/hosts", base,
		 slash ? path : ".");
	if (mkdir(parent, 0700) < 0 && errno != EEXIST)
		return fail(parent, info);
	snprintf(a->dir, sizeof(a->dir), "%.*s/hosts/%s", base,
		 slash ? path : ".", a->host);
	return ERR_OK;
}

/* ---- the host's files ---- */

/* Copies a PEM file to {dir}/keys/{name}; `there` is its path on that host. */
static enum err
copy_key(const struct addition *a, const char *from, const char *name,
	 char there[static PATH_MAX], struct err_info *info)
{
	char path[PATH_MAX];
	char *text = NULL;
	size_t size = 0;
	enum err code = file_read(from, PEM_SIZE_MAX, &text, &size, info);

	if (code != ERR_OK)
		return code;
	snprintf(path, sizeof(path), "%.4000s/keys/%.64s", a->dir, name);
	snprintf(there, PATH_MAX, "%.4000s/keys/%.64s", a->at, name);
	code = file_write(path, text, size, 0644, info);
	free(text);
	return code;
}

static enum err
copy_keys(struct addition *a, struct err_info *info)
{
	const struct config_list *keys = &a->config->job.worker.trusted_keys;
	const char *ca = a->config->api.server.nats.tls.ca;
	char there[PATH_MAX];
	char name[64];
	enum err code = ERR_OK;
	size_t used = 0;
	size_t i;

	if (!keys->count)
		return err_set(info, ERR_INVALID,
			       "job.worker.trusted_keys is empty: the new "
			       "worker would trust no job");
	for (i = 0; i < keys->count && i < KEYS_MAX && code == ERR_OK; i++) {
		snprintf(name, sizeof(name), "job-signing%s%.*zu.pub.pem",
			 i ? "-" : "", i ? 1 : 0, i);
		code = copy_key(a, keys->items[i], name, there, info);
		used += (size_t)snprintf(a->keys + used, sizeof(a->keys) - used,
					 "%s%s", i ? "\n" : "", there);
	}
	if (code == ERR_OK && *ca)
		code = copy_key(a, ca, "nats-ca.pem", a->ca, info);
	return code;
}

/* Where another host finds nats-server. */
static const char *
nats_host(const struct addition *a, const struct arguments *arguments,
	  char name[static 256])
{
	const char *given = arguments_value(arguments, "nats-host");
	const char *listen = a->config->nats.server.host;

	if (given)
		return given;
	if (strcmp(listen, "0.0.0.0") != 0 && strcmp(listen, "::") != 0 &&
	    strncmp(listen, "127.", 4) != 0 && strcmp(listen, "::1") != 0)
		return listen;
	name[0] = '\0';
	gethostname(name, 255);
	return name;
}

static enum err
write_config(const struct addition *a, const struct arguments *arguments,
	     struct err_info *info)
{
	char name[256] = "";
	struct init_worker worker = {.host = a->host,
				     .named = true,
				     .password = a->password,
				     .public_keys = a->keys,
				     .nats_host = nats_host(a, arguments, name),
				     .nats_port = a->config->nats.server.port,
				     .ca = *a->ca ? a->ca : NULL,
				     .labels = &a->map};
	char path[PATH_MAX];
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	enum err code;

	if (!out)
		return no_memory(info);
	fprintf(out, "# The worker of %s, made by osapi nats worker add.\n",
		a->host);
	init_render_worker(&worker, out);
	snprintf(path, sizeof(path), "%.4000s/osapi.yaml", a->dir);
	if (fclose(out) != 0)
		code = no_memory(info);
	else
		code = file_write(path, text, size, FILE_MODE, info);
	if (text)
		explicit_bzero(text, size);
	free(text);
	return code;
}

/* The directory is new, so nothing is written over. */
static enum err
write_files(struct addition *a, const struct arguments *arguments,
	    struct err_info *info)
{
	char keys[PATH_MAX];
	enum err code;

	snprintf(keys, sizeof(keys), "%.4000s/keys", a->dir);
	if (mkdir(a->dir, 0700) < 0)
		return errno == EEXIST ? err_set(info, ERR_EXISTS,
						 "%s is there already", a->dir)
				       : fail(a->dir, info);
	if (mkdir(keys, 0755) < 0)
		return fail(keys, info);
	code = copy_keys(a, info);
	if (code == ERR_OK)
		code = write_config(a, arguments, info);
	return code;
}

/* What write_files made. */
static void
remove_files(const struct addition *a)
{
	static const char *const names[] = {"osapi.yaml", "keys/nats-ca.pem",
					    "keys/job-signing.pub.pem", "keys",
					    ""};
	char path[PATH_MAX];
	size_t i;

	for (i = 1; i < KEYS_MAX; i++) {
		snprintf(path, sizeof(path),
			 "%.4000s/keys/job-signing-%zu.pub.pem", a->dir, i);
		unlink(path);
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%.4000s/%s", a->dir, names[i]);
		remove(path);
	}
}

/* ---- the command ---- */

/* Refuses before anything is written. */
static enum err
check(struct addition *a, const struct arguments *arguments,
      struct err_info *info)
{
	const char *list = a->config->nats.server.workers;
	struct nats_workers workers;
	enum err code;
	size_t i;

	if (!*list)
		return err_set(info, ERR_INVALID,
			       "nats.server.workers names no file");
	if (access(list, F_OK) != 0)
		return fail(list, info);
	code = nats_workers_read(list, &workers, info);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < workers.count && code == ERR_OK; i++)
		if (strcmp(workers.items[i].host, a->host) == 0)
			code = err_set(info, ERR_EXISTS,
				       "%s:%d: %s has a line already", list,
				       workers.items[i].line, a->host);
	nats_workers_release(&workers);
	if (code == ERR_OK)
		code = take_labels(a, arguments, info);
	if (code == ERR_OK)
		code = choose_dir(a, arguments, info);
	if (code == ERR_OK)
		code = secret_make(a->password, info);
	return code;
}

static enum err
add(struct addition *a, const struct arguments *arguments,
    struct err_info *info)
{
	enum err code = check(a, arguments, info);

	if (code != ERR_OK)
		return code;
	code = write_files(a, arguments, info);
	if (code == ERR_EXISTS)
		return code;
	if (code == ERR_OK)
		code =
		    nats_workers_add(a->config->nats.server.workers, LIST_MODE,
				     a->host, a->password, a->labels, info);
	if (code != ERR_OK)
		remove_files(a);
	return code;
}

static void
say_next(const struct addition *a)
{
	printf("Wrote %s and a line in %s.\n\n"
	       "Next:\n"
	       "  systemctl reload osapi-nats\n"
	       "  scp -r %s/. root@%s:%s/\n"
	       "  ssh root@%s systemctl enable --now osapi-worker\n",
	       a->dir, a->config->nats.server.workers, a->dir, a->host, a->at,
	       a->host);
	if (*a->config->nats.server.tls.ca)
		printf("\nnats-server wants a certificate of it as well: "
		       "job.worker.nats.tls.certificate and key.\n");
	if (strncmp(a->config->nats.server.host, "127.", 4) == 0)
		printf("\nnats.server.host is %s: no other host reaches it.\n",
		       a->config->nats.server.host);
}

static void
release(struct addition *a)
{
	explicit_bzero(a->password, sizeof(a->password));
	free(a->labels);
	free(a->map_text);
	free(a->map.keys);
	free(a->map.values);
}

int
nats_worker_add(const struct cli *cli, const struct arguments *arguments)
{
	const char *at = arguments_value(arguments, "at");
	static struct addition a;
	struct config *config = NULL;
	struct err_info info = {""};
	enum err code;

	if (arguments->word_count != 1)
		return command_fail(ERR_INVALID,
				    "nats worker add: name one host");
	a.at = at ? at : AT_DEFAULT;
	code = subject_host_check(arguments->words[0], a.host, &info);
	if (code != ERR_OK)
		err_prefix(&info, code, "%.64s", arguments->words[0]);
	else
		code = config_load(cli->config_path, CONFIG_NATS_SERVER, NULL,
				   &config, &info);
	a.config = config;
	if (code == ERR_OK)
		code = add(&a, arguments, &info);
	if (code == ERR_OK)
		say_next(&a);
	release(&a);
	config_free(config);
	return code == ERR_OK ? 0 : command_fail(code, "%s", info.text);
}
