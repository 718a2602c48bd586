/* cli/api_trace.c: see the header. */
#include "cli/api_trace.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/uuid.h"

#define FLUSH_MS 1000 /* that a command may end later for its spans */

enum err
api_trace_begin(const struct config *config, struct api_trace *trace,
		struct err_info *info)
{
	char host[HOST_NAME_MAX + 1] = "", instance[UUID_SIZE];
	const struct tracer_options options = {
	    .resource = {.service = "osapi",
			 .version = OSAPI_VERSION,
			 .host = host,
			 .instance = instance},
	    .fd = STDERR_FILENO, /* the answer has stdout */
	};
	struct trace caller;

	*trace = (struct api_trace){.begun_ns = clock_wall_ns()};
	if (trace_read(&caller, getenv("TRACEPARENT"), getenv("TRACESTATE"))) {
		trace_child(&caller, &trace->trace);
		memcpy(trace->parent, caller.span, sizeof(trace->parent));
	} else {
		/* What a person asked for is worth a trace where the API
		 * records any, whether we do or not. */
		trace_start(&trace->trace, true);
	}
	gethostname(host, sizeof(host) - 1);
	uuid_make(instance);
	return tracer_new(config, &options, &trace->tracer, info);
}

void
api_trace_end(struct api_trace *trace)
{
	tracer_end(trace->tracer, &(struct span){
				      .trace = &trace->trace,
				      .parent = trace->parent,
				      .remote = true,
				      .kind = SPAN_INTERNAL,
				      .name = "osapi client",
				      .start_ns = trace->begun_ns,
				      .end_ns = clock_wall_ns(),
				  });
	tracer_free(trace->tracer, FLUSH_MS);
	trace->tracer = NULL;
}

void
api_trace_send(const struct api_trace *trace, struct api_trace_call *call,
	       struct http_request *request)
{
	if (trace->tracer)
		trace_child(&trace->trace, &call->trace);
	else
		call->trace = trace->trace;
	call->begun_ns = clock_wall_ns();
	request->traceparent =
	    trace_parent_text(&call->trace, call->parent_text);
	request->tracestate = call->trace.state;
}

struct place { /* of a request; each NULL where it is not known */
	CURLU *url;
	char *full; /* without credentials and query, where secrets may be */
	char *host;
	char *port;
};

static void
find_place(const char *url, struct place *place)
{
	*place = (struct place){.url = curl_url()};
	if (!place->url ||
	    curl_url_set(place->url, CURLUPART_URL, url, 0) != CURLUE_OK)
		return;
	curl_url_set(place->url, CURLUPART_USER, NULL, 0);
	curl_url_set(place->url, CURLUPART_PASSWORD, NULL, 0);
	curl_url_set(place->url, CURLUPART_QUERY, NULL, 0);
	curl_url_get(place->url, CURLUPART_URL, &place->full, 0);
	curl_url_get(place->url, CURLUPART_HOST, &place->host, 0);
	curl_url_get(place->url, CURLUPART_PORT, &place->port,
		     CURLU_DEFAULT_PORT);
}

static void
release_place(struct place *place)
{
	curl_free(place->full);
	curl_free(place->host);
	curl_free(place->port);
	curl_url_cleanup(place->url);
}

void
api_trace_sent(const struct api_trace *trace, const struct api_trace_call *call,
	       const struct http_request *request,
	       const struct http_response *response, enum err code)
{
	char status[16] = "";
	struct place place;
	bool failed = code != ERR_OK || response->status >= 400;

	if (!tracer_wants(trace->tracer, &call->trace))
		return;
	if (code == ERR_OK)
		snprintf(status, sizeof(status), "%d", response->status);
	find_place(request->url, &place);
	tracer_end(
	    trace->tracer,
	    &(struct span){
		.trace = &call->trace,
		.parent = trace->trace.span,
		.kind = SPAN_CLIENT,
		.name = request->method,
		.start_ns = call->begun_ns,
		.end_ns = clock_wall_ns(),
		.failed = failed,
		.error = code ? err_text(code) : NULL,
		.attributes =
		    (const struct span_attribute[]){
			SPAN_T("http.request.method", request->method),
			SPAN_T("url.full", place.full),
			SPAN_T("server.address", place.host),
			SPAN_N("server.port",
			       place.port ? strtol(place.port, NULL, 10) : 0),
			SPAN_N("http.response.status_code",
			       code ? 0 : response->status),
			SPAN_T("error.type", code     ? err_name(code)
					     : failed ? status
						      : NULL),
			SPAN_T("user_agent.original", "osapi/" OSAPI_VERSION),
			SPAN_T("osapi.request.id",
			       code ? NULL : response->request_id),
			{.key = NULL},
		    },
	    });
	release_place(&place);
}
