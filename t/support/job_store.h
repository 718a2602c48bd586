/*
 * t/support/job_store.h: a job store on a nats-server of the test's own.
 *
 * What goes wrong here ends the test program with a message.
 */
#ifndef OSAPI_T_SUPPORT_JOB_STORE_H
#define OSAPI_T_SUPPORT_JOB_STORE_H

#include "lib/broker.h"
#include "lib/config.h"
#include "lib/job.h"
#include "lib/store.h"
#include "t/support/nats_server.h"

struct job_store {
	struct nats_server *server;
	struct config *config; /* the defaults; may be written */
	struct broker *broker; /* connected */
	struct store *store;
	char directory[256];
	bool owns_server;
};

/* Starts a server in `directory` and makes a store that is not provisioned;
 * `overrides` ends with a NULL key (NULL: none). */
void job_store_open(struct job_store *on, const char *directory,
		    const struct config_override *overrides);

/* A second client of the same server. */
void job_store_join(struct job_store *on, const struct job_store *other,
		    const struct config_override *overrides);

/* store_provision, which must succeed. */
void job_store_provision(struct job_store *on);

void job_store_close(struct job_store *on);

/* A new job, system.hostname.get on `target` ("_any", ...);
 * job_release is due. */
void job_store_make(struct job *job, const char *target);

/* Its text; the caller frees. */
char *job_store_text(const struct job *job, size_t *size);

/* Makes, stores and returns one (job_release is due); its revision. */
uint64_t job_store_add(struct job_store *on, struct job *job,
		       const char *target);

/* Messages in a stream now, -1: cannot be read. */
long job_store_messages(struct job_store *on, const char *stream);

#endif
