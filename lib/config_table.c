/*
 * lib/config_table.c: every key of osapi.yaml, one row each, in the order in
 * which a dump shows them.
 */
#include "lib/config_key.h"

#include <string.h>

#define AT(member) offsetof(struct config, member)
#define SECOND     INT64_C(1000)
#define MINUTE     (60 * SECOND)
#define HOUR       (60 * MINUTE)
#define DAY        (24 * HOUR)
#define MIB        (INT64_C(1) << 20)
#define TIB        (INT64_C(1) << 40)

#define ALL                                                                   \
	(CONFIG_CLIENT | CONFIG_SERVER | CONFIG_WORKER | CONFIG_NATS_SERVER | \
	 CONFIG_ISSUER)
#define STORE    (CONFIG_SERVER | CONFIG_WORKER)
#define TRACED   (STORE | CONFIG_CLIENT)
#define TEXT_MAX 1024

static const char *const storage_words[] = {"file", "memory", NULL};
static const char *const discard_words[] = {"new", "old", NULL};
static const char *const replay_words[] = {"instant", "original", NULL};
static const char *const durability_words[] = {"process", "power", NULL};
static const char *const exporter_words[] = {"stdout", "otlp", NULL};

/* A row each; `n` is the name, `m` the member of struct config, `d` the
 * default, `p` the parts, `h` the help. */
#define STRING(n, m, d, p, h)                                         \
	{                                                             \
		.name = n, .type = CONFIG_STRING, .offset = AT(m),    \
		.fallback = d, .max = TEXT_MAX, .parts = p, .help = h \
	}
#define SECRET(n, m, r, p, h)                                         \
	{                                                             \
		.name = n, .type = CONFIG_STRING, .offset = AT(m),    \
		.fallback = "", .max = CONFIG_SECRET_MAX, .parts = p, \
		.flags = CONFIG_SECRET | ((r) ? CONFIG_REQUIRED : 0), \
		.required_by = r, .help = h                           \
	}
#define TOKEN(n, m, d, p, h)                                               \
	{                                                                  \
		.name = n, .type = CONFIG_STRING, .offset = AT(m),         \
		.fallback = d, .min = 1, .max = 64, .flags = CONFIG_TOKEN, \
		.parts = p, .help = h                                      \
	}
#define URL(n, m, d, p, h)                                                     \
	{                                                                      \
		.name = n, .type = CONFIG_STRING, .offset = AT(m),             \
		.fallback = d, .min = 1, .max = TEXT_MAX, .flags = CONFIG_URL, \
		.parts = p, .help = h                                          \
	}
#define PATH(n, m, d, r, p, h)                                        \
	{                                                             \
		.name = n, .type = CONFIG_PATH, .offset = AT(m),      \
		.fallback = d, .max = TEXT_MAX, .parts = p,           \
		.flags = (r) ? CONFIG_REQUIRED : 0, .required_by = r, \
		.help = h                                             \
	}
#define NUMBER(t, n, m, d, lo, hi, p, h)                              \
	{                                                             \
		.name = n, .type = t, .offset = AT(m), .fallback = d, \
		.min = lo, .max = hi, .parts = p, .help = h           \
	}
#define INTEGER(...)  NUMBER(CONFIG_INTEGER, __VA_ARGS__)
#define DURATION(...) NUMBER(CONFIG_DURATION, __VA_ARGS__)
#define OCTETS(...)   NUMBER(CONFIG_OCTETS, __VA_ARGS__)
#define BOOL(n, m, d, p, h)                                      \
	{                                                        \
		.name = n, .type = CONFIG_BOOL, .offset = AT(m), \
		.fallback = d, .parts = p, .help = h             \
	}
#define ENUM(n, m, d, w, p, h)                                   \
	{                                                        \
		.name = n, .type = CONFIG_ENUM, .offset = AT(m), \
		.fallback = d, .words = w, .parts = p, .help = h \
	}
#define LIST(t, n, m, d, hi, r, p, h)                                      \
	{                                                                  \
		.name = n, .type = t, .offset = AT(m), .fallback = d,      \
		.max = hi, .parts = p, .flags = (r) ? CONFIG_REQUIRED : 0, \
		.required_by = r, .help = h                                \
	}

#define NATS(n, m, c, p)                                                   \
	STRING(n ".host", m.host, "127.0.0.1", p,                          \
	       "where nats-server is; of a cluster a,b,c"),                \
	    INTEGER(n ".port", m.port, "4222", 1, 65535, p, "its port"),   \
	    STRING(n ".client_name", m.client_name, c, p,                  \
		   "the connection's name in NATS"),                       \
	    STRING(n ".user", m.user, "", p, "user to log in as"),         \
	    SECRET(n ".password", m.password, 0, (p) | CONFIG_NATS_SERVER, \
		   "that user's password"),                                \
	    PATH(n ".creds_file", m.creds_file, "", 0, p,                  \
		 "NATS credentials file, instead of user and password"),   \
	    STRING(n ".js_prefix", m.js_prefix, "$JS.API", p,              \
		   "where this user's account has JetStream's API"),       \
	    PATH(n ".tls.ca", m.tls.ca, "", 0, p,                          \
		 "PEM file of the authorities trusted; set: TLS is used"), \
	    PATH(n ".tls.certificate", m.tls.certificate, "", 0, p,        \
		 "PEM file of the client's certificate"),                  \
	    PATH(n ".tls.key", m.tls.key, "", 0, p,                        \
		 "PEM file of its private key")

const struct config_key config_keys[] = {
    URL("api.client.url", api.client.url, "http://127.0.0.1:8080",
	CONFIG_CLIENT, "where the API is"),
    PATH("api.client.tls.ca", api.client.tls.ca, "", 0, CONFIG_CLIENT,
	 "PEM file of the authorities trusted, instead of the system's"),
    SECRET("api.client.security.bearer_token", api.client.security.bearer_token,
	   0, CONFIG_CLIENT, "token of the client"),

    INTEGER("api.server.port", api.server.port, "8080", 1, 65535, CONFIG_SERVER,
	    "port that nginx listens on"),
    PATH("api.server.fcgi.socket", api.server.fcgi.socket,
	 "/run/osapi/fcgi.sock", CONFIG_SERVER, CONFIG_SERVER,
	 "unix socket between nginx and osapi-fcgi"),
    INTEGER("api.server.fcgi.processes", api.server.fcgi.processes, "2", 1, 64,
	    CONFIG_SERVER, "responder processes"),
    INTEGER("api.server.fcgi.threads", api.server.fcgi.threads, "16", 1, 256,
	    CONFIG_SERVER, "threads of each process"),
    INTEGER("api.server.fcgi.max_waiters", api.server.fcgi.max_waiters, "4096",
	    1, 65536, CONFIG_SERVER,
	    "clients of each process that wait for a job at the same time"),
    PATH("api.server.tls.certificate", api.server.tls.certificate, "", 0,
	 CONFIG_SERVER, "PEM file of nginx's certificate; set: HTTPS"),
    PATH("api.server.tls.key", api.server.tls.key, "", 0, CONFIG_SERVER,
	 "PEM file of its private key"),
    LIST(CONFIG_LIST, "api.server.trusted_proxies", api.server.trusted_proxies,
	 "127.0.0.1,::1", 32, 0, CONFIG_SERVER,
	 "addresses or networks of proxies in front of nginx, whose "
	 "X-Forwarded-For is believed"),
    NATS("api.server.nats", api.server.nats, "osapi-api", CONFIG_SERVER),
    SECRET("api.server.security.signing_key", api.server.security.signing_key,
	   CONFIG_SERVER | CONFIG_ISSUER, CONFIG_SERVER | CONFIG_ISSUER,
	   "key of the access tokens, 32 octets or more"),
    PATH("api.server.security.job_signing_key_file",
	 api.server.security.job_signing_key_file, "", CONFIG_SERVER,
	 CONFIG_SERVER, "Ed25519 private key (PEM) that signs jobs"),
    LIST(CONFIG_LIST, "api.server.security.cors.allow_origins",
	 api.server.security.cors.allow_origins, "", 32, 0, CONFIG_SERVER,
	 "origins whose pages may call the API"),

    STRING("nats.server.name", nats.server.name, "", CONFIG_NATS_SERVER,
	   "name of this server, another one each in a cluster; empty: the "
	   "system's host name"),
    STRING("nats.server.host", nats.server.host, "0.0.0.0", CONFIG_NATS_SERVER,
	   "address that nats-server listens on"),
    INTEGER("nats.server.port", nats.server.port, "4222", 1, 65535,
	    CONFIG_NATS_SERVER, "its port"),
    PATH("nats.server.store_dir", nats.server.store_dir, "/var/lib/osapi-nats",
	 CONFIG_NATS_SERVER, CONFIG_NATS_SERVER, "JetStream's directory"),
    ENUM("nats.server.durability", nats.server.durability, "process",
	 durability_words, CONFIG_NATS_SERVER,
	 "what an acknowledged write survives: the death of the process, or "
	 "the loss of power"),
    OCTETS("nats.server.max_file_store", nats.server.max_file_store, "1GiB",
	   64 * MIB, 64 * TIB, CONFIG_NATS_SERVER,
	   "room for JetStream; keep it well below the partition's"),
    DURATION("nats.server.mute_after", nats.server.mute_after_ms, "10s",
	     2 * SECOND, 10 * MINUTE, CONFIG_NATS_SERVER,
	     "a server that answers nothing for so long is killed and started "
	     "again"),
    PATH("nats.server.workers", nats.server.workers, "", 0, CONFIG_NATS_SERVER,
	 "file of the hosts whose workers may connect, a line each: HOST "
	 "PASSWORD [KEY:VALUE ...]; osapi nats worker add writes it"),
    STRING("nats.server.monitor.user", nats.server.monitor.user, "monitor",
	   CONFIG_NATS_SERVER,
	   "user that may ask for the state of server and streams, and "
	   "nothing else"),
    SECRET("nats.server.monitor.password", nats.server.monitor.password, 0,
	   CONFIG_NATS_SERVER, "that user's password"),
    STRING("nats.server.cluster.name", nats.server.cluster.name, "",
	   CONFIG_NATS_SERVER, "name of the cluster; empty: none"),
    STRING("nats.server.cluster.listen", nats.server.cluster.listen, "",
	   CONFIG_NATS_SERVER, "host:port for the other servers"),
    LIST(CONFIG_LIST, "nats.server.cluster.routes", nats.server.cluster.routes,
	 "", 16, 0, CONFIG_NATS_SERVER, "URLs of the others, nats://host:port"),
    STRING("nats.server.cluster.user", nats.server.cluster.user, "route",
	   CONFIG_NATS_SERVER,
	   "user as which the servers log in to each other"),
    SECRET("nats.server.cluster.password", nats.server.cluster.password, 0,
	   CONFIG_NATS_SERVER, "that user's password, the same on all"),
    PATH("nats.server.tls.ca", nats.server.tls.ca, "", 0, CONFIG_NATS_SERVER,
	 "PEM file; set: clients must show a certificate"),
    PATH("nats.server.tls.certificate", nats.server.tls.certificate, "", 0,
	 CONFIG_NATS_SERVER, "PEM file of nats-server's certificate"),
    PATH("nats.server.tls.key", nats.server.tls.key, "", 0, CONFIG_NATS_SERVER,
	 "PEM file of its private key"),

    BOOL("telemetry.tracing.enabled", telemetry.tracing.enabled, "false",
	 TRACED, "record spans of requests, jobs and client commands"),
    ENUM("telemetry.tracing.exporter", telemetry.tracing.exporter, "stdout",
	 exporter_words, TRACED,
	 "where spans go, as OTLP/JSON: stdout (one a line; a client command "
	 "writes to stderr) or otlp_endpoint"),
    URL("telemetry.tracing.otlp_endpoint", telemetry.tracing.otlp_endpoint,
	"http://127.0.0.1:4318", TRACED,
	"OTLP/HTTP collector, which is sent POST /v1/traces"),
    PATH("telemetry.metrics.path", telemetry.metrics.path, "/metrics",
	 CONFIG_SERVER, CONFIG_SERVER, "URL path of the metrics"),

    TOKEN("job.stream_name", job.stream_name, "JOBS", STORE,
	  "stream of the notifications"),
    STRING("job.stream_subjects", job.stream_subjects, "jobs.>", STORE,
	   "its subjects"),
    TOKEN("job.kv_bucket", job.kv_bucket, "job-queue", STORE,
	  "bucket of jobs and events"),
    TOKEN("job.kv_response_bucket", job.kv_response_bucket, "job-responses",
	  STORE, "bucket of results"),
    TOKEN("job.registry_bucket", job.registry_bucket, "worker-registry", STORE,
	  "bucket of heartbeats"),
    TOKEN("job.consumer_name", job.consumer_name, "jobs-worker", STORE,
	  "the consumer that all workers share"),
    DURATION("job.deadline", job.deadline_ms, "24h", SECOND, 30 * DAY, STORE,
	     "no worker begins a job that is older"),
    DURATION("job.stream.max_age", job.stream.max_age_ms, "24h", MINUTE,
	     365 * DAY, STORE, "how long notifications are kept"),
    INTEGER("job.stream.max_msgs", job.stream.max_msgs, "1000000", 1,
	    1000000000, STORE, "how many notifications are kept"),
    ENUM("job.stream.storage", job.stream.storage, "file", storage_words, STORE,
	 "where they are kept"),
    INTEGER("job.stream.replicas", job.stream.replicas, "1", 1, 5, STORE,
	    "on how many servers each is kept"),
    ENUM("job.stream.discard", job.stream.discard, "new", discard_words, STORE,
	 "what is refused or dropped when it is full"),
    INTEGER("job.consumer.max_deliver", job.consumer.max_deliver, "5", 1, 100,
	    STORE, "tries to deliver a job"),
    DURATION("job.consumer.ack_wait", job.consumer.ack_wait_ms, "2m", SECOND,
	     HOUR, STORE, "silence after which a job is delivered again"),
    INTEGER("job.consumer.max_ack_pending", job.consumer.max_ack_pending,
	    "1000", 1, 100000, STORE, "jobs that run at the same time"),
    ENUM("job.consumer.replay_policy", job.consumer.replay_policy, "instant",
	 replay_words, STORE, "pace at which old jobs are delivered"),
    LIST(CONFIG_DURATIONS, "job.consumer.back_off", job.consumer.back_off,
	 "30s,2m,5m,15m", 16, 0, STORE, "waits before the next try"),
    DURATION("job.kv.ttl", job.kv.ttl_ms, "24h", MINUTE, 365 * DAY, STORE,
	     "how long jobs and results are kept"),
    OCTETS("job.kv.max_bytes", job.kv.max_bytes, "256MiB", MIB, TIB, STORE,
	   "room of each bucket"),
    ENUM("job.kv.storage", job.kv.storage, "file", storage_words, STORE,
	 "where they are kept"),
    INTEGER("job.kv.replicas", job.kv.replicas, "1", 1, 5, STORE,
	    "on how many servers each is kept"),
    DURATION("job.dlq.max_age", job.dlq.max_age_ms, "7d", MINUTE, 365 * DAY,
	     STORE, "how long given-up deliveries are kept"),
    INTEGER("job.dlq.max_msgs", job.dlq.max_msgs, "1000", 1, 1000000, STORE,
	    "how many given-up deliveries are kept"),
    ENUM("job.dlq.storage", job.dlq.storage, "file", storage_words, STORE,
	 "where they are kept"),
    INTEGER("job.dlq.replicas", job.dlq.replicas, "1", 1, 5, STORE,
	    "on how many servers each is kept"),

    LIST(CONFIG_LIST, "job.worker.trusted_keys", job.worker.trusted_keys, "", 8,
	 CONFIG_WORKER, CONFIG_WORKER,
	 "public keys (PEM files) whose jobs are run"),
    PATH("job.worker.journal_dir", job.worker.journal_dir,
	 "/var/lib/osapi-worker", CONFIG_WORKER, CONFIG_WORKER,
	 "the worker's own record of what it ran"),
    STRING("job.worker.hostname", job.worker.hostname, "", CONFIG_WORKER,
	   "name of this host; empty: the system's"),
    LIST(CONFIG_MAP, "job.worker.labels", job.worker.labels, "", 16, 0,
	 CONFIG_WORKER, "labels by which jobs may reach this host"),
    INTEGER("job.worker.max_jobs", job.worker.max_jobs, "10", 1, 1024,
	    CONFIG_WORKER, "jobs that run here at the same time"),
    DURATION("job.worker.heartbeat", job.worker.heartbeat_ms, "5s", SECOND,
	     5 * MINUTE, STORE,
	     "pace of the registry; three misses are a death"),
    DURATION("job.worker.drain", job.worker.drain_ms, "30s", 0, HOUR,
	     CONFIG_WORKER,
	     "how long running jobs may go on when the worker is stopped"),
    NATS("job.worker.nats", job.worker.nats, "osapi-worker", CONFIG_WORKER),

    BOOL("debug", debug, "false", ALL, "write debug lines to the log"),
};

const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

_Static_assert(sizeof(config_keys) / sizeof(config_keys[0]) <= CONFIG_KEYS_MAX,
	       "CONFIG_KEYS_MAX is too small");

const struct config_key *
config_key_find(const char *name)
{
	size_t i;

	for (i = 0; i < config_key_count; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}
