/*
 * fcgi/handlers/metrics.c: what a scrape sees.  Waits for nothing, so that it
 * tells of NATS also while that is away.
 */
#include "fcgi/metrics.h"

#include <stdlib.h>

#include "fcgi/handler.h"
#include "fcgi/reply.h"
#include "fcgi/responder.h"
#include "lib/clock.h"

enum handled
metrics(struct request *r)
{
	struct responder *responder = r->responder;
	const struct config *config = responder->config;
	bool connected = broker_connected(responder->broker);
	struct metrics_facts facts = {
	    .scoreboard = responder->scoreboard,
	    .version = OSAPI_VERSION,
	    .processes = config->api.server.fcgi.processes,
	    .max_waiters = config->api.server.fcgi.max_waiters *
			   config->api.server.fcgi.processes,
	    .now_ns = clock_wall_ns(),
	};
	enum exposition_format format =
	    exposition_choose(request_param(r, "HTTP_ACCEPT"));
	struct worker_census census = {.list = NULL};
	struct index_counts counts;
	char *text = NULL;
	size_t size = 0;
	enum err err = ERR_OK;

	scoreboard_set(responder->counters, FAMILY_NATS_CONNECTED, 0,
		       connected);
	if (connected && feed_ready(responder->feed, NULL)) {
		index_counts(responder->index, &counts);
		facts.counts = &counts;
	}
	if (connected && workers_ready(responder->workers)) {
		err = workers_census(responder->workers, clock_mono_ms(),
				     METRICS_HOSTS_MAX, &census);
		facts.workers = &census;
	}
	if (!err)
		err = metrics_render(&facts, format, &text, &size);
	reply_header(r, "Vary", "Accept");
	if (err)
		reply_error(r, err, NULL);
	else
		reply_text(r, 200, exposition_type(format), text, size);
	free(census.list);
	free(text);
	return HANDLED;
}
