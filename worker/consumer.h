/*
 * worker/consumer.h: where this worker's jobs come from.
 *
 * For each lane and each target that reaches this host one durable pull
 * consumer: `_any` shared with all workers (made by the API); the host, `_all`
 * and every prefix of every label its own, made here, beginning with what is
 * published after that, deleted by the server when nobody asked for days.
 *
 * Requests are asynchronous: one inbox, no thread a consumer.  Only as many
 * messages are asked for as could begin at once, so that a busy worker does
 * not sit on work; what comes nevertheless (all consumers are asked at the
 * same time) is handed back at once where another worker could do it.
 * worker->pull_fd makes its thread look again: a slot got free, the
 * connection changed.
 */
#ifndef OSAPI_WORKER_CONSUMER_H
#define OSAPI_WORKER_CONSUMER_H

#include "lib/error.h"
#include "worker/worker.h"

struct consumers;

/* Subscribes the inbox and starts the thread that asks. */
enum err consumers_new(struct worker *worker, struct consumers **consumers,
		       struct err_info *info);

/* Asks no more, and hands back what comes. */
void consumers_stop(struct consumers *consumers);

/* NULL is accepted. */
void consumers_free(struct consumers *consumers);

#endif
