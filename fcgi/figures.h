/*
 * fcgi/figures.h: what a responder process says of itself from time to time:
 * its CPU time, memory and descriptors, its connection to NATS, and how its
 * index keeps up.
 *
 * It is written into the process's own slot of the scoreboard, so that
 * whichever process is asked can tell of all.
 */
#ifndef OSAPI_FCGI_FIGURES_H
#define OSAPI_FCGI_FIGURES_H

#include <stdint.h>

#define FIGURES_MS 1000 /* between two looks */

struct responder;

struct figures {
	int64_t begun_ms; /* CLOCK_MONOTONIC, first look; 0: none yet */
	int64_t next_ms;  /* when the next is due */
	int64_t cpu_us;   /* as last told, as all below */
	int64_t reconnects;
	int64_t dead_letters;
	int64_t failures;
	int64_t skipped;
	int64_t replays[2];
};

/* Looks and tells when it is due; returns how many ms are left until the next
 * look.  Only on the main thread. */
int figures_tell(struct figures *figures, struct responder *responder);

#endif
