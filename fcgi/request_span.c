/*
 * fcgi/request_span.c: names and attributes as OpenTelemetry's semantic
 * conventions for HTTP servers have them.
 *
 * Query strings stay out: they are the one place where a client might put a
 * secret by mistake.
 */
#include "fcgi/request_span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/responder.h"
#include "lib/clock.h"

#define NAME_SIZE 160

/* A whole number as the web server gives it, 0: none. */
static int64_t
number_param(const struct request *r, const char *name)
{
	const char *text = request_param(r, name);

	return text ? strtol(text, NULL, 10) : 0;
}

/* "HTTP/1.1" -> "1.1" */
static const char *
version_param(const struct request *r)
{
	const char *text = request_param(r, "SERVER_PROTOCOL");

	return text && !strncmp(text, "HTTP/", 5) ? text + 5 : NULL;
}

/* "GET /api/v1/jobs/{id}", "GET" where there is no route. */
static void
make_name(const struct request_end *end, char name[static NAME_SIZE])
{
	bool known = end->method[0] != '_';

	snprintf(name, NAME_SIZE, "%s%s%s", known ? end->method : "HTTP",
		 end->endpoint ? " " : "",
		 end->endpoint ? end->endpoint->path : "");
}

/* Probes and scrapes come every few seconds: a trace only where their client
 * began it. */
static bool
is_probe(const struct request *r)
{
	return !*r->parent && r->match.endpoint &&
	       strncmp(r->match.endpoint->path, "/api/", 5) != 0;
}

void
request_span(const struct request *r, const struct request_end *end)
{
	char name[NAME_SIZE], status[16];
	bool failed = end->status >= 500;
	bool known = end->method[0] != '_';

	if (!tracer_wants(r->responder->tracer, &r->trace) || is_probe(r))
		return;
	make_name(end, name);
	snprintf(status, sizeof(status), "%d", end->status);
	tracer_end(
	    r->responder->tracer,
	    &(struct span){
		.trace = &r->trace,
		.parent = r->parent,
		.remote = true,
		.kind = SPAN_SERVER,
		.name = name,
		.start_ns = r->begun_ns,
		.end_ns = r->begun_ns + end->duration_us * 1000,
		.failed = failed,
		.attributes =
		    (const struct span_attribute[]){
			SPAN_T("http.request.method", end->method),
			SPAN_T("http.request.method_original",
			       known ? NULL : r->method),
			SPAN_T("http.route",
			       end->endpoint ? end->endpoint->path : NULL),
			SPAN_N("http.response.status_code", end->status),
			SPAN_T("error.type", failed ? status : NULL),
			SPAN_T("url.path", r->path),
			SPAN_T("url.scheme",
			       request_param(r, "REQUEST_SCHEME")),
			SPAN_T("server.address",
			       request_param(r, "SERVER_NAME")),
			SPAN_N("server.port", number_param(r, "SERVER_PORT")),
			SPAN_T("client.address",
			       request_param(r, "REMOTE_ADDR")),
			SPAN_T("network.protocol.version", version_param(r)),
			SPAN_T("user_agent.original",
			       request_param(r, "HTTP_USER_AGENT")),
			SPAN_T("osapi.request.id", r->id),
			SPAN_T("osapi.job.id", r->job_id),
			SPAN_T("enduser.id", r->token.subject),
			{.key = NULL},
		    },
	    });
}

void
request_span_wait(const struct request *r, enum wake why)
{
	static const char *const reasons[] = {[WAKE_COMPLETE] = "complete",
					      [WAKE_TIMEOUT] = "timeout",
					      [WAKE_GONE] = "client gone",
					      [WAKE_DRAIN] = "drain"};
	struct trace trace;

	if (!tracer_wants(r->responder->tracer, &r->trace))
		return;
	trace_child(&r->trace, &trace);
	tracer_end(r->responder->tracer,
		   &(struct span){
		       .trace = &trace,
		       .parent = r->trace.span,
		       .kind = SPAN_INTERNAL,
		       .name = "wait for job",
		       .start_ns = r->parked_ns,
		       .end_ns = clock_wall_ns(),
		       .attributes =
			   (const struct span_attribute[]){
			       SPAN_T("osapi.job.id", r->job_id),
			       SPAN_T("osapi.wake", reasons[why]),
			       {.key = NULL},
			   },
		   });
}
