/* worker/trail.c: see the header. */
#include "worker/trail.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "worker/work.h"

void
trail_begin(struct trail *trail)
{
	trail->begun_us = trail->step_us = clock_mono_us();
}

void
trail_job(struct trail *trail, const struct job *job)
{
	memcpy(trail->operation, job->type, sizeof(trail->operation));
	memcpy(trail->subject, job->submitted_by, sizeof(trail->subject));
	/* Octets 3 to 34 of a traceparent are the trace id. */
	if (job->traceparent[0])
		memcpy(trail->trace_id, job->traceparent + 3,
		       sizeof(trail->trace_id) - 1);
	memcpy(log_context()->trace_id, trail->trace_id,
	       sizeof(trail->trace_id));
}

static const char *
unless_empty(const char *text)
{
	return text[0] ? text : NULL;
}

static double
ms_since(int64_t from_us, int64_t now_us)
{
	return (double)(now_us - from_us) / 1000.0;
}

static void
tell(struct work *work, const char *what, const char *error)
{
	struct trail *trail = &work->trail;
	int64_t now_us = clock_mono_us();

	log_info(what, LOG_S("job_id", work->id),
		 LOG_S("operation", unless_empty(trail->operation)),
		 LOG_S("subject", unless_empty(trail->subject)),
		 LOG_S("error", error),
		 LOG_R("duration_ms", ms_since(trail->step_us, now_us)));
	trail->step_us = now_us;
}

void
trail_acknowledged(struct work *work)
{
	tell(work, "job acknowledged", NULL);
}

void
trail_started(struct work *work)
{
	tell(work, "job started", NULL);
}

void
trail_result(struct work *work)
{
	const struct response *response = &work->response;

	tell(work, response->failed ? "job failed" : "job completed",
	     response->failed ? response->error : NULL);
}

void
trail_answered(struct work *work)
{
	const struct trail *trail = &work->trail;
	int64_t now_us = clock_mono_us();

	log_info(
	    "job answered", LOG_S("job_id", work->id),
	    LOG_S("trace_id", unless_empty(trail->trace_id)),
	    LOG_S("operation", unless_empty(trail->operation)),
	    LOG_S("subject", unless_empty(trail->subject)),
	    LOG_S("status", work->response.failed ? "failed" : "completed"),
	    LOG_R("duration_ms", ms_since(trail->step_us, now_us)),
	    LOG_R("total_ms", ms_since(trail->begun_us, now_us)));
}
