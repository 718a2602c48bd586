/*
 * cli/described_request.c: flags and words of a command become path, query and
 * body of its endpoint.
 *
 * What the schemas refuse is refused here already, all at once, so that a
 * mistake on the command line is a usage error and costs no request.
 */
#include "cli/described_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/json.h"

#define MARGIN_MS 10000 /* what an answer may come later than its timeout */

const json_t *
described_schema(const struct spec *spec, const json_t *schema)
{
	return schema_resolve(spec_document(spec), schema);
}

json_t *
described_properties(const struct described_call *call)
{
	return json_object_get(
	    described_schema(call->spec, call->endpoint->body), "properties");
}

bool
described_required(const struct described_call *call, const char *name)
{
	const json_t *required = json_object_get(
	    described_schema(call->spec, call->endpoint->body), "required");
	size_t i;

	for (i = 0; i < json_array_size(required); i++)
		if (strcmp(json_string_value(json_array_get(required, i)),
			   name) == 0)
			return true;
	return false;
}

/* A flag's text; the target's flag has a name of its own. */
static char *
flag_text(const struct described_call *call, const char *name)
{
	return arguments_joined(&call->arguments,
				strcmp(name, DESCRIBED_TARGET) == 0 ? "target"
								    : name);
}

/* ---- words behind the command: path parameters, then required members ---- */

/* Takes the next word for `name` unless its flag was given. */
static void
take_word(struct described_call *call, const char *name, size_t *next)
{
	struct arguments *a = &call->arguments;
	size_t i;

	if (*next == a->word_count || arguments_has(a, name) ||
	    a->given_count == ARGUMENTS_GIVEN_MAX)
		return;
	for (i = 0; i < a->known_count; i++) {
		if (strcmp(a->known[i].name, name) != 0)
			continue;
		a->given[a->given_count].flag = &a->known[i];
		a->given[a->given_count].value = a->words[(*next)++];
		a->given_count++;
		return;
	}
}

int
described_words(struct described_call *call)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	const char *name;
	json_t *property;
	size_t next = 0;
	char *safe;
	int status = 0;
	size_t i;

	for (i = 0; i < endpoint->parameter_count; i++)
		if (endpoint->parameters[i].in == SPEC_IN_PATH)
			take_word(call, endpoint->parameters[i].name, &next);
	json_object_foreach (described_properties(call), name, property) {
		if (described_required(call, name))
			take_word(call, name, &next);
	}
	if (next == call->arguments.word_count)
		return 0;
	safe = terminal_safe(call->arguments.words[next]);
	status = command_fail(ERR_INVALID,
			      "%s: %.80s is one word too many (osapi client %s "
			      "--help)",
			      endpoint->cli, safe ? safe : "?", endpoint->cli);
	free(safe);
	return status;
}

/* ---- the request ---- */

static void
add_error(struct described_call *call, const char *name, const char *detail)
{
	struct schema_errors *errors = &call->errors;

	if (errors->count < SCHEMA_ERRORS_MAX) {
		struct schema_error *error = &errors->items[errors->count];

		snprintf(error->field, sizeof(error->field), "%s", name);
		snprintf(error->detail, sizeof(error->detail), "%s", detail);
	}
	errors->count++;
}

static bool
append_text(struct described_call *call, const char *text)
{
	size_t used = strlen(call->path);

	if (used + strlen(text) >= sizeof(call->path))
		return false;
	memcpy(call->path + used, text, strlen(text) + 1);
	return true;
}

/* Checks a flag's text by its schema; false: an error was added. */
static bool
flag_fits(struct described_call *call, const struct spec_parameter *parameter,
	  const char *text)
{
	const char *name = strcmp(parameter->name, DESCRIBED_TARGET) == 0
			       ? "target"
			       : parameter->name;
	json_t *value = NULL;
	bool fits = schema_parse(spec_document(call->spec), parameter->schema,
				 name, text, &value, &call->errors) == ERR_OK;

	json_decref(value);
	return fits;
}

/* Writes the value of "{name}" in a path template. */
static void
append_path_value(struct described_call *call, const char *name, size_t size)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	size_t i;

	for (i = 0; i < endpoint->parameter_count; i++) {
		const struct spec_parameter *p = &endpoint->parameters[i];
		char *text;

		if (p->in != SPEC_IN_PATH || strlen(p->name) != size ||
		    strncmp(p->name, name, size) != 0)
			continue;
		text = flag_text(call, p->name);
		if (!text)
			add_error(call, p->name, "is required");
		else if (flag_fits(call, p, text) &&
			 !http_encode(call->path, sizeof(call->path), text))
			add_error(call, p->name, "is too long");
		free(text);
	}
}

static void
make_path(struct described_call *call)
{
	const char *at = call->endpoint->path;

	while (*at) {
		size_t size = strcspn(at, "{");
		char part[256];

		snprintf(part, sizeof(part), "%.*s", (int)size, at);
		append_text(call, part);
		at += size;
		if (*at) {
			size = strcspn(at, "}");
			append_path_value(call, at + 1, size - 1);
			at += size + 1;
		}
	}
}

static void
make_query(struct described_call *call)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	const char *mark = "?";
	size_t i;

	for (i = 0; i < endpoint->parameter_count; i++) {
		const struct spec_parameter *p = &endpoint->parameters[i];
		char *text;

		if (p->in != SPEC_IN_QUERY)
			continue;
		text = flag_text(call, p->name);
		if (text && flag_fits(call, p, text)) {
			if (!append_text(call, mark) ||
			    !append_text(call, p->name) ||
			    !append_text(call, "=") ||
			    !http_encode(call->path, sizeof(call->path), text))
				add_error(call, p->name, "is too long");
			mark = "&";
		}
		free(text);
	}
}

static void
make_body(struct described_call *call)
{
	const json_t *document = spec_document(call->spec);
	const char *name;
	json_t *property;
	size_t before = call->errors.count;

	if (!call->endpoint->body)
		return;
	call->body = json_object();
	json_object_foreach (described_properties(call), name, property) {
		char *text = flag_text(call, name);
		json_t *value = NULL;

		if (text && schema_parse(document, property, name, text, &value,
					 &call->errors) == ERR_OK)
			json_object_set_new(call->body, name, value);
		free(text);
	}
	/* what is missing or does not go together; only when each member by
	 * itself is right, so that nothing is said twice */
	if (call->errors.count == before &&
	    (json_object_size(call->body) || call->endpoint->body_required))
		schema_check(document, call->endpoint->body, call->body,
			     &call->errors);
	if (!json_object_size(call->body) && !call->endpoint->body_required) {
		json_decref(call->body);
		call->body = NULL;
	}
}

static void
make_timeout(struct described_call *call)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	size_t i;

	call->timeout_ms = API_TIMEOUT_MS;
	for (i = 0; i < endpoint->parameter_count; i++) {
		const struct spec_parameter *p = &endpoint->parameters[i];
		const char *given;
		int64_t ms;

		if (strcmp(p->name, "timeout") != 0)
			continue;
		given = arguments_value(&call->arguments, p->name);
		if (!given)
			given = json_member_string(
			    described_schema(call->spec, p->schema), "default");
		if (given && clock_parse_duration(given, &ms) == ERR_OK)
			call->timeout_ms = ms + MARGIN_MS;
	}
}

/* All that is wrong with the command line, in one line. */
static int
refuse(const struct described_call *call)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int status;
	size_t i;

	for (i = 0; out && i < call->errors.count && i < SCHEMA_ERRORS_MAX;
	     i++) {
		const struct schema_error *error = &call->errors.items[i];
		char flag[sizeof(error->field) + 2] = "";
		char *p;

		if (*error->field)
			snprintf(flag, sizeof(flag), "--%s", error->field);
		for (p = flag; *p && *p != '[' && *p != '.'; p++)
			if (*p == '_')
				*p = '-';
		fputs(i ? "; " : "", out);
		terminal_print(out, flag);
		fputs(*flag ? ": " : "", out);
		terminal_print(out, error->detail);
	}
	if (out)
		fclose(out);
	status = command_fail(ERR_INVALID, "%s: %s (osapi client %s --help)",
			      call->endpoint->cli, text ? text : "?",
			      call->endpoint->cli);
	free(text);
	return status;
}

int
described_make(struct described_call *call)
{
	make_path(call);
	make_query(call);
	make_body(call);
	make_timeout(call);
	return call->errors.count ? refuse(call) : 0;
}
