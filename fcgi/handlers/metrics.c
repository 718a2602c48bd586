/*
 * fcgi/handlers/metrics.c: what a scrape sees.  Waits for nothing, so that it
 * tells of NATS also while that is away.
 */
#include "fcgi/metrics.h"

#include <jansson.h>
#include <stdlib.h>

#include "fcgi/handler.h"
#include "fcgi/reply.h"
#include "fcgi/responder.h"
#include "lib/clock.h"

static enum err
count_workers(struct responder *r, struct metrics_facts *facts)
{
	const struct target any = {.kind = TARGET_ANY};
	json_t *hosts = NULL;
	enum err err;

	facts->workers_known =
	    facts->nats_connected && workers_ready(r->workers);
	if (!facts->workers_known)
		return ERR_OK;
	err = workers_expected(r->workers, &any, clock_mono_ms(), &hosts,
			       &facts->workers);
	json_decref(hosts);
	return err;
}

enum handled
metrics(struct request *r)
{
	struct responder *responder = r->responder;
	struct metrics_facts facts = {
	    .scoreboard = responder->scoreboard,
	    .spec = responder->spec,
	    .version = OSAPI_VERSION,
	    .nats_connected = broker_connected(responder->broker),
	};
	struct index_counts counts;
	char *text = NULL;
	size_t size = 0;
	enum err err;

	if (facts.nats_connected && feed_ready(responder->feed, NULL)) {
		index_counts(responder->index, &counts);
		facts.counts = &counts;
	}
	err = count_workers(responder, &facts);
	if (!err)
		err = metrics_render(&facts, &text, &size);
	if (err)
		reply_error(r, err, NULL);
	else
		reply_text(r, 200, METRICS_TYPE, text, size);
	free(text);
	return HANDLED;
}
