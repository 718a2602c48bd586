/*
 * lib/job_status.c: the state machine of a job.
 *
 * A final status stays.  Events may be seen out of order, so a job may be
 * found completed without ever having been seen processing.
 */
#include "lib/job.h"

#include <assert.h>
#include <string.h>

static const char *const texts[] = {
    [JOB_SUBMITTED] = "submitted",
    [JOB_PROCESSING] = "processing",
    [JOB_COMPLETED] = "completed",
    [JOB_FAILED] = "failed",
    [JOB_PARTIAL_FAILURE] = "partial_failure",
};

static const bool allowed[JOB_STATUS_COUNT][JOB_STATUS_COUNT] = {
    [JOB_SUBMITTED] = {[JOB_SUBMITTED] = true,
		       [JOB_PROCESSING] = true,
		       [JOB_COMPLETED] = true,
		       [JOB_FAILED] = true,
		       [JOB_PARTIAL_FAILURE] = true},
    [JOB_PROCESSING] = {[JOB_PROCESSING] = true,
			[JOB_COMPLETED] = true,
			[JOB_FAILED] = true,
			[JOB_PARTIAL_FAILURE] = true},
    [JOB_COMPLETED] = {[JOB_COMPLETED] = true},
    [JOB_FAILED] = {[JOB_FAILED] = true},
    [JOB_PARTIAL_FAILURE] = {[JOB_PARTIAL_FAILURE] = true},
};

const char *
job_status_text(enum job_status status)
{
	return status < JOB_STATUS_COUNT ? texts[status] : "unknown";
}

enum err
job_status_parse(const char *text, enum job_status *status)
{
	for (unsigned i = 0; i < JOB_STATUS_COUNT; i++) {
		if (strcmp(texts[i], text) == 0) {
			*status = (enum job_status)i;
			return ERR_OK;
		}
	}
	return ERR_INVALID;
}

bool
job_status_final(enum job_status status)
{
	return status == JOB_COMPLETED || status == JOB_FAILED ||
	       status == JOB_PARTIAL_FAILURE;
}

bool
job_status_allowed(enum job_status from, enum job_status to)
{
	return from < JOB_STATUS_COUNT && to < JOB_STATUS_COUNT &&
	       allowed[from][to];
}

void
job_status_move(enum job_status *status, enum job_status to)
{
	assert(job_status_allowed(*status, to));
	*status = to;
}

enum job_status
job_status_compute(size_t expected, size_t begun, size_t completed,
		   size_t failed)
{
	if (begun == 0 && completed == 0 && failed == 0)
		return JOB_SUBMITTED;
	if (completed + failed < expected)
		return JOB_PROCESSING;
	if (failed == 0)
		return JOB_COMPLETED;
	return completed == 0 ? JOB_FAILED : JOB_PARTIAL_FAILURE;
}
