/*
 * fcgi/scoreboard.h: figures of the whole pool, in shared memory.
 *
 * Made by the supervisor before it forks, with room for every value of every
 * family (fcgi/family.h).  Counters and histograms lie in a few shards, so
 * that processes do not write the same cache lines, and stay when a process
 * dies: their sums never go back.  Gauges lie in the slot of their process,
 * one slot for each process that may live at the same time.
 *
 * Each value is one lock-free atomic, so a process that is killed in the
 * middle of an update leaves a whole number behind.  Recording takes no lock
 * and no memory, from every thread.
 */
#ifndef OSAPI_FCGI_SCOREBOARD_H
#define OSAPI_FCGI_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/dimension.h"
#include "fcgi/family.h"
#include "lib/error.h"
#include "lib/spec.h"

#define SCOREBOARD_SLOTS 256

struct scoreboard;
struct scoreboard_slot;

/* ERR_NO_MEMORY.  Children inherit it by fork(2); `spec` outlives it. */
enum err scoreboard_new(const struct spec *spec,
			struct scoreboard **scoreboard);
void scoreboard_free(struct scoreboard *scoreboard);

const struct dimensions *
scoreboard_dimensions(const struct scoreboard *scoreboard);

/* A process's own slot; `slot` is below SCOREBOARD_SLOTS. */
struct scoreboard_slot *scoreboard_slot(struct scoreboard *scoreboard,
					size_t slot);

/* Sets the gauges of a slot to 0: its process is gone. */
void scoreboard_clear_gauges(struct scoreboard *scoreboard, size_t slot);

/* ---- recording ---- */

/* Adds to a family without labels. */
void scoreboard_add(struct scoreboard_slot *slot, enum family family,
		    int64_t n);

/* Adds to the value (a, b) of a counter; numbers as in dimension.h. */
void scoreboard_count(struct scoreboard_slot *slot, enum family family,
		      size_t a, size_t b, int64_t n);

/* One duration for the value (a, b) of a histogram; below 0 counts as 0. */
void scoreboard_observe(struct scoreboard_slot *slot, enum family family,
			size_t a, size_t b, int64_t us);

/* Writes the value `a` of a gauge. */
void scoreboard_set(struct scoreboard_slot *slot, enum family family, size_t a,
		    int64_t value);

/* ---- reading ---- */

/* The sum over the pool of the value (a, b) of a counter or gauge. */
int64_t scoreboard_sum(const struct scoreboard *scoreboard, enum family family,
		       size_t a, size_t b);

/* What one process holds of an OWN family. */
int64_t scoreboard_own(const struct scoreboard *scoreboard, size_t slot,
		       enum family family, size_t a);

struct scoreboard_histogram {
	int64_t counts[FAMILY_BOUNDS + 1]; /* of each range, not added up */
	int64_t count;
	int64_t sum_us;
};
void scoreboard_histogram(const struct scoreboard *scoreboard,
			  enum family family, size_t a, size_t b,
			  struct scoreboard_histogram *histogram);

/*
 * Whether the caller shall count the change with number `sequence` of a log
 * that all processes read in order: true for one of them.  False before
 * scoreboard_begin.
 */
bool scoreboard_claim(struct scoreboard *scoreboard, uint64_t sequence);

/* What the log holds up to `last` was there before the pool and is not
 * counted.  Only the first call counts, unless the log begins `anew` with
 * lower numbers. */
void scoreboard_begin(struct scoreboard *scoreboard, uint64_t last, bool anew);

#endif
