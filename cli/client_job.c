/*
 * cli/client_job.c: jobs are submitted, looked at and repeated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/client.h"
#include "cli/confirm.h"
#include "cli/fleet.h"
#include "cli/follow.h"
#include "cli/input.h"
#include "cli/job_view.h"
#include "cli/output.h"
#include "cli/render.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/subject.h"
#include "lib/uuid.h"

#define JOBS_PATH "/api/v1/jobs"

/* A command of this file on its way. */
struct job_call {
	const struct arguments *arguments;
	struct api api;
};

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
	const char *word = arguments->word_count ? arguments->words[0] : "";
	char *safe;
	int status;

	*id = word;
	if (arguments->word_count == 1 && uuid_valid(word))
		return 0;
	safe = terminal_safe(word);
	status = command_fail(ERR_INVALID,
			      "%.80s%sneeds one job id, such as "
			      "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01 "
			      "(osapi client job list shows them)",
			      safe ? safe : "", *word ? ": " : "");
	free(safe);
	return status;
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

/* "a, b, c"; the caller frees it, NULL: no memory. */
static char *
joined(const char *const *words)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *between = "";

	for (; out && *words; words++) {
		fprintf(out, "%s%s", between, *words);
		between = ", ";
	}
	if (out && fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static int
unknown_operation(const struct spec *spec, const char *type)
{
	size_t count;
	const struct spec_operation *list = spec_operations(spec, &count);
	const char **names = calloc(count + 1, sizeof(*names));
	char *safe = terminal_safe(type);
	char *known;
	const char *near;
	int status;
	size_t i;

	for (i = 0; names && i < count; i++)
		names[i] = list[i].type;
	known = names ? joined(names) : NULL;
	near = names ? command_suggest(type, names) : NULL;
	if (near)
		status = command_fail(ERR_INVALID,
				      "unknown operation %.80s, did you mean "
				      "%s?",
				      safe ? safe : "?", near);
	else
		status = command_fail(ERR_INVALID,
				      "unknown operation %.80s, known are %s",
				      safe ? safe : "?", known ? known : "?");
	free(known);
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
	const struct arguments *arguments = call->arguments;
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
				    "--operation: is required, such as "
				    "system.hostname.get (--help tells more)");
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
	const char *key = arguments_value(call->arguments, "idempotency_key");
	struct http_request request = {.method = "POST",
				       .timeout_ms = API_TIMEOUT_MS};
	const char *headers[1];
	char *header = NULL;
	char *text = json_text(body, &request.body_size);
	int status;

	if (key && !*key) {
		free(text);
		return command_fail(ERR_INVALID,
				    "--idempotency-key: must not be empty");
	}
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
	if (!status && response->status >= 300) {
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

	if (api->json)
		api_print(response);
	status = api_value(response, &answer);
	if (!status && !api->json)
		render_record(stdout, columns, 3, answer);
	json_decref(answer);
	return status;
}

int
client_job_add(const struct cli *cli, const struct arguments *arguments)
{
	struct job_call call = {.arguments = arguments};
	struct http_response response = {0};
	json_t *body = NULL;
	int status = api_open(cli, arguments, &call.api);

	if (status)
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

/* ---- running a job ---- */

/* A job for nobody would be waited for until its deadline. */
static int
check_reach(const struct api *api, const json_t *body)
{
	const char *text = json_member_string(body, "target_hostname");
	struct target target;
	size_t hosts = 0;
	int status;

	if (target_parse(text, &target, NULL) != ERR_OK)
		return 0; /* the API says why */
	status = fleet_count(api, &target, &hosts);
	if (status || hosts)
		return status;
	return command_fail(ERR_NOT_FOUND,
			    "no live worker matches \"%s\", nothing was "
			    "submitted (osapi client job add leaves a job for "
			    "one that comes later)",
			    text);
}

static int
show_end(const struct api *api, const struct followed *followed)
{
	const char *id = followed->id;
	const char *state = json_member_string(followed->job, "status");
	const char *error = json_member_string(followed->job, "error");
	char *safe;
	int status;

	if (api->json)
		api_print(&followed->response);
	else
		job_view_results(stdout, api->spec, followed->job);
	if (job_view_completed(followed->job))
		return 0;
	output_flush();
	if (!job_view_ended(followed->job))
		return command_fail(ERR_TIMEOUT,
				    "job %s is not done yet; osapi client job "
				    "get %s shows it",
				    id, id);
	safe = terminal_safe(error ? error : "");
	status = command_fail(ERR_NOT_FOUND, "job %s: %s%s%s", id,
			      state ? state : "failed",
			      safe && *safe ? ": " : "", safe ? safe : "");
	free(safe);
	return status;
}

static int
follow_created(const struct api *api, const struct http_response *created,
	       int64_t limit_ms)
{
	struct followed followed = {.limit_ms = limit_ms, .patient = true};
	json_t *answer = NULL;
	int status = api_value(created, &answer);

	if (status)
		return status;
	followed.id = json_member_string(answer, "job_id");
	if (!followed.id || !uuid_valid(followed.id)) {
		json_decref(answer);
		return command_fail(ERR_INTERNAL, "the answer names no job");
	}
	follow_leave(followed.id);
	status = follow(api, &followed);
	if (!status)
		status = show_end(api, &followed);
	else
		fprintf(stderr,
			"osapi: job %s goes on; osapi client job get %s "
			"shows it\n",
			followed.id, followed.id);
	follow_release(&followed);
	json_decref(answer);
	return status;
}

int
client_job_run(const struct cli *cli, const struct arguments *arguments)
{
	struct job_call call = {.arguments = arguments};
	struct http_response response = {0};
	json_t *body = NULL;
	int64_t limit_ms = -1;
	int status = duration_flag(arguments, "timeout", -1, &limit_ms);

	if (!status)
		status = api_open(cli, arguments, &call.api);
	if (status)
		return status;
	status = make_body(&call, &body);
	if (!status)
		status = check_reach(&call.api, body);
	if (!status) {
		follow_leave(NULL);
		status = submit(&call, body, &response);
	}
	if (!status)
		status = follow_created(&call.api, &response, limit_ms);
	http_release(&response);
	json_decref(body);
	return finish(&call, status);
}

int
client_job_get(const struct cli *cli, const struct arguments *arguments)
{
	struct followed followed = {0};
	struct api api = {0};
	int status = duration_flag(arguments, "wait", 0, &followed.limit_ms);

	if (!status)
		status = job_id(arguments, &followed.id);
	if (!status)
		status = api_open(cli, arguments, &api);
	if (status)
		return status;
	status = follow(&api, &followed);
	if (!status && api.json)
		api_print(&followed.response);
	else if (!status)
		job_view(stdout, api.spec, followed.job);
	follow_release(&followed);
	api_close(&api);
	return status;
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
		    arguments_has(call->arguments, "yes"));
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
	if (response.status >= 300) {
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
client_job_retry(const struct cli *cli, const struct arguments *arguments)
{
	struct job_call call = {.arguments = arguments};
	const char *target = arguments_value(arguments, "target");
	struct err_info info = {{0}};
	struct target parsed;
	const char *id = NULL;
	int status = job_id(arguments, &id);

	if (!status && target && target_parse(target, &parsed, &info) != ERR_OK)
		status = command_fail(ERR_INVALID, "--target: %s", info.text);
	if (!status)
		status = api_open(cli, arguments, &call.api);
	if (status)
		return status;
	status = confirm_retry(&call, id, target);
	if (!status)
		status = retry(&call, id, target);
	return finish(&call, status);
}
