/* t/unit/spec.c: the description as it is built in, its routes, and what is
 * refused of a wrong one. */
#include "t/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema.h"
#include "lib/spec.h"

const char unit_name[] = "spec";

static const struct spec *
load(void)
{
	const struct spec *spec = NULL;
	struct err_info info = {{0}};

	IS_INT("the built-in description loads", spec_load(&spec, &info),
	       ERR_OK);
	if (!spec) {
		printf("\n%s\n", info.text);
		exit(1);
	}
	return spec;
}

static const struct spec_endpoint *
endpoint(const struct spec *spec, const char *id)
{
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(list[i].id, id) == 0)
			return &list[i];
	printf("\nno endpoint %s\n", id);
	exit(1);
}

static const struct {
	const char *why, *method, *path;
	enum err code;
	const char *id;    /* of the endpoint, or what is allowed */
	const char *value; /* of the first path parameter */
} path_rows[] = {
    {"literal", "GET", "/health", ERR_OK, "health", NULL},
    {"HEAD finds GET", "HEAD", "/health", ERR_OK, "health", NULL},
    {"by method", "POST", "/api/v1/jobs", ERR_OK, "jobs_create", NULL},
    {"a literal goes before a parameter", "GET", "/api/v1/jobs/status", ERR_OK,
     "jobs_status", NULL},
    {"a parameter", "GET", "/api/v1/jobs/abc", ERR_OK, "jobs_get", "abc"},
    {"a parameter in the middle", "POST", "/api/v1/jobs/abc/retry", ERR_OK,
     "jobs_retry", "abc"},
    {"decoded", "GET", "/api/v1/network/dns/eth0%2e100", ERR_OK,
     "network_dns_get", "eth0.100"},
    {"a slash in a value stays a value", "GET", "/api/v1/network/dns/a%2Fb",
     ERR_OK, "network_dns_get", "a/b"},
    {"decoded once", "GET", "/api/v1/network/dns/%2565", ERR_OK,
     "network_dns_get", "%65"},
    {"a literal may be escaped too", "GET", "/%68ealth", ERR_OK, "health",
     NULL},
    {"plus is no blank in a path", "GET", "/api/v1/network/dns/a+b", ERR_OK,
     "network_dns_get", "a+b"},
    {"unknown", "GET", "/nothing", ERR_NOT_FOUND, NULL, NULL},
    {"root", "GET", "/", ERR_NOT_FOUND, NULL, NULL},
    {"empty", "GET", "", ERR_NOT_FOUND, NULL, NULL},
    {"no slash", "GET", "health", ERR_NOT_FOUND, NULL, NULL},
    {"case counts", "GET", "/Health", ERR_NOT_FOUND, NULL, NULL},
    {"a final slash", "GET", "/health/", ERR_NOT_FOUND, NULL, NULL},
    {"an empty parameter", "DELETE", "/api/v1/jobs/", ERR_NOT_FOUND, NULL,
     NULL},
    {"two slashes", "GET", "//health", ERR_NOT_FOUND, NULL, NULL},
    {"too many segments", "GET", "/a/b/c/d/e/f/g/h/i/j", ERR_NOT_FOUND, NULL,
     NULL},
    {"a broken escape", "GET", "/api/v1/jobs/%4", ERR_INVALID, NULL, NULL},
    {"not hexadecimal", "GET", "/api/v1/jobs/%zz", ERR_INVALID, NULL, NULL},
    {"NUL", "GET", "/api/v1/jobs/a%00b", ERR_INVALID, NULL, NULL},
    {"not UTF-8", "GET", "/api/v1/jobs/%ff", ERR_INVALID, NULL, NULL},
    {"an over-long form of /", "GET", "/api/v1/jobs/%c0%af", ERR_INVALID, NULL,
     NULL},
    {"half a pair of UTF-16", "GET", "/api/v1/jobs/%ed%a0%80", ERR_INVALID,
     NULL, NULL},
    {"UTF-8", "GET", "/api/v1/jobs/%e2%82%ac", ERR_OK, "jobs_get",
     "\xe2\x82\xac"},
    {"other method", "DELETE", "/health", ERR_METHOD, "GET, HEAD, OPTIONS",
     NULL},
    {"several methods", "PATCH", "/api/v1/jobs", ERR_METHOD,
     "GET, HEAD, POST, OPTIONS", NULL},
    {"a literal hides the parameter's methods", "DELETE", "/api/v1/jobs/status",
     ERR_METHOD, "GET, HEAD, OPTIONS", NULL},
    {"OPTIONS", "OPTIONS", "/api/v1/network/dns", ERR_METHOD, "PUT, OPTIONS",
     NULL},
    {"a method of nobody", "get", "/health", ERR_METHOD, "GET, HEAD, OPTIONS",
     NULL},
};

static void
matches_paths(void)
{
	const struct spec *spec = load();
	size_t i;

	for (i = 0; i < sizeof(path_rows) / sizeof(*path_rows); i++) {
		struct spec_match match = {0};
		char allow[64] = "";

		IS_INT(path_rows[i].why,
		       spec_match(spec, path_rows[i].method, path_rows[i].path,
				  &match, allow),
		       path_rows[i].code);
		if (match.endpoint)
			IS_TEXT(path_rows[i].why, match.endpoint->id,
				path_rows[i].id);
		else if (path_rows[i].code == ERR_METHOD)
			IS_TEXT(path_rows[i].why, allow, path_rows[i].id);
		IS_INT(path_rows[i].why, match.value_count,
		       path_rows[i].value != NULL);
		if (path_rows[i].value)
			IS_TEXT(path_rows[i].why, match.values[0],
				path_rows[i].value);
	}
	spec_free(spec);
}

static void
bounds_a_segment(void)
{
	const struct spec *spec = load();
	struct spec_match match = {0};
	char path[16 + 256 + 1] = "/api/v1/jobs/";
	size_t from = strlen(path);
	char allow[64];

	memset(path + from, 'a', 255);
	path[from + 255] = '\0';
	IS_INT("255 octets are taken",
	       spec_match(spec, "GET", path, &match, allow), ERR_OK);
	IS_INT("whole", strlen(match.values[0]), 255);
	IS_TEXT("under their name", match.names[0], "id");
	path[from + 255] = 'a';
	path[from + 256] = '\0';
	IS_INT("256 are not", spec_match(spec, "GET", path, &match, allow),
	       ERR_INVALID);
	spec_free(spec);
}

static void
tells_of_endpoints(void)
{
	const struct spec *spec = load();
	const struct spec_endpoint *e;

	e = endpoint(spec, "network_dns_get");
	IS_TEXT("the operation behind it", e->operation->type,
		"network.dns.get");
	IS_INT("which is a query", e->operation->kind, JOB_QUERY);
	IS_INT("parameters", e->parameter_count, 3);
	IS_INT("the path's", e->parameters[0].in, SPEC_IN_PATH);
	OK("is required", e->parameters[0].required);
	IS_TEXT("the query's", e->parameters[2].name, "timeout");
	OK("no body", e->body == NULL);
	IS_TEXT("command", e->cli, "network dns get");
	IS_TEXT("rows", e->rows, "results");
	IS_TEXT("a column", e->columns[1].title, "Servers");
	IS_TEXT("its form", e->columns[1].format, "list");
	IS_INT("scope", e->scope, ROLE_READ);
	e = endpoint(spec, "network_dns_update");
	IS_INT("a change", e->operation->kind, JOB_MODIFY);
	IS_INT("is accepted", e->success, 202);
	OK("its body is required", e->body && e->body_required);
	IS_INT("scope", e->scope, ROLE_WRITE);
	e = endpoint(spec, "jobs_create");
	IS_INT("created", e->success, 201);
	IS_INT("a header", e->parameters[0].in, SPEC_IN_HEADER);
	OK("no operation behind it", e->operation == NULL);
	e = endpoint(spec, "jobs_retry");
	OK("its body may be missing", e->body && !e->body_required);
	e = endpoint(spec, "health");
	IS_INT("no token", e->scope, ROLE_NONE);
	OK("an unknown operation", !spec_operation(spec, "system.reboot"));
	spec_free(spec);
}

/* The members of an operation's data that an endpoint can fill. */
static bool
fills(const struct spec *spec, const struct spec_endpoint *e, const char *name)
{
	const json_t *body = schema_resolve(spec_document(spec), e->body);
	size_t i;

	for (i = 0; i < e->parameter_count; i++)
		if (strcmp(e->parameters[i].name, name) == 0)
			return true;
	return json_object_get(json_object_get(body, "properties"), name) !=
	       NULL;
}

static void
typed_endpoints_fit_their_operations(void)
{
	const struct spec *spec = load();
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);
	size_t typed = 0;
	size_t operations;
	size_t i;

	for (i = 0; i < count; i++) {
		const json_t *data;
		const char *name;
		json_t *property;

		if (!list[i].operation)
			continue;
		typed++;
		data = schema_resolve(spec_document(spec),
				      list[i].operation->data);
		json_object_foreach (json_object_get(data, "properties"), name,
				     property) {
			OK(name, fills(spec, &list[i], name));
		}
		OK(list[i].id, list[i].cli && list[i].column_count);
		OK("takes a target", fills(spec, &list[i], "target_hostname"));
		OK("takes a timeout", fills(spec, &list[i], "timeout"));
		OK("a change asks for more than read",
		   list[i].operation->kind == JOB_QUERY ||
		       list[i].scope >= ROLE_WRITE);
	}
	spec_operations(spec, &operations);
	IS_INT("each operation has its endpoint", typed, operations);
	spec_free(spec);
}

/* Every "example" and "examples" beside a schema must fit it. */
static void
check_examples(const struct spec *spec, json_t *value, size_t *seen)
{
	const json_t *examples = json_object_get(value, "examples");
	const json_t *schema = json_object_get(value, "schema");
	const json_t *example = json_object_get(value, "example");
	struct schema_errors errors = {0};
	const char *name;
	json_t *member;
	size_t i;

	for (i = 0; i < json_array_size(examples); i++, (*seen)++)
		schema_check(spec_document(spec), value,
			     json_array_get(examples, i), &errors);
	if (schema && example) {
		schema_check(spec_document(spec), schema, example, &errors);
		(*seen)++;
	}
	if (schema && json_is_object(examples))
		json_object_foreach (json_object_get(value, "examples"), name,
				     member) {
			schema_check(spec_document(spec), schema,
				     json_object_get(member, "value"), &errors);
			(*seen)++;
		}
	if (errors.count)
		printf("\n%s: %s\n", errors.items[0].field,
		       errors.items[0].detail);
	OK("examples fit their schemas", errors.count == 0);
	json_object_foreach (value, name, member) {
		check_examples(spec, member, seen);
	}
	for (i = 0; i < json_array_size(value); i++)
		check_examples(spec, json_array_get(value, i), seen);
}

static void
examples_are_valid(void)
{
	const struct spec *spec = load();
	json_t *copy = json_deep_copy(spec_document(spec));
	size_t seen = 0;

	check_examples(spec, copy, &seen);
	OK("many were seen", seen > 50);
	json_decref(copy);
	spec_free(spec);
}

static void
refuses_wrong_descriptions(void)
{
#define GET(members)                                                          \
	"{\"components\":{\"x-osapi-operations\":{}},\"paths\":{\"/a/{b}\":{" \
	"\"get\":{" members "}}}}"
#define B                                                                    \
	"\"parameters\":[{\"name\":\"b\",\"in\":\"path\",\"required\":true," \
	"\"schema\":{}}],"
#define OPEN "\"operationId\":\"x\",\"security\":[],"
#define R200 "\"responses\":{\"200\":{}}"
	static const struct {
		const char *why, *text, *wanted;
	} rows[] = {
	    {"right", GET(OPEN B R200), ""},
	    {"not JSON", "{", "line 1"},
	    {"no id", GET("\"security\":[]," B R200), "needs an operationId"},
	    {"no answer", GET(OPEN B "\"responses\":{\"404\":{}}"), "2xx"},
	    {"a path value that nobody describes", GET(OPEN R200),
	     "path and its parameters differ"},
	    {"neither scope nor open", GET("\"operationId\":\"x\"," B R200),
	     "needs x-osapi-scope"},
	    {"no such scope",
	     GET("\"operationId\":\"x\",\"x-osapi-scope\":\"root\"," B R200),
	     "root is not a scope"},
	    {"no such operation",
	     GET(OPEN B "\"x-osapi-operation\":\"no.such\"," R200),
	     "x-osapi-operation"},
	    {"a $ref to nowhere",
	     GET(OPEN B "\"responses\":{\"200\":{\"$ref\":\"#/no\"}}"),
	     "#/no leads nowhere"},
	    {"a bad pattern",
	     GET(OPEN B "\"responses\":{\"200\":{\"pattern\":\"[\"}}"),
	     "regular expression"},
	    {"an unknown format",
	     GET(OPEN B "\"responses\":{\"200\":{\"format\":\"colour\"}}"),
	     "format colour"},
	    {"a column without path",
	     GET(OPEN B "\"x-osapi-columns\":[{\"title\":\"T\"}]," R200),
	     "needs title and path"},
	    {"no kind",
	     "{\"components\":{\"x-osapi-operations\":{\"a.b\":{}}}}",
	     "neither query nor modify"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct spec *spec = NULL;
		struct err_info info = {{0}};
		enum err code = spec_parse(rows[i].text, strlen(rows[i].text),
					   &spec, &info);

		IS_INT(rows[i].why, code, *rows[i].wanted ? ERR_INTERNAL : 0);
		HAS_TEXT(rows[i].why, info.text, rows[i].wanted);
		spec_free(spec);
	}
}

static void
serves_its_text(void)
{
	size_t size;
	const char *text = spec_text(&size);
	json_error_t error;
	json_t *value = json_loadb(text, size, 0, &error);

	IS_TEXT("an OpenAPI document",
		json_string_value(json_object_get(value, "openapi")), "3.1.0");
	IS_INT("all of it", strlen(text), size);
	json_decref(value);
}

const struct unit_case unit_cases[] = {
    {"matches methods and paths", matches_paths},
    {"bounds a segment of a path", bounds_a_segment},
    {"tells of endpoints", tells_of_endpoints},
    {"typed endpoints fit their operations",
     typed_endpoints_fit_their_operations},
    {"examples are valid by their schemas", examples_are_valid},
    {"refuses wrong descriptions and says why", refuses_wrong_descriptions},
    {"serves its text", serves_its_text},
    {NULL, NULL}};
