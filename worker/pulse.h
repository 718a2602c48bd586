/*
 * worker/pulse.h: signs of life of the threads without which a worker does
 * nothing, for the watchdog of systemd.
 *
 * A thread says how long it may be quiet from now on; when that and a grace are
 * over, it hangs.  Lock-free: from every thread.
 */
#ifndef OSAPI_WORKER_PULSE_H
#define OSAPI_WORKER_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

#define PULSE_GRACE_MS 30000 /* a call to NATS takes seconds at most */
#define PULSE_IDLE_MS  5000  /* threads that wait look up so often */

enum pulse_thread {
	PULSE_FETCH,    /* asks for jobs */
	PULSE_RUN,      /* keeps running jobs alive, as long as one can run */
	PULSE_DELIVER,  /* of results that could not be sent */
	PULSE_REGISTER, /* beats the heart */
	PULSE_COUNT
};

struct pulse {
	_Atomic int64_t due_ms[PULSE_COUNT]; /* CLOCK_MONOTONIC, 0: no thread */
};

/* The calling thread moves, and will say so again within `quiet_ms`. */
void pulse_beat(struct pulse *pulse, enum pulse_thread thread,
		int64_t quiet_ms);

/* The thread ends as it should. */
void pulse_end(struct pulse *pulse, enum pulse_thread thread);

/* What a thread that hangs at `now_ms` does, NULL: none hangs. */
const char *pulse_missing(const struct pulse *pulse, int64_t now_ms);

#endif
