/* t/unit/config.c: lib/config.h. */
#include "lib/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "t/unit/unit.h"

#define PARTS (CONFIG_CLIENT | CONFIG_SERVER | CONFIG_WORKER)
#define ALL   (PARTS | CONFIG_NATS_SERVER)
#define KEY32 "0123456789abcdef0123456789abcdef"

static char *
path_of(const char *name, char buf[static 512])
{
	snprintf(buf, 512, "%s/%s", unit_directory(), name);
	return buf;
}

/* Loads `text` as osapi.yaml; NULL when refused, then info says why. */
static struct config *
load(const char *text, unsigned parts, struct err_info *info)
{
	struct config *config = NULL;
	char path[512];

	info->text[0] = '\0';
	file_write(path_of("osapi.yaml", path), text, strlen(text), 0600, info);
	config_load(path, parts, NULL, &config, info);
	return config;
}

static void
has_the_defaults(void)
{
	struct err_info info;
	struct config *c = load("", 0, &info);

	IS_TEXT("an empty file will do", info.text, "");
	if (!c)
		return;
	IS_TEXT("url", c->api.client.url, "http://127.0.0.1:8080");
	IS_INT("port", c->api.server.port, 8080);
	IS_TEXT("unset is empty", c->api.server.nats.user, "");
	IS_INT("max_msgs", c->job.stream.max_msgs, 1000000);
	IS_INT("ack_wait", c->job.consumer.ack_wait_ms, 120000);
	IS_INT("back_off", c->job.consumer.back_off.count, 4);
	IS_INT("its last", c->job.consumer.back_off.items_ms[3], 900000);
	IS_INT("max_bytes", c->job.kv.max_bytes, 256 << 20);
	IS_INT("dlq", c->job.dlq.max_age_ms, INT64_C(7) * 86400000);
	IS_INT("heartbeat", c->job.worker.heartbeat_ms, 5000);
	IS_INT("no labels", c->job.worker.labels.count, 0);
	IS_INT("discard new", c->job.stream.discard, CONFIG_DISCARD_NEW);
	OK("debug is off", !c->debug);
	config_free(c);
}

static void
takes_every_type(void)
{
	struct err_info info;
	struct config *c =
	    load("api:\n"
		 "  server:\n"
		 "    port: 9090\n"
		 "    security:\n"
		 "      cors:\n"
		 "        allow_origins: [https://a.example, '*']\n"
		 "nats:\n"
		 "  server: {durability: power, max_file_store: 2GiB}\n"
		 "job:\n"
		 "  stream_name: my_jobs-1\n"
		 "  kv: {ttl: 48h, max_bytes: 1048576}\n"
		 "  consumer:\n"
		 "    back_off: []\n"
		 "  worker:\n"
		 "    hostname: 'Web-1'\n"
		 "    labels:\n"
		 "      group: web.dev\n"
		 "      rack: 7\n"
		 "    nats: {password: 12345}\n"
		 "telemetry:\n"
		 "debug: true\n",
		 0, &info);

	IS_TEXT("no error", info.text, "");
	if (!c)
		return;
	IS_INT("integer", c->api.server.port, 9090);
	IS_INT("list", c->api.server.security.cors.allow_origins.count, 2);
	IS_TEXT("its first", c->api.server.security.cors.allow_origins.items[0],
		"https://a.example");
	IS_INT("enum", c->nats.server.durability, CONFIG_DURABILITY_POWER);
	IS_INT("octets with a unit", c->nats.server.max_file_store,
	       INT64_C(2) << 30);
	IS_INT("octets without", c->job.kv.max_bytes, 1 << 20);
	IS_INT("duration", c->job.kv.ttl_ms, INT64_C(48) * 3600000);
	IS_INT("an empty list replaces the default",
	       c->job.consumer.back_off.count, 0);
	IS_INT("map", c->job.worker.labels.count, 2);
	IS_TEXT("its key", c->job.worker.labels.keys[0], "group");
	IS_TEXT("its value", c->job.worker.labels.values[0], "web.dev");
	IS_TEXT("a number as text", c->job.worker.labels.values[1], "7");
	IS_TEXT("a number as password", c->job.worker.nats.password, "12345");
	OK("bool", c->debug);
	config_free(c);
}

static void
keeps_passwords_of_urls_out(void)
{
	static const struct {
		const char *why, *text;
		bool good;
	} rows[] = {
	    {"a password", "api: {client: {url: 'http://eve:hush@h'}}", false},
	    {"a user", "api: {client: {url: 'https://hush@h:1/a'}}", false},
	    {"of a collector",
	     "telemetry: {tracing: {otlp_endpoint: 'http://e:hush@h'}}", false},
	    {"not before the host", "api: {client: {url: 'http://h/a@b'}}",
	     true},
	};
	struct err_info info = {{0}};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = load(rows[i].text, 0, &info);

		OK(rows[i].why, rows[i].good == (c != NULL));
		if (!rows[i].good) {
			HAS_TEXT(rows[i].why, info.text,
				 "has a user or a password in it");
			OK(rows[i].why, !strstr(info.text, "hush"));
		}
		config_free(c);
	}
}

static void
wants_base_urls(void)
{
	static const char *const rows[] = {"http://a?b", "http://a/#b",
					   "http://a b"};
	char text[64];
	struct err_info info = {{0}};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "api: {client: {url: '%s'}}",
			 rows[i]);
		OK(rows[i], load(text, 0, &info) == NULL);
		HAS_TEXT(rows[i], info.text, "a query or a fragment in it");
	}
}

static void
refuses_with_file_and_line(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *message;
	} rows[] = {
	    {"range", "job:\n  worker:\n    max_jobs: 0\n",
	     "osapi.yaml:3: job.worker.max_jobs: 0 is out of range, expected "
	     "1 to 1024"},
	    {"range of a duration", "job: {worker: {heartbeat: 1ms}}",
	     "osapi.yaml:1: job.worker.heartbeat: 1ms is out of range, "
	     "expected 1s to 5m"},
	    {"range of octets", "nats: {server: {max_file_store: 1KiB}}",
	     "1KiB is out of range, expected 64MiB to 64TiB"},
	    {"unknown key", "api:\n  server:\n    prot: 1\n",
	     "osapi.yaml:3: api.server.prot: unknown key, did you mean "
	     "api.server.port?"},
	    {"unknown section", "\nfoo:\n  bar: 1\n",
	     "osapi.yaml:2: foo: unknown key"},
	    {"unknown and empty", "foo:\n", "osapi.yaml:1: foo: unknown key"},
	    {"a key as a section", "debug:\n  x: 1\n",
	     "osapi.yaml:1: debug: \"a section\" is not true or false"},
	    {"a section as a value", "api: 5\n",
	     "osapi.yaml:1: api: expected a section"},
	    {"the whole file is a list", "- a\n", "osapi.yaml:1: expected"},
	    {"no integer", "api: {server: {port: http}}",
	     "api.server.port: \"http\" is not an integer"},
	    {"an integer in quotes", "api: {server: {port: '80'}}",
	     "\"80\" in quotes is a string, expected an integer"},
	    {"a real", "api: {server: {port: 80.5}}", "is not an integer"},
	    {"hexadecimal", "api: {server: {port: 0x50}}", "is not an integer"},
	    {"overflow", "api: {server: {port: 99999999999999999999}}",
	     "is not an integer"},
	    {"a list for a string", "job: {worker: {hostname: [a]}}",
	     "\"a list\" is not a string"},
	    {"a string for a list", "job: {worker: {trusted_keys: a.pem}}",
	     "\"a.pem\" is not a list of strings"},
	    {"a list in a list", "job: {worker: {trusted_keys: [[a]]}}",
	     "entry 1 (line 1) is not a string"},
	    {"too many entries",
	     "job: {worker: {trusted_keys: [a,b,c,d,e,f,g,h,i]}}",
	     "9 entries, at most 8 are taken"},
	    {"no bool", "debug: yes\n", "\"yes\" is not true or false"},
	    {"no word of the enum", "job: {kv: {storage: disk}}",
	     "\"disk\" is unknown, expected file or memory"},
	    {"no duration", "job: {deadline: 1day}",
	     "\"1day\" is not a duration such as"},
	    {"no duration in a list", "job: {consumer: {back_off: [30s, 5]}}",
	     "entry 2: \"5\" is not a duration"},
	    {"no octets", "job: {kv: {max_bytes: 1MB}}",
	     "\"1MB\" is not a size such as"},
	    {"octets overflow", "job: {kv: {max_bytes: 9999999999TiB}}",
	     "is not a size"},
	    {"no NATS name", "job: {kv_bucket: a.b}",
	     "\"a.b\" has characters other than"},
	    {"an empty name", "job: {kv_bucket: ''}", "must not be empty"},
	    {"no URL", "api: {client: {url: example.org}}",
	     "does not begin with http:// or https://"},
	    {"a control character", "job: {worker: {nats: {user: \"a\\nb\"}}}",
	     "has a control character"},
	    {"a secret is not shown",
	     "api: {server: {security: {signing_key: [hush]}}}",
	     "\"value\" is not a string"},
	    {"duplicate key", "debug: true\ndebug: false\n",
	     "osapi.yaml: line 2: duplicate key"},
	    {"no YAML", "a: [\n", "osapi.yaml: line 2: "},
	};
	struct err_info info;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = load(rows[i].text, 0, &info);

		OK(rows[i].why, !c);
		HAS_TEXT(rows[i].why, info.text, rows[i].message);
		config_free(c);
	}
}

static const struct {
	const char *why;
	unsigned parts;
	const char *text;
	const char *message; /* NULL: taken */
} together[] = {
    {"client needs nothing", CONFIG_CLIENT, "", NULL},
    {"nats-server needs nothing", CONFIG_NATS_SERVER, "", NULL},
    {"server needs its key", CONFIG_SERVER, "",
     "osapi.yaml: api.server.security.signing_key: is required"},
    {"server needs the job key", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32 "}}}",
     "api.server.security.job_signing_key_file: is required"},
    {"server has all", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}}}",
     NULL},
    {"a short key", CONFIG_SERVER,
     "api: {server: {security: {signing_key: short, "
     "job_signing_key_file: /k}}}",
     "signing_key: has 5 octets, expected 32 or more"},
    {"worker needs trusted keys", CONFIG_WORKER, "",
     "job.worker.trusted_keys: is required"},
    {"worker has all", CONFIG_WORKER, "job: {worker: {trusted_keys: [/k.pem]}}",
     NULL},
    {"a bad host name", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k], hostname: a_b}}",
     "osapi.yaml:1: job.worker.hostname: "},
    {"a bad label", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k], labels: {a b: c}}}",
     "osapi.yaml:1: job.worker.labels: "},
    {"certificate without key", CONFIG_NATS_SERVER,
     "nats: {server: {tls: {certificate: /c}}}",
     "is set without nats.server.tls.key, expected both or none"},
    {"user without password", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k], nats: {user: w}}}",
     "job.worker.nats.user: is set without job.worker.nats.password"},
    {"more back_offs than deliveries", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k]}, consumer: {max_deliver: 3}}",
     "4 entries, expected at most as many as "
     "job.consumer.max_deliver (3)"},
    {"back_off longer than ack_wait", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k]}, consumer: {ack_wait: 10s}}",
     "entry 1: 30s is longer than job.consumer.ack_wait (10s)"},
    {"deadline longer than the record", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k]}, kv: {ttl: 1h}}",
     "job.deadline: 1d is longer than job.kv.ttl"},
    {"the same bucket twice", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k]}, kv_bucket: job-responses}",
     "is the same as job.kv_bucket"},
    {"heartbeats against the TTL", CONFIG_WORKER,
     "job: {worker: {trusted_keys: [/k], heartbeat: 1m}, "
     "kv: {ttl: 2m}, deadline: 1m}",
     "job.worker.heartbeat: three times 1m is longer"},
    {"no origin", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k, cors: {allow_origins: ['https://a "
     "b;']}}}}",
     "is not \"*\" or an origin"},
    {"proxies as addresses and networks", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}, trusted_proxies: ['192.0.2.0/24', "
     "'2001:db8::/32', '::1']}}",
     NULL},
    {"a proxy as a name", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}, trusted_proxies: ['192.0.2.0/24', "
     "'2001:db8::/32', 'proxy.example']}}",
     "\"proxy.example\" is not an address or a network"},
    {"a prefix that is too long", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}, trusted_proxies: ['192.0.2.0/24', "
     "'2001:db8::/32', '192.0.2.0/33']}}",
     "\"192.0.2.0/33\" is not"},
    {"a prefix that is none", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}, trusted_proxies: ['192.0.2.0/24', "
     "'2001:db8::/32', '192.0.2.0/']}}",
     "is not an address"},
    {"something behind a prefix", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}, trusted_proxies: ['192.0.2.0/24', "
     "'2001:db8::/32', '::1/64;']}}",
     "is not an address"},
    {"no URL path", CONFIG_SERVER,
     "api: {server: {security: {signing_key: " KEY32
     ", job_signing_key_file: /k}}}\n"
     "telemetry: {metrics: {path: '/m; }'}}",
     "is not a URL path"},
    {"a cluster without address", CONFIG_NATS_SERVER,
     "nats: {server: {cluster: {name: c}}}",
     "is set without nats.server.cluster.listen"},
    {"buckets do not fit", CONFIG_NATS_SERVER,
     "nats: {server: {max_file_store: 64MiB}}",
     "nats.server.max_file_store: is less than two buckets"},
    {"of another part: not looked at", CONFIG_CLIENT,
     "nats: {server: {max_file_store: 64MiB}}", NULL},
};

static void
checks_keys_together(void)
{
	struct err_info info;
	size_t i;

	for (i = 0; i < sizeof(together) / sizeof(together[0]); i++) {
		struct config *c =
		    load(together[i].text, together[i].parts, &info);

		if (together[i].message)
			HAS_TEXT(together[i].why, info.text,
				 together[i].message);
		else
			IS_TEXT(together[i].why, info.text, "");
		OK(together[i].why, !c == !!together[i].message);
		config_free(c);
	}
}

static void
goes_flag_environment_file_default(void)
{
	static const struct config_override flags[] = {{"api.server.port", "3"},
						       {NULL, NULL}};
	static const char text[] = "api: {server: {port: 1}}\n";
	struct err_info info;
	struct config *c;
	char path[512];

	path_of("osapi.yaml", path);
	c = load(text, 0, &info);
	IS_INT("file over default", c ? c->api.server.port : 0, 1);
	config_free(c);
	setenv("OSAPI_API_SERVER_PORT", "2", 1);
	c = load(text, 0, &info);
	IS_INT("environment over file", c ? c->api.server.port : 0, 2);
	config_free(c);
	c = NULL;
	config_load(path, 0, flags, &c, &info);
	IS_INT("flag over environment", c ? c->api.server.port : 0, 3);
	config_free(c);
	setenv("OSAPI_API_SERVER_PORT", "x", 1);
	OK("a bad variable is refused", !load(text, 0, &info));
	IS_TEXT("and named", info.text,
		"OSAPI_API_SERVER_PORT: \"x\" is not an integer");
	unsetenv("OSAPI_API_SERVER_PORT");
}

static void
reads_lists_and_maps_from_the_environment(void)
{
	struct err_info info;
	struct config *c;

	setenv("OSAPI_JOB_WORKER_LABELS", "group=web.dev, rack=7", 1);
	setenv("OSAPI_JOB_WORKER_TRUSTED_KEYS", "/a.pem ,/b.pem", 1);
	setenv("OSAPI_JOB_CONSUMER_BACK_OFF", "", 1);
	c = load("", 0, &info);
	IS_TEXT("no error", info.text, "");
	if (c) {
		IS_INT("map", c->job.worker.labels.count, 2);
		IS_TEXT("blanks trimmed", c->job.worker.labels.keys[1], "rack");
		IS_TEXT("value", c->job.worker.labels.values[1], "7");
		IS_INT("list", c->job.worker.trusted_keys.count, 2);
		IS_TEXT("trimmed", c->job.worker.trusted_keys.items[0],
			"/a.pem");
		IS_INT("empty", c->job.consumer.back_off.count, 0);
	}
	config_free(c);
	setenv("OSAPI_JOB_WORKER_LABELS", "group", 1);
	OK("no pair", !load("", 0, &info));
	HAS_TEXT("says so", info.text, "\"group\" is not key=value");
	setenv("OSAPI_JOB_WORKER_LABELS", "a=1,a=2", 1);
	OK("twice", !load("", 0, &info));
	HAS_TEXT("says so", info.text, "\"a\" is there twice");
	setenv("OSAPI_JOB_WORKER_LABELS", "a=1,,b=2", 1);
	OK("an empty entry", !load("", 0, &info));
	unsetenv("OSAPI_JOB_WORKER_LABELS");
	unsetenv("OSAPI_JOB_WORKER_TRUSTED_KEYS");
	unsetenv("OSAPI_JOB_CONSUMER_BACK_OFF");
}

static void
reads_secrets_from_files(void)
{
	struct err_info info;
	struct config *c;
	char path[512];
	char text[1024];

	path_of("secret", path);
	file_write(path, KEY32 "\n", 33, 0600, &info);
	snprintf(text, sizeof(text),
		 "api: {server: {security: {signing_key_file: %s, "
		 "job_signing_key_file: /k}}}\n",
		 path);
	c = load(text, CONFIG_SERVER, &info);
	IS_TEXT("from the file, without its end of line",
		c ? c->api.server.security.signing_key : info.text, KEY32);
	config_free(c);
	c = load(text, CONFIG_CLIENT, &info);
	IS_TEXT("not read by who does not use it",
		c ? c->api.server.security.signing_key : info.text, "");
	config_free(c);
	setenv("OSAPI_API_SERVER_SECURITY_SIGNING_KEY", "another-" KEY32, 1);
	c = load(text, CONFIG_SERVER, &info);
	IS_TEXT("environment goes before a file of the file",
		c ? c->api.server.security.signing_key : info.text,
		"another-" KEY32);
	config_free(c);
	unsetenv("OSAPI_API_SERVER_SECURITY_SIGNING_KEY");
	setenv("OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE", path, 1);
	c = load("api: {client: {security: {bearer_token: x}}}", CONFIG_CLIENT,
		 &info);
	IS_TEXT("a file of the environment goes before a value of the file",
		c ? c->api.client.security.bearer_token : info.text, KEY32);
	config_free(c);
	setenv("OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE", "/none", 1);
	OK("missing", !load("", CONFIG_CLIENT, &info));
	IS_TEXT("named", info.text,
		"OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE: /none: No such "
		"file or directory");
	unsetenv("OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE");
	file_write(path, "\n", 1, 0600, &info);
	OK("empty", !load(text, CONFIG_SERVER, &info));
	HAS_TEXT("says so", info.text, "/secret: is empty");
	snprintf(text, sizeof(text),
		 "api: {client: {security: {bearer_token: x, "
		 "bearer_token_file: %s}}}",
		 path);
	OK("both", !load(text, CONFIG_CLIENT, &info));
	HAS_TEXT("says so", info.text, "bearer_token: is given twice");
}

static char *
dump(const struct config *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_dump(c, out);
	fclose(out);
	return text;
}

static void
takes_its_own_dump(void)
{
	struct err_info info;
	struct config *first = load(
	    "api: {server: {security: {signing_key: " KEY32 "}, "
	    "nats: {user: 'a\"\\b', password: hush}}}\n"
	    "job: {worker: {labels: {group: web, 'x': \"y\"}, "
	    "trusted_keys: [/a, '/b c']}, consumer: {back_off: [90s, 1500ms]}, "
	    "kv: {max_bytes: 2000001}}\n",
	    0, &info);
	struct config *second;
	char *text;
	char *again;

	IS_TEXT("no error", info.text, "");
	if (!first)
		return;
	text = dump(first);
	OK("secrets are masked", !strstr(text, KEY32) && !strstr(text, "hush"));
	HAS_TEXT("masked", text, "signing_key: \"********\"");
	HAS_TEXT("unset secrets are empty", text, "bearer_token: \"\"");
	HAS_TEXT("nested as in a file", text,
		 "api:\n  client:\n    url: \"http://127.0.0.1:8080\"\n");
	HAS_TEXT("durations", text, "back_off: [90s, 1500ms]");
	HAS_TEXT("maps", text, "labels: {\"group\": \"web\", \"x\": \"y\"}");
	second = load(text, 0, &info);
	IS_TEXT("taken", info.text, "");
	if (second) {
		again = dump(second);
		IS_TEXT("the same again", again, text);
		IS_TEXT("quotes survive", second->api.server.nats.user,
			"a\"\\b");
		free(again);
	}
	free(text);
	config_free(first);
	config_free(second);
}

static void
finds_its_file(void)
{
	static const char text[] = "api: {server: {port: 7}}\n";
	struct config *c = NULL;
	struct err_info info;
	char path[512];
	char old[4096];

	IS_INT("a named file must exist",
	       config_load("/nonexistent.yaml", 0, NULL, &c, &info),
	       ERR_NOT_FOUND);
	IS_TEXT("named", info.text,
		"/nonexistent.yaml: No such file or directory");
	IS_INT("an empty name is not none", config_load("", 0, NULL, &c, &info),
	       ERR_INVALID);
	file_write(path_of("osapi.yaml", path), text, strlen(text), 0600,
		   &info);
	setenv("OSAPI_FILE", path, 1);
	IS_INT("OSAPI_FILE", config_load(NULL, 0, NULL, &c, &info), ERR_OK);
	IS_TEXT("knows its path", c ? config_path(c) : NULL, path);
	config_free(c);
	c = NULL;
	unsetenv("OSAPI_FILE");
	if (!getcwd(old, sizeof(old)) || chdir(unit_directory()) < 0)
		return;
	IS_INT("working directory", config_load(NULL, 0, NULL, &c, &info),
	       ERR_OK);
	IS_INT("its value", c ? c->api.server.port : 0, 7);
	OK("back", chdir(old) == 0);
	config_free(c);
	config_free(NULL);
}

static void
bounds_the_file(void)
{
	struct err_info info;
	char *text = malloc(70001);

	memset(text, '#', 70000);
	text[70000] = '\0';
	OK("refused", !load(text, 0, &info));
	HAS_TEXT("says so", info.text, "larger than 65536 octets");
	free(text);
}

struct seen {
	int count;
	int secrets;
	int bad;
};

static void
see_key(const char *key, const char *type, const char *fallback,
	const char *range, const char *help, bool secret, void *arg)
{
	struct seen *seen = arg;

	seen->count++;
	seen->secrets += secret;
	seen->bad += !*key || !*type || !fallback || !range || !*help;
}

static void
tells_every_key(void)
{
	struct seen seen = {0};

	config_each_key(see_key, &seen);
	OK("all keys", seen.count > 60);
	IS_INT("token, signing key and four passwords", seen.secrets, 6);
	IS_INT("each has its texts", seen.bad, 0);
}

static void
warns_of_unknown_variables(void)
{
	struct err_info info;
	struct config *c;
	char path[512];
	char *text = NULL;
	size_t size = 0;
	int saved = dup(STDERR_FILENO);
	int fd = open(path_of("stderr", path), O_RDWR | O_CREAT, 0600);

	dup2(fd, STDERR_FILENO);
	setenv("OSAPI_API_SERVER_PROT", "1", 1);
	setenv("OSAPI_API_SERVER_PORT_FILE", "1", 1);
	setenv("OSAPI_JOB_WORKER_NATS_USER", "w", 1);
	c = load("", CONFIG_CLIENT, &info);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	OK("no error", c);
	config_free(c);
	file_read(path, 65536, &text, &size, &info);
	HAS_TEXT("mistyped", text, "OSAPI_API_SERVER_PROT\"");
	HAS_TEXT("only secrets have files", text, "OSAPI_API_SERVER_PORT_FILE");
	OK("not a known one", text && !strstr(text, "NATS_USER"));
	free(text);
	unsetenv("OSAPI_API_SERVER_PROT");
	unsetenv("OSAPI_API_SERVER_PORT_FILE");
	unsetenv("OSAPI_JOB_WORKER_NATS_USER");
}

const char unit_name[] = "config";
const struct unit_case unit_cases[] = {
    {"has the defaults", has_the_defaults},
    {"takes every type", takes_every_type},
    {"keeps passwords of URLs out", keeps_passwords_of_urls_out},
    {"wants base URLs", wants_base_urls},
    {"refuses with file and line", refuses_with_file_and_line},
    {"checks keys together, for the parts asked", checks_keys_together},
    {"goes flag, environment, file, default",
     goes_flag_environment_file_default},
    {"reads lists and maps from the environment",
     reads_lists_and_maps_from_the_environment},
    {"reads secrets from files", reads_secrets_from_files},
    {"takes its own dump", takes_its_own_dump},
    {"finds its file", finds_its_file},
    {"bounds the file", bounds_the_file},
    {"tells every key", tells_every_key},
    {"warns of unknown variables", warns_of_unknown_variables},
    {NULL, NULL},
};
