/*
 * cli/nats_conf.c: nats-server's configuration.
 *
 * Permissions are lists of what is allowed, made from the names of the
 * streams; users are in explicit accounts and every account has one, so that
 * nobody gets in without a password.  The streams, the API and the monitor are
 * in one account, each host's worker has its own (cli/nats_account.c).
 */
#include "cli/nats_conf.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/nats_account.h"
#include "cli/nats_text.h"
#include "cli/secret.h"
#include "lib/quoted.h"
#include "lib/store.h"

#define MEMORY_STORE (256 << 20)
#define SYSTEM_USER  "system"

/* A pattern of subjects; %s stands for the names in turn. */
enum names {
	NAMES_NONE,
	NAMES_STREAMS, /* the five streams */
	NAMES_BUCKETS, /* the keys of the three buckets */
	NAMES_SUBJECTS /* job.stream_subjects */
};

struct rule {
	const char *pattern; /* NULL ends a list */
	enum names names;
};

/* It makes the streams, stores jobs, keeps an index and
 * reads the dead letters. */
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

/* The state of streams and consumers; no message, and no change. */
static const struct rule monitor_publish[] = {
    {"$JS.API.INFO", NAMES_NONE},
    {"$JS.API.STREAM.NAMES", NAMES_NONE},
    {"$JS.API.STREAM.LIST", NAMES_NONE},
    {"$JS.API.STREAM.INFO.%s", NAMES_STREAMS},
    {"$JS.API.CONSUMER.NAMES.%s", NAMES_STREAMS},
    {"$JS.API.CONSUMER.LIST.%s", NAMES_STREAMS},
    {"$JS.API.CONSUMER.INFO.%s.>", NAMES_STREAMS},
    {NULL, NAMES_NONE},
};

static const struct rule nothing_more[] = {
    {NULL, NAMES_NONE},
};

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
	nats_text_item(text, out);
}

static void
write_rule(const struct config *c, const struct rule *rule, FILE *out)
{
	const char *const buckets[] = {c->job.kv_bucket,
				       c->job.kv_response_bucket,
				       c->job.registry_bucket};
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
	case NAMES_BUCKETS:
		for (i = 0; i < 3; i++)
			subject_of(rule->pattern, "", buckets[i], out);
		break;
	case NAMES_SUBJECTS:
		subject_of(rule->pattern, "", c->job.stream_subjects, out);
		break;
	}
}

struct user {
	const char *key; /* of the configuration, for messages */
	const char *name;
	const char *password;
	const struct rule *publish;
	const struct rule *subscribe;
};

static void
write_user(const struct config *c, const struct user *user, FILE *out)
{
	const struct rule *rule;

	fputs("      {\n        ", out);
	nats_text_login(user->name, user->password, out);
	fputs("\n        permissions {\n        publish: [\n", out);
	/* a program asks itself to find out how far its subscription is */
	nats_text_inbox(user->name, out);
	for (rule = user->publish; rule->pattern; rule++)
		write_rule(c, rule, out);
	fputs("        ]\n        subscribe: [\n", out);
	nats_text_inbox(user->name, out);
	for (rule = user->subscribe; rule->pattern; rule++)
		write_rule(c, rule, out);
	fputs("        ]\n        }\n      }\n", out);
}

/* Clients, and the other servers of a cluster, are asked for a certificate
 * where there is an authority to check it with. */
static void
write_tls(const struct config *c, const char *indent, FILE *out)
{
	if (!*c->nats.server.tls.certificate)
		return;
	fprintf(out, "%stls {\n%s  cert_file: ", indent, indent);
	quoted_print(c->nats.server.tls.certificate, out);
	fprintf(out, "\n%s  key_file: ", indent);
	quoted_print(c->nats.server.tls.key, out);
	if (*c->nats.server.tls.ca) {
		fprintf(out, "\n%s  ca_file: ", indent);
		quoted_print(c->nats.server.tls.ca, out);
		fprintf(out, "\n%s  verify: true", indent);
	}
	fprintf(out, "\n%s}\n", indent);
}

/* For a URL: all but letters and digits as %XX. */
static void
percent(const char *text, FILE *out)
{
	for (; *text; text++)
		if ((*text >= '0' && *text <= '9') ||
		    (*text >= 'A' && *text <= 'Z') ||
		    (*text >= 'a' && *text <= 'z'))
			putc(*text, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*text);
}

/* A route, nats://host:port, with the login: nats-server takes it from the
 * URL only. */
static void
write_route(const struct config *c, const char *url, FILE *out)
{
	fputs("    \"nats://", out);
	percent(c->nats.server.cluster.user, out);
	putc(':', out);
	percent(c->nats.server.cluster.password, out);
	fprintf(out, "@%s\"\n", url + strlen("nats://"));
}

static void
write_cluster(const struct config *c, FILE *out)
{
	const struct config_list *routes = &c->nats.server.cluster.routes;
	size_t i;

	if (!*c->nats.server.cluster.name)
		return;
	fputs("cluster {\n  name: ", out);
	quoted_print(c->nats.server.cluster.name, out);
	fputs("\n  listen: ", out);
	quoted_print(c->nats.server.cluster.listen, out);
	fputs("\n  routes: [\n", out);
	for (i = 0; i < routes->count; i++) {
		write_route(c, routes->items[i], out);
	}
	fputs("  ]\n", out);
	/* nats-server gives this to the routes that it makes, too */
	fputs("  authorization {\n        ", out);
	nats_text_login(c->nats.server.cluster.user,
			c->nats.server.cluster.password, out);
	fputs("\n  }\n", out);
	if (*c->nats.server.tls.certificate)
		write_tls(c, "  ", out);
	fputs("}\n", out);
}

static void
write_head(const struct config *c, bool sync, FILE *out)
{
	char host[256] = "osapi";

	if (*c->nats.server.name)
		snprintf(host, sizeof(host), "%s", c->nats.server.name);
	else
		gethostname(host, sizeof(host) - 1);
	fputs("# Rendered by osapi from osapi.yaml: change it there.\n"
	      "server_name: ",
	      out);
	quoted_print(host, out);
	fputs("\nhost: ", out);
	quoted_print(c->nats.server.host, out);
	fprintf(out,
		"\nport: %" PRId64 "\n"
		"max_payload: 2MB\n"
		"max_connections: 4096\n"
		"ping_interval: \"10s\"\n"
		"write_deadline: \"5s\"\n"
		"jetstream {\n  store_dir: ",
		c->nats.server.port);
	quoted_print(c->nats.server.store_dir, out);
	fprintf(out, "\n  max_mem: %d\n  max_file: %" PRId64 "\n", MEMORY_STORE,
		c->nats.server.max_file_store);
	if (sync && c->nats.server.durability == CONFIG_DURABILITY_POWER)
		fputs("  sync_interval: always\n", out);
	fputs("}\n", out);
}

enum err
nats_extra_init(struct nats_extra *extra, struct err_info *info)
{
	enum err code = secret_make(extra->system_password, info);

	extra->sync = false;
	if (code == ERR_OK)
		code = secret_make(extra->monitor_password, info);
	return code;
}

const char *
nats_monitor_password(const struct config *config,
		      const struct nats_extra *extra)
{
	const char *password = config->nats.server.monitor.password;

	return *password ? password : extra->monitor_password;
}

static enum err
check_users(const struct user *users, size_t count, struct err_info *info)
{
	size_t i;
	size_t k;

	for (i = 0; i < count; i++) {
		const char *name = users[i].name;

		if (!*name || !*users[i].password)
			return err_set(info, ERR_INVALID,
				       "%s.user and password are required: "
				       "nats-server lets nobody in without",
				       users[i].key);
		if (strcmp(name, SYSTEM_USER) == 0 ||
		    strncmp(name, NATS_WORKER_USER, strlen(NATS_WORKER_USER)) ==
			0)
			return err_set(info, ERR_INVALID,
				       "%s.user: \"%s\" is another's name",
				       users[i].key, name);
		for (k = 0; k < i; k++)
			if (strcmp(name, users[k].name) == 0)
				return err_set(info, ERR_INVALID,
					       "%s.user: must differ from "
					       "%s.user",
					       users[i].key, users[k].key);
	}
	return ERR_OK;
}

static enum err
write_workers(const struct config *c, const struct nats_workers *workers,
	      FILE *out, struct err_info *info)
{
	enum err code = ERR_OK;
	size_t i;

	for (i = 0; i < workers->count && code == ERR_OK; i++)
		code = nats_account_write(c, &workers->items[i], out, info);
	return code;
}

enum err
nats_render(const struct config *c, const struct nats_workers *workers,
	    const struct nats_extra *extra, FILE *out, struct err_info *info)
{
	const struct user users[] = {
	    {"api.server.nats", c->api.server.nats.user,
	     c->api.server.nats.password, api_publish, api_subscribe},
	    {"nats.server.monitor", c->nats.server.monitor.user,
	     nats_monitor_password(c, extra), monitor_publish, nothing_more},
	};
	size_t count = sizeof(users) / sizeof(users[0]);
	enum err code = check_users(users, count, info);
	size_t i;

	if (code != ERR_OK)
		return code;
	write_head(c, extra->sync, out);
	write_tls(c, "", out);
	write_cluster(c, out);
	/* the system account has a user, so that it is not open */
	fputs("accounts {\n  \"$SYS\" {\n    users: [ {\n        ", out);
	nats_text_login(SYSTEM_USER, extra->system_password, out);
	fputs("\n    } ]\n  }\n", out);
	fputs("  " NATS_ACCOUNT_API
	      " {\n    jetstream: enabled\n    users: [\n",
	      out);
	for (i = 0; i < count; i++)
		write_user(c, &users[i], out);
	fputs("    ]\n", out);
	nats_account_exports(c, out);
	fputs("  }\n", out);
	code = write_workers(c, workers, out, info);
	fputs("}\n", out);
	return code;
}
