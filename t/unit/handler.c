/* t/unit/handler.c: description and handlers agree, in both directions; a
 * typed operation needs no handler of its own. */
#include "t/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/handler.h"
#include "lib/json.h"
#include "worker/provider.h"

/* The built-in description with one change; the caller frees it. */
static const struct spec *
changed(void (*change)(json_t *document))
{
	const struct spec *spec = NULL;
	struct err_info info = {""};
	size_t size;
	const char *text = spec_text(&size);
	json_t *document = json_loadb(text, size, 0, NULL);
	char *again;

	change(document);
	again = json_text(document, &size);
	IS_INT("the description can be read",
	       spec_parse(again, size, &spec, &info), ERR_OK);
	IS_TEXT("without a complaint", info.text, "");
	if (!spec)
		CU_FAIL_FATAL("no description");
	json_decref(document);
	free(again);
	return spec;
}

static json_t *
paths(json_t *document)
{
	return json_object_get(document, "paths");
}

static void
as_it_is(json_t *document)
{
	(void)document;
}

static void
without_a_path(json_t *document)
{
	json_object_del(paths(document), "/health/ready");
}

static void
with_another_id(json_t *document)
{
	json_t *path = json_object_get(paths(document), "/health");

	json_object_set_new(json_object_get(path, "get"), "operationId",
			    json_string("healthy"));
}

/* A copy of `from` under another path. */
static void
copy_path(json_t *document, const char *from, const char *to, const char *id)
{
	json_t *path = json_deep_copy(json_object_get(paths(document), from));

	json_object_set_new(json_object_get(path, "get"), "operationId",
			    json_string(id));
	/* a command has one endpoint */
	json_object_del(json_object_get(path, "get"), "x-osapi-cli");
	json_object_set_new(paths(document), to, path);
}

static void
with_another_path(json_t *document)
{
	copy_path(document, "/api/v1/version", "/api/v1/moon", "moon");
}

static void
with_another_typed_path(json_t *document)
{
	copy_path(document, "/api/v1/system/load", "/api/v1/system/burden",
		  "system_burden_get");
}

static void
agrees_with_the_description(void)
{
	static const struct {
		const char *why;
		void (*change)(json_t *document);
		enum err err;
		const char *says;
	} rows[] = {
	    {"as it is", as_it_is, ERR_OK, ""},
	    {"an endpoint without a handler", with_another_path, ERR_INTERNAL,
	     "\"moon\" (GET /api/v1/moon)"},
	    {"a handler without an endpoint", without_a_path, ERR_INTERNAL,
	     "handler \"health_ready\""},
	    {"both", with_another_id, ERR_INTERNAL, "\"healthy\""},
	    {"a typed endpoint needs none", with_another_typed_path, ERR_OK,
	     ""},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct spec *spec = changed(rows[i].change);
		struct err_info info = {""};

		IS_INT(rows[i].why, handler_check(spec, &info), rows[i].err);
		HAS_TEXT(rows[i].why, info.text, rows[i].says);
		spec_free(spec);
	}
}

static void
every_operation_has_a_provider(void)
{
	const struct provider *const tables[] = {provider_system, provider_dns,
						 provider_ping};
	const struct spec_operation *operations;
	const struct spec *spec = changed(as_it_is);
	size_t count;

	operations = spec_operations(spec, &count);
	for (size_t i = 0; i < count; i++)
		OK(operations[i].type, provider_find(operations[i].type));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct provider *p = tables[i]; p->operation; p++)
			OK(p->operation, spec_operation(spec, p->operation));
	spec_free(spec);
}

const char unit_name[] = "handler";
const struct unit_case unit_cases[] = {
    {"agrees with the description", agrees_with_the_description},
    {"every operation has a provider, and no other",
     every_operation_has_a_provider},
    {NULL, NULL},
};
