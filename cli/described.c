/*
 * cli/described.c: a command line becomes a request, an answer becomes output
 * and an exit code, for every endpoint that names its command.
 */
#include "cli/described.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/confirm.h"
#include "cli/described_call.h"
#include "cli/output.h"
#include "cli/render.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/schema.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

/* ---- flags ---- */

static void
know(struct described_call *call, const char *name, const json_t *schema,
     const char *help)
{
	bool list = strcmp(described_type(call->spec, schema), "array") == 0;
	struct argument rows[2] = {
	    {.name = name,
	     .value = described_placeholder(call->spec, schema),
	     .many = list,
	     .help = help,
	     .schema = described_schema(call->spec, schema)}};

	if (strcmp(name, DESCRIBED_TARGET) == 0) {
		rows[0].name = "target";
		rows[0].letter = 'T';
	}
	arguments_know(&call->arguments, rows);
}

static const char *
help_of(const struct spec *spec, const json_t *schema)
{
	const char *help = json_member_string(schema, "description");

	if (!help)
		help = json_member_string(described_schema(spec, schema),
					  "description");
	return help ? help : "";
}

void
described_know(struct described_call *call)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	const char *name;
	json_t *property;
	size_t i;

	for (i = 0; i < endpoint->parameter_count; i++)
		if (endpoint->parameters[i].in == SPEC_IN_PATH)
			know(call, endpoint->parameters[i].name,
			     endpoint->parameters[i].schema,
			     endpoint->parameters[i].description);
	json_object_foreach (described_properties(call), name, property) {
		know(call, name, property, help_of(call->spec, property));
	}
	for (i = 0; i < endpoint->parameter_count; i++)
		if (endpoint->parameters[i].in == SPEC_IN_QUERY)
			know(call, endpoint->parameters[i].name,
			     endpoint->parameters[i].schema,
			     endpoint->parameters[i].description);
	if (endpoint->operation && endpoint->operation->kind == JOB_MODIFY)
		arguments_know(&call->arguments, confirm_arguments);
	arguments_know(&call->arguments, api_arguments);
}

/* ---- the answer ---- */

static int
count_failures(const json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");
	size_t failed = render_failures(results);

	if (failed == 0)
		return 0;
	output_flush();
	command_fail(ERR_NOT_FOUND, "%zu of %zu hosts failed or did not answer",
		     failed, json_array_size(results));
	return EXIT_REFUSED;
}

static void
tell_of_more(const struct described_call *call, const json_t *answer)
{
	const json_t *rows = json_object_get(answer, call->endpoint->rows);
	json_int_t total = json_member_int(answer, "total_items", -1);
	const char *offset = arguments_value(&call->arguments, "offset");
	json_int_t until = (offset ? strtoll(offset, NULL, 10) : 0) +
			   (json_int_t)json_array_size(rows);

	output_flush();
	if (total > until && json_array_size(rows))
		fprintf(stderr, "%zu of %lld shown; --offset %lld goes on\n",
			json_array_size(rows), (long long)total,
			(long long)until);
}

/* A 2xx answer, or one that is no problem document: /health/ready's 503. */
static int
show(const struct described_call *call, const struct api *api,
     const struct http_response *response)
{
	json_t *answer = NULL;
	int status = 0;

	if (api->json)
		api_print(response);
	if (response->status == 204) {
		if (!api->json)
			puts("done");
		return 0;
	}
	status = api_value(response, &answer);
	if (!status && !api->json &&
	    render_answer(stdout, call->endpoint, answer) != ERR_OK)
		status = command_fail(ERR_NO_MEMORY, "out of memory");
	if (!status)
		status = count_failures(answer);
	if (!status && !api->json)
		tell_of_more(call, answer);
	if (!status && response->status >= 400)
		status = EXIT_REFUSED;
	json_decref(answer);
	return status;
}

static int
show_refusal(const struct described_call *call, const struct api *api,
	     const struct http_response *response)
{
	json_t *problem = NULL;

	if (api->json) {
		api_print(response);
	} else if (json_parse(response->body, response->size, &problem, NULL) ==
		   ERR_OK) {
		if (json_array_size(json_object_get(problem, "results")))
			render_answer(stdout, call->endpoint, problem);
		json_decref(problem);
	}
	return api_refused(api, response);
}

static int
exchange(struct described_call *call, const struct api *api)
{
	struct http_response response = {0};
	int status;

	status = confirm_change(api, call->endpoint->operation,
				arguments_value(&call->arguments, "target"),
				arguments_has(&call->arguments, "yes"));
	if (!status)
		status = api_call(api, call->endpoint->method, call->path,
				  call->body, call->timeout_ms, &response);
	if (status)
		return status;
	if (response.status < 300 ||
	    (response.status >= 400 &&
	     strcmp(response.content_type, "application/json") == 0))
		status = show(call, api, &response);
	else
		status = show_refusal(call, api, &response);
	http_release(&response);
	return status;
}

int
described_run(const struct cli *cli, const struct spec *spec,
	      const struct spec_endpoint *endpoint, int argc, char **argv)
{
	struct described_call *call = calloc(1, sizeof(*call));
	struct api api = {0};
	int status = EXIT_USAGE;

	if (!call)
		return command_fail(ERR_NO_MEMORY, "out of memory");
	call->spec = spec;
	call->endpoint = endpoint;
	described_know(call);
	if (!arguments_parse(&call->arguments, argc, argv))
		goto out;
	if (arguments_has(&call->arguments, "help")) {
		status = described_help(call);
		goto out;
	}
	status = described_words(call);
	if (!status)
		status = described_make(call);
	if (!status)
		status = api_open(cli, &call->arguments, &api);
	if (!status) {
		status = exchange(call, &api);
		api_close(&api);
	}
out:
	json_decref(call->body);
	free(call);
	return status;
}

/* ---- finding ---- */

const struct spec_endpoint *
described_find(const struct spec *spec, int argc, char **argv, int *used)
{
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);
	const struct spec_endpoint *best = NULL;
	size_t i;

	*used = 0;
	for (i = 0; i < count; i++) {
		int words =
		    list[i].cli ? command_matched(list[i].cli, argc, argv) : 0;

		if (words > *used) {
			best = &list[i];
			*used = words;
		}
	}
	return best;
}
