/*
 * lib/job_status.c: the status of a job, which is computed from its events and
 * responses and stored nowhere.
 */
#include "lib/job.h"

#include <string.h>

static const char *const texts[] = {
    [JOB_SUBMITTED] = "submitted",
    [JOB_PROCESSING] = "processing",
    [JOB_COMPLETED] = "completed",
    [JOB_FAILED] = "failed",
    [JOB_PARTIAL_FAILURE] = "partial_failure",
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
