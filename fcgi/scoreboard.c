/*
 * fcgi/scoreboard.c: anonymous shared memory, written without locks.
 *
 * Each value is one lock-free atomic, so a process that is killed in the
 * middle of an update leaves a whole number behind.
 */
#include "fcgi/scoreboard.h"

#include <sys/mman.h>

struct scoreboard {
	struct scoreboard_slot slots[SCOREBOARD_SLOTS];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
	       "counters in shared memory need lock-free 64 bit atomics");

const struct scoreboard_row scoreboard_rows[] = {
#define SCOREBOARD_ROW(id, text, status, is_gauge, words) \
	[SCOREBOARD_##id] = {.name = (text),              \
			     .class = (status),           \
			     .gauge = (is_gauge),         \
			     .help = (words)},
    SCOREBOARD_LIST(SCOREBOARD_ROW)
#undef SCOREBOARD_ROW
};

enum err
scoreboard_new(struct scoreboard **scoreboard)
{
	void *memory;

	memory = mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return ERR_NO_MEMORY;
	*scoreboard = memory;
	return ERR_OK;
}

void
scoreboard_free(struct scoreboard *scoreboard)
{
	if (scoreboard)
		munmap(scoreboard, sizeof(*scoreboard));
}

struct scoreboard_slot *
scoreboard_slot(struct scoreboard *scoreboard, size_t slot)
{
	return &scoreboard->slots[slot];
}

void
scoreboard_clear_gauges(struct scoreboard *scoreboard, size_t slot)
{
	for (size_t i = 0; i < SCOREBOARD_COUNT; i++)
		if (scoreboard_rows[i].gauge)
			atomic_store(&scoreboard->slots[slot].values[i], 0);
}

void
scoreboard_add(struct scoreboard_slot *slot, enum scoreboard_counter counter,
	       int64_t n)
{
	atomic_fetch_add_explicit(&slot->values[counter], n,
				  memory_order_relaxed);
}

int64_t
scoreboard_sum(const struct scoreboard *scoreboard,
	       enum scoreboard_counter counter)
{
	int64_t sum = 0;

	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++)
		sum +=
		    atomic_load_explicit(&scoreboard->slots[i].values[counter],
					 memory_order_relaxed);
	return sum;
}
