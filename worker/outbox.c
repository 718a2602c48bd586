/* worker/outbox.c: a list and a thread that tries; see the header. */
#include "worker/outbox.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "lib/log.h"
#include "worker/runner.h"

struct outbox {
	struct worker *worker;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* all below */
	struct work *first;
	struct work **last;
	size_t count; /* the one that is being tried too */
	bool stopping;
};

static void
append(struct outbox *outbox, struct work *work)
{
	work->next = NULL;
	*outbox->last = work;
	outbox->last = &work->next;
}

static struct work *
take(struct outbox *outbox)
{
	struct work *work;

	pthread_mutex_lock(&outbox->lock);
	work = outbox->stopping ? NULL : outbox->first;
	if (work) {
		outbox->first = work->next;
		if (!outbox->first)
			outbox->last = &outbox->first;
	}
	pthread_mutex_unlock(&outbox->lock);
	return work;
}

/* Tries once each; false: one could not be sent, the rest would not either. */
static bool
send_all(struct outbox *outbox)
{
	struct work *work;

	while ((work = take(outbox))) {
		bool sent;

		pulse_beat(&outbox->worker->pulse, PULSE_DELIVER,
			   PULSE_IDLE_MS);
		sent = runner_finish(outbox->worker->runner, work);
		pthread_mutex_lock(&outbox->lock);
		if (sent)
			outbox->count--;
		else
			append(outbox, work);
		pthread_mutex_unlock(&outbox->lock);
		if (!sent)
			return false;
		worker_wake(outbox->worker);
	}
	return true;
}

static void *
outbox_main(void *arg)
{
	struct outbox *outbox = arg;
	struct pollfd wait = {.fd = outbox->worker->outbox_fd,
			      .events = POLLIN};
	int64_t delay_ms = OUTBOX_RETRY_MIN_MS;
	eventfd_t count;
	bool done = true;
	bool stopping;

	do {
		int64_t wait_ms = done ? PULSE_IDLE_MS : delay_ms;

		pulse_beat(&outbox->worker->pulse, PULSE_DELIVER, wait_ms);
		poll(&wait, 1, (int)wait_ms);
		if (eventfd_read(outbox->worker->outbox_fd, &count) == 0)
			delay_ms = OUTBOX_RETRY_MIN_MS;
		else if (delay_ms < OUTBOX_RETRY_MAX_MS)
			delay_ms *= 2;
		done = send_all(outbox);
		pthread_mutex_lock(&outbox->lock);
		stopping = outbox->stopping;
		pthread_mutex_unlock(&outbox->lock);
	} while (!stopping);
	pulse_end(&outbox->worker->pulse, PULSE_DELIVER);
	return NULL;
}

enum err
outbox_new(struct worker *worker, struct outbox **outbox, struct err_info *info)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	o->worker = worker;
	o->last = &o->first;
	pthread_mutex_init(&o->lock, NULL);
	o->running = pthread_create(&o->thread, NULL, outbox_main, o) == 0;
	if (!o->running) {
		outbox_free(o);
		return err_set(info, ERR_NO_MEMORY, "no thread for the outbox");
	}
	*outbox = o;
	return ERR_OK;
}

void
outbox_put(struct outbox *outbox, struct work *work)
{
	log_warning("NATS cannot be reached, kept until it can",
		    LOG_S("job_id", work->id),
		    LOG_S("what", work->has_result ? "result" : "answer"));
	pthread_mutex_lock(&outbox->lock);
	append(outbox, work);
	outbox->count++;
	pthread_mutex_unlock(&outbox->lock);
	eventfd_write(outbox->worker->outbox_fd, 1);
}

size_t
outbox_count(struct outbox *outbox)
{
	size_t count;

	pthread_mutex_lock(&outbox->lock);
	count = outbox->count;
	pthread_mutex_unlock(&outbox->lock);
	return count;
}

void
outbox_stop(struct outbox *outbox)
{
	struct work *work;

	if (!outbox->running)
		return;
	pthread_mutex_lock(&outbox->lock);
	outbox->stopping = true;
	pthread_mutex_unlock(&outbox->lock);
	eventfd_write(outbox->worker->outbox_fd, 1);
	pthread_join(outbox->thread, NULL);
	outbox->running = false;
	for (work = outbox->first; work; work = work->next)
		if (work->has_result)
			log_error("result not delivered",
				  LOG_S("job_id", work->id),
				  LOG_S("next", work->claimed
						    ? "at the next start"
						    : "the job runs again"));
}

void
outbox_free(struct outbox *outbox)
{
	struct work *work;

	if (!outbox)
		return;
	while ((work = outbox->first)) {
		outbox->first = work->next;
		work_free(work);
	}
	pthread_mutex_destroy(&outbox->lock);
	free(outbox);
}
