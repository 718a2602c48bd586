/*
 * cli/up.c: the whole stack in the foreground, for a first look, for
 * development and for tests.
 */
#include "cli/up.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/http.h"
#include "cli/local.h"
#include "cli/output.h"
#include "cli/supervise.h"
#include "lib/clock.h"
#include "lib/json.h"

#define READY_MS      30000 /* bound of the start */
#define READY_PACE_MS 100
#define PROBE_MS      1000
#define JOB_MS        60000
#define WORKER_MS     5000 /* after its drain */

static enum err
add(struct supervisor *s, const char *name, const char *const *argv,
    int stop_ms, int stop_signal, struct err_info *info)
{
	const struct child_plan plan = {name, argv, stop_ms, stop_signal};

	return supervisor_add(s, &plan, info);
}

/* In the order of their start; the last is stopped first, so that no request
 * finds what it needs gone. */
static enum err
add_programs(const struct up *up, struct supervisor *s, struct err_info *info)
{
	/* the words must stay: a program is started again from them */
	static const char *nats[] = {NULL,     "-f",    NULL, "nats",
				     "server", "start", NULL};
	static const char *worker[] = {NULL, "-f", NULL, NULL};
	static const char *fcgi[] = {NULL, "-f", NULL, NULL};
	static const char *nginx[] = {NULL, "-e", "stderr", "-p",
				      NULL, "-c", NULL,     NULL};
	enum err code;

	nats[0] = up->self;
	nats[2] = up->config_path;
	worker[0] = up->worker;
	worker[2] = up->config_path;
	fcgi[0] = up->fcgi;
	fcgi[2] = up->config_path;
	nginx[0] = up->nginx;
	nginx[4] = up->nginx_dir;
	nginx[6] = up->nginx_conf;
	code = add(s, "nats-server", nats, 10000, SIGTERM, info);
	if (code == ERR_OK)
		code = add(s, "osapi-worker", worker,
			   (int)up->config->job.worker.drain_ms + WORKER_MS,
			   SIGTERM, info);
	if (code == ERR_OK)
		code = add(s, "osapi-fcgi", fcgi, 35000, SIGTERM, info);
	if (code == ERR_OK)
		code = add(s, "nginx", nginx, 5000, SIGQUIT, info);
	return code;
}

/* Asks /health/ready once; `why` gets the API's reason while it is not. */
static bool
is_ready(const struct up *up, struct err_info *why)
{
	char url[64];
	const struct http_request request = {
	    .method = "GET", .url = url, .timeout_ms = PROBE_MS};
	struct http_response response;
	struct err_info info = {""};
	const char *error = NULL;
	json_t *body = NULL;
	bool ready;

	snprintf(url, sizeof(url), "http://127.0.0.1:%" PRId64 "/health/ready",
		 up->config->api.server.port);
	if (http_send(&request, &response, &info) != ERR_OK) {
		*why = info;
		return false;
	}
	ready = response.status == 200;
	if (!ready &&
	    json_parse(response.body, response.size, &body, NULL) == ERR_OK)
		error = json_member_string(body, "error");
	if (!ready)
		err_set(why, ERR_UNAVAILABLE, "%s",
			error ? error : "no reason given");
	json_decref(body);
	http_release(&response);
	return ready;
}

/* Whether the worker has told the registry that it is here, so that the first
 * job does not find an empty fleet. */
static bool
has_worker(const struct up *up, const char *token, struct err_info *why)
{
	char url[80];
	const struct http_request request = {.method = "GET",
					     .url = url,
					     .token = token,
					     .timeout_ms = PROBE_MS};
	struct http_response response;
	struct err_info info = {""};
	json_t *body = NULL;
	bool found = false;

	snprintf(url, sizeof(url),
		 "http://127.0.0.1:%" PRId64 "/api/v1/jobs/workers",
		 up->config->api.server.port);
	if (http_send(&request, &response, &info) != ERR_OK) {
		*why = info;
		return false;
	}
	if (response.status == 404) /* an API without that list */
		found = true;
	else if (json_parse(response.body, response.size, &body, NULL) ==
		 ERR_OK)
		found = json_member_int(body, "total", 0) > 0;
	if (!found)
		err_set(why, ERR_UNAVAILABLE,
			"no worker has registered (the API says %d)",
			response.status);
	json_decref(body);
	http_release(&response);
	return found;
}

enum outcome { READY, NOT_READY, STOPPED };

static enum outcome
wait_ready(const struct up *up, struct supervisor *s, struct err_info *why)
{
	const char *token = up->config->api.client.security.bearer_token;
	int64_t end = clock_mono_ms() + READY_MS;
	int64_t next = 0;
	bool answered = false;

	while (clock_mono_ms() < end) {
		if (!supervisor_step(s, READY_PACE_MS))
			return STOPPED;
		if (clock_mono_ms() < next)
			continue;
		next = clock_mono_ms() + READY_PACE_MS;
		answered = answered || is_ready(up, why);
		if (answered && has_worker(up, token, why))
			return READY;
	}
	return NOT_READY;
}

static void
say_not_ready(const struct supervisor *s, const struct err_info *why)
{
	const char *name = supervisor_troubled(s);

	fprintf(stderr, "osapi: not ready after %d s: %s\n", READY_MS / 1000,
		why->text);
	if (!name && strstr(why->text, "no worker"))
		name = "osapi-worker";
	if (!name)
		name = "osapi-fcgi";
	fprintf(stderr, "osapi: look at %s\n", name);
	supervisor_show_log(s, name);
}

static void
say_where(const struct up *up)
{
	int64_t port = up->config->api.server.port;

	printf("\nAPI    http://127.0.0.1:%" PRId64 "\n"
	       "token  %s (role admin)\n"
	       "logs   %s\n\n"
	       "  curl -H \"Authorization: Bearer $(cat %s)\" "
	       "http://127.0.0.1:%" PRId64 "/api/v1/system/status\n"
	       "  %s -f %s client --url http://127.0.0.1:%" PRId64
	       " system status\n",
	       port, up->token_path, up->log_dir, up->token_path, port,
	       up->self, up->config_path, port);
	if (!up->demo)
		puts("\nCtrl-C stops everything.");
	output_flush();
}

/* One real job through nginx, as a person would ask for it. */
static int
run_job(const struct up *up, struct supervisor *s)
{
	const char *const argv[] = {up->self, "-f",     up->config_path,
				    "client", "system", "status",
				    NULL};
	struct err_info info = {""};
	int status = -1;

	printf("$ osapi client system status\n");
	if (supervisor_run(s, argv, JOB_MS, &status, &info) != ERR_OK)
		return command_fail(ERR_INTERNAL, "%s", info.text);
	if (status == 0 || !supervisor_step(s, 0))
		return status != 0;
	fprintf(stderr, "osapi: the job did not complete\n");
	supervisor_show_log(s, "osapi-fcgi");
	supervisor_show_log(s, "osapi-worker");
	return 1;
}

/* From the first program's start to the last one's end. */
static int
run(const struct up *up, struct supervisor *s)
{
	struct err_info why = {"no answer"};
	int64_t begun = clock_mono_ms();
	int status;

	fprintf(stderr, "osapi: starting in %s\n", up->dir);
	switch (wait_ready(up, s, &why)) {
	case STOPPED:
		return up->demo ? 1 : 0;
	case NOT_READY:
		say_not_ready(s, &why);
		return 1;
	case READY:
		break;
	}
	fprintf(stderr, "osapi: ready after %.1f s\n",
		(double)(clock_mono_ms() - begun) / 1000);
	status = run_job(up, s);
	if (up->demo)
		return status;
	say_where(up);
	while (supervisor_step(s, 60000))
		continue;
	fprintf(stderr, "\nosapi: stopping\n");
	return 0;
}

static int
parse_port(const char *text, int *port)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || end == text || value < 1 || value > 65535)
		return command_fail(ERR_INVALID,
				    "--port %s: expected 1 to 65535", text);
	*port = (int)value;
	return 0;
}

int
up_run(const struct cli *cli, const struct arguments *arguments)
{
	static struct up up = {.lock = -1};
	const char *dir = arguments_value(arguments, "dir");
	const char *port = arguments_value(arguments, "port");
	struct supervisor *s = NULL;
	struct err_info info = {""};
	int status = 0;
	enum err code;

	if (dir && !*dir)
		return command_fail(ERR_INVALID, "--dir: must not be empty");
	if (port && (status = parse_port(port, &up.port)) != 0)
		return status;
	if (cli->config_path)
		return command_fail(ERR_INVALID,
				    "up has its own osapi.yaml in --dir, -f "
				    "is not for it");
	up.demo = arguments_has(arguments, "demo");
	up.verbose =
	    cli->debug || (!up.demo && !arguments_has(arguments, "quiet"));
	code = up_prepare(&up, dir ? dir : "run", &info);
	if (code == ERR_OK)
		code = supervisor_new(up.log_dir, up.verbose, &s, &info);
	if (code == ERR_OK)
		code = add_programs(&up, s, &info);
	if (code == ERR_OK)
		status = run(&up, s);
	supervisor_free(s);
	up_release(&up);
	/* whatever it was, the exit code is not that of a client's request */
	if (code != ERR_OK)
		command_fail(code, "%s", info.text);
	return code != ERR_OK ? 1 : status;
}
