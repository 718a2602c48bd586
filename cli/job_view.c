/* cli/job_view.c: results are shown by the columns of the typed endpoint of
 * the job's operation, so that both ways to ask look the same. */
#include "cli/job_view.h"

#include <stdlib.h>
#include <string.h>

#include "cli/render.h"
#include "cli/terminal.h"
#include "cli/timeline.h"
#include "lib/job.h"
#include "lib/json.h"

static const char *
operation_type(const json_t *job)
{
	const char *type =
	    json_member_string(json_object_get(job, "operation"), "type");

	return type ? type : "";
}

static const struct spec_endpoint *
endpoint_of(const struct spec *spec, const char *type)
{
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);
	size_t i;

	for (i = 0; i < count; i++)
		if (list[i].operation &&
		    strcmp(list[i].operation->type, type) == 0)
			return &list[i];
	return NULL;
}

/* One host's response as an entry of a collection's results. */
static json_t *
result_of(const char *host, const json_t *response)
{
	const char *status = json_member_string(response, "status");
	const char *error = json_member_string(response, "error");
	json_t *data = json_object_get(response, "data");
	json_t *result = json_is_object(data) ? json_copy(data) : json_object();

	if (!json_object_get(result, "hostname"))
		json_object_set_new(result, "hostname", json_string(host));
	if (status && strcmp(status, "completed") != 0) {
		json_object_set_new(result, "status", json_string(status));
		json_object_set_new(result, "error",
				    json_string(error ? error : ""));
	}
	return result;
}

/* {results: [...]}, of the one result or of all responses. */
static json_t *
collection_of(const json_t *job)
{
	json_t *results = json_array();
	const char *host = json_member_string(job, "hostname");
	json_t *result = json_object_get(job, "result");
	const char *name;
	json_t *response;

	if (json_is_object(result)) {
		json_t *copy = json_copy(result);

		if (host && !json_object_get(copy, "hostname"))
			json_object_set_new(copy, "hostname",
					    json_string(host));
		json_array_append_new(results, copy);
	}
	json_object_foreach (json_object_get(job, "responses"), name,
			     response) {
		json_array_append_new(results, result_of(name, response));
	}
	return json_pack("{s:o}", "results", results);
}

static void
print_json(FILE *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY |
					   JSON_REAL_PRECISION(15));
	char *line = text;

	while (line) {
		char *end = strchr(line, '\n');

		if (end)
			*end++ = '\0';
		terminal_print(out, line);
		fputc('\n', out);
		line = end;
	}
	free(text);
}

void
job_view_results(FILE *out, const struct spec *spec, const json_t *job)
{
	const struct spec_endpoint *endpoint =
	    endpoint_of(spec, operation_type(job));
	json_t *collection = collection_of(job);
	const json_t *results = json_object_get(collection, "results");

	if (endpoint && json_array_size(results))
		render_answer(out, endpoint, collection);
	else if (json_array_size(results))
		print_json(out, results);
	json_decref(collection);
}

void
job_view(FILE *out, const struct spec *spec, const json_t *job)
{
	static const struct spec_column columns[] = {
	    {"ID", "id", ""},
	    {"Status", "status", "state"},
	    {"Operation", "operation.type", ""},
	    {"Data", "operation.data", ""},
	    {"Target", "target_hostname", ""},
	    {"Host", "hostname", ""},
	    {"Created", "created", "time"},
	    {"Updated", "updated_at", "time"},
	    {"By", "submitted_by", ""},
	    {"Error", "error", ""}};

	render_record(out, columns, sizeof(columns) / sizeof(*columns), job);
	timeline_print(out, job);
	if (json_object_get(job, "result") ||
	    json_object_size(json_object_get(job, "responses"))) {
		fputs("\nResult\n", out);
		job_view_results(out, spec, job);
	}
}

size_t
job_view_hosts(const json_t *job)
{
	return json_object_size(json_object_get(job, "worker_states"));
}

bool
job_view_host_ended(const json_t *state)
{
	const char *status = json_member_string(state, "status");

	return status && (strcmp(status, "completed") == 0 ||
			  strcmp(status, "failed") == 0);
}

size_t
job_view_answered(const json_t *job)
{
	const char *name;
	json_t *state;
	size_t answered = 0;

	json_object_foreach (json_object_get(job, "worker_states"), name,
			     state) {
		answered += job_view_host_ended(state);
	}
	return answered;
}

bool
job_view_ended(const json_t *job)
{
	const char *text = json_member_string(job, "status");
	enum job_status status;

	return text && job_status_parse(text, &status) == ERR_OK &&
	       job_status_final(status);
}

bool
job_view_completed(const json_t *job)
{
	const char *text = json_member_string(job, "status");

	return text && strcmp(text, job_status_text(JOB_COMPLETED)) == 0;
}
