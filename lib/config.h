/*
 * lib/config.h: osapi.yaml, the environment and the flags, as one struct.
 *
 * One const table in config.c has a row per key (name, type, offset, default,
 * minimum, maximum, flags, help); parsing, environment names, check, dump and
 * the manual page are made from it.  Order: flag > environment > file >
 * default.  A struct config does not change after it was loaded and may be
 * read by every thread.
 */
#ifndef OSAPI_LIB_CONFIG_H
#define OSAPI_LIB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"

struct config_list { /* of strings */
	size_t count;
	char **items;
};

struct config_durations { /* milliseconds */
	size_t count;
	int64_t *items_ms;
};

struct config_map { /* string to string, in the order of the file */
	size_t count;
	char **keys;
	char **values;
};

struct config_nats {
	char *host;
	int64_t port;
	char *client_name;
	char *user;
	char *password; /* SECRET */
	char *creds_file;
	char *js_prefix; /* "$JS.API" */
	struct {
		char *ca;
		char *certificate;
		char *key;
	} tls;
};

enum config_storage { CONFIG_STORAGE_FILE, CONFIG_STORAGE_MEMORY };
enum config_discard { CONFIG_DISCARD_NEW, CONFIG_DISCARD_OLD };
enum config_replay { CONFIG_REPLAY_INSTANT, CONFIG_REPLAY_ORIGINAL };
enum config_durability { CONFIG_DURABILITY_PROCESS, CONFIG_DURABILITY_POWER };
enum config_exporter { CONFIG_EXPORTER_STDOUT, CONFIG_EXPORTER_OTLP };

/* Unset strings are "", never NULL.  Field names are those of the keys. */
struct config {
	struct {
		struct {
			char *url;
			struct {
				char *ca;
			} tls;
			struct {
				char *bearer_token; /* SECRET */
			} security;
		} client;
		struct {
			int64_t port;
			struct {
				char *socket; /* path of a unix socket */
				int64_t processes;
				int64_t threads;
				int64_t max_waiters;
			} fcgi;
			struct {
				char *certificate;
				char *key;
			} tls;
			/* addresses and networks (a.b.c.d/n) of proxies
			 * whose X-Forwarded-For nginx believes */
			struct config_list trusted_proxies;
			struct config_nats nats;
			struct {
				char *signing_key; /* SECRET, >= 32 octets */
				char *job_signing_key_file;
				struct {
					struct config_list allow_origins;
				} cors;
			} security;
		} server;
	} api;
	struct {
		struct {
			char *name; /* "": gethostname(2) */
			char *host;
			int64_t port;
			char *store_dir;
			enum config_durability durability;
			int64_t max_file_store; /* octets */
			int64_t mute_after_ms;
			char *workers; /* file, see cli/nats_workers.h */
			struct {
				char *user;
				char *password; /* SECRET */
			} monitor;
			struct {
				char *name;
				char *listen;
				struct config_list routes;
				char *user;
				char *password; /* SECRET */
			} cluster;
			struct {
				char *ca;
				char *certificate;
				char *key;
			} tls;
		} server;
	} nats;
	struct {
		struct {
			bool enabled;
			enum config_exporter exporter;
			char *otlp_endpoint;
		} tracing;
		struct {
			char *path;
		} metrics;
	} telemetry;
	struct {
		char *stream_name;
		char *stream_subjects;
		char *kv_bucket;
		char *kv_response_bucket;
		char *registry_bucket;
		char *consumer_name;
		int64_t deadline_ms;
		struct {
			int64_t max_age_ms;
			int64_t max_msgs;
			enum config_storage storage;
			int64_t replicas;
			enum config_discard discard;
		} stream;
		struct {
			int64_t max_deliver;
			int64_t ack_wait_ms;
			int64_t max_ack_pending;
			enum config_replay replay_policy;
			struct config_durations back_off;
		} consumer;
		struct {
			int64_t ttl_ms;
			int64_t max_bytes;
			enum config_storage storage;
			int64_t replicas;
		} kv;
		struct {
			int64_t max_age_ms;
			int64_t max_msgs;
			enum config_storage storage;
			int64_t replicas;
		} dlq;
		struct {
			struct config_list trusted_keys; /* PEM files */
			char *journal_dir;
			char *hostname; /* "": gethostname(2) */
			struct config_map labels;
			int64_t max_jobs;
			int64_t heartbeat_ms;
			int64_t drain_ms;
			struct config_nats nats;
		} worker;
	} job;
	bool debug;
};

/* Which keys a program uses, and so demands and checks beyond their syntax. */
enum config_part {
	CONFIG_CLIENT = 1,      /* api.client.* */
	CONFIG_SERVER = 2,      /* api.server.*, job.* */
	CONFIG_WORKER = 4,      /* job.* */
	CONFIG_NATS_SERVER = 8, /* nats.server.*, the users of api and worker */
	CONFIG_ISSUER = 16,     /* api.server.security.signing_key alone */
};

/* A value that a command line flag gives: "api.server.port", "8081". */
struct config_override {
	const char *key;
	const char *value;
};

/*
 * Loads the configuration.  `path` NULL: OSAPI_FILE, ./osapi.yaml,
 * /etc/osapi/osapi.yaml, and no file at all is allowed; a path that was named
 * must exist.  `parts` is an OR of enum config_part: their required keys must
 * be there, their *_file secrets are read, their values are in range.  Unknown
 * keys and wrong types anywhere in the file are refused.  `overrides` ends with
 * a NULL key (NULL: none).  ERR_INVALID and ERR_NOT_FOUND come with "file:line:
 * key: what was wrong, what was expected".
 * The caller frees *config.  Reads the environment: not while other threads
 * change it.
 */
enum err config_load(const char *path, unsigned parts,
		     const struct config_override *overrides,
		     struct config **config, struct err_info *info);

/* Wipes the secrets and frees; NULL is accepted. */
void config_free(struct config *config);

/* The file that was read, "" for none. */
const char *config_path(const struct config *config);

/* Writes all keys with their values as YAML that config_load would take,
 * secrets as "********". */
void config_dump(const struct config *config, FILE *out);

/* Calls `each` for every key of the table, in its order: for the manual page
 * and for tests.  `type`, `fallback`, `range` and `help` are texts. */
void config_each_key(void (*each)(const char *key, const char *type,
				  const char *fallback, const char *range,
				  const char *help, bool secret, void *arg),
		     void *arg);

#endif
