/*
 * fcgi/dispatch.c: the way of a request through its checks to its handler.
 *
 * Each check answers by itself and returns false when the way ends there.
 */
#include "fcgi/dispatch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth.h"
#include "fcgi/handler.h"
#include "fcgi/reply.h"
#include "fcgi/request.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/schema.h"
#include "lib/spec_route.h"

static bool
refuse(struct request *r, enum err err, const struct err_info *info)
{
	reply_error(r, err, info);
	return false;
}

static bool
route(struct request *r)
{
	struct err_info info = {""};
	enum err err;

	err = request_line(r, &info);
	if (err)
		return refuse(r, err, &info);
	err = spec_match(r->responder->spec, r->method, r->path, &r->match,
			 r->allow);
	if (err == ERR_METHOD) {
		reply_header(r, "Allow", r->allow);
		if (!strcmp(r->method, "OPTIONS")) {
			reply_empty(r, 204);
			return false;
		}
		err_set(&info, err, "%s is not possible here, only %s",
			r->method, r->allow);
	} else if (err == ERR_NOT_FOUND) {
		err_set(&info, err, "there is nothing at this path");
	} else if (err == ERR_INVALID) {
		err_set(&info, err,
			"a part of the path is not UTF-8, has a wrong percent "
			"escape or more than %d octets",
			SPEC_SEGMENT_SIZE - 1);
	}
	if (err) {
		r->match.endpoint = NULL;
		return refuse(r, err, &info);
	}
	r->handler = handler_find(r->match.endpoint);
	return r->handler ? true : refuse(r, ERR_INTERNAL, NULL);
}

static bool
authorize(struct request *r)
{
	struct responder *responder = r->responder;
	const char *header = request_param(r, "HTTP_AUTHORIZATION");
	enum auth_reason reason = AUTH_MALFORMED;
	struct err_info info = {""};
	enum err err;

	err = auth_check(
	    header, responder->config->api.server.security.signing_key,
	    r->match.endpoint->scope, clock_wall_ns() / CLOCK_NS_PER_S,
	    &r->token, &reason, &info);
	if (!err)
		return true;
	if (err_http(err) == 401 || err == ERR_FORBIDDEN) {
		scoreboard_count(responder->counters, FAMILY_AUTH_FAILURES,
				 (size_t)reason, 0, 1);
		reply_header(r, "WWW-Authenticate",
			     auth_challenge(err, header));
	}
	return refuse(r, err, &info);
}

/* Size and type of the body; *size is what CONTENT_LENGTH says. */
static bool
admit_body(struct request *r, size_t *size)
{
	const struct spec_endpoint *endpoint = r->match.endpoint;
	const char *type = request_param(r, "CONTENT_TYPE");
	struct err_info info = {""};
	enum err err;

	err = query_content_length(request_param(r, "CONTENT_LENGTH"),
				   REQUEST_BODY_MAX, size);
	if (err == ERR_TOO_LARGE)
		err_set(&info, err, "the body is larger than %d octets",
			REQUEST_BODY_MAX);
	else if (err)
		err_set(&info, err, "Content-Length is not a number");
	if (err)
		return refuse(r, err, &info);
	if (!endpoint->body || *size == 0 || query_is_json(type))
		return true;
	if (type && *type)
		err_set(&info, ERR_MEDIA_TYPE,
			"Content-Type: application/json in UTF-8 is needed, "
			"not \"%.64s\"",
			type);
	else
		err_set(&info, ERR_MEDIA_TYPE,
			"Content-Type is missing: application/json is needed");
	return refuse(r, ERR_MEDIA_TYPE, &info);
}

/* "HTTP_IDEMPOTENCY_KEY" of "Idempotency-Key". */
static void
name_header(const char *header, char *name, size_t size)
{
	size_t n = (size_t)snprintf(name, size, "HTTP_");

	for (; *header && n < size - 1; header++)
		name[n++] = *header == '-'
				? '_'
				: (char)toupper((unsigned char)*header);
	name[n] = '\0';
}

/* The text of a parameter as it came, NULL: missing; *twice: a header that came
 * more than once. */
static const char *
given(const struct request *r, const struct spec_parameter *parameter,
      bool *twice)
{
	char name[128];

	*twice = false;
	if (parameter->in == SPEC_IN_QUERY)
		return query_value(&r->query, parameter->name);
	if (parameter->in == SPEC_IN_HEADER) {
		name_header(parameter->name, name, sizeof(name));
		*twice = request_param_repeated(r, name);
		return request_param(r, name);
	}
	for (size_t i = 0; i < r->match.value_count; i++)
		if (!strcmp(r->match.names[i], parameter->name))
			return r->match.values[i];
	return NULL;
}

static void
read_parameter(struct request *r, const struct spec_parameter *parameter,
	       json_t *list)
{
	static const char *const places[] = {[SPEC_IN_PATH] = "path",
					     [SPEC_IN_QUERY] = "query",
					     [SPEC_IN_HEADER] = "header"};
	const json_t *document = spec_document(r->responder->spec);
	const char *in = places[parameter->in];
	bool twice;
	const char *text = given(r, parameter, &twice);
	struct schema_errors errors = {0};
	const json_t *schema;
	json_t *value = NULL;

	if (text) {
		if (twice)
			reply_collect_one(list, in, parameter->name,
					  "comes twice");
		else if (!query_utf8(text, strlen(text)))
			reply_collect_one(list, in, parameter->name,
					  "not UTF-8");
		else if (schema_parse(document, parameter->schema,
				      parameter->name, text, &value, &errors))
			reply_collect(list, in, &errors);
		else
			json_object_set_new(r->parameters, parameter->name,
					    value);
		return;
	}
	if (parameter->required) {
		reply_collect_one(list, in, parameter->name, "is missing");
		return;
	}
	schema = schema_resolve(document, parameter->schema);
	/* A copy: the description's own counter is not to be fought over. */
	json_object_set_new(r->parameters, parameter->name,
			    json_deep_copy(json_object_get(schema, "default")));
}

static void
read_parameters(struct request *r, json_t *list)
{
	const struct spec_endpoint *endpoint = r->match.endpoint;
	bool known;

	for (size_t i = 0; i < endpoint->parameter_count; i++)
		read_parameter(r, &endpoint->parameters[i], list);
	for (size_t i = 0; i < r->query.count; i++) {
		const char *name = r->query.items[i].name;

		known = false;
		for (size_t k = 0; k < endpoint->parameter_count && !known; k++)
			known = endpoint->parameters[k].in == SPEC_IN_QUERY &&
				!strcmp(endpoint->parameters[k].name, name);
		if (!known)
			reply_collect_one(list, "query", name,
					  "unknown parameter");
	}
}

/* The JSON body against its schema; false when an answer was written. */
static bool
read_body(struct request *r, size_t size, json_t *list)
{
	const struct spec_endpoint *endpoint = r->match.endpoint;
	const json_t *document = spec_document(r->responder->spec);
	struct schema_errors errors = {0};
	struct err_info info = {""};
	char *text = NULL;
	enum err err;

	err = request_body(r, size, &text, &info);
	if (err)
		return refuse(r, err, &info);
	if (size == 0) {
		if (endpoint->body_required)
			reply_collect_one(list, "body", "",
					  "a JSON body is needed");
	} else if (json_parse(text, size, &r->body, &info)) {
		reply_collect_one(list, "body", "", info.text);
	} else if (schema_check(document, endpoint->body, r->body, &errors)) {
		reply_collect(list, "body", &errors);
	} else {
		schema_defaults(document, endpoint->body, r->body);
	}
	free(text);
	return true;
}

static bool
validate(struct request *r, size_t size)
{
	struct err_info info = {""};
	json_t *list = json_array();
	enum err err;

	r->parameters = json_object();
	if (!list || !r->parameters) {
		json_decref(list);
		return refuse(r, ERR_NO_MEMORY, NULL);
	}
	err = request_query(r, &info);
	if (err == ERR_INVALID)
		reply_collect_one(list, "query", "", info.text);
	else if (err) {
		json_decref(list);
		return refuse(r, err, &info);
	}
	read_parameters(r, list);
	if (r->match.endpoint->body) {
		if (!read_body(r, size, list)) {
			json_decref(list);
			return false;
		}
	} else if (!request_drain(r)) {
		json_decref(list);
		err_set(&info, ERR_ABORTED, "the request ended too early");
		return refuse(r, ERR_ABORTED, &info);
	}
	if (r->handler->check)
		r->handler->check(r, list);
	return reply_collected(r, list);
}

static void
run(struct request *r)
{
	if (r->handler->run(r) == HANDLED)
		request_finish(r, false);
}

/* Runs a request that may wait for NATS, and then those that had to queue. */
static void
run_in_slot(struct request *r)
{
	struct slots *slots = r->responder->slots;
	struct err_info info = {""};

	switch (slots_enter(slots, r)) {
	case SLOT_QUEUED:
		return;
	case SLOT_FULL:
		err_set(&info, ERR_BUSY, "too many requests at a time");
		reply_error(r, ERR_BUSY, &info);
		request_finish(r, false);
		return;
	case SLOT_TAKEN:
		break;
	}
	do {
		request_context(r);
		run(r);
	} while ((r = slots_leave(slots)) != NULL);
}

void
dispatch(struct responder *responder, int fd)
{
	struct request *r = request_read(responder, fd);
	size_t size = 0;

	if (!r) {
		scoreboard_add(responder->counters, FAMILY_ABORTED, 1);
		return;
	}
	if (!route(r) || !authorize(r) || !admit_body(r, &size) ||
	    !validate(r, size))
		request_finish(r, false);
	else if (r->handler->store)
		run_in_slot(r);
	else
		run(r);
}
