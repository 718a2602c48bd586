/*
 * cli/nginx.c: `nginx config`.  The template is embedded at build time; its
 * @words@ are replaced by the rows of one table, its blocks from @if NAME@ to
 * @end@ are kept or left out by the rows of another.
 */
#include "cli/nginx.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/local.h"

#define ACCESS_LOG      "/var/log/nginx/osapi.access.log"
#define CONNECTIONS_MAX 8192
#define HTTP_PORT       80
#define HTTPS_PORT      443
#define WORD_SIZE       32

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

static bool
has_tls(const struct nginx_plan *plan)
{
	return *plan->config->api.server.tls.certificate != '\0';
}

/* Who types a host's name into a browser means port 80. */
static bool
has_redirect(const struct nginx_plan *plan)
{
	return has_tls(plan) && plan->part == NGINX_SITE &&
	       plan->config->api.server.port == HTTPS_PORT;
}

static bool
has_cors(const struct nginx_plan *plan)
{
	return plan->config->api.server.security.cors.allow_origins.count > 0;
}

static bool
is_site(const struct nginx_plan *plan)
{
	return plan->part == NGINX_SITE;
}

static bool
is_snippet(const struct nginx_plan *plan)
{
	return plan->part == NGINX_SERVER;
}

static bool
has_http(const struct nginx_plan *plan)
{
	return plan->part != NGINX_SERVER;
}

static bool
has_locations(const struct nginx_plan *plan)
{
	return plan->part != NGINX_HTTP;
}

/* What stands behind an "if" in the template. */
static const struct {
	const char *name;
	bool (*holds)(const struct nginx_plan *plan);
} conditions[] = {
    {"cors", has_cors},
    {"http", has_http},
    {"locations", has_locations},
    {"redirect", has_redirect},
    {"site", is_site},
    {"snippet", is_snippet},
    {"tls", has_tls},
};

static void
listen_on(const struct nginx_plan *plan, int64_t port, const char *more,
	  FILE *out)
{
	const char *address = plan->dir ? "127.0.0.1:" : "";

	fprintf(out, "\tlisten %s%" PRId64 "%s;\n", address, port, more);
	/* where IPv6 is off, nginx does not start with such a line */
	if (!plan->dir && access("/proc/net/if_inet6", R_OK) == 0)
		fprintf(out, "\tlisten [::]:%" PRId64 "%s;\n", port, more);
}

static void
write_listen(const struct nginx_plan *plan, FILE *out)
{
	listen_on(plan, plan->config->api.server.port,
		  has_tls(plan) ? " ssl http2 backlog=4096" : " backlog=4096",
		  out);
}

static void
write_listen_plain(const struct nginx_plan *plan, FILE *out)
{
	listen_on(plan, HTTP_PORT, "", out);
}

/* Where a client is sent that speaks plain HTTP to the port of HTTPS. */
static void
write_https(const struct nginx_plan *plan, FILE *out)
{
	fprintf(out, "https://$host%s$request_uri",
		plan->config->api.server.port == HTTPS_PORT ? ""
							    : ":$server_port");
}

/* A browser sends scheme and host in lower case, and nginx takes each key of
 * a map once. */
static void
write_origins(const struct nginx_plan *plan, FILE *out)
{
	const struct config_list *list =
	    &plan->config->api.server.security.cors.allow_origins;
	size_t i;
	size_t k;
	const char *p;

	for (i = 0; i < list->count; i++) {
		for (k = 0; k < i; k++)
			if (strcasecmp(list->items[k], list->items[i]) == 0)
				break;
		if (k < i)
			continue;
		if (strcmp(list->items[i], "*") == 0) {
			fputs("\t\"~.\" \"*\";\n", out);
			continue;
		}
		fprintf(out, "\t\"%s\" \"", list->items[i]);
		for (p = list->items[i]; *p; p++)
			putc(tolower((unsigned char)*p), out);
		fputs("\";\n", out);
	}
}

static void
write_proxies(const struct nginx_plan *plan, FILE *out)
{
	const struct config_list *list =
	    &plan->config->api.server.trusted_proxies;
	size_t i;

	for (i = 0; i < list->count; i++)
		fprintf(out, "\tset_real_ip_from %s;\n", list->items[i]);
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

static void
write_certificate(const struct nginx_plan *plan, FILE *out)
{
	fprintf(out, "\"%s\"", plan->config->api.server.tls.certificate);
}

static void
write_key(const struct nginx_plan *plan, FILE *out)
{
	fprintf(out, "\"%s\"", plan->config->api.server.tls.key);
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

static void
write_metrics_path(const struct nginx_plan *plan, FILE *out)
{
	fputs(plan->config->telemetry.metrics.path, out);
}

static const struct {
	const char *name;
	void (*write)(const struct nginx_plan *plan, FILE *out);
} words[] = {
    {"access_log", write_access_log}, {"certificate", write_certificate},
    {"https", write_https},           {"key", write_key},
    {"listen", write_listen},         {"listen_plain", write_listen_plain},
    {"metrics", write_metrics},       {"metrics_path", write_metrics_path},
    {"origins", write_origins},       {"proxies", write_proxies},
    {"socket", write_socket},
};

/* The template on its way into a configuration. */
struct rendering {
	const struct nginx_plan *plan;
	FILE *out;
	unsigned depth; /* blocks that are open */
	unsigned off;   /* the outermost that is left out, from 1; 0: none */
};

/* "if NAME" and "end"; false: neither. */
static bool
take_block(struct rendering *r, const char *word)
{
	size_t i;

	if (strcmp(word, "end") == 0 && r->depth > 0) {
		if (r->off == r->depth)
			r->off = 0;
		r->depth--;
		return true;
	}
	if (strncmp(word, "if ", 3) != 0)
		return false;
	for (i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		if (strcmp(conditions[i].name, word + 3) != 0)
			continue;
		r->depth++;
		if (!r->off && !conditions[i].holds(r->plan))
			r->off = r->depth;
		return true;
	}
	return false;
}

static bool
take_word(struct rendering *r, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, word) != 0)
			continue;
		if (!r->off)
			words[i].write(r->plan, r->out);
		return true;
	}
	return take_block(r, word);
}

static enum err
render_site(const struct nginx_plan *plan, FILE *out, struct err_info *info)
{
	struct rendering r = {.plan = plan, .out = out};
	const char *at = site;
	const char *end = site + site_size;
	const char *next;
	const char *close;
	char word[WORD_SIZE];

	while ((next = memchr(at, '@', (size_t)(end - at)))) {
		if (!r.off)
			fwrite(at, 1, (size_t)(next - at), out);
		close = memchr(next + 1, '@', (size_t)(end - next - 1));
		snprintf(word, sizeof(word), "%.*s",
			 close ? (int)(close - next - 1) : 0, next + 1);
		if (!close || !take_word(&r, word))
			return err_set(info, ERR_INTERNAL,
				       "the nginx template has an unknown "
				       "word: %s",
				       word);
		at = close + 1;
		/* a word alone on its line stands for whole lines */
		if (next == site || next[-1] == '\n')
			at += at < end && *at == '\n';
	}
	fwrite(at, 1, (size_t)(end - at), out);
	return r.depth == 0 ? ERR_OK
			    : err_set(info, ERR_INTERNAL,
				      "the nginx template has an open block");
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

/* The directory of `--standalone`, absolute: nginx would
 * look below its prefix. */
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

/* --snippet http|server; absent: the whole site. */
static bool
part_parse(const char *text, enum nginx_part *part)
{
	static const char *const names[] = {
	    [NGINX_HTTP] = "http", [NGINX_SERVER] = "server"};

	for (enum nginx_part i = NGINX_HTTP; text && i <= NGINX_SERVER; i++)
		if (strcmp(names[i], text) == 0)
			*part = i;
	return !text || *part != NGINX_SITE;
}

int
nginx_config(const struct cli *cli, const struct arguments *arguments)
{
	bool alone = arguments_has(arguments, "standalone");
	const char *dir = arguments_value(arguments, "dir");
	const char *part = arguments_value(arguments, "snippet");
	struct nginx_plan plan = {.access_log = ACCESS_LOG};
	struct config *config = NULL;
	struct err_info info = {""};
	char path[PATH_MAX];
	char access_log[PATH_MAX];
	enum err code;

	if (alone != (dir != NULL) || (alone && part) ||
	    !part_parse(part, &plan.part))
		return command_fail(ERR_INVALID,
				    "usage: osapi nginx config [--standalone "
				    "--dir DIR | --snippet http|server]");
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
