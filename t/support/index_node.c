/* t/support/index_node.c: see the header. */
#include "t/support/index_node.h"

#include <pthread.h>

#include "t/support/must.h"

#define GUARD_MS 90000 /* a failure guard, not a limit */
#define SOON_MS  10

static pthread_mutex_t mutex =
    PTHREAD_MUTEX_INITIALIZER; /* none: for the condition */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void
on_change(const char *job_id, void *arg)
{
	(void)job_id;
	(void)arg;
	pthread_cond_broadcast(&changed);
}

void
index_node_look_again_soon(void)
{
	struct timespec deadline = clock_mono_deadline(SOON_MS);

	pthread_mutex_lock(&mutex);
	pthread_cond_clockwait(&changed, &mutex, CLOCK_MONOTONIC, &deadline);
	pthread_mutex_unlock(&mutex);
}

struct index *
index_node_new_index(void)
{
	struct err_info info = {.text = ""};
	struct index *index = NULL;

	must(index_new(NULL, 0, &index), "index", &info);
	index_on_change(index, on_change, NULL);
	return index;
}

void
index_node_open(struct index_node *node, const struct job_store *world,
		const struct config_override *overrides)
{
	struct err_info info = {.text = ""};

	job_store_join(&node->on, world, overrides);
	node->index = index_node_new_index();
	must(feed_new(node->on.broker, node->on.config, node->index, NULL,
		      &node->feed, &info),
	     "feed", &info);
}

void
index_node_close(struct index_node *node)
{
	feed_free(node->feed);
	job_store_close(&node->on);
	index_free(node->index);
	*node = (struct index_node){.index = NULL};
}

bool
index_node_await_ready(struct index_node *node)
{
	int64_t until_ms = clock_mono_ms() + GUARD_MS;

	while (!feed_ready(node->feed, NULL) && clock_mono_ms() < until_ms)
		index_node_look_again_soon();
	return feed_ready(node->feed, NULL);
}
