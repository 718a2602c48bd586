/*
 * worker/lanes.h: which work may begin: those that wait, by lane, the slots,
 * and the pace of the batch lane.
 *
 * Works of the live lane, whose clients wait, may take every slot; those of
 * the batch lane all but one in LANES_LIVE_SHARE, and they begin one by one,
 * LANES_PACE_MS apart, LANES_PACE_NEAR_MS while live works are about or have
 * been in the last LANES_NEAR_MS.  Each costs this host, the broker and the API
 * about a millisecond of CPU together, for which a client that waits would
 * otherwise have to queue.  That slows a backlog of short jobs down, one of
 * long jobs hardly.
 *
 * No lock of its own: the runner's.  Times are monotonic milliseconds.
 */
#ifndef OSAPI_WORKER_LANES_H
#define OSAPI_WORKER_LANES_H

#include "worker/work.h"

#define LANES              2 /* enum job_lane */
#define LANES_LIVE_SHARE   4 /* one slot in so many, at least one of two */
#define LANES_PACE_MS      2
#define LANES_PACE_NEAR_MS 10
#define LANES_NEAR_MS      250

struct lane {
	struct work *first;
	struct work **last;
	int waiting;
	int running;
	int missing; /* threads that it should have and has not */
};

struct lanes {
	int slots;
	int batch_slots;
	int64_t live_ms;  /* latest sign of a live work */
	int64_t begun_ms; /* latest begin of a batch work */
	struct lane lane[LANES];
};

void lanes_init(struct lanes *lanes, int slots);

/* Puts `work` behind those of its lane. */
void lanes_add(struct lanes *lanes, struct work *work, int64_t now_ms);

/* The next work of a lane, which counts as running from then on; NULL: none
 * may begin.  *due_ms is then how long until one of those that wait may, -1
 * when that depends on others. */
struct work *lanes_begin(struct lanes *lanes, enum job_lane lane,
			 int64_t now_ms, int64_t *due_ms);

/* One that lanes_begin gave has ended. */
void lanes_end(struct lanes *lanes, enum job_lane lane, int64_t now_ms);

/* Any that waits, which does not begin; NULL: none does. */
struct work *lanes_take_back(struct lanes *lanes);

/* How many more of a lane could begin at once, with the threads that it has. */
int lanes_room(const struct lanes *lanes, enum job_lane lane, int64_t now_ms);

/* How many wait, and how many run. */
int lanes_waiting(const struct lanes *lanes);
int lanes_running(const struct lanes *lanes);

#endif
