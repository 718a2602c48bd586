/*
 * cli/client_job.c: jobs are submitted, followed and repeated.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/client.h"
#include "cli/confirm.h"
#include "cli/input.h"
#include "cli/job_view.h"
#include "cli/render.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/subject.h"
#include "lib/uuid.h"

#define WAIT_MS        20000 /* of one request while a job is followed */
#define WAIT_MARGIN_MS 10000
#define JOBS_PATH      "/api/v1/jobs"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

static const struct argument add_flags[] = {
    {"operation", 0, "TYPE", false, "What to do, such as system.hostname.get."},
    {"data", 0, "JSON", false,
     "What the operation needs: JSON, @file or @- (stdin)."},
    {"target", 'T', "HOST", false,
     "_any (default), _all, a host name, or key:value."},
    {"idempotency_key", 0, "KEY", false,
     "The same key and job again make no second one."},
    {NULL, 0, NULL, false, NULL},
};

static const struct argument wait_flags[] = {
    {"wait", 0, "DURATION", false, "Give up waiting after this time."},
    {NULL, 0, NULL, false, NULL},
};

static const struct argument target_flags[] = {
    {"target", 'T', "HOST", false, "Another target than the original's."},
    {NULL, 0, NULL, false, NULL},
};

/* A command of this file on its way. */
struct job_call {
	struct arguments arguments;
	struct api api;
};

/* Knows the flags, reads argv, opens the API.  0: go on, and end with
 * finish; -1: done, *status is the exit code. */
static int
begin(struct job_call *call, const struct cli *cli, const char *words, int argc,
      char **argv, int *status)
{
	arguments_know(&call->arguments, api_arguments);
	*status = EXIT_USAGE;
	if (!arguments_parse(&call->arguments, argc, argv))
		return -1;
	if (arguments_has(&call->arguments, "help")) {
		*status = client_help(words, &call->arguments);
		return -1;
	}
	*status = api_open(cli, &call->arguments, &call->api);
	return *status ? -1 : 0;
}

static int
finish(struct job_call *call, int status)
{
	api_close(&call->api);
	return status;
}

/* The one word of a command: a job's id. */
static int
job_id(const struct arguments *arguments, const char **id)
{
	if (arguments->word_count != 1 || !uuid_valid(arguments->words[0]))
		return command_fail(ERR_INVALID,
				    "needs one job id, such as "
				    "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01 "
				    "(osapi client job list shows them)");
	*id = arguments->words[0];
	return 0;
}

static int
duration_flag(const struct arguments *arguments, const char *name,
	      int64_t fallback_ms, int64_t *ms)
{
	const char *text = arguments_value(arguments, name);

	*ms = fallback_ms;
	if (text && clock_parse_duration(text, ms) != ERR_OK)
		return command_fail(ERR_INVALID,
				    "--%s: not a duration such as 30s or 5m",
				    name);
	return 0;
}

/* ---- making a job ---- */

static int
unknown_operation(const struct spec *spec, const char *type)
{
	size_t count;
	const struct spec_operation *list = spec_operations(spec, &count);
	const char **names = calloc(count + 1, sizeof(*names));
	char *safe = terminal_safe(type);
	const char *near;
	int status;
	size_t i;

	for (i = 0; names && i < count; i++)
		names[i] = list[i].type;
	near = names ? command_suggest(type, names) : NULL;
	if (near)
		status = command_fail(ERR_INVALID,
				      "unknown operation %.80s, did you mean "
				      "%s?",
				      safe ? safe : "?", near);
	else
		status =
		    command_fail(ERR_INVALID,
				 "unknown operation %.80s, known are those of "
				 "x-osapi-operations in /api/v1/openapi.json",
				 safe ? safe : "?");
	free(safe);
	free(names);
	return status;
}

static int
read_data(const struct arguments *arguments, json_t **data)
{
	const char *given = arguments_value(arguments, "data");
	struct err_info info = {{0}};
	json_t *value = NULL;
	char *text = NULL;
	size_t size;
	enum err code;

	if (!given) {
		*data = json_object();
		return 0;
	}
	code = input_read(given, &text, &size, &info);
	if (!code)
		code = json_parse(text, size, &value, &info);
	if (!code && !json_is_object(value))
		code = err_set(&info, ERR_INVALID, "not a JSON object");
	free(text);
	if (code) {
		json_decref(value);
		return command_fail(ERR_INVALID, "--data: %s", info.text);
	}
	*data = value;
	return 0;
}

/* {operation: {type, data}, target_hostname}; asks where many hosts would
 * change. */
static int
make_body(const struct job_call *call, json_t **body)
{
	const struct arguments *arguments = &call->arguments;
	const char *type = arguments_value(arguments, "operation");
	const char *target = arguments_value(arguments, "target");
	const struct spec_operation *operation;
	struct err_info info = {{0}};
	struct target parsed;
	json_t *data = NULL;
	int status;

	if (!type && arguments->word_count == 1)
		type = arguments->words[0];
	if (!type || arguments->word_count > 1 ||
	    (arguments->word_count == 1 && type != arguments->words[0]))
		return command_fail(ERR_INVALID,
				    "needs --operation TYPE (--help tells "
				    "more)");
	operation = spec_operation(call->api.spec, type);
	if (!operation)
		return unknown_operation(call->api.spec, type);
	if (target_parse(target ? target : "_any", &parsed, &info) != ERR_OK)
		return command_fail(ERR_INVALID, "--target: %s", info.text);
	status = read_data(arguments, &data);
	if (!status)
		status = confirm_change(&call->api, operation, target,
					arguments_has(arguments, "yes"));
	if (status)
		json_decref(data);
	else
		*body = json_pack("{s:{s:s, s:o}, s:s}", "operation", "type",
				  type, "data", data, "target_hostname",
				  target ? target : "_any");
	return status;
}

/* POST of the body; 0: *response is the job's, http_release is due. */
static int
submit(const struct job_call *call, const json_t *body,
       struct http_response *response)
{
	const char *key = arguments_value(&call->arguments, "idempotency_key");
	struct http_request request = {.method = "POST",
				       .timeout_ms = API_TIMEOUT_MS};
	const char *headers[1];
	char *header = NULL;
	char *text = json_text(body, &request.body_size);
	int status;

	if (key && (strpbrk(key, "\r\n") ||
		    asprintf(&header, "Idempotency-Key: %s", key) < 0)) {
		free(text);
		return command_fail(ERR_INVALID, "--idempotency-key: one line");
	}
	headers[0] = header;
	request.headers = headers;
	request.header_count = header != NULL;
	request.body = text;
	status = api_send(&call->api, JOBS_PATH, &request, response);
	free(header);
	free(text);
	if (!status && response->status >= 400) {
		if (call->api.json)
			api_print(response);
		status = api_refused(&call->api, response);
		http_release(response);
	}
	return status;
}

static int
show_created(const struct api *api, const struct http_response *response)
{
	static const struct spec_column columns[] = {
	    {"Job", "job_id", ""},
	    {"Status", "status", "state"},
	    {"Created", "timestamp", "time"}};
	json_t *answer = NULL;
	int status = 0;

	if (api->json) {
		api_print(response);
		return 0;
	}
	status = api_value(response, &answer);
	if (!status)
		render_record(stdout, columns, 3, answer);
	json_decref(answer);
	return status;
}

int
client_job_add(const struct cli *cli, int argc, char **argv)
{
	struct job_call call = {0};
	struct http_response response = {0};
	json_t *body = NULL;
	int status;

	arguments_know(&call.arguments, add_flags);
	arguments_know(&call.arguments, confirm_arguments);
	if (begin(&call, cli, "job add", argc, argv, &status))
		return status;
	status = make_body(&call, &body);
	if (!status)
		status = submit(&call, body, &response);
	if (!status)
		status = show_created(&call.api, &response);
	http_release(&response);
	json_decref(body);
	return finish(&call, status);
}

/* ---- following a job ---- */

/* What Ctrl-C says; written by a signal handler, so made before. */
static char farewell[160];
static size_t farewell_size;

static void
say_farewell(int signal_number)
{
	ssize_t ignored = write(STDERR_FILENO, farewell, farewell_size);

	(void)signal_number;
	(void)ignored;
	_exit(EXIT_INTERRUPTED);
}

static void
leave_on_interrupt(const char *id)
{
	struct sigaction action = {.sa_handler = say_farewell};
	int n = snprintf(farewell, sizeof(farewell),
			 "\nosapi: job %s goes on; osapi client job get %s "
			 "shows it\n",
			 id, id);

	farewell_size = n > 0 && (size_t)n < sizeof(farewell)
			    ? (size_t)n
			    : sizeof(farewell) - 1;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void
show_progress(const json_t *job, int64_t begun_ms)
{
	const char *text = json_member_string(job, "status");
	char *safe = terminal_safe(text ? text : "waiting");

	fprintf(stderr, "\r\033[K%s, %lld s", safe ? safe : "?",
		(long long)((clock_mono_ms() - begun_ms) / 1000));
	if (job_view_hosts(job))
		fprintf(stderr, ", %zu of %zu hosts have answered",
			job_view_answered(job), job_view_hosts(job));
	fflush(stderr);
	free(safe);
}

static void
clear_progress(bool progress)
{
	if (progress)
		fputs("\r\033[K", stderr);
}

/* GET of the job until it has ended or limit_ms (-1: none) is over; the last
 * answer is in *response, its JSON in *job. */
static int
follow(const struct api *api, const char *id, int64_t limit_ms,
       struct http_response *response, json_t **job)
{
	bool progress = isatty(STDERR_FILENO) && !api->json;
	int64_t begun_ms = clock_mono_ms();
	int64_t left_ms = limit_ms < 0 ? WAIT_MS : limit_ms;
	int status = 0;

	do {
		/* short turns, so that the progress line moves */
		int64_t turn_ms = progress ? 1000 : WAIT_MS;
		char path[128];

		if (left_ms < turn_ms)
			turn_ms = left_ms;
		if (limit_ms == 0)
			snprintf(path, sizeof(path), JOBS_PATH "/%s", id);
		else
			snprintf(path, sizeof(path),
				 JOBS_PATH "/%s?wait=%lldms", id,
				 (long long)turn_ms);
		json_decref(*job);
		*job = NULL;
		http_release(response);
		status = api_call(api, "GET", path, NULL,
				  turn_ms + WAIT_MARGIN_MS, response);
		if (!status && response->status >= 400)
			status = api_refused(api, response);
		else if (!status)
			status = api_value(response, job);
		if (status)
			break;
		if (limit_ms >= 0)
			left_ms = limit_ms - (clock_mono_ms() - begun_ms);
		if (progress && !job_view_ended(*job))
			show_progress(*job, begun_ms);
	} while (!job_view_ended(*job) && left_ms > 0);
	clear_progress(progress);
	return status;
}

static int
show_end(const struct api *api, const char *id, const json_t *job,
	 const struct http_response *response)
{
	const char *status = json_member_string(job, "status");
	const char *error = json_member_string(job, "error");
	char *safe;

	if (api->json)
		api_print(response);
	else
		job_view_results(stdout, api->spec, job);
	if (job_view_completed(job))
		return 0;
	fflush(stdout);
	if (!job_view_ended(job))
		return command_fail(ERR_TIMEOUT,
				    "job %s is not done yet; osapi client job "
				    "get %s shows it",
				    id, id);
	safe = terminal_safe(error ? error : "");
	command_fail(ERR_NOT_FOUND, "job %s: %s%s%s", id,
		     status ? status : "failed", safe && *safe ? ": " : "",
		     safe ? safe : "");
	free(safe);
	return EXIT_REFUSED;
}

static int
follow_created(const struct job_call *call, const struct http_response *created,
	       int64_t limit_ms)
{
	struct http_response response = {0};
	json_t *answer = NULL;
	json_t *job = NULL;
	const char *id;
	int status = api_value(created, &answer);

	if (status)
		return status;
	id = json_member_string(answer, "job_id");
	if (!id || !uuid_valid(id)) {
		json_decref(answer);
		return command_fail(ERR_INTERNAL, "the answer names no job");
	}
	leave_on_interrupt(id);
	status = follow(&call->api, id, limit_ms, &response, &job);
	if (!status)
		status = show_end(&call->api, id, job, &response);
	http_release(&response);
	json_decref(job);
	json_decref(answer);
	return status;
}

int
client_job_run(const struct cli *cli, int argc, char **argv)
{
	struct job_call call = {0};
	struct http_response response = {0};
	json_t *body = NULL;
	int64_t limit_ms;
	int status;

	arguments_know(&call.arguments, add_flags);
	arguments_know(&call.arguments, wait_flags);
	arguments_know(&call.arguments, confirm_arguments);
	if (begin(&call, cli, "job run", argc, argv, &status))
		return status;
	status = duration_flag(&call.arguments, "wait", -1, &limit_ms);
	if (!status)
		status = make_body(&call, &body);
	if (!status)
		status = submit(&call, body, &response);
	if (!status)
		status = follow_created(&call, &response, limit_ms);
	http_release(&response);
	json_decref(body);
	return finish(&call, status);
}

int
client_job_get(const struct cli *cli, int argc, char **argv)
{
	struct job_call call = {0};
	struct http_response response = {0};
	const char *id = NULL;
	json_t *job = NULL;
	int64_t limit_ms;
	int status;

	arguments_know(&call.arguments, wait_flags);
	if (begin(&call, cli, "job get", argc, argv, &status))
		return status;
	status = duration_flag(&call.arguments, "wait", 0, &limit_ms);
	if (!status)
		status = job_id(&call.arguments, &id);
	if (!status)
		status = follow(&call.api, id, limit_ms, &response, &job);
	if (!status && call.api.json)
		api_print(&response);
	else if (!status)
		job_view(stdout, call.api.spec, job);
	http_release(&response);
	json_decref(job);
	return finish(&call, status);
}

/* ---- repeating a job ---- */

/* A repeated change is asked for like a new one: by the original's operation
 * and by the target that it will have. */
static int
confirm_retry(const struct job_call *call, const char *id, const char *target)
{
	json_t *job = NULL;
	const char *type;
	char path[96];
	int status;

	snprintf(path, sizeof(path), JOBS_PATH "/%s", id);
	status = api_get(&call->api, path, API_TIMEOUT_MS, &job);
	if (status)
		return status;
	type = json_member_string(json_object_get(job, "operation"), "type");
	if (!target)
		target = json_member_string(job, "target_hostname");
	if (type)
		status = confirm_change(
		    &call->api, spec_operation(call->api.spec, type), target,
		    arguments_has(&call->arguments, "yes"));
	json_decref(job);
	return status;
}

static int
retry(const struct job_call *call, const char *id, const char *target)
{
	json_t *body =
	    target ? json_pack("{s:s}", "target_hostname", target) : NULL;
	struct http_response response = {0};
	char path[96];
	int status;

	snprintf(path, sizeof(path), JOBS_PATH "/%s/retry", id);
	status =
	    api_call(&call->api, "POST", path, body, API_TIMEOUT_MS, &response);
	json_decref(body);
	if (status)
		return status;
	if (response.status >= 400) {
		if (call->api.json)
			api_print(&response);
		status = api_refused(&call->api, &response);
	} else {
		status = show_created(&call->api, &response);
	}
	http_release(&response);
	return status;
}

int
client_job_retry(const struct cli *cli, int argc, char **argv)
{
	struct job_call call = {0};
	struct err_info info = {{0}};
	struct target parsed;
	const char *id = NULL;
	const char *target;
	int status;

	arguments_know(&call.arguments, target_flags);
	arguments_know(&call.arguments, confirm_arguments);
	if (begin(&call, cli, "job retry", argc, argv, &status))
		return status;
	target = arguments_value(&call.arguments, "target");
	status = job_id(&call.arguments, &id);
	if (!status && target && target_parse(target, &parsed, &info) != ERR_OK)
		status = command_fail(ERR_INVALID, "--target: %s", info.text);
	if (!status)
		status = confirm_retry(&call, id, target);
	if (!status)
		status = retry(&call, id, target);
	return finish(&call, status);
}
