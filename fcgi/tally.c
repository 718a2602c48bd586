/*
 * fcgi/tally.c: see tally.h.
 */
#include "fcgi/tally.h"

#include <string.h>

#define NS_PER_US 1000

void
tally_begin(struct tally *tally, uint64_t last)
{
	if (!tally)
		return;
	scoreboard_begin(tally->scoreboard, last, tally->anew);
	tally->anew = false;
}

void
tally_anew(struct tally *tally)
{
	if (tally)
		tally->anew = true;
}

static size_t
operation(const struct tally *tally, int number)
{
	return dimension_operation(scoreboard_dimensions(tally->scoreboard),
				   number);
}

void
tally_job(const struct tally *tally, uint64_t revision, const char *type)
{
	const struct spec_operation *found, *list;
	size_t n;

	if (!tally || !scoreboard_claim(tally->scoreboard, revision))
		return;
	found = spec_operation(tally->spec, type);
	list = spec_operations(tally->spec, &n);
	scoreboard_count(scoreboard_slot(tally->scoreboard, tally->slot),
			 FAMILY_JOBS_SUBMITTED,
			 operation(tally, found ? (int)(found - list) : -1), 0,
			 1);
}

/* The first event of its kind from this host. */
static void
count_host(struct scoreboard_slot *slot, size_t operation,
	   const struct event *event, const struct index_step *step)
{
	bool failed = event->event == JOB_EVENT_FAILED;

	if (strcmp(event->hostname, JOB_API_HOST) == 0) {
		if (failed && step->ended)
			scoreboard_count(slot, FAMILY_JOBS_GIVEN_UP, operation,
					 0, 1);
		return;
	}
	if (step->queued_ns >= 0)
		scoreboard_observe(slot, FAMILY_JOB_QUEUED, operation, 0,
				   step->queued_ns / NS_PER_US);
	if (step->ran_ns >= 0)
		scoreboard_observe(slot, FAMILY_JOB_RUN, operation, failed,
				   step->ran_ns / NS_PER_US);
}

void
tally_event(const struct tally *tally, uint64_t revision,
	    const struct event *event, const struct index_step *step)
{
	struct scoreboard_slot *slot;
	size_t number;

	if (!tally || !step->first ||
	    !scoreboard_claim(tally->scoreboard, revision))
		return;
	slot = scoreboard_slot(tally->scoreboard, tally->slot);
	number = operation(tally, step->operation);
	count_host(slot, number, event, step);
	if (step->ended && job_status_final(step->status))
		scoreboard_count(slot, FAMILY_JOBS_FINISHED, number,
				 (size_t)(step->status - JOB_COMPLETED), 1);
}
