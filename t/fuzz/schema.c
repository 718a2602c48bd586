/*
 * t/fuzz/schema.c: any octets as a path, a parameter and a body of every
 * endpoint.  Nothing may crash, and every error must be text that can be
 * written as JSON again.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/schema.h"
#include "lib/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_errors(const struct schema_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->count && i < SCHEMA_ERRORS_MAX; i++) {
		json_t *field = json_string(errors->items[i].field);
		json_t *detail = json_string(errors->items[i].detail);

		if (!field || !detail || !errors->items[i].detail[0])
			abort();
		json_decref(field);
		json_decref(detail);
	}
}

static void
try_endpoint(const struct spec *spec, const struct spec_endpoint *endpoint,
	     const char *text, const json_t *body)
{
	const json_t *document = spec_document(spec);
	size_t i;

	for (i = 0; i < endpoint->parameter_count; i++) {
		struct schema_errors errors = {0};
		json_t *value = NULL;

		schema_parse(document, endpoint->parameters[i].schema,
			     endpoint->parameters[i].name, text, &value,
			     &errors);
		check_errors(&errors);
		json_decref(value);
	}
	if (endpoint->body && body) {
		struct schema_errors errors = {0};
		json_t *copy = json_deep_copy(body);

		if (schema_check(document, endpoint->body, body, &errors) !=
		    (errors.count ? ERR_INVALID : ERR_OK))
			abort();
		check_errors(&errors);
		schema_defaults(document, endpoint->body, copy);
		json_decref(copy);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct spec *spec;
	const struct spec_endpoint *endpoints;
	struct spec_match match;
	char allow[64];
	json_t *body = NULL;
	size_t count;
	char *text;
	size_t i;

	if (!spec && spec_load(&spec, NULL) != ERR_OK)
		abort();
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (json_parse(text, size, &body, NULL) != ERR_OK)
		body = NULL;
	endpoints = spec_endpoints(spec, &count);
	for (i = 0; i < count; i++)
		try_endpoint(spec, &endpoints[i], text, body);
	spec_match(spec, "PUT", text, &match, allow);
	json_decref(body);
	free(text);
	return 0;
}
