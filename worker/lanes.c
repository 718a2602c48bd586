/* worker/lanes.c: see the header. */
#include "worker/lanes.h"

#include <stddef.h>

void
lanes_init(struct lanes *lanes, int slots)
{
	int lane;

	*lanes = (struct lanes){
	    .slots = slots,
	    .batch_slots = slots,
	    .live_ms = INT64_MIN / 2,
	    .begun_ms = INT64_MIN / 2,
	};
	if (slots > 1)
		lanes->batch_slots -=
		    (slots + LANES_LIVE_SHARE - 1) / LANES_LIVE_SHARE;
	for (lane = 0; lane < LANES; lane++)
		lanes->lane[lane].last = &lanes->lane[lane].first;
}

/* ---- the queue of one lane ---- */

static void
push(struct lane *lane, struct work *work)
{
	work->next = NULL;
	*lane->last = work;
	lane->last = &work->next;
	lane->waiting++;
}

static struct work *
pop(struct lane *lane)
{
	struct work *work = lane->first;

	if (!work)
		return NULL;
	lane->first = work->next;
	if (!lane->first)
		lane->last = &lane->first;
	lane->waiting--;
	return work;
}

/* ---- the pace ---- */

static bool
live_is_near(const struct lanes *lanes, int64_t now_ms)
{
	const struct lane *live = &lanes->lane[JOB_LIVE];

	return live->running || live->waiting ||
	       now_ms - lanes->live_ms < LANES_NEAR_MS;
}

/* Until a batch work may begin. */
static int64_t
pause_ms(const struct lanes *lanes, int64_t now_ms)
{
	int64_t pace_ms =
	    live_is_near(lanes, now_ms) ? LANES_PACE_NEAR_MS : LANES_PACE_MS;
	int64_t passed_ms = now_ms - lanes->begun_ms;

	return passed_ms < pace_ms ? pace_ms - passed_ms : 0;
}

/* ---- what comes and goes ---- */

void
lanes_add(struct lanes *lanes, struct work *work, int64_t now_ms)
{
	if (work->lane == JOB_LIVE)
		lanes->live_ms = now_ms;
	push(&lanes->lane[work->lane], work);
}

struct work *
lanes_begin(struct lanes *lanes, enum job_lane lane, int64_t now_ms,
	    int64_t *due_ms)
{
	struct lane *live = &lanes->lane[JOB_LIVE];
	struct lane *batch = &lanes->lane[JOB_BATCH];
	int room = lanes->slots - live->running - batch->running;
	struct work *work;

	*due_ms = -1;
	if (lane == JOB_BATCH) {
		room -= live->waiting;
		if (room > lanes->batch_slots - batch->running)
			room = lanes->batch_slots - batch->running;
	}
	if (room <= 0 || !lanes->lane[lane].first)
		return NULL;
	if (lane == JOB_BATCH) {
		int64_t pause = pause_ms(lanes, now_ms);

		if (pause > 0) {
			*due_ms = pause;
			return NULL;
		}
		lanes->begun_ms = now_ms;
	}
	work = pop(&lanes->lane[lane]);
	lanes->lane[lane].running++;
	return work;
}

void
lanes_end(struct lanes *lanes, enum job_lane lane, int64_t now_ms)
{
	lanes->lane[lane].running--;
	if (lane == JOB_LIVE)
		lanes->live_ms = now_ms;
}

struct work *
lanes_take_back(struct lanes *lanes)
{
	struct work *work = pop(&lanes->lane[JOB_LIVE]);

	return work ? work : pop(&lanes->lane[JOB_BATCH]);
}

int
lanes_room(const struct lanes *lanes, enum job_lane lane, int64_t now_ms)
{
	const struct lane *live = &lanes->lane[JOB_LIVE];
	const struct lane *batch = &lanes->lane[JOB_BATCH];
	const struct lane *own = &lanes->lane[lane];
	int idle = (lane == JOB_LIVE ? lanes->slots : lanes->batch_slots) -
		   own->missing - own->running - own->waiting;
	int batch_room = lanes->batch_slots - batch->running;
	int batch_next =
	    batch->waiting < batch_room ? batch->waiting : batch_room;
	int room =
	    lanes->slots - lanes_running(lanes) - live->waiting - batch_next;

	if (lane == JOB_BATCH) {
		if (live_is_near(lanes, now_ms) && batch_room > 1)
			batch_room = 1;
		batch_room -= batch->waiting;
		room = batch_room < room ? batch_room : room;
	}
	if (room > idle)
		room = idle;
	return room > 0 ? room : 0;
}

int
lanes_waiting(const struct lanes *lanes)
{
	return lanes->lane[JOB_LIVE].waiting + lanes->lane[JOB_BATCH].waiting;
}

int
lanes_running(const struct lanes *lanes)
{
	return lanes->lane[JOB_LIVE].running + lanes->lane[JOB_BATCH].running;
}
