/*
 * lib/spec.c: the description as tables.
 *
 * Every text in a table points into the parsed document, which lives as long
 * as the spec.  What the description promises to its readers is checked while
 * it is loaded, so that nobody has to check again.
 */
#include "lib/spec.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/schema.h"
#include "lib/spec_lint.h"
#include "lib/spec_route.h"

/* Made from openapi/osapi.yaml by openapi/embed.c. */
extern const char description[];
extern const size_t description_size;

struct spec {
	json_t *document;
	size_t operation_count;
	struct spec_operation *operations;
	size_t endpoint_count;
	struct spec_endpoint *endpoints;
	struct spec_route *routes; /* routes[i] belongs to endpoints[i] */
};

static const struct {
	const char *member; /* of a path item */
	const char *method;
} methods[] = {
    {"get", "GET"}, {"head", "HEAD"},   {"post", "POST"},
    {"put", "PUT"}, {"patch", "PATCH"}, {"delete", "DELETE"},
};
#define METHOD_COUNT (sizeof(methods) / sizeof(*methods))

static const char *
text_member(const json_t *object, const char *name, const char *fallback)
{
	const char *text = json_member_string(object, name);

	return text ? text : fallback;
}

static bool
same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* ---- operations ---- */

static enum err
read_operation(const json_t *source, const char *type,
	       struct spec_operation *operation, struct err_info *info)
{
	const char *kind = text_member(source, "x-osapi-kind", "");

	operation->type = type;
	operation->summary = text_member(source, "summary", "");
	operation->change = text_member(source, "x-osapi-change", type);
	operation->data = json_object_get(source, "data");
	if (strcmp(kind, job_kind_text(JOB_MODIFY)) == 0)
		operation->kind = JOB_MODIFY;
	else if (strcmp(kind, job_kind_text(JOB_QUERY)) == 0)
		operation->kind = JOB_QUERY;
	else
		return err_set(info, ERR_INTERNAL,
			       "operation %s: x-osapi-kind is neither query "
			       "nor modify",
			       type);
	if (!json_is_object(operation->data) || strlen(type) > JOB_TYPE_MAX)
		return err_set(info, ERR_INTERNAL,
			       "operation %s: no data schema, or its name is "
			       "too long",
			       type);
	return ERR_OK;
}

static enum err
load_operations(struct spec *spec, struct err_info *info)
{
	json_t *list =
	    json_object_get(json_object_get(spec->document, "components"),
			    "x-osapi-operations");
	const char *type;
	json_t *source;
	enum err code = ERR_OK;

	spec->operations =
	    calloc(json_object_size(list) + 1, sizeof(*spec->operations));
	if (!spec->operations)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	json_object_foreach (list, type, source) {
		code = read_operation(source, type,
				      &spec->operations[spec->operation_count],
				      info);
		if (code)
			return code;
		spec->operation_count++;
	}
	return ERR_OK;
}

/* ---- parameters ---- */

static enum err
read_parameter(const struct spec *spec, const json_t *source,
	       struct spec_parameter *parameter, struct err_info *info)
{
	static const char *const places[] = {[SPEC_IN_PATH] = "path",
					     [SPEC_IN_QUERY] = "query",
					     [SPEC_IN_HEADER] = "header"};
	const char *in;
	int i;

	source = schema_resolve(spec->document, source);
	parameter->name = json_member_string(source, "name");
	parameter->schema = json_object_get(source, "schema");
	parameter->description = text_member(source, "description", "");
	parameter->required = json_is_true(json_object_get(source, "required"));
	in = text_member(source, "in", "");
	for (i = SPEC_IN_PATH; i <= SPEC_IN_HEADER; i++) {
		if (strcmp(in, places[i]) == 0 && parameter->name &&
		    parameter->schema) {
			parameter->in = (enum spec_in)i;
			return ERR_OK;
		}
	}
	return err_set(info, ERR_INTERNAL,
		       "parameter %s: needs name, schema, and in path, query "
		       "or header",
		       parameter->name ? parameter->name : "without name");
}

/* Those of the path item, then those of the method. */
static enum err
read_parameters(const struct spec *spec, const json_t *item,
		const json_t *source, struct spec_endpoint *endpoint,
		struct err_info *info)
{
	const json_t *lists[] = {json_object_get(item, "parameters"),
				 json_object_get(source, "parameters")};
	size_t total = json_array_size(lists[0]) + json_array_size(lists[1]);
	struct spec_parameter *parameters =
	    calloc(total + 1, sizeof(*parameters));
	size_t list;
	size_t i;

	if (!parameters)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	endpoint->parameters = parameters;
	for (list = 0; list < 2; list++) {
		for (i = 0; i < json_array_size(lists[list]); i++) {
			enum err code = read_parameter(
			    spec, json_array_get(lists[list], i),
			    &parameters[endpoint->parameter_count], info);

			if (code)
				return code;
			endpoint->parameter_count++;
		}
	}
	return ERR_OK;
}

/* Every {name} of the path must be a required path parameter, and back. */
static bool
path_parameters_agree(const struct spec_endpoint *endpoint,
		      const struct spec_route *route)
{
	size_t in_path = 0;
	size_t found = 0;
	size_t i;
	size_t k;

	for (i = 0; i < route->count; i++)
		in_path += route->segments[i].parameter;
	for (i = 0; i < endpoint->parameter_count; i++) {
		const struct spec_parameter *p = &endpoint->parameters[i];

		if (p->in != SPEC_IN_PATH)
			continue;
		for (k = 0; k < route->count; k++)
			if (route->segments[k].parameter && p->required &&
			    strcmp(route->segments[k].text, p->name) == 0)
				break;
		if (k == route->count)
			return false;
		found++;
	}
	return found == in_path && in_path <= SPEC_PATH_VALUES;
}

/* ---- endpoints ---- */

static enum err
read_columns(const json_t *source, struct spec_endpoint *endpoint,
	     struct err_info *info)
{
	const json_t *list = json_object_get(source, "x-osapi-columns");
	struct spec_column *columns =
	    calloc(json_array_size(list) + 1, sizeof(*columns));
	size_t i;

	if (!columns)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	endpoint->columns = columns;
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		columns[i].title = json_member_string(item, "title");
		columns[i].path = json_member_string(item, "path");
		columns[i].format = text_member(item, "format", "");
		if (!columns[i].title || !columns[i].path)
			return err_set(info, ERR_INTERNAL,
				       "%s: column %zu needs title and path",
				       endpoint->id, i);
	}
	endpoint->column_count = i;
	return ERR_OK;
}

static int
success_of(const json_t *source)
{
	const char *status;
	json_t *response;
	int highest = 0;

	json_object_foreach (json_object_get(source, "responses"), status,
			     response) {
		if (strlen(status) == 3 && status[0] == '2' &&
		    isdigit((unsigned char)status[1]) &&
		    isdigit((unsigned char)status[2])) {
			int number =
			    200 + (status[1] - '0') * 10 + (status[2] - '0');

			if (number > highest)
				highest = number;
		}
	}
	return highest;
}

static enum err
read_scope(const json_t *source, struct spec_endpoint *endpoint,
	   struct err_info *info)
{
	const char *scope = json_member_string(source, "x-osapi-scope");
	const json_t *security = json_object_get(source, "security");

	/* the document says the same twice, for us and for everybody else */
	if (!scope != (json_is_array(security) && !json_array_size(security)))
		return err_set(info, ERR_INTERNAL,
			       "%s: needs x-osapi-scope or \"security: []\"",
			       endpoint->id);
	if (scope && role_parse(scope, &endpoint->scope) != ERR_OK)
		return err_set(info, ERR_INTERNAL, "%s: %s is not a scope",
			       endpoint->id, scope);
	return ERR_OK;
}

static enum err
read_body(const struct spec *spec, const json_t *source,
	  struct spec_endpoint *endpoint, struct err_info *info)
{
	const json_t *body = schema_resolve(
	    spec->document, json_object_get(source, "requestBody"));
	const json_t *content = json_object_get(body, "content");

	if (!body)
		return ERR_OK;
	endpoint->body = json_object_get(
	    json_object_get(content, "application/json"), "schema");
	endpoint->body_required =
	    json_is_true(json_object_get(body, "required"));
	if (!endpoint->body)
		return err_set(info, ERR_INTERNAL,
			       "%s: a body that is not application/json",
			       endpoint->id);
	return ERR_OK;
}

static enum err
read_endpoint(struct spec *spec, const json_t *item, const json_t *source,
	      struct err_info *info)
{
	struct spec_endpoint *endpoint = &spec->endpoints[spec->endpoint_count];
	struct spec_route *route = &spec->routes[spec->endpoint_count];
	const char *type = json_member_string(source, "x-osapi-operation");
	enum err code;

	spec->endpoint_count++;
	endpoint->id = text_member(source, "operationId", "");
	endpoint->summary = text_member(source, "summary", "");
	endpoint->description = text_member(source, "description", "");
	endpoint->cli = json_member_string(source, "x-osapi-cli");
	endpoint->rows = text_member(source, "x-osapi-rows", "");
	endpoint->success = success_of(source);
	endpoint->operation = type ? spec_operation(spec, type) : NULL;
	if (!*endpoint->id || !endpoint->success ||
	    !endpoint->operation != !type)
		return err_set(info, ERR_INTERNAL,
			       "%s %s: needs an operationId, a 2xx answer and, "
			       "if any, a known x-osapi-operation",
			       endpoint->method, endpoint->path);
	code = read_parameters(spec, item, source, endpoint, info);
	if (!code)
		code = read_columns(source, endpoint, info);
	if (!code)
		code = read_scope(source, endpoint, info);
	if (!code)
		code = read_body(spec, source, endpoint, info);
	if (!code && !(spec_route_parse(endpoint->path, route) &&
		       path_parameters_agree(endpoint, route)))
		code = err_set(info, ERR_INTERNAL,
			       "%s: the path and its parameters differ",
			       endpoint->id);
	return code;
}

static enum err
load_endpoints(struct spec *spec, struct err_info *info)
{
	json_t *paths = json_object_get(spec->document, "paths");
	size_t most = json_object_size(paths) * METHOD_COUNT + 1;
	const char *path;
	json_t *item;
	size_t m;

	spec->endpoints = calloc(most, sizeof(*spec->endpoints));
	spec->routes = calloc(most, sizeof(*spec->routes));
	if (!spec->endpoints || !spec->routes)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	json_object_foreach (paths, path, item) {
		for (m = 0; m < METHOD_COUNT; m++) {
			const json_t *source =
			    json_object_get(item, methods[m].member);
			struct spec_endpoint *endpoint =
			    &spec->endpoints[spec->endpoint_count];
			enum err code;

			if (!source)
				continue;
			endpoint->method = methods[m].method;
			endpoint->path = path;
			code = read_endpoint(spec, item, source, info);
			if (code)
				return code;
		}
	}
	return ERR_OK;
}

/* Handlers are found by id and commands by words: both must be unique. */
static enum err
refuse_duplicates(const struct spec *spec, struct err_info *info)
{
	size_t i;
	size_t k;

	for (i = 0; i < spec->endpoint_count; i++) {
		const struct spec_endpoint *a = &spec->endpoints[i];

		for (k = 0; k < i; k++) {
			const struct spec_endpoint *b = &spec->endpoints[k];

			if (same(a->id, b->id) || same(a->cli, b->cli))
				return err_set(info, ERR_INTERNAL,
					       "%s: operationId or "
					       "x-osapi-cli is used twice",
					       a->id);
		}
	}
	return ERR_OK;
}

enum err
spec_parse(const char *text, size_t size, const struct spec **spec,
	   struct err_info *info)
{
	struct spec *made = calloc(1, sizeof(*made));
	enum err code;

	if (!made)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	code = json_parse(text, size, &made->document, info);
	if (code)
		code = ERR_INTERNAL;
	if (!code)
		code = spec_lint(made->document, info);
	if (!code)
		code = load_operations(made, info);
	if (!code)
		code = load_endpoints(made, info);
	if (!code)
		code = refuse_duplicates(made, info);
	if (code) {
		spec_free(made);
		return err_prefix(info, code, "description");
	}
	*spec = made;
	return ERR_OK;
}

enum err
spec_load(const struct spec **spec, struct err_info *info)
{
	return spec_parse(description, description_size, spec, info);
}

/* What is const for its readers was ours to make and is ours to free. */
static void
release(const void *table)
{
	free((void *)(uintptr_t)table);
}

void
spec_free(const struct spec *spec)
{
	size_t i;

	if (!spec)
		return;
	for (i = 0; i < spec->endpoint_count; i++) {
		release(spec->endpoints[i].parameters);
		release(spec->endpoints[i].columns);
	}
	free(spec->endpoints);
	free(spec->routes);
	free(spec->operations);
	json_decref(spec->document);
	release(spec);
}

const char *
spec_text(size_t *size)
{
	*size = description_size;
	return description;
}

const json_t *
spec_document(const struct spec *spec)
{
	return spec->document;
}

const struct spec_endpoint *
spec_endpoints(const struct spec *spec, size_t *count)
{
	*count = spec->endpoint_count;
	return spec->endpoints;
}

const struct spec_operation *
spec_operations(const struct spec *spec, size_t *count)
{
	*count = spec->operation_count;
	return spec->operations;
}

const struct spec_operation *
spec_operation(const struct spec *spec, const char *type)
{
	size_t i;

	for (i = 0; i < spec->operation_count; i++)
		if (same(spec->operations[i].type, type))
			return &spec->operations[i];
	return NULL;
}

/* ---- matching ---- */

/* The endpoint whose path fits best, of whatever method. */
static const struct spec_endpoint *
best_path(const struct spec *spec, const struct spec_path *path)
{
	size_t best = spec->endpoint_count;
	size_t i;

	for (i = 0; i < spec->endpoint_count; i++)
		if (spec_route_takes(&spec->routes[i], path) &&
		    (best == spec->endpoint_count ||
		     spec_route_before(&spec->routes[i], &spec->routes[best])))
			best = i;
	return best < spec->endpoint_count ? &spec->endpoints[best] : NULL;
}

static void
fill_match(const struct spec *spec, const struct spec_endpoint *endpoint,
	   const struct spec_path *path, struct spec_match *match)
{
	const struct spec_route *route =
	    &spec->routes[endpoint - spec->endpoints];
	size_t i;

	match->endpoint = endpoint;
	match->value_count = 0;
	for (i = 0; i < route->count; i++) {
		size_t n = match->value_count;

		if (!route->segments[i].parameter || n == SPEC_PATH_VALUES)
			continue;
		match->names[n] = route->segments[i].text;
		memcpy(match->values[n], path->segments[i], SPEC_SEGMENT_SIZE);
		match->value_count++;
	}
}

static void
write_allow(const struct spec *spec, const char *path, char allow[static 64])
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < spec->endpoint_count; i++) {
		const char *method = spec->endpoints[i].method;

		if (strcmp(spec->endpoints[i].path, path) == 0 && used < 40)
			used += (size_t)snprintf(
			    allow + used, 64 - used, "%s, ",
			    strcmp(method, "GET") ? method : "GET, HEAD");
	}
	snprintf(allow + used, 64 - used, "OPTIONS");
}

enum err
spec_match(const struct spec *spec, const char *method, const char *path,
	   struct spec_match *match, char allow[static 64])
{
	const struct spec_endpoint *best;
	struct spec_path parsed;
	enum err code = spec_path_parse(path, &parsed);
	size_t i;

	if (code)
		return code;
	best = best_path(spec, &parsed);
	if (!best)
		return ERR_NOT_FOUND;
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (i = 0; i < spec->endpoint_count; i++) {
		const struct spec_endpoint *endpoint = &spec->endpoints[i];

		if (strcmp(endpoint->path, best->path) == 0 &&
		    strcmp(endpoint->method, method) == 0) {
			fill_match(spec, endpoint, &parsed, match);
			return ERR_OK;
		}
	}
	write_allow(spec, best->path, allow);
	return ERR_METHOD;
}
