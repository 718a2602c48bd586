/*
 * fcgi/park.c: a request that waits for its job without a thread.
 */
#include "fcgi/park.h"

#include "fcgi/reply.h"
#include "fcgi/request_span.h"
#include "fcgi/responder.h"
#include "lib/clock.h"

static void
finish(enum wake why, void *arg)
{
	struct request *r = arg;

	scoreboard_add(r->responder->counters, FAMILY_WAITERS, -1);
	request_context(r);
	request_span_wait(r, why);
	if (why != WAKE_GONE)
		r->render(r, why);
	request_finish(r, why == WAKE_GONE);
}

enum handled
park(struct request *r, enum index_progress until, int64_t timeout_ms,
     void (*render)(struct request *request, enum wake why))
{
	struct scoreboard_slot *counters = r->responder->counters;
	struct err_info info = {""};
	enum err err;

	/* All before waiters_park: it may come back before that returns. */
	r->render = render;
	r->parked = true;
	r->parked_ns = clock_wall_ns();
	scoreboard_add(counters, FAMILY_WAITERS, 1);
	err = waiters_park(r->responder->waiters, r->job_id, until, timeout_ms,
			   r->fcgi.ipcFd, finish, r);
	if (!err)
		return PARKED;
	r->parked = false;
	scoreboard_add(counters, FAMILY_WAITERS, -1);
	if (err == ERR_BUSY)
		err_set(&info, err,
			"too many clients wait; the job goes on, ask for it "
			"later");
	reply_error_job(r, err, &info, r->job_id);
	return HANDLED;
}
