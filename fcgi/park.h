/*
 * fcgi/park.h: a request that waits for its job without a thread.
 */
#ifndef OSAPI_FCGI_PARK_H
#define OSAPI_FCGI_PARK_H

#include <stdint.h>

#include "fcgi/handler.h"
#include "fcgi/index.h"
#include "fcgi/request.h"

/*
 * Parks the request until request->job_id is as far as `until`, `timeout_ms`
 * is over or the process drains; then `render` answers on a thread of the
 * waiters.  Where the client goes before, nothing is rendered.  When the table
 * is full it answers 503 with the job's id and returns HANDLED.
 */
enum handled park(struct request *request, enum index_progress until,
		  int64_t timeout_ms,
		  void (*render)(struct request *request, enum wake why));

#endif
