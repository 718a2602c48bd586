/*
 * cli/job_view.h: a job document of the API, for people.
 */
#ifndef OSAPI_CLI_JOB_VIEW_H
#define OSAPI_CLI_JOB_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/spec.h"

/* Everything: what was asked, the timeline with durations, the hosts
 * and their results. */
void job_view(FILE *out, const struct spec *spec, const json_t *job);

/* Only the results, as the operation's typed endpoint would show them. */
void job_view_results(FILE *out, const struct spec *spec, const json_t *job);

/* How many hosts are known to have part in it, and how many have answered. */
size_t job_view_hosts(const json_t *job);
size_t job_view_answered(const json_t *job);

/* Whether an entry of worker_states is that of a host that has answered. */
bool job_view_host_ended(const json_t *state);

/* Whether the job's status is one that does not change any more, and whether it
 * is completed. */
bool job_view_ended(const json_t *job);
bool job_view_completed(const json_t *job);

#endif
