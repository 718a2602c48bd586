/* t/unit/init.c: cli/init.h, cli/nginx.h and cli/nats.h: what is rendered is
 * taken by the programs that it is for. */
#include "cli/init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/nats_conf.h"
#include "cli/nats_workers.h"
#include "cli/nginx.h"
#include "cli/program.h"
#include "lib/config.h"
#include "lib/file.h"
#include "lib/signature.h"
#include "t/unit/unit.h"

#define PARTS (CONFIG_SERVER | CONFIG_WORKER | CONFIG_NATS_SERVER)

static char dir[512];
static char yaml_path[600];

/* A new directory below the test's with a new configuration. */
static enum err
make(const char *name, struct err_info *info)
{
	static char store[600];
	struct init_plan plan = {.dir = dir,
				 .mode = 0600,
				 .owner = "",
				 .group = "",
				 .host = "web-1.example",
				 .port = 18080,
				 .store_dir = store,
				 .journal_dir = "/nonexistent/worker"};

	snprintf(dir, sizeof(dir), "%s/%s", unit_directory(), name);
	snprintf(yaml_path, sizeof(yaml_path), "%s/osapi.yaml", dir);
	snprintf(store, sizeof(store), "%s/store", dir);
	mkdir(dir, 0700);
	info->text[0] = '\0';
	return init_write(&plan, info);
}

/* Runs a program without its output; its exit code. */
static int
run(const char *name, const char *const *argv)
{
	char path[PATH_MAX];
	int status = -1;
	pid_t pid;

	if (!program_system(name, path))
		return -1;
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout) ||
		    !freopen("/dev/null", "w", stderr))
			_exit(126);
		execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
writes_what_all_parts_take(void)
{
	struct config *c = NULL;
	struct signer *signer = NULL;
	struct truster *truster = NULL;
	struct nats_workers workers = {.count = 0};
	struct err_info info;
	struct stat st;

	IS_INT("written", make("first", &info), ERR_OK);
	IS_INT("loaded", config_load(yaml_path, PARTS, NULL, &c, &info),
	       ERR_OK);
	if (!c)
		return;
	stat(yaml_path, &st);
	IS_INT("nobody else reads it", st.st_mode & 0777, 0600);
	IS_INT("its port", c->api.server.port, 18080);
	IS_INT("a long key", strlen(c->api.server.security.signing_key), 64);
	OK("two passwords", strcmp(c->api.server.nats.password,
				   c->job.worker.nats.password) != 0);
	IS_TEXT("a worker of this host", c->job.worker.nats.user,
		"worker-web-1.example");
	IS_INT("the list of workers",
	       nats_workers_read(c->nats.server.workers, &workers, &info),
	       ERR_OK);
	IS_INT("this host is in it", workers.count, 1);
	if (workers.count == 1) {
		IS_TEXT("by its name", workers.items[0].host, "web-1.example");
		IS_TEXT("and password", workers.items[0].password,
			c->job.worker.nats.password);
	}
	nats_workers_release(&workers);
	IS_INT("the private key",
	       signer_load(c->api.server.security.job_signing_key_file, &signer,
			   &info),
	       ERR_OK);
	IS_INT("the public key",
	       truster_load(c->job.worker.trusted_keys.items,
			    c->job.worker.trusted_keys.count, &truster, &info),
	       ERR_OK);
	signer_free(signer);
	truster_free(truster);
	config_free(c);
}

static void
makes_other_secrets_each_time(void)
{
	struct config *a = NULL;
	struct config *b = NULL;
	struct err_info info;

	make("one", &info);
	config_load(yaml_path, PARTS, NULL, &a, &info);
	make("other", &info);
	config_load(yaml_path, PARTS, NULL, &b, &info);
	OK("both", a && b);
	if (a && b) {
		OK("keys differ",
		   strcmp(a->api.server.security.signing_key,
			  b->api.server.security.signing_key) != 0);
		OK("passwords differ",
		   strcmp(a->api.server.nats.password,
			  b->api.server.nats.password) != 0);
	}
	config_free(a);
	config_free(b);
}

static void
never_writes_over(void)
{
	struct err_info info;
	char *before = NULL;
	char *after = NULL;
	size_t size = 0;

	make("kept", &info);
	file_read(yaml_path, 65536, &before, &size, &info);
	IS_INT("again", make("kept", &info), ERR_EXISTS);
	HAS_TEXT("named", info.text, "kept/osapi.yaml is there already");
	file_read(yaml_path, 65536, &after, &size, &info);
	IS_TEXT("the same file", after, before);
	unlink(yaml_path);
	IS_INT("keys alone", make("kept", &info), ERR_EXISTS);
	HAS_TEXT("named", info.text, "kept/keys has keys already");
	free(before);
	free(after);
}

/* The site in front of nginx itself, with and without TLS off the table. */
static void
renders_for_nginx(void)
{
	static const char extra[] =
	    "OSAPI_API_SERVER_SECURITY_CORS_ALLOW_ORIGINS";
	struct nginx_plan plan = {.access_log = NULL};
	struct config *c = NULL;
	struct err_info info;
	char log[600];
	char conf[600];
	const char *const argv[] = {"nginx", "-t", "-q", "-e", "stderr",
				    "-p",    dir,  "-c", conf, NULL};
	FILE *out;
	char *text = NULL;
	size_t size = 0;

	make("site", &info);
	setenv(extra, "https://a.example,*", 1);
	config_load(yaml_path, PARTS, NULL, &c, &info);
	unsetenv(extra);
	snprintf(log, sizeof(log), "%s/access.log", dir);
	snprintf(conf, sizeof(conf), "%s/nginx.conf", dir);
	plan = (struct nginx_plan){.config = c, .dir = dir, .access_log = log};
	out = fopen(conf, "w");
	if (!c || !out)
		return;
	IS_INT("rendered", nginx_render(&plan, out, &info), ERR_OK);
	fclose(out);
	IS_INT("nginx takes it", run("nginx", argv), 0);
	file_read(conf, 65536, &text, &size, &info);
	OK("every word is filled in", text && !strchr(text, '@'));
	HAS_TEXT("only here", text, "listen 127.0.0.1:18080");
	HAS_TEXT("an origin", text, "\"https://a.example\" ");
	free(text);
	config_free(c);
}

static void
refuses_paths_that_nginx_cannot_take(void)
{
	static const char *const paths[] = {"/a$b", "/a\"b", "/a;b", "/a{b",
					    "/a}b", "/a\\b", "/a:b"};
	static const char name[] = "OSAPI_API_SERVER_FCGI_SOCKET";
	struct err_info info;
	size_t i;

	make("paths", &info);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct nginx_plan plan = {.access_log = "/dev/null"};
		struct config *c = NULL;
		FILE *out = fopen("/dev/null", "w");

		setenv(name, paths[i], 1);
		config_load(yaml_path, PARTS, NULL, &c, &info);
		unsetenv(name);
		plan.config = c;
		if (c && out)
			IS_INT(paths[i], nginx_render(&plan, out, &info),
			       ERR_INVALID);
		fclose(out);
		config_free(c);
	}
}

static void
renders_for_nats_server(void)
{
	struct config *c = NULL;
	struct nats_workers workers = {.count = 0};
	struct nats_extra extra;
	struct err_info info;
	char conf[600];
	const char *const argv[] = {"nats-server", "-t", "-c", conf, NULL};
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	make("nats", &info);
	IS_INT("secrets", nats_extra_init(&extra, &info), ERR_OK);
	setenv("OSAPI_API_SERVER_NATS_PASSWORD", "a\"b\\c $x", 1);
	config_load(yaml_path, CONFIG_NATS_SERVER, NULL, &c, &info);
	unsetenv("OSAPI_API_SERVER_NATS_PASSWORD");
	snprintf(conf, sizeof(conf), "%s/nats.conf", dir);
	out = fopen(conf, "w");
	if (!c || !out)
		return;
	IS_INT("one more host",
	       nats_workers_add(c->nats.server.workers, 0600, "db-1",
				"0123456789abcdef", "group:web.dev,rack:r1",
				&info),
	       ERR_OK);
	IS_INT("the same again",
	       nats_workers_add(c->nats.server.workers, 0600, "DB-1",
				"0123456789abcdef", NULL, &info),
	       ERR_EXISTS);
	HAS_TEXT("where it is", info.text, "workers:2: db-1 has a line");
	IS_INT("read",
	       nats_workers_read(c->nats.server.workers, &workers, &info),
	       ERR_OK);
	IS_INT("rendered", nats_render(c, &workers, &extra, out, &info),
	       ERR_OK);
	nats_workers_release(&workers);
	fclose(out);
	IS_INT("nats-server takes it", run("nats-server", argv), 0);
	file_read(conf, 65536, &text, &size, &info);
	OK("nobody may ask everything of JetStream",
	   text && !strstr(text, "\"$JS.API.>\""));
	OK("no inbox of all", text && !strstr(text, "\"_INBOX"
						    ".>\""));
	HAS_TEXT("the worker's own inbox", text, "\"_INBOX_worker-db-1.>\"");
	HAS_TEXT("a label", text, ".jobs.*.label.group.web.dev\"");
	HAS_TEXT("and what is before its dot", text,
		 ".jobs.*.label.group.web\"");
	OK("users in accounts only", text && !strstr(text, "authorization"));
	free(text);
	config_free(c);
}

static void
refuses_an_open_nats_server(void)
{
	static const struct {
		const char *why;
		const char *name;
		const char *value;
		const char *message;
	} rows[] = {
	    {"no user of the API", "OSAPI_API_SERVER_NATS_USER", "",
	     "api.server.nats.user and password are required"},
	    {"the system's user", "OSAPI_API_SERVER_NATS_USER", "system",
	     "api.server.nats.user: \"system\" is another's name"},
	    {"a worker's user", "OSAPI_API_SERVER_NATS_USER", "worker-web-1",
	     "is another's name"},
	    {"the monitor as another", "OSAPI_NATS_SERVER_MONITOR_USER", "api",
	     "nats.server.monitor.user: must differ from api.server.nats.user"},
	};
	const struct nats_workers none = {.count = 0};
	struct nats_extra extra;
	struct err_info info;
	size_t i;

	make("open", &info);
	nats_extra_init(&extra, &info);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = NULL;
		FILE *out = fopen("/dev/null", "w");

		setenv(rows[i].name, rows[i].value, 1);
		config_load(yaml_path, CONFIG_NATS_SERVER, NULL, &c, &info);
		unsetenv(rows[i].name);
		OK(rows[i].why, c && out);
		if (c && out)
			IS_INT(rows[i].why,
			       nats_render(c, &none, &extra, out, &info),
			       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].message);
		fclose(out);
		config_free(c);
	}
}

static void
refuses_a_list_of_workers_that_is_none(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *message;
	} rows[] = {
	    {"no password", "a\n", "list:1: expected HOST and a password"},
	    {"a short one", "# x\na short\n", "list:2: expected HOST and"},
	    {"no host name", "a_b 0123456789abcdef\n", "list:1: not a host"},
	    {"the API's name", "api 0123456789abcdef\n", "no worker may be"},
	    {"twice", "a 0123456789abcdef\n\nA. 0123456789abcdef\n",
	     "list:3: this host has a line already"},
	    {"no label", "a 0123456789abcdef web\n", "labels as KEY:VALUE"},
	    {"a bad label", "a 0123456789abcdef k:v>\n", "label value"},
	    {"a label twice", "a 0123456789abcdef k:v k:w\n",
	     "a label is there twice"},
	    {"not of ASCII", "a 0123456789abcde\xc3\xa9\n", "not of ASCII"},
	};
	char path[600];
	size_t i;

	snprintf(path, sizeof(path), "%s/list", unit_directory());
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nats_workers workers;
		struct err_info info = {""};

		file_write(path, rows[i].text, strlen(rows[i].text), 0600,
			   &info);
		IS_INT(rows[i].why, nats_workers_read(path, &workers, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].message);
	}
}

/* The users of the packages are there, and somebody else looks at it first. */
static void
keeps_what_it_cannot_give_away(void)
{
	char path[600];
	struct init_plan plan = {.dir = path,
				 .mode = 0600,
				 .owner = "daemon",
				 .group = "daemon",
				 .host = "web-1.example",
				 .port = 18080,
				 .store_dir = "/nonexistent/store",
				 .journal_dir = "/nonexistent/worker"};
	struct err_info info = {""};
	char key[700];
	struct stat st = {.st_uid = 0};
	int status = -1;
	uid_t uid = geteuid() == 0 ? 65534 : geteuid();
	pid_t pid;

	snprintf(path, sizeof(path), "%s/given", unit_directory());
	snprintf(key, sizeof(key), "%s/keys/job-signing.pem", path);
	mkdir(path, 0755);
	OK("the directory is theirs",
	   chmod(unit_directory(), 0755) == 0 && chown(path, uid, -1) == 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(uid) < 0 || setuid(uid) < 0))
			_exit(2);
		_exit(init_write(&plan, &info) == ERR_OK ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	IS_INT("made", WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
	OK("the key is there", stat(key, &st) == 0);
	IS_INT("and its maker's", st.st_uid, uid);
}

const char unit_name[] = "init";
const struct unit_case unit_cases[] = {
    {"writes what all parts take", writes_what_all_parts_take},
    {"makes other secrets each time", makes_other_secrets_each_time},
    {"never writes over", never_writes_over},
    {"renders for nginx", renders_for_nginx},
    {"refuses paths that nginx cannot take",
     refuses_paths_that_nginx_cannot_take},
    {"renders for nats-server", renders_for_nats_server},
    {"refuses a nats-server without users", refuses_an_open_nats_server},
    {"keeps what it cannot give away", keeps_what_it_cannot_give_away},
    {"refuses a list of workers that is none",
     refuses_a_list_of_workers_that_is_none},
    {NULL, NULL},
};
