/* t/unit/uuid.c: ids that sort by time. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
/* The source itself: stepping the clock needs its static counter. */
#include "lib/uuid.c"

#define THREADS 4
#define EACH    20000

static void
has_the_form_of_version_7(void)
{
	int64_t before = clock_wall_ns() / CLOCK_NS_PER_MS;
	char id[UUID_SIZE];
	int64_t made;

	uuid_make(id);
	made = uuid_time_ms(id);
	IS_INT("36 characters", strlen(id), 36);
	OK("canonical", uuid_valid(id));
	IS_INT("version", id[14], '7');
	OK("variant 10", strchr("89ab", id[19]) != NULL);
	OK("its time is not before the call", made >= before);
	OK("its time is not after the call",
	   made <= clock_wall_ns() / CLOCK_NS_PER_MS);
}

static void *
make_many(void *arg)
{
	char(*ids)[UUID_SIZE] = arg;

	for (int i = 0; i < EACH; i++)
		uuid_make(ids[i]);
	return NULL;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
increases_in_every_thread_and_never_repeats(void)
{
	char(*ids)[UUID_SIZE] = calloc((size_t)THREADS * EACH, UUID_SIZE);
	pthread_t threads[THREADS];
	int unordered = 0;
	int repeated = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(ids);
	for (int t = 0; t < THREADS; t++)
		pthread_create(&threads[t], NULL, make_many, ids + t * EACH);
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	for (int i = 1; i < THREADS * EACH; i++)
		if (i % EACH != 0 && strcmp(ids[i - 1], ids[i]) >= 0)
			unordered++;
	qsort(ids, (size_t)THREADS * EACH, UUID_SIZE, by_text);
	for (int i = 1; i < THREADS * EACH; i++)
		repeated += strcmp(ids[i - 1], ids[i]) == 0;
	IS_INT("ids that do not increase", unordered, 0);
	IS_INT("ids made twice", repeated, 0);
	free(ids);
}

static void
keeps_order_when_the_clock_steps_back(void)
{
	static const struct {
		const char *why;
		uint64_t now_ms;
		uint64_t ms;
		unsigned counter;
	} rows[] = {
	    {"a new millisecond begins at the seed", 9000000000000,
	     9000000000000, 5},
	    {"the same millisecond counts", 9000000000000, 9000000000000, 6},
	    {"an hour back: still counts", 8999996400000, 9000000000000, 7},
	    {"forward again: the seed", 9000000000001, 9000000000001, 5},
	};
	uint64_t ms = 0;
	unsigned counter = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		next(rows[i].now_ms, 5, &ms, &counter);
		IS_INT(rows[i].why, ms, rows[i].ms);
		IS_INT(rows[i].why, counter, rows[i].counter);
	}
}

static void
runs_ahead_when_a_millisecond_is_used_up(void)
{
	const uint64_t now_ms = 9100000000000;
	uint64_t ms = 0;
	unsigned counter = 0;

	next(now_ms, 0xffff, &ms, &counter);
	IS_INT("the seed leaves half of the room", counter, 0x7ff);
	while (counter < 0xfff)
		next(now_ms, 0, &ms, &counter);
	IS_INT("up to the last number", ms, now_ms);
	next(now_ms, 3, &ms, &counter);
	IS_INT("then the next millisecond", ms, now_ms + 1);
	IS_INT("from its seed", counter, 3);
}

static void
tells_canonical_text_from_other(void)
{
	static const struct {
		const char *why;
		const char *text;
		bool valid;
		int64_t time_ms;
	} rows[] = {
	    {"example of RFC 9562", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
	     true, 1645557742000},
	    {"version 4", "919108f7-52d1-4320-9bac-f847db4148a8", true, -1},
	    {"nil", "00000000-0000-0000-0000-000000000000", true, -1},
	    {"wrong variant", "017f22e2-79b0-7cc3-18c4-dc0c0c07398f", true, -1},
	    {"upper case", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", false, -1},
	    {"empty", "", false, -1},
	    {"none", NULL, false, -1},
	    {"one short", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", false, -1},
	    {"one long", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", false, -1},
	    {"no hyphens", "017f22e279b07cc398c4dc0c0c07398f0000", false, -1},
	    {"a letter g", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", false, -1},
	    {"braces", "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}", false, -1},
	    {"a wildcard", "017f22e2-79b0-7cc3-98c4-dc0c0c07398*", false, -1},
	    {"a dot", "017f22e2.79b0-7cc3-98c4-dc0c0c07398f", false, -1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		IS_INT(rows[i].why, uuid_valid(rows[i].text), rows[i].valid);
		IS_INT(rows[i].why, uuid_time_ms(rows[i].text),
		       rows[i].time_ms);
	}
}

const struct unit_case unit_cases[] = {
    {"has the form of version 7", has_the_form_of_version_7},
    {"increases in every thread and never repeats",
     increases_in_every_thread_and_never_repeats},
    {"tells canonical text from other", tells_canonical_text_from_other},
    {"keeps order when the clock steps back",
     keeps_order_when_the_clock_steps_back},
    {"runs ahead when a millisecond is used up",
     runs_ahead_when_a_millisecond_is_used_up},
    {NULL, NULL},
};
const char unit_name[] = "uuid";
