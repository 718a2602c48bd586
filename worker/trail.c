/* worker/trail.c: see the header. */
#include "worker/trail.h"

#include <stdio.h>
#include <string.h>

#include "lib/job_span.h"
#include "lib/log.h"
#include "lib/tracer.h"
#include "worker/work.h"
#include "worker/worker.h"

void
trail_begin(struct trail *trail)
{
	trail->begun_ns = clock_wall_ns();
	trail->begun_us = trail->step_us = clock_mono_us();
}

void
trail_enter(const struct work *work)
{
	struct log_context *context = log_context();

	memcpy(context->job_id, work->id, sizeof(context->job_id));
	memcpy(context->trace_id, work->trail.trace.id, TRACE_ID_SIZE);
}

void
trail_leave(void)
{
	struct log_context *context = log_context();

	context->job_id[0] = context->trace_id[0] = '\0';
}

void
trail_job(struct worker *worker, struct trail *trail, const struct job *job)
{
	struct trace published;
	bool known = trace_read(&published, job->traceparent, job->tracestate);

	memcpy(trail->operation, job->type, sizeof(trail->operation));
	memcpy(trail->subject, job->submitted_by, sizeof(trail->subject));
	tracer_begin(worker->tracer, known ? &published : NULL, &trail->trace);
	if (known)
		memcpy(trail->parent, published.span, sizeof(trail->parent));
	memcpy(log_context()->trace_id, trail->trace.id, TRACE_ID_SIZE);
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

	log_info(what, LOG_S("operation", unless_empty(trail->operation)),
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
	    "job answered", LOG_S("operation", unless_empty(trail->operation)),
	    LOG_S("subject", unless_empty(trail->subject)),
	    LOG_S("status", work->response.failed ? "failed" : "completed"),
	    LOG_R("duration_ms", ms_since(trail->step_us, now_us)),
	    LOG_R("total_ms", ms_since(trail->begun_us, now_us)));
}

void
trail_provider(struct worker *worker, struct work *work, const char *name,
	       int64_t begun_ns, enum err err, const struct err_info *info)
{
	const struct trail *trail = &work->trail;
	struct trace trace;

	if (!tracer_wants(worker->tracer, &trail->trace))
		return;
	trace_child(&trail->trace, &trace);
	tracer_end(worker->tracer,
		   &(struct span){
		       .trace = &trace,
		       .parent = trail->trace.span,
		       .kind = SPAN_INTERNAL,
		       .name = trail->operation,
		       .start_ns = begun_ns,
		       .end_ns = clock_wall_ns(),
		       .failed = err != ERR_OK,
		       .error = err ? info->text : NULL,
		       .attributes =
			   (const struct span_attribute[]){
			       SPAN_T("osapi.job.id", work->id),
			       SPAN_T("osapi.operation", trail->operation),
			       SPAN_T("osapi.provider", name),
			       SPAN_T("error.type", err ? err_name(err) : NULL),
			       {.key = NULL},
			   },
		   });
}

/* What went wrong with it, NULL: nothing. */
static const char *
why_failed(const struct work *work)
{
	if (work->response.failed)
		return work->response.error;
	switch (work->end) {
	case WORK_NAK:
		return "handed back";
	case WORK_TERMINATE:
		return "refused";
	case WORK_ACK:
		break;
	}
	return NULL;
}

void
trail_end(struct worker *worker, struct work *work, const char *error)
{
	const struct trail *trail = &work->trail;
	int64_t spent_us = clock_mono_us() - trail->begun_us;

	if (!error)
		error = why_failed(work);
	job_span_end(worker->tracer,
		     &(struct job_span){
			 .processed = true,
			 .trace = &trail->trace,
			 .parent = trail->parent,
			 .subject = work->subject,
			 .job_id = work->id,
			 .operation = trail->operation,
			 .start_ns = trail->begun_ns,
			 .end_ns = trail->begun_ns + spent_us * 1000,
			 .failed = error != NULL,
			 .error = error,
		     });
}
