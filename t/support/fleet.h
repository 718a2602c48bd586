/*
 * t/support/fleet.h: a real nats-server with the API's side of the job store
 * (provisioned, with a signing key), and workers in this process that hear it.
 *
 * What goes wrong here ends the test program with a message.  For one thread.
 */
#ifndef OSAPI_T_SUPPORT_FLEET_H
#define OSAPI_T_SUPPORT_FLEET_H

#include <stdbool.h>

#include "lib/signature.h"
#include "lib/store.h"
#include "t/support/nats_server.h"
#include "worker/worker.h"

#define FLEET_LIMIT_MS 60000 /* guards against waiting for ever */

struct fleet {
	struct nats_server *server;
	struct config *config; /* of the API's side */
	struct broker *broker;
	struct store *store;
	struct signer *signer;
	const struct spec *spec;
	char directory[512];
	const char *settings;
};

struct fleet_host {
	const char *name;
	const char *labels; /* "{group: web.dev}", NULL: none */
	int max_jobs;       /* 0: 4 */
	const struct provider *(*find)(const char *operation);
	const char *journal; /* name of the directory; NULL: the host's */
};

/* `settings`: YAML lines below "job:" that all share, each indented by two. */
void fleet_start(struct fleet *fleet, const char *directory,
		 const char *settings);
void fleet_stop(struct fleet *fleet);

/* The configuration of a worker; the caller frees it after the worker. */
struct config *fleet_config(struct fleet *fleet, const struct fleet_host *host);

/* A worker that listens, and its configuration. */
struct worker *fleet_worker(struct fleet *fleet, const struct fleet_host *host);
/* A clean stop, then both are freed. */
void fleet_worker_stop(struct worker *worker);

/* A job that may be stored: release it. */
struct job fleet_job(const char *type, const char *target, enum job_lane lane);

/* Signs and stores it. */
void fleet_submit(struct fleet *fleet, const struct job *job);

/* The last deed of a forger with full broker credentials: stores these octets
 * as the job `id`, whatever is there. */
void fleet_put_job(struct fleet *fleet, const char *id, const char *text,
		   size_t size, const char *signature);

/* Publishes the notification `id` on `subject`. */
void fleet_notify(struct fleet *fleet, const char *subject, const char *id);

/* Calls `check` after each change in the store until it says true; false:
 * FLEET_LIMIT_MS went by. */
bool fleet_wait(struct fleet *fleet, bool (*check)(void *arg), void *arg);

/* Waits for a host's response; release it. */
bool fleet_response(struct fleet *fleet, const char *id, const char *host,
		    struct response *response);

/* Waits for an event of the host, and copies the last one of its kind. */
bool fleet_event(struct fleet *fleet, const char *id, const char *host,
		 enum job_event kind, struct event *event);

/* How many events of this kind the job has. */
int fleet_count_events(struct fleet *fleet, const char *id,
		       enum job_event kind);

/* Waits until every message of JOBS was delivered, answered or not. */
bool fleet_delivered(struct fleet *fleet);

/* Waits until no message of any consumer of JOBS is unanswered or waits. */
bool fleet_settled(struct fleet *fleet);

#endif
