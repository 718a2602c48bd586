/*
 * t/support/index_node.h: what one responder process knows of the jobs: a
 * client of the test's server, an index and the feed that fills it.
 *
 * What goes wrong here ends the test program with a message.
 */
#ifndef OSAPI_T_SUPPORT_INDEX_NODE_H
#define OSAPI_T_SUPPORT_INDEX_NODE_H

#include "fcgi/feed.h"
#include "fcgi/index.h"
#include "t/support/job_store.h"

struct index_node {
	struct job_store on;
	struct index *index;
	struct feed *feed;
};

/* An empty index whose changes end index_node_look_again_soon. */
struct index *index_node_new_index(void);

/* A client of `world`'s server, which is provisioned, with an index that is
 * being filled. */
void index_node_open(struct index_node *node, const struct job_store *world,
		     const struct config_override *overrides);
void index_node_close(struct index_node *node);

/* Waits until some index changes, but not for long: for what nobody
 * announces. */
void index_node_look_again_soon(void);

/* Waits, up to a guard, until it is filled; false: it is not. */
bool index_node_await_ready(struct index_node *node);

#endif
