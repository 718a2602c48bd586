/* cli/described_help.c: help and examples, from the description's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/described.h"
#include "cli/described_call.h"
#include "lib/json.h"

const char *
described_type(const struct spec *spec, const json_t *schema)
{
	const char *type =
	    json_member_string(described_schema(spec, schema), "type");

	return type ? type : "";
}

const char *
described_placeholder(const struct spec *spec, const json_t *schema)
{
	static const struct {
		const char *word, *placeholder;
	} rows[] = {
	    {"target", "HOST"}, {"timespan", "DURATION"}, {"ip", "ADDRESS"},
	    {"uuid", "ID"},     {"interface", "NAME"},    {"domain", "DOMAIN"},
	    {"integer", "N"},   {"array", "A,B"},         {"object", "JSON"}};
	const char *format =
	    json_member_string(described_schema(spec, schema), "format");
	const char *type = described_type(spec, schema);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if ((format && strcmp(rows[i].word, format) == 0) ||
		    strcmp(rows[i].word, type) == 0)
			return rows[i].placeholder;
	return "VALUE";
}

/* An example of a value of this schema, "VALUE" where it has none; the caller
 * frees it. */
static char *
example(const struct spec *spec, const json_t *schema)
{
	const json_t *own = described_schema(spec, schema);
	const json_t *value =
	    json_array_get(json_object_get(own, "examples"), 0);

	if (!value)
		value = json_object_get(own, "default");
	if (!value)
		value = json_array_get(json_object_get(own, "enum"), 0);
	if (json_is_array(value))
		value = json_array_get(value, 0);
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return value ? json_dumps(value, JSON_ENCODE_ANY)
		     : strdup(described_placeholder(spec, schema));
}

static void
print_flag(const char *name, const char *value)
{
	fputs(" --", stdout);
	for (; *name; name++)
		putchar(*name == '_' ? '-' : *name);
	printf(" %s", value ? value : "VALUE");
}

static void
print_example(const struct described_call *call)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	bool first_of_any = json_object_get(
	    described_schema(call->spec, endpoint->body), "anyOf");
	const char *name;
	json_t *property;
	size_t i;

	printf("  osapi client %s", endpoint->cli);
	for (i = 0; i < endpoint->parameter_count; i++) {
		const struct spec_parameter *p = &endpoint->parameters[i];
		char *text = example(call->spec, p->schema);

		if (p->in == SPEC_IN_PATH)
			printf(" %s", text ? text : "VALUE");
		free(text);
	}
	json_object_foreach (described_properties(call), name, property) {
		bool required = described_required(call, name);
		char *text = example(call->spec, property);

		/* of members of which one is needed, the first is shown */
		if (required || first_of_any)
			print_flag(name, text);
		first_of_any = first_of_any && required;
		free(text);
	}
	if (endpoint->operation)
		fputs(" -T _all", stdout);
	putchar('\n');
}

int
described_help(const struct described_call *call)
{
	const struct spec_endpoint *endpoint = call->endpoint;
	const char *name;
	json_t *property;
	size_t i;

	printf("usage: osapi client %s", endpoint->cli);
	for (i = 0; i < endpoint->parameter_count; i++)
		if (endpoint->parameters[i].in == SPEC_IN_PATH)
			printf(" %s",
			       described_placeholder(
				   call->spec, endpoint->parameters[i].schema));
	json_object_foreach (described_properties(call), name, property) {
		if (described_required(call, name))
			printf(" %s",
			       described_placeholder(call->spec, property));
	}
	printf(" [FLAGS]\n\n%s.\n", endpoint->summary);
	if (*endpoint->description)
		puts(endpoint->description);
	putchar('\n');
	arguments_help(&call->arguments);
	puts("\nExample:");
	print_example(call);
	return 0;
}

void
described_flags(const struct spec *spec, const struct spec_endpoint *endpoint,
		struct arguments *arguments)
{
	struct described_call *call = calloc(1, sizeof(*call));

	if (!call)
		return;
	call->spec = spec;
	call->endpoint = endpoint;
	described_know(call);
	*arguments = call->arguments;
	free(call);
}

void
described_show_example(const struct spec *spec,
		       const struct spec_endpoint *endpoint)
{
	const struct described_call call = {.spec = spec, .endpoint = endpoint};

	print_example(&call);
}
