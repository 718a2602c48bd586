/*
 * t/unit/client.c: command lines of `osapi client` against a server: which
 * request they make, what is printed, and with which code they end.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "lib/file.h"
#include "t/support/http_server.h"

const char unit_name[] = "client";

#define WORDS 12
#define OK_200(type, body)                       \
	"HTTP/1.1 200 OK\r\nContent-Type: " type \
	"\r\nConnection: close\r\n\r\n" body
#define PROBLEM(status, members)                                            \
	"HTTP/1.1 " status "\r\nContent-Type: application/problem+json\r\n" \
	"X-Request-Id: r1\r\nConnection: close\r\n\r\n"                     \
	"{\"detail\":\"no such thing\"" members "}"
#define REDIRECT                                                     \
	"HTTP/1.1 301 Moved Permanently\r\nLocation: https://a/\r\n" \
	"Content-Type: application/json\r\nContent-Length: 0\r\n\r\n"
#define JOB "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01"

struct row {
	const char *why;
	const char *words[WORDS];
	const char *answer;  /* of the server */
	const char *request; /* its first line and path; NULL: none is sent */
	const char *body;    /* of the request, "" none */
	int status;
	const char *out; /* part of what is printed */
};

/* Sends stdout or stderr into a file; returns what restore takes. */
static int
redirect(FILE *stream, const char *path)
{
	int saved;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	fflush(stream);
	saved = fcntl(fileno(stream), F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || saved < 0 || dup2(fd, fileno(stream)) < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
	return saved;
}

static void
restore(FILE *stream, int saved)
{
	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
}

/* Both streams of a run into one text; the caller frees it. */
static char *
run(const char *const *words, int *status)
{
	const struct cli cli = {.program = "osapi"};
	char path[4200];
	char *argv[WORDS + 1] = {NULL};
	char *text = NULL;
	size_t size;
	int argc = 0;
	int out;
	int err;

	while (argc < WORDS && words[argc]) {
		argv[argc] = strdup(words[argc]);
		argc++;
	}
	snprintf(path, sizeof(path), "%s/out", unit_directory());
	out = redirect(stdout, path);
	err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(STDOUT_FILENO, STDERR_FILENO);
	*status = client_main(&cli, argc, argv);
	dup2(err, STDERR_FILENO);
	close(err);
	restore(stdout, out);
	if (file_read(path, 1 << 20, &text, &size, NULL) != ERR_OK)
		exit(2);
	while (argc-- > 0)
		free(argv[argc]);
	return text;
}

static void
check(const struct row *row)
{
	struct http_server server = {.answer = row->answer};
	char *line_end;
	char *body;
	char *out;
	int status;

	http_server_start(&server);
	setenv("OSAPI_API_CLIENT_URL", server.url, 1);
	out = run(row->words, &status);
	http_server_stop(&server);
	IS_INT(row->why, status, row->status);
	HAS_TEXT(row->why, out, row->out);
	IS_INT(row->why, server.requests, row->request != NULL);
	if (row->request && server.requests) {
		HAS_TEXT(row->why, server.request,
			 "Authorization: Bearer secret-token\r\n");
		body = strstr(server.request, "\r\n\r\n");
		line_end = strstr(server.request, " HTTP/1.1\r\n");
		IS_TEXT(row->why, body ? body + 4 : "", row->body);
		if (line_end)
			*line_end = '\0';
		IS_TEXT(row->why, server.request, row->request);
	}
	free(out);
}

static void
check_all(const struct row *rows)
{
	char path[4200];

	/* no configuration of this machine takes part */
	snprintf(path, sizeof(path), "%s/osapi.yaml", unit_directory());
	file_write(path, "debug: false\n", 13, 0600, NULL);
	setenv("OSAPI_FILE", path, 1);
	setenv("OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN", "secret-token", 1);
	for (; rows->why; rows++)
		check(rows);
}

static const struct row request_rows[] = {
    {"a command without flags",
     {"system", "hostname", NULL},
     OK_200("application/json", "{\"results\":[{\"hostname\":\"a\"}]}"),
     "GET /api/v1/system/hostname",
     "",
     0,
     "Hostname  a\n"},
    {"flags before and behind",
     {"-T", "group:web.dev", "system", "hostname", "--timeout", "5s", NULL},
     OK_200("application/json", "{\"results\":[{\"hostname\":\"a\"}]}"),
     "GET /api/v1/system/hostname?target_hostname=group%3Aweb.dev"
     "&timeout=5s",
     "",
     0,
     "Hostname  a\n"},
    {"a path value, as a flag",
     {"network", "dns", "get", "--interface-name", "a b?", NULL},
     "",
     NULL,
     "",
     2,
     "--interface-name: not an interface name"},
    {"a path value, as a word",
     {"network", "dns", "get", "eth0.100%", NULL},
     OK_200("application/json",
	    "{\"results\":[{\"hostname\":\"a\",\"servers\":[\"::1\"],"
	    "\"search_domains\":[]}]}"),
     "GET /api/v1/network/dns/eth0.100%25",
     "",
     0,
     "Servers         ::1\n"},
    {"a body",
     {"network", "dns", "update", "--interface-name=eth0", "--servers",
      "192.0.2.1,::1", "--servers", "::2", "--search-domains=", NULL},
     "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
     "Connection: close\r\n\r\n"
     "{\"results\":[{\"hostname\":\"a\",\"status\":\"ok\"}]}",
     "PUT /api/v1/network/dns",
     "{\"interface_name\":\"eth0\",\"servers\":[\"192.0.2.1\",\"::1\","
     "\"::2\"],\"search_domains\":[]}",
     0,
     "Status    ok\n"},
    {"a required member as a word, a number as a number",
     {"network", "ping", "::1", "--count", "2", "-j", NULL},
     OK_200("application/json", "{\"results\": [ ]}"),
     "POST /api/v1/network/ping",
     "{\"address\":\"::1\",\"count\":2}",
     0,
     "{\"results\": [ ]}\n"},
    {"a job",
     {"job", "add", "--operation", "network.dns.get", "--data",
      "{\"interface_name\":\"eth0\"}", "-T", "_all", NULL},
     "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
     "Connection: close\r\n\r\n{\"job_id\":\"" JOB "\",\"status\":\"created\"}",
     "POST /api/v1/jobs",
     "{\"operation\":{\"type\":\"network.dns.get\",\"data\":{"
     "\"interface_name\":\"eth0\"}},\"target_hostname\":\"_all\"}",
     0,
     JOB},
    {"no answer to show",
     {"job", "delete", JOB, NULL},
     "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
     "DELETE /api/v1/jobs/" JOB,
     "",
     0,
     "done\n"},
    {"any request",
     {"request", "PATCH", "/x?y=1", "-d", "text", "-H",
      "Content-Type: text/plain", "-i", NULL},
     OK_200("text/plain", "fine"),
     "PATCH /x?y=1",
     "text",
     0,
     "HTTP/1.1 200 OK"},
    {NULL, {NULL}, NULL, NULL, NULL, 0, NULL}};

static void
makes_requests(void)
{
	check_all(request_rows);
}

static const struct row code_rows[] = {
    {"the API says no",
     {"job", "delete", JOB, NULL},
     PROBLEM("404 Not Found", ""),
     "DELETE /api/v1/jobs/" JOB,
     "",
     1,
     "osapi: no such thing (HTTP 404, request r1)\n"},
    {"not authenticated",
     {"job", "status", NULL},
     PROBLEM("401 Unauthorized", ""),
     "GET /api/v1/jobs/status",
     "",
     4,
     "osapi token generate"},
    {"not allowed",
     {"job", "status", NULL},
     PROBLEM("403 Forbidden", ""),
     "GET /api/v1/jobs/status",
     "",
     4,
     "higher role"},
    {"nothing behind nginx",
     {"job", "status", NULL},
     PROBLEM("502 Bad Gateway", ""),
     "GET /api/v1/jobs/status",
     "",
     3,
     "not running"},
    {"not ready is no problem document",
     {"health", "ready", NULL},
     "HTTP/1.1 503 Service Unavailable\r\nContent-Type: "
     "application/json\r\nConnection: close\r\n\r\n{\"status\":"
     "\"not_ready\",\"error\":\"no NATS\"}",
     "GET /health/ready",
     "",
     1,
     "Error   no NATS\n"},
    {"one host failed",
     {"system", "hostname", "-T", "_all", NULL},
     OK_200("application/json",
	    "{\"results\":[{\"hostname\":\"a\"},{\"hostname\":\"b\","
	    "\"status\":\"failed\",\"error\":\"\\u001b[2Jno\"}]}"),
     "GET /api/v1/system/hostname?target_hostname=_all",
     "",
     1,
     "b         failed  \\x1b[2Jno\n"},
    {"one host failed, as JSON",
     {"-j", "system", "hostname", NULL},
     OK_200("application/json", "{\"results\":[{\"hostname\":\"b\",\"status\":"
				"\"timeout\"}]}"),
     "GET /api/v1/system/hostname",
     "",
     1,
     "1 of 1 hosts failed or did not answer\n"},
    {"all wrong members in one line",
     {"network", "ping", "x", NULL},
     PROBLEM("400 Bad Request", ""),
     NULL,
     "",
     2,
     "--address: not an IP address"},
    {"what the API finds wrong",
     {"request", "POST", "/api/v1/jobs", "-d", "{}", NULL},
     PROBLEM("400 Bad Request",
	     ",\"errors\":[{\"in\":\"body\",\"field\":\"a.b\","
	     "\"detail\":\"is required\"},{\"in\":\"body\",\"field\":"
	     "\"\",\"detail\":\"x\"}]"),
     "POST /api/v1/jobs",
     "{}",
     1,
     "osapi: a.b: is required; x (HTTP 400, request r1)\n"},
    {"what is no problem of the API",
     {"system", "hostname", NULL},
     "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n"
     "Content-Length: 6\r\n\r\n<html>",
     "GET /api/v1/system/hostname",
     "",
     1,
     "is the API at this address? (HTTP 404)\n"},
    {"a redirect",
     {"health", NULL},
     REDIRECT,
     "GET /health",
     "",
     1,
     "sends us to https://a/ (HTTP 301)"},
    {"a redirect, as JSON",
     {"-j", "job", "status", NULL},
     REDIRECT,
     "GET /api/v1/jobs/status",
     "",
     1,
     "sends us to https://a/ (HTTP 301)"},
    {"a redirect of a change",
     {"network", "dns", "update", "eth0", "--servers", "192.0.2.1", "-j", NULL},
     REDIRECT,
     "PUT /api/v1/network/dns",
     "{\"interface_name\":\"eth0\",\"servers\":[\"192.0.2.1\"]}",
     1,
     "sends us to https://a/ (HTTP 301)"},
    {"a redirect of a new job",
     {"-j", "job", "add", "system.os.get", NULL},
     REDIRECT,
     "POST /api/v1/jobs",
     "{\"operation\":{\"type\":\"system.os.get\",\"data\":{}},"
     "\"target_hostname\":\"_any\"}",
     1,
     "sends us to https://a/ (HTTP 301)"},
    {"a redirect of the metrics",
     {"metrics", NULL},
     REDIRECT,
     "GET /metrics",
     "",
     1,
     "sends us to https://a/ (HTTP 301)"},
    {"nothing where there should be an answer",
     {"network", "dns", "update", "eth0", "--servers", "192.0.2.1", NULL},
     OK_200("application/json", ""),
     "PUT /api/v1/network/dns",
     "{\"interface_name\":\"eth0\",\"servers\":[\"192.0.2.1\"]}",
     1,
     "the answer is no JSON (HTTP 200)"},
    {"nothing where there should be a job",
     {"-j", "job", "add", "system.os.get", NULL},
     OK_200("application/json", ""),
     "POST /api/v1/jobs",
     "{\"operation\":{\"type\":\"system.os.get\",\"data\":{}},"
     "\"target_hostname\":\"_any\"}",
     1,
     "the answer is no JSON (HTTP 200)"},
    {"not an API at all",
     {"job", "status", NULL},
     OK_200("text/html", "<html>"),
     "GET /api/v1/jobs/status",
     "",
     1,
     "is this the API?"},
    {"no answer",
     {"job", "status", NULL},
     NULL,
     "GET /api/v1/jobs/status",
     "",
     3,
     "cannot reach http://127.0.0.1:"},
    {"a change to many hosts, and nobody to ask",
     {"network", "dns", "update", "eth0", "--servers", "::1", "-T", "_all",
      NULL},
     "",
     NULL,
     "",
     2,
     "--yes"},
    {"the same as a job",
     {"job", "run", "network.dns.update", "--data", "{}", "-T", "group:web",
      NULL},
     "",
     NULL,
     "",
     2,
     "modify DNS"},
    {NULL, {NULL}, NULL, NULL, NULL, 0, NULL}};

static void
ends_with_the_right_code(void)
{
	check_all(code_rows);
}

static const struct row mistake_rows[] = {
    {"a mistyped word",
     {"sytem", "hostname", NULL},
     "",
     NULL,
     "",
     2,
     "did you mean osapi client system hostname?"},
    {"a beginning",
     {"network", "dn", NULL},
     "",
     NULL,
     "",
     2,
     "did you mean osapi client network dns get?"},
    {"a word is missing", {"network", NULL}, "", NULL, "", 2, "network ping"},
    {"a mistyped flag",
     {"system", "os", "--taget", "a", NULL},
     "",
     NULL,
     "",
     2,
     "did you mean --target"},
    {"a mistyped operation",
     {"job", "add", "system.os", NULL},
     "",
     NULL,
     "",
     2,
     "unknown operation system.os"},
    {"one word too many",
     {"system", "os", "a", NULL},
     "",
     NULL,
     "",
     2,
     "one word too many"},
    {"two members of which one is needed",
     {"network", "dns", "update", "eth0", NULL},
     "",
     NULL,
     "",
     2,
     "needs at least one of: servers, search_domains"},
    {"help", {"--help", NULL}, "", NULL, "", 0, "job workers list"},
    {"help of some",
     {"system", "--help", NULL},
     "",
     NULL,
     "",
     0,
     "system uptime"},
    {"help of one",
     {"network", "dns", "update", "--help", NULL},
     "",
     NULL,
     "",
     0,
     "osapi client network dns update --interface-name eth0 --servers "
     "192.0.2.53"},
    {"nothing", {NULL}, "", NULL, "", 2, "usage: osapi client"},
    {NULL, {NULL}, NULL, NULL, NULL, 0, NULL}};

static void
helps_with_mistakes(void)
{
	check_all(mistake_rows);
}

const struct unit_case unit_cases[] = {
    {"makes requests of command lines", makes_requests},
    {"ends with the right code", ends_with_the_right_code},
    {"helps with mistakes", helps_with_mistakes},
    {NULL, NULL}};
