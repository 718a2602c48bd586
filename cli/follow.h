/*
 * cli/follow.h: a job is asked for until it has ended.
 */
#ifndef OSAPI_CLI_FOLLOW_H
#define OSAPI_CLI_FOLLOW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/api.h"
#include "cli/http.h"

struct followed {
	const char *id;
	int64_t limit_ms; /* of waiting; 0: none at all, -1: no limit */
	bool patient;     /* the API may be away for a while */
	struct http_response response; /* the last answer */
	json_t *job;                   /* its JSON, owned */
};

/*
 * GET of the job until it has ended or the limit is over.  A line on stderr
 * tells on a terminal how far it is.  0 (also when it has not ended), or an
 * exit code after a line on stderr; follow_release is due in any case.
 */
int follow(const struct api *api, struct followed *followed);

void follow_release(struct followed *followed);

/* From now on SIGINT, SIGTERM and SIGHUP end the program after saying that job
 * `id` goes on; NULL: that one is being submitted.  Copies the id. */
void follow_leave(const char *id);

#endif
