/*
 * fcgi/provision.c: sees to it that NATS has what the store needs.
 *
 * A failure is logged when its words change, not at each attempt.
 */
#include "fcgi/provision.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/link.h"
#include "lib/log.h"

#define FIRST_MS 250
#define LAST_MS  5000
#define LOOK_MS  500 /* between two looks for a reconnect */

struct provision {
	struct broker *broker;
	struct store *store;
	const struct config_nats *nats;
	pthread_t thread;
	pthread_cond_t wake;
	pthread_mutex_t mutex; /* of what follows */
	bool stop;
	bool done;
	struct err_info why; /* it is not done, "" not tried */
};

/* Waits up to `ms`; true when the thread has to end. */
static bool
rest(struct provision *p, int64_t ms)
{
	struct timespec until = clock_mono_deadline(ms);
	bool stop;
	int rc = 0;

	pthread_mutex_lock(&p->mutex);
	while (!p->stop && rc == 0)
		rc = pthread_cond_timedwait(&p->wake, &p->mutex, &until);
	stop = p->stop;
	pthread_mutex_unlock(&p->mutex);
	return stop;
}

static void
note(struct provision *p, enum err err, const struct err_info *info)
{
	bool news;

	pthread_mutex_lock(&p->mutex);
	news = err ? strcmp(p->why.text, info->text) != 0 : !p->done;
	if (err)
		p->why = *info;
	else
		p->done = true;
	pthread_mutex_unlock(&p->mutex);
	if (err == ERR_INVALID && news)
		log_error("NATS refuses what the configuration asks for",
			  LOG_S("error", info->text));
	else if (err && news)
		log_warning("the job store is not ready",
			    LOG_S("error", info->text));
	else if (news)
		log_info("the job store is ready");
}

static enum err
not_connected(const struct provision *p, struct err_info *info)
{
	char reason[256];

	link_reason(broker_url(p->broker), p->nats, reason, sizeof(reason));
	return err_set(info, ERR_UNAVAILABLE, "NATS is not connected (%s): %s",
		       broker_url(p->broker), reason);
}

/* Tries until it succeeds; true when the thread has to end. */
static bool
attempt(struct provision *p, uint64_t *reconnects)
{
	int64_t delay = FIRST_MS;

	for (;;) {
		struct err_info info = {""};
		enum err err;

		*reconnects = broker_reconnects(p->broker);
		err = broker_connected(p->broker)
			  ? store_provision(p->store, &info)
			  : not_connected(p, &info);
		note(p, err, &info);
		if (!err)
			return false;
		if (rest(p, delay))
			return true;
		/* Away is looked at often, refusals ever more seldom. */
		if (err != ERR_UNAVAILABLE)
			delay = delay * 2 < LAST_MS ? delay * 2 : LAST_MS;
	}
}

static void *
run(void *arg)
{
	struct provision *p = arg;
	uint64_t reconnects;

	while (!attempt(p, &reconnects))
		while (broker_reconnects(p->broker) == reconnects)
			if (rest(p, LOOK_MS))
				return NULL;
	return NULL;
}

enum err
provision_new(struct broker *broker, struct store *store,
	      const struct config_nats *nats, struct provision **provision)
{
	struct provision *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return ERR_NO_MEMORY;
	p->broker = broker;
	p->store = store;
	p->nats = nats;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&p->thread, NULL, run, p) != 0) {
		pthread_cond_destroy(&p->wake);
		pthread_mutex_destroy(&p->mutex);
		free(p);
		return ERR_NO_MEMORY;
	}
	*provision = p;
	return ERR_OK;
}

void
provision_free(struct provision *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->mutex);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

enum err
provision_done(struct provision *p, struct err_info *info)
{
	struct err_info why;
	bool done;

	pthread_mutex_lock(&p->mutex);
	done = p->done;
	why = p->why;
	pthread_mutex_unlock(&p->mutex);
	if (done)
		return ERR_OK;
	return err_set(info, ERR_UNAVAILABLE, "the job store is not ready: %s",
		       *why.text ? why.text : "not asked for yet");
}
