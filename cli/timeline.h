/*
 * cli/timeline.h: how long each step of a job took, from the times of its
 * events.
 *
 * Times of several hosts come from their own clocks: where these differ, a
 * step may have a time below 0, and is shown so.
 */
#ifndef OSAPI_CLI_TIMELINE_H
#define OSAPI_CLI_TIMELINE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#define TIMELINE_SPAN_SIZE 32

/* "12 ms", "3.25 s", "2 min 05 s", "1 h 30 min", "2 d 04 h"; returns buf. */
char *timeline_span(int64_t ns, char buf[static TIMELINE_SPAN_SIZE]);

/*
 * The events of a job of the API, each with `after`, the time since the job
 * was submitted, and `step`, that since the host's step before (its first:
 * since it was submitted).  The caller owns it.
 */
json_t *timeline_events(const json_t *job);

/*
 * The hosts of its worker_states, each with `waited` until it began, `ran`
 * until it ended, and `total`, where these are known.  The caller owns it.
 */
json_t *timeline_hosts(const json_t *job);

/* Both as tables; nothing where there is nothing. */
void timeline_print(FILE *out, const json_t *job);

#endif
