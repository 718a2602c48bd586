/*
 * fcgi/tally.h: counts what happens to jobs, once in the pool.
 *
 * Every process reads every change of the job bucket in the order of its
 * numbers.  Whoever comes to a number first claims it in shared memory and
 * counts it (scoreboard_claim); what lay in the bucket when the pool began is
 * nobody's.  So what happens while one process is down is counted by another,
 * or by itself when it is back; what happens while no process runs is not, and
 * a new pool counts from 0, which Prometheus sees as a counter that was reset.
 * A process that ends between claim and count loses that count; until it has
 * counted, what follows may be counted before.
 */
#ifndef OSAPI_FCGI_TALLY_H
#define OSAPI_FCGI_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/index.h"
#include "fcgi/scoreboard.h"
#include "lib/job.h"
#include "lib/spec.h"

struct tally { /* of one process */
	struct scoreboard *scoreboard;
	size_t slot;
	const struct spec *spec;
	bool anew; /* the bucket was made anew, no replay since */
};

/* All accept NULL for `tally`, then nobody counts; on the follower's thread. */

/* A replay begins; the bucket's last number is `last`. */
void tally_begin(struct tally *tally, uint64_t last);

/* The bucket begins anew, with lower numbers. */
void tally_anew(struct tally *tally);

/* A job's document, with its number in the bucket. */
void tally_job(const struct tally *tally, uint64_t revision, const char *type);

/* An event, and what it meant. */
void tally_event(const struct tally *tally, uint64_t revision,
		 const struct event *event, const struct index_step *step);

#endif
