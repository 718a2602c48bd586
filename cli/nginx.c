/*
 * cli/nginx.c: `nginx config`.  The template is embedded at build time; its
 * @words@ are replaced by the rows of a table.
 */
#include "cli/nginx.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/flags.h"
#include "cli/local.h"

#define ACCESS_LOG      "/var/log/nginx/osapi.access.log"
#define CONNECTIONS_MAX 8192

extern const char site[]; /* nginx/osapi.conf.in */
extern const size_t site_size;

/* Whether nginx takes `text` in double quotes as it is: "$" would begin a
 * variable, a quote or backslash would end or change the word. */
static bool
quotable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || strchr("\"\\$;{}", *text))
			return false;
	return true;
}

static void
write_listen(const struct nginx_plan *plan, FILE *out)
{
	const struct config *c = plan->config;
	bool tls = *c->api.server.tls.certificate != '\0';
	const char *end = tls ? " ssl http2 backlog=4096" : " backlog=4096";

	if (plan->dir)
		fprintf(out, "\tlisten 127.0.0.1:%" PRId64 "%s;\n",
			c->api.server.port, end);
	else
		fprintf(out, "\tlisten %" PRId64 "%s;\n", c->api.server.port,
			end);
	/* where IPv6 is off, nginx does not start with such a line */
	if (!plan->dir && access("/proc/net/if_inet6", R_OK) == 0)
		fprintf(out, "\tlisten [::]:%" PRId64 "%s;\n",
			c->api.server.port, end);
	if (tls)
		fprintf(out,
			"\tssl_certificate \"%s\";\n"
			"\tssl_certificate_key \"%s\";\n"
			"\tssl_protocols TLSv1.2 TLSv1.3;\n"
			"\tssl_session_cache shared:osapi:4m;\n",
			c->api.server.tls.certificate, c->api.server.tls.key);
}

static void
write_origins(const struct nginx_plan *plan, FILE *out)
{
	const struct config_list *list =
	    &plan->config->api.server.security.cors.allow_origins;
	size_t i;

	for (i = 0; i < list->count; i++)
		if (strcmp(list->items[i], "*") == 0)
			fputs("\t\"~.\" \"*\";\n", out);
		else
			fprintf(out, "\t\"%s\" \"%s\";\n", list->items[i],
				list->items[i]);
}

static void
write_vary(const struct nginx_plan *plan, FILE *out)
{
	if (plan->config->api.server.security.cors.allow_origins.count > 0)
		fputs("\t\tadd_header Vary Origin always;\n", out);
}

static void
write_access_log(const struct nginx_plan *plan, FILE *out)
{
	fprintf(out, "\"%s\"", plan->access_log);
}

static void
write_socket(const struct nginx_plan *plan, FILE *out)
{
	fprintf(out, "\"unix:%s\"", plan->config->api.server.fcgi.socket);
}

/* Within a regular expression, of which only "." is in such a path. */
static void
write_metrics(const struct nginx_plan *plan, FILE *out)
{
	const char *p;

	for (p = plan->config->telemetry.metrics.path; *p; p++) {
		if (*p == '.')
			putc('\\', out);
		putc(*p, out);
	}
}

static const struct {
	const char *word;
	void (*write)(const struct nginx_plan *plan, FILE *out);
} words[] = {
    {"listen", write_listen}, {"origins", write_origins},
    {"vary", write_vary},     {"access_log", write_access_log},
    {"socket", write_socket}, {"metrics", write_metrics},
};

/* The octets between this "@" and the next, if they are a known word: its
 * index, else -1. */
static int
word_at(const char *at, const char *end)
{
	size_t length;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		length = strlen(words[i].word);
		if ((size_t)(end - at) >= length + 2 &&
		    memcmp(at + 1, words[i].word, length) == 0 &&
		    at[length + 1] == '@')
			return (int)i;
	}
	return -1;
}

static enum err
render_site(const struct nginx_plan *plan, FILE *out, struct err_info *info)
{
	const char *at = site;
	const char *end = site + site_size;
	const char *next;
	int i;

	while ((next = memchr(at, '@', (size_t)(end - at)))) {
		fwrite(at, 1, (size_t)(next - at), out);
		i = word_at(next, end);
		if (i < 0)
			return err_set(info, ERR_INTERNAL,
				       "the nginx template has an unknown "
				       "word: %.20s",
				       next);
		words[i].write(plan, out);
		at = next + strlen(words[i].word) + 2;
		/* a word alone on its line stands for whole lines */
		if (next == site || next[-1] == '\n')
			at += at < end && *at == '\n';
	}
	fwrite(at, 1, (size_t)(end - at), out);
	return ERR_OK;
}

/* What a nginx of its own needs around the site. */
static void
render_head(const struct nginx_plan *plan, FILE *out)
{
	static const char *const temporary[] = {"client_body", "proxy",
						"fastcgi", "uwsgi", "scgi"};
	struct rlimit files = {.rlim_max = 4096};
	unsigned long connections;
	size_t i;

	getrlimit(RLIMIT_NOFILE, &files);
	/* each connection of a client has one to the responder */
	connections = (unsigned long)files.rlim_max / 2;
	if (connections > CONNECTIONS_MAX)
		connections = CONNECTIONS_MAX;
	/* The responder's socket is in a directory that only its owner may
	 * enter; a worker process of another user would not reach it. */
	if (geteuid() == 0)
		fputs("user root;\n", out);
	fprintf(out,
		"daemon off;\n"
		"worker_processes 2;\n"
		"worker_rlimit_nofile %lu;\n"
		"pid \"%s/nginx.pid\";\n"
		"error_log stderr warn;\n"
		"events {\n"
		"\tworker_connections %lu;\n"
		"}\n"
		"http {\n",
		2 * connections, plan->dir, connections - 16);
	for (i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++)
		fprintf(out, "%s_temp_path \"%s/%s_temp\";\n", temporary[i],
			plan->dir, temporary[i]);
	fputs("default_type application/octet-stream;\n", out);
}

enum err
nginx_render(const struct nginx_plan *plan, FILE *out, struct err_info *info)
{
	const struct config *c = plan->config;
	const char *const paths[] = {
	    c->api.server.fcgi.socket, c->api.server.tls.certificate,
	    c->api.server.tls.key, plan->access_log, plan->dir};
	enum err code;
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (paths[i] && !quotable(paths[i]))
			return err_set(info, ERR_INVALID,
				       "%s: nginx cannot take a path with \", "
				       "\\, $, ;, { or } in it",
				       paths[i]);
	/* nginx would read the rest as a URI */
	if (strchr(c->api.server.fcgi.socket, ':'))
		return err_set(info, ERR_INVALID,
			       "%s: nginx cannot take a socket with : in it",
			       c->api.server.fcgi.socket);
	if (plan->dir)
		render_head(plan, out);
	code = render_site(plan, out, info);
	if (plan->dir)
		fputs("}\n", out);
	return code;
}

/* The directory of `--standalone`, absolute: nginx would look below its prefix. */
static enum err
standalone(const char *dir, char path[static PATH_MAX],
	   char access_log[static PATH_MAX], struct err_info *info)
{
	int n;

	if (!realpath(dir, path))
		return err_set(info, ERR_IO, "%s: %s", dir, strerror(errno));
	n = snprintf(access_log, PATH_MAX, "%s/access.log", path);
	if (n < 0 || n >= PATH_MAX)
		return err_set(info, ERR_INVALID, "%.64s...: path too long",
			       dir);
	return ERR_OK;
}

int
nginx_config(const struct cli *cli, int argc, char **argv)
{
	bool alone = false;
	const char *dir = NULL;
	const struct flag flags[] = {{"--standalone", NULL, &alone},
				     {"--dir", &dir, NULL},
				     {NULL, NULL, NULL}};
	struct nginx_plan plan = {.access_log = ACCESS_LOG};
	struct config *config = NULL;
	struct err_info info = {""};
	char path[PATH_MAX];
	char access_log[PATH_MAX];
	enum err code;

	if (!flags_take(flags, argc, argv, &argc))
		return err_exit(ERR_INVALID);
	if (argc > 0 || alone != (dir != NULL))
		return command_fail(ERR_INVALID,
				    "usage: osapi nginx config [--standalone "
				    "--dir DIR]");
	code =
	    config_load(cli->config_path, CONFIG_SERVER, NULL, &config, &info);
	if (code == ERR_OK && alone) {
		code = standalone(dir, path, access_log, &info);
		plan.dir = path;
		plan.access_log = access_log;
	}
	if (code == ERR_OK) {
		plan.config = config;
		code = nginx_render(&plan, stdout, &info);
	}
	config_free(config);
	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	return 0;
}
