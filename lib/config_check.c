/*
 * lib/config_check.c: what keys mean together, and what their form alone does
 * not say.  Each check is a row with the parts that it is for; the first that
 * fails names the key to change and where it was set.
 */
#include "lib/config_key.h"

#include "lib/clock.h"
#include "lib/subject.h"
#include "lib/token.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define HEARTBEATS_TO_DEATH 3
#define JS_PREFIX_MAX       64

struct check {
	const struct config_state *state;
	const struct config *config;
	struct err_info *info;
};

/* Refuses: `key` is the one to change, the rest says why. */
static enum err refuse(const struct check *c, const char *key, const char *fmt,
		       ...) __attribute__((format(printf, 3, 4)));

static enum err
refuse(const struct check *c, const char *key, const char *fmt, ...)
{
	const struct config_key *row = config_key_find(key);
	char where[512];
	char what[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	config_origin_text(c->state, &c->state->origins[row - config_keys], key,
			   where);
	return err_set(c->info, ERR_INVALID, "%s: %s", where, what);
}

static enum err
required(const struct check *c, unsigned parts)
{
	const char *base = (const char *)c->config;
	size_t i;

	for (i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		if (!(key->flags & CONFIG_REQUIRED) ||
		    !(key->required_by & parts) ||
		    !config_value_empty(key, base + key->offset))
			continue;
		return refuse(c, key->name, "is required (%s)%s", key->help,
			      *c->state->path
				  ? ""
				  : "; there is no osapi.yaml here or in "
				    "/etc/osapi, -f FILE names another");
	}
	return ERR_OK;
}

static enum err
signing_key(const struct check *c)
{
	size_t size = strlen(c->config->api.server.security.signing_key);

	if (size > 0 && size < TOKEN_KEY_MIN)
		return refuse(c, "api.server.security.signing_key",
			      "has %zu octets, expected %d or more", size,
			      TOKEN_KEY_MIN);
	return ERR_OK;
}

static enum err
socket_path(const struct check *c)
{
	struct sockaddr_un address;
	size_t size = strlen(c->config->api.server.fcgi.socket);

	if (size >= sizeof(address.sun_path))
		return refuse(c, "api.server.fcgi.socket",
			      "is longer than a unix socket's %zu octets",
			      sizeof(address.sun_path) - 1);
	return ERR_OK;
}

/* "*" or scheme://host[:port]; it goes into nginx's configuration. */
static enum err
origins(const struct check *c)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    ".-:[]";
	const struct config_list *list =
	    &c->config->api.server.security.cors.allow_origins;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const char *origin = list->items[i];
		const char *host = strstr(origin, "://");

		if (strcmp(origin, "*") == 0)
			continue;
		if (!host ||
		    (strncmp(origin, "http://", 7) != 0 &&
		     strncmp(origin, "https://", 8) != 0) ||
		    !host[3] || host[3 + strspn(host + 3, taken)])
			return refuse(c,
				      "api.server.security.cors.allow_origins",
				      "\"%s\" is not \"*\" or an origin such "
				      "as https://example.org:8443",
				      origin);
	}
	return ERR_OK;
}

/* An address, or a network with a prefix length: for nginx, too. */
static bool
is_network(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t size = slash ? (size_t)(slash - text) : strlen(text);
	struct in6_addr parsed;
	long most;
	long bits;
	char *end;

	if (size >= sizeof(address))
		return false;
	memcpy(address, text, size);
	address[size] = '\0';
	if (inet_pton(AF_INET, address, &parsed) == 1)
		most = 32;
	else if (inet_pton(AF_INET6, address, &parsed) == 1)
		most = 128;
	else
		return false;
	if (!slash)
		return true;
	bits = strtol(slash + 1, &end, 10);
	return slash[1] >= '0' && slash[1] <= '9' && *end == '\0' &&
	       bits <= most;
}

static enum err
trusted_proxies(const struct check *c)
{
	const struct config_list *list = &c->config->api.server.trusted_proxies;
	size_t i;

	for (i = 0; i < list->count; i++)
		if (!is_network(list->items[i]))
			return refuse(c, "api.server.trusted_proxies",
				      "\"%s\" is not an address or a network "
				      "such as 192.0.2.0/24",
				      list->items[i]);
	return ERR_OK;
}

/* The URL path of the metrics goes into nginx's configuration as well. */
static enum err
metrics_path(const struct check *c)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "/._-";
	const char *path = c->config->telemetry.metrics.path;

	if (*path != '/' || path[strspn(path, taken)])
		return refuse(c, "telemetry.metrics.path",
			      "\"%s\" is not a URL path such as /metrics",
			      path);
	return ERR_OK;
}

static enum err
tls_pair(const struct check *c, const char *certificate, const char *key,
	 const char *certificate_name, const char *key_name)
{
	if (*certificate && !*key)
		return refuse(c, certificate_name,
			      "is set without %s, expected both or none",
			      key_name);
	if (*key && !*certificate)
		return refuse(c, key_name,
			      "is set without %s, expected both or none",
			      certificate_name);
	return ERR_OK;
}

static enum err
server_tls(const struct check *c)
{
	return tls_pair(c, c->config->api.server.tls.certificate,
			c->config->api.server.tls.key,
			"api.server.tls.certificate", "api.server.tls.key");
}

static enum err
nats_server_tls(const struct check *c)
{
	const char *ca = c->config->nats.server.tls.ca;

	if (*ca && !*c->config->nats.server.tls.certificate)
		return refuse(c, "nats.server.tls.ca",
			      "is set without nats.server.tls.certificate");
	return tls_pair(c, c->config->nats.server.tls.certificate,
			c->config->nats.server.tls.key,
			"nats.server.tls.certificate", "nats.server.tls.key");
}

/* The names of the keys of a NATS connection. */
struct nats_names {
	const char *user;
	const char *password;
	const char *creds_file;
	const char *certificate;
	const char *key;
	const char *js_prefix;
};

/* A subject: it goes in front of others. */
static bool
is_prefix(const char *text)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-$";
	size_t size = strlen(text);

	return size > 0 && size <= JS_PREFIX_MAX &&
	       !text[strspn(text, taken)] && text[0] != '.' &&
	       text[size - 1] != '.' && !strstr(text, "..");
}

static enum err
nats_connection(const struct check *c, const struct config_nats *nats,
		const struct nats_names *names)
{
	if (*nats->user && !*nats->password)
		return refuse(c, names->user, "is set without %s",
			      names->password);
	if (*nats->password && !*nats->user)
		return refuse(c, names->password, "is set without %s",
			      names->user);
	if (*nats->creds_file && *nats->user)
		return refuse(c, names->creds_file,
			      "is set together with %s, expected one of them",
			      names->user);
	if (!is_prefix(nats->js_prefix))
		return refuse(c, names->js_prefix,
			      "\"%s\" is not a subject such as $JS.API",
			      nats->js_prefix);
	return tls_pair(c, nats->tls.certificate, nats->tls.key,
			names->certificate, names->key);
}

#define NATS_NAMES(prefix)                                                \
	{                                                                 \
		prefix ".user", prefix ".password", prefix ".creds_file", \
		    prefix ".tls.certificate", prefix ".tls.key",         \
		    prefix ".js_prefix"                                   \
	}

static enum err
server_nats(const struct check *c)
{
	static const struct nats_names names = NATS_NAMES("api.server.nats");

	return nats_connection(c, &c->config->api.server.nats, &names);
}

static enum err
worker_nats(const struct check *c)
{
	static const struct nats_names names = NATS_NAMES("job.worker.nats");

	return nats_connection(c, &c->config->job.worker.nats, &names);
}

static enum err
names_differ(const struct check *c)
{
	const char *jobs = c->config->job.kv_bucket;
	const char *responses = c->config->job.kv_response_bucket;
	const char *registry = c->config->job.registry_bucket;

	if (strcmp(jobs, responses) == 0)
		return refuse(c, "job.kv_response_bucket",
			      "is the same as job.kv_bucket");
	if (strcmp(jobs, registry) == 0 || strcmp(responses, registry) == 0)
		return refuse(c, "job.registry_bucket",
			      "is the same as another bucket");
	return ERR_OK;
}

static enum err
subjects(const struct check *c)
{
	struct err_info why = {""};
	char prefix[SUBJECT_SIZE];

	if (subject_prefix(c->config->job.stream_subjects, prefix, &why) !=
	    ERR_OK)
		return refuse(c, "job.stream_subjects", "%.400s", why.text);
	return ERR_OK;
}

/* A job that outlives its record would be run by nobody and ended by nobody. */
static enum err
deadline(const struct check *c)
{
	char text[CLOCK_RFC3339_SIZE];
	int64_t ms = c->config->job.deadline_ms;

	if (ms > c->config->job.kv.ttl_ms)
		return refuse(c, "job.deadline",
			      "%s is longer than job.kv.ttl keeps a job",
			      clock_duration(ms, text));
	if (ms > c->config->job.stream.max_age_ms)
		return refuse(c, "job.deadline",
			      "%s is longer than job.stream.max_age keeps its "
			      "notification",
			      clock_duration(ms, text));
	return ERR_OK;
}

/* NATS takes the first back_off as ack_wait, and refuses more back_offs than
 * deliveries. */
static enum err
back_off(const struct check *c)
{
	const struct config_durations *list = &c->config->job.consumer.back_off;
	char entry[CLOCK_RFC3339_SIZE];
	char wait[CLOCK_RFC3339_SIZE];
	size_t i;

	if ((int64_t)list->count > c->config->job.consumer.max_deliver)
		return refuse(c, "job.consumer.back_off",
			      "%zu entries, expected at most as many as "
			      "job.consumer.max_deliver (%" PRId64 ")",
			      list->count, c->config->job.consumer.max_deliver);
	for (i = 0; i < list->count; i++)
		if (list->items_ms[i] < 1000)
			return refuse(c, "job.consumer.back_off",
				      "entry %zu: %s is out of range, expected "
				      "1s or more",
				      i + 1,
				      clock_duration(list->items_ms[i], entry));
	if (list->count > 0 &&
	    list->items_ms[0] > c->config->job.consumer.ack_wait_ms)
		return refuse(
		    c, "job.consumer.back_off",
		    "entry 1: %s is longer than job.consumer.ack_wait (%s), "
		    "whose place it takes in NATS",
		    clock_duration(list->items_ms[0], entry),
		    clock_duration(c->config->job.consumer.ack_wait_ms, wait));
	return ERR_OK;
}

static enum err
heartbeat(const struct check *c)
{
	char text[CLOCK_RFC3339_SIZE];
	int64_t ms = c->config->job.worker.heartbeat_ms;

	if (ms * HEARTBEATS_TO_DEATH > c->config->job.kv.ttl_ms)
		return refuse(c, "job.worker.heartbeat",
			      "three times %s is longer than job.kv.ttl",
			      clock_duration(ms, text));
	return ERR_OK;
}

static enum err
worker_identity(const struct check *c)
{
	const struct config_map *labels = &c->config->job.worker.labels;
	const char *host = c->config->job.worker.hostname;
	char canonical[SUBJECT_HOST_MAX + 1];
	struct err_info why = {""};
	size_t i;

	if (*host && subject_host_check(host, canonical, &why) != ERR_OK)
		return refuse(c, "job.worker.hostname", "%.400s", why.text);
	for (i = 0; i < labels->count; i++)
		if (subject_label_check(labels->keys[i], labels->values[i],
					&why) != ERR_OK)
			return refuse(c, "job.worker.labels", "%.400s",
				      why.text);
	return ERR_OK;
}

/* They go into nats-server's configuration with the login in front. */
static enum err
routes(const struct check *c)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-:[]";
	const struct config_list *list = &c->config->nats.server.cluster.routes;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const char *route = list->items[i];

		if (strncmp(route, "nats://", 7) != 0 || !route[7] ||
		    route[7 + strspn(route + 7, taken)])
			return refuse(c, "nats.server.cluster.routes",
				      "\"%s\" is not of the form "
				      "nats://host:port (the login is added)",
				      route);
	}
	return ERR_OK;
}

static enum err
cluster(const struct check *c)
{
	const char *name = c->config->nats.server.cluster.name;
	const char *listen = c->config->nats.server.cluster.listen;

	if (*name && !*listen)
		return refuse(c, "nats.server.cluster.name",
			      "is set without nats.server.cluster.listen");
	if (*listen && !*name)
		return refuse(c, "nats.server.cluster.listen",
			      "is set without nats.server.cluster.name");
	if (c->config->nats.server.cluster.routes.count && !*name)
		return refuse(c, "nats.server.cluster.routes",
			      "is set without nats.server.cluster.name");
	if (*name && (!*c->config->nats.server.cluster.user ||
		      !*c->config->nats.server.cluster.password))
		return refuse(c, "nats.server.cluster.password",
			      "is required with nats.server.cluster.name, else "
			      "anybody could join the cluster");
	return ERR_OK;
}

/* JetStream reserves a bucket's max_bytes when it makes the bucket. */
static enum err
room(const struct check *c)
{
	int64_t buckets = 2 * c->config->job.kv.max_bytes;

	if (c->config->job.kv.storage == CONFIG_STORAGE_FILE &&
	    buckets > c->config->nats.server.max_file_store)
		return refuse(c, "nats.server.max_file_store",
			      "is less than two buckets of job.kv.max_bytes "
			      "need");
	return ERR_OK;
}

static const struct {
	unsigned parts;
	enum err (*run)(const struct check *c);
} checks[] = {
    {CONFIG_SERVER | CONFIG_ISSUER, signing_key},
    {CONFIG_SERVER, socket_path},
    {CONFIG_SERVER, origins},
    {CONFIG_SERVER, trusted_proxies},
    {CONFIG_SERVER, metrics_path},
    {CONFIG_SERVER, server_tls},
    {CONFIG_SERVER, server_nats},
    {CONFIG_WORKER, worker_nats},
    {CONFIG_WORKER, worker_identity},
    {CONFIG_SERVER | CONFIG_WORKER, names_differ},
    {CONFIG_SERVER | CONFIG_WORKER, subjects},
    {CONFIG_SERVER | CONFIG_WORKER, deadline},
    {CONFIG_SERVER | CONFIG_WORKER, back_off},
    {CONFIG_SERVER | CONFIG_WORKER, heartbeat},
    {CONFIG_NATS_SERVER, nats_server_tls},
    {CONFIG_NATS_SERVER, cluster},
    {CONFIG_NATS_SERVER, routes},
    {CONFIG_NATS_SERVER, room},
};

enum err
config_check(const struct config_state *state, unsigned parts,
	     struct err_info *info)
{
	const struct check c = {state, &state->config, info};
	enum err code = required(&c, parts);
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (code == ERR_OK && (checks[i].parts & parts))
			code = checks[i].run(&c);
	return code;
}
