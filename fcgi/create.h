/*
 * fcgi/create.h: makes a job: names, times, expected hosts, signature, store.
 */
#ifndef OSAPI_FCGI_CREATE_H
#define OSAPI_FCGI_CREATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi/responder.h"
#include "lib/error.h"
#include "lib/job.h"
#include "lib/spec.h"
#include "lib/trace.h"

struct create {
	const struct spec_operation *operation;
	json_t *data; /* operation.data, valid; not owned */
	struct target target;
	enum job_lane lane;
	int64_t lifetime_ms; /* until no worker may begin it */
	bool live_only;      /* refuse a target that no live worker matches */
	const char *submitted_by;
	const struct trace *trace; /* of the span that wants it */
	const char *retry_of;      /* the job that it repeats, "" none */
	const char *id;            /* to be used, NULL: a new one */
};

/*
 * Stores the job, its notification, and puts it into the index.  job->id is
 * written in any case that may have stored something.  On success *job is due
 * to job_release.  ERR_UNAVAILABLE at once when NATS is away or nothing is
 * known of the workers yet; ERR_NOT_FOUND with live_only: no live worker
 * matches; ERR_BUSY: the store is full (reserve_check); ERR_UNKNOWN_OUTCOME;
 * ERR_EXISTS: the id is taken.
 */
enum err create_job(struct responder *responder, const struct create *create,
		    struct job *job, uint64_t *revision, struct err_info *info);

#endif
