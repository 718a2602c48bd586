/*
 * t/unit/lanes.c: worker/lanes.h: who begins, when, and how many.
 */
#include "worker/lanes.h"

#include <stdlib.h>

#include "t/unit/unit.h"

#define NOW   INT64_C(1000000)
#define WORKS 32

static struct work works[WORKS];
static struct lanes lanes;

/* `live` and `batch` works wait, in this order of their numbers. */
static void
begin(int slots, int live, int batch)
{
	int i;

	lanes_init(&lanes, slots);
	for (i = 0; i < live + batch; i++) {
		works[i] = (struct work){
		    .lane = i < live ? JOB_LIVE : JOB_BATCH, .deliveries = 1};
		lanes_add(&lanes, &works[i], NOW);
	}
}

/* The number of the work that begins, -1: none. */
static int
next(enum job_lane lane, int64_t now_ms, int64_t *due_ms)
{
	const struct work *work = lanes_begin(&lanes, lane, now_ms, due_ms);

	return work ? (int)(work - works) : -1;
}

static void
shares_the_slots(void)
{
	static const struct {
		const char *why;
		int slots;
		int batch;
	} rows[] = {
	    {"one slot is for both lanes", 1, 1},
	    {"of two one is kept for those who wait", 2, 1},
	    {"of four one", 4, 3},
	    {"of five two", 5, 3},
	    {"of ten three", 10, 7},
	};
	int64_t due;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t now = NOW;
		int begun = 0;

		begin(rows[i].slots, 0, 16);
		while (next(JOB_BATCH, now, &due) >= 0) {
			begun++;
			now += LANES_PACE_MS;
		}
		IS_INT(rows[i].why, begun, rows[i].batch);
		IS_INT("it is told when another one ends", due, -1);
		IS_INT("they run", lanes_running(&lanes), rows[i].batch);
		IS_INT("no room for more of them",
		       lanes_room(&lanes, JOB_BATCH, now), 0);
		IS_INT("room for those whose clients wait",
		       lanes_room(&lanes, JOB_LIVE, now),
		       rows[i].slots - rows[i].batch);
	}
}

static void
lets_live_works_go_first(void)
{
	int64_t due;

	begin(2, 3, 2);
	IS_INT("a slot is promised to each that waits",
	       next(JOB_BATCH, NOW, &due), -1);
	IS_INT("all slots may be theirs", next(JOB_LIVE, NOW, &due), 0);
	IS_INT("in the order of their coming", next(JOB_LIVE, NOW, &due), 1);
	IS_INT("no more than there are", next(JOB_LIVE, NOW, &due), -1);
	lanes_end(&lanes, JOB_LIVE, NOW);
	IS_INT("the third before the first of a batch",
	       next(JOB_BATCH, NOW, &due), -1);
	IS_INT("the third", next(JOB_LIVE, NOW, &due), 2);
	lanes_end(&lanes, JOB_LIVE, NOW);
	IS_INT("then the first of a batch", next(JOB_BATCH, NOW, &due), 3);
}

static void
paces_the_batch(void)
{
	int64_t later = NOW + LANES_PACE_MS;
	int64_t due;

	begin(10, 0, 8);
	IS_INT("the first at once", next(JOB_BATCH, NOW, &due), 0);
	IS_INT("not two at the same time", next(JOB_BATCH, NOW, &due), -1);
	IS_INT("it is told when", due, LANES_PACE_MS);
	IS_INT("the second after the pause", next(JOB_BATCH, later, &due), 1);
	IS_INT("room for the rest of seven slots, which wait already",
	       lanes_room(&lanes, JOB_BATCH, later), 0);
}

static void
paces_the_batch_more_near_live_works(void)
{
	int64_t ended = NOW + 5;
	int64_t due;

	begin(10, 1, 8);
	IS_INT("a live one runs", next(JOB_LIVE, NOW, &due), 0);
	IS_INT("one of the batch", next(JOB_BATCH, NOW, &due), 1);
	IS_INT("the next is not due after the usual pause",
	       next(JOB_BATCH, NOW + LANES_PACE_MS, &due), -1);
	IS_INT("but after the longer one", due,
	       LANES_PACE_NEAR_MS - LANES_PACE_MS);
	lanes_end(&lanes, JOB_LIVE, ended);
	IS_INT("also when it has just ended",
	       next(JOB_BATCH, NOW + LANES_PACE_MS + 4, &due), -1);
	IS_INT("it is due", next(JOB_BATCH, NOW + LANES_PACE_NEAR_MS, &due), 2);
	IS_INT("long after it the usual pace is back",
	       next(JOB_BATCH, ended + LANES_NEAR_MS, &due), 3);
	IS_INT("and stays",
	       next(JOB_BATCH, ended + LANES_NEAR_MS + LANES_PACE_MS, &due), 4);
}

static void
asks_for_one_at_a_time_near_live_works(void)
{
	int64_t due;

	begin(10, 1, 0);
	IS_INT("a live one runs", next(JOB_LIVE, NOW, &due), 0);
	IS_INT("one of the batch is asked for",
	       lanes_room(&lanes, JOB_BATCH, NOW), 1);
	works[1] = (struct work){.lane = JOB_BATCH};
	lanes_add(&lanes, &works[1], NOW);
	IS_INT("none while that one waits", lanes_room(&lanes, JOB_BATCH, NOW),
	       0);
	IS_INT("those who wait are asked for as ever",
	       lanes_room(&lanes, JOB_LIVE, NOW), 8);
	lanes_end(&lanes, JOB_LIVE, NOW);
	IS_INT("long after it as many as there are slots",
	       lanes_room(&lanes, JOB_BATCH, NOW + LANES_NEAR_MS), 6);
}

static void
gives_all_back(void)
{
	int count = 0;

	begin(2, 3, 4);
	IS_INT("they wait", lanes_waiting(&lanes), 7);
	while (lanes_take_back(&lanes) == &works[count])
		count++;
	IS_INT("all, in their order", count, 7);
	IS_INT("none waits", lanes_waiting(&lanes), 0);
	IS_INT("none runs", lanes_running(&lanes), 0);
}

/* Those that could not be started take no works. */
static void
counts_the_threads_that_it_has(void)
{
	static const struct {
		const char *why;
		int missing[LANES];
		int live; /* works that wait */
		int room[LANES];
	} rows[] = {
	    {"all threads are there", {0, 0}, 0, {3, 4}},
	    {"one of a lane is not", {1, 0}, 0, {2, 4}},
	    {"nor of the other", {0, 2}, 0, {3, 2}},
	    {"one waits for the two that are left", {0, 2}, 1, {1, 1}},
	    {"no more wait than there are threads", {0, 3}, 3, {1, 0}},
	    {"none is there", {3, 4}, 0, {0, 0}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(4, rows[i].live, 0);
		for (int lane = 0; lane < LANES; lane++)
			lanes.lane[lane].missing = rows[i].missing[lane];
		for (int lane = 0; lane < LANES; lane++)
			IS_INT(rows[i].why, lanes_room(&lanes, lane, NOW),
			       rows[i].room[lane]);
	}
}

const struct unit_case unit_cases[] = {
    {"slots are shared between the lanes", shares_the_slots},
    {"works whose clients wait go first", lets_live_works_go_first},
    {"batch works begin one by one", paces_the_batch},
    {"slower while clients wait", paces_the_batch_more_near_live_works},
    {"and are asked for one by one", asks_for_one_at_a_time_near_live_works},
    {"what waits can be taken back", gives_all_back},
    {"threads that are missing are no room", counts_the_threads_that_it_has},
    {NULL, NULL},
};
const char unit_name[] = "lanes";
