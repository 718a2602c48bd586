/*
 * fcgi/request.c: one HTTP request, from the connection to the log line.
 *
 * libfcgi is given an accepted connection by setting ipcFd before
 * FCGX_Accept_r, with listen_sock -1, so that a connection that breaks the
 * protocol ends the call instead of beginning to wait for another one.
 */
#include "fcgi/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/intake.h"
#include "fcgi/reply.h"
#include "fcgi/request_span.h"
#include "fcgi/responder.h"
#include "fcgi/scoreboard.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/uuid.h"

#define STATUS_GONE    499 /* for the log: nginx writes it so, too */
#define ROLE_RESPONDER 1   /* FCGI_RESPONDER of the FastCGI specification */

const char *
request_param(const struct request *request, const char *name)
{
	return FCGX_GetParam(name, request->fcgi.envp);
}

bool
request_param_repeated(const struct request *request, const char *name)
{
	size_t size = strlen(name);
	size_t count = 0;

	for (char **p = request->fcgi.envp; p && *p; p++)
		count += strncmp(*p, name, size) == 0 && (*p)[size] == '=';
	return count > 1;
}

static void
choose_id(struct request *r)
{
	static const char *const sources[] = {"OSAPI_REQUEST_ID",
					      "HTTP_X_REQUEST_ID"};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		const char *id = request_param(r, sources[i]);

		if (!query_request_id(id))
			continue;
		memcpy(r->id, id, strlen(id) + 1);
		return;
	}
	uuid_make(r->id);
}

/* Where this request is in its client's trace, or in a new one. */
static void
begin_trace(struct request *r)
{
	struct trace client;

	if (!trace_read(&client, request_param(r, "HTTP_TRACEPARENT"),
			request_param(r, "HTTP_TRACESTATE"))) {
		tracer_begin(r->responder->tracer, NULL, &r->trace);
		return;
	}
	tracer_begin(r->responder->tracer, &client, &r->trace);
	memcpy(r->parent, client.span, sizeof(r->parent));
}

void
request_context(const struct request *r)
{
	struct log_context *context = log_context();

	memcpy(context->request_id, r->id, sizeof(context->request_id));
	memcpy(context->trace_id, r->trace.id, sizeof(context->trace_id));
	memcpy(context->job_id, r->job_id, sizeof(context->job_id));
}

struct request *
request_read(struct responder *responder, int fd)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r || FCGX_InitRequest(&r->fcgi, -1, 0) != 0) {
		close(fd);
		free(r);
		return NULL;
	}
	r->responder = responder;
	r->begun_ns = clock_wall_ns();
	r->begun_us = clock_mono_us();
	r->fcgi.ipcFd = fd;
	r->fcgi.keepConnection = 1;
	/* Without this libfcgi blocks for 2 s when it closes. */
	r->fcgi.detached = 1;
	if (FCGX_Accept_r(&r->fcgi) != 0 || r->fcgi.role != ROLE_RESPONDER) {
		FCGX_Free(&r->fcgi, 1);
		free(r);
		return NULL;
	}
	r->keep = r->fcgi.keepConnection != 0;
	r->fcgi.keepConnection = 1;
	r->fcgi.detached = 1;
	r->method = request_param(r, "REQUEST_METHOD");
	r->head = r->method && !strcmp(r->method, "HEAD");
	choose_id(r);
	begin_trace(r);
	request_context(r);
	scoreboard_add(responder->counters, FAMILY_ACTIVE_REQUESTS, 1);
	return r;
}

enum err
request_line(struct request *r, struct err_info *info)
{
	const char *uri = request_param(r, "REQUEST_URI");
	const char *mark;
	size_t size;

	if (!r->method || !*r->method || strlen(r->method) > 16)
		return err_set(info, ERR_INVALID, "REQUEST_METHOD: %s",
			       r->method ? "too long" : "missing");
	if (!uri || *uri != '/')
		return err_set(info, ERR_INVALID,
			       "REQUEST_URI: a path that begins with \"/\" "
			       "is needed");
	mark = strchr(uri, '?');
	size = mark ? (size_t)(mark - uri) : strlen(uri);
	if (size >= sizeof(r->path))
		return err_set(info, ERR_INVALID,
			       "the path is longer than %zu octets",
			       sizeof(r->path) - 1);
	memcpy(r->path, uri, size);
	return ERR_OK;
}

enum err
request_query(struct request *r, struct err_info *info)
{
	const char *query = request_param(r, "QUERY_STRING");
	const char *uri = request_param(r, "REQUEST_URI");
	const char *mark;

	if (!query) {
		mark = uri ? strchr(uri, '?') : NULL;
		query = mark ? mark + 1 : "";
	}
	return query_parse(query, &r->query, info);
}

/* Whether the body was read to its end. */
static bool
at_end(struct request *r)
{
	return FCGX_GetChar(r->fcgi.in) == EOF &&
	       FCGX_GetError(r->fcgi.in) == 0;
}

enum err
request_body(struct request *r, size_t size, char **text, struct err_info *info)
{
	char *body = malloc(size + 1);
	size_t done = 0;

	if (!body)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	while (done < size) {
		int n =
		    FCGX_GetStr(body + done, (int)(size - done), r->fcgi.in);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done < size) {
		free(body);
		return err_set(info, ERR_ABORTED,
			       "the body ended after %zu of %zu octets", done,
			       size);
	}
	if (!at_end(r)) {
		free(body);
		return err_set(info, ERR_INVALID,
			       "the body is longer than Content-Length says");
	}
	body[size] = '\0';
	*text = body;
	return ERR_OK;
}

bool
request_drain(struct request *r)
{
	char trash[8192];
	size_t all = 0;
	int n;

	while (all < REQUEST_DRAIN_MAX &&
	       (n = FCGX_GetStr(trash, sizeof(trash), r->fcgi.in)) > 0)
		all += (size_t)n;
	return at_end(r);
}

static void
count(const struct request *r, const struct request_end *end)
{
	const struct dimensions *d =
	    scoreboard_dimensions(r->responder->scoreboard);

	scoreboard_observe(r->responder->counters, FAMILY_REQUEST_DURATION,
			   dimension_route(d, end->endpoint, end->method),
			   dimension_code(d, end->status), end->duration_us);
}

static void
log_line(const struct request *r, const struct request_end *end)
{
	/* a path is told where there is no route that stands for it */
	log_info(end->gone ? "request, client gone" : "request",
		 LOG_S("method", r->method ? r->method : "-"),
		 LOG_S("route", end->endpoint ? end->endpoint->path : "-"),
		 LOG_S("path", end->endpoint ? NULL : r->path),
		 LOG_I("status", end->status),
		 LOG_R("duration_ms", (double)end->duration_us / 1000.0),
		 LOG_S("subject", *r->token.subject ? r->token.subject : NULL));
}

/* The one place that hears of every request's end; its parameters can still
 * be read. */
static void
tell_end(const struct request *r, bool gone)
{
	const struct request_end end = {
	    .method = dimension_method(r->method),
	    .endpoint = r->match.endpoint,
	    .status = r->status,
	    .duration_us = clock_mono_us() - r->begun_us,
	    .answered = r->answered,
	    .gone = gone,
	};

	count(r, &end);
	log_line(r, &end);
	request_span(r, &end);
}

/* Ends the FastCGI request and decides about the connection. */
static bool
hang_up(struct request *r, bool ended)
{
	struct intake *intake = r->responder->intake;
	bool lost;
	int fd;

	FCGX_FClose(r->fcgi.err);
	lost = FCGX_FClose(r->fcgi.out) < 0;
	FCGX_Finish_r(&r->fcgi);
	fd = r->fcgi.ipcFd;
	if (fd < 0)
		return lost;
	if (!ended)
		intake_linger(intake, fd);
	else if (r->keep && !r->parked && !lost)
		intake_keep(intake, fd);
	else
		close(fd);
	return lost;
}

void
request_finish(struct request *r, bool gone)
{
	struct log_context *context = log_context();
	bool ended;

	request_context(r);
	if (!r->answered && !gone)
		reply_error(r, ERR_INTERNAL, NULL);
	ended = request_drain(r);
	if (gone && !r->answered)
		r->status = STATUS_GONE;
	tell_end(r, gone);
	gone = hang_up(r, ended) || gone;
	if (gone)
		scoreboard_add(r->responder->counters, FAMILY_ABORTED, 1);
	scoreboard_add(r->responder->counters, FAMILY_ACTIVE_REQUESTS, -1);
	query_release(&r->query);
	json_decref(r->parameters);
	json_decref(r->body);
	free(r);
	memset(context, 0, sizeof(*context));
}
