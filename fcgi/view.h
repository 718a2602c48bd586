/*
 * fcgi/view.h: what the index knows of a job, as the JSON that clients read.
 *
 * Bodies that the index does not keep are read from the store by key, which
 * is a round trip each; with `store` NULL they are left out.  No lock is
 * held; from every thread.
 */
#ifndef OSAPI_FCGI_VIEW_H
#define OSAPI_FCGI_VIEW_H

#include <jansson.h>
#include <stddef.h>

#include "fcgi/index.h"
#include "lib/error.h"
#include "lib/store.h"
#include "lib/subject.h"

/*
 * The job: id, status, created, updated_at, hostname, target_hostname,
 * operation{type, data}, result (one host) or responses {host: {...}}
 * (several), error, worker_states, timeline, submitted_by, expires_at,
 * retry_of.  The caller owns *json.  ERR_UNAVAILABLE and the like when a body
 * cannot be read, ERR_GONE when it was deleted meanwhile.
 */
enum err view_job(struct store *store, const struct index_view *view,
		  json_t **json, struct err_info *info);

enum view_outcome {
	VIEW_OK,      /* every host that was expected answered well */
	VIEW_PARTIAL, /* at least one did */
	VIEW_FAILED,  /* none did, and at least one failed */
	VIEW_SILENT,  /* none answered */
};

/*
 * The collection {job_id, results: [...]} of a typed endpoint, by host name.
 * Every expected host and every other that answered has an entry:
 *  - its data with `hostname` in it; for JOB_MODIFY {hostname, status: "ok"}
 *  - {hostname, status: "failed", error}, also when the API gave up after it
 *    had begun
 *  - {hostname, status: "timeout", error?} for one that has not answered
 * Where one answer of whoever decides, only those that completed are told,
 * else those that failed, else those that began.  Errors as view_job.
 */
enum err view_collection(struct store *store, const struct index_view *view,
			 enum job_kind kind, enum view_outcome *outcome,
			 json_t **json, struct err_info *info);

#endif
