/*
 * fcgi/scoreboard.c: see scoreboard.h; anonymous shared memory.
 *
 * A page of 64 octets that all share, then the shards, then the slots; each
 * begins with a cache line of its own.  Within one, a family's values lie at
 * its offset, ordered by a, then b.
 */
#include "fcgi/scoreboard.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SHARDS 8
#define LINE   8 /* values in a cache line */
#define HEAD   LINE
#define WIDTH  (FAMILY_BOUNDS + 2) /* of a histogram: ranges, sum */

typedef _Atomic int64_t value;

struct scoreboard_slot {
	const struct scoreboard *board;
	value *shard; /* of counters and histograms */
	value *own;   /* of what belongs to the process */
};

struct place { /* of a family */
	size_t offset;
	size_t width; /* values for one pair (a, b) */
	size_t a, b;  /* sizes */
};

struct scoreboard {
	struct dimensions *dimensions;
	struct place places[FAMILY_COUNT];
	size_t shard_size; /* in values, as slot_size */
	size_t slot_size;
	value *memory;
	struct scoreboard_slot slots[SCOREBOARD_SLOTS];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(value) == 8,
	       "counters in shared memory need lock-free 64 bit atomics");

static bool
is_pooled(enum family family)
{
	return families[family].kind == FAMILY_COUNTER ||
	       families[family].kind == FAMILY_HISTOGRAM;
}

static size_t
whole_lines(size_t values)
{
	return (values + LINE - 1) / LINE * LINE;
}

static void
lay_out(struct scoreboard *board)
{
	size_t shard = 0, slot = 0;

	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		const struct family_row *row = &families[i];
		struct place *place = &board->places[i];
		size_t *end = is_pooled((enum family)i) ? &shard : &slot;

		place->a = dimension_size(board->dimensions, row->a);
		place->b = dimension_size(board->dimensions, row->b);
		place->width = row->kind == FAMILY_HISTOGRAM ? WIDTH : 1;
		place->offset = *end;
		*end += place->a * place->b * place->width;
	}
	board->shard_size = whole_lines(shard);
	board->slot_size = whole_lines(slot);
}

static value *
shard_at(const struct scoreboard *board, size_t i)
{
	return board->memory + HEAD + i % SHARDS * board->shard_size;
}

static value *
slot_at(const struct scoreboard *board, size_t i)
{
	return board->memory + HEAD + SHARDS * board->shard_size +
	       i * board->slot_size;
}

static size_t
memory_size(const struct scoreboard *board)
{
	return (HEAD + SHARDS * board->shard_size +
		SCOREBOARD_SLOTS * board->slot_size) *
	       sizeof(value);
}

enum err
scoreboard_new(const struct spec *spec, struct scoreboard **scoreboard)
{
	struct scoreboard *board = calloc(1, sizeof(*board));
	void *memory;
	enum err err;

	if (!board)
		return ERR_NO_MEMORY;
	err = dimensions_new(spec, &board->dimensions);
	if (err) {
		free(board);
		return err;
	}
	lay_out(board);
	memory = mmap(NULL, memory_size(board), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		dimensions_free(board->dimensions);
		free(board);
		return ERR_NO_MEMORY;
	}
	board->memory = memory;
	for (size_t i = 0; i < SCOREBOARD_SLOTS; i++)
		board->slots[i] =
		    (struct scoreboard_slot){.board = board,
					     .shard = shard_at(board, i),
					     .own = slot_at(board, i)};
	*scoreboard = board;
	return ERR_OK;
}

void
scoreboard_free(struct scoreboard *board)
{
	if (!board)
		return;
	munmap(board->memory, memory_size(board));
	dimensions_free(board->dimensions);
	free(board);
}

const struct dimensions *
scoreboard_dimensions(const struct scoreboard *board)
{
	return board->dimensions;
}

struct scoreboard_slot *
scoreboard_slot(struct scoreboard *board, size_t slot)
{
	return &board->slots[slot];
}

void
scoreboard_clear_gauges(struct scoreboard *board, size_t slot)
{
	value *own = board->slots[slot].own;

	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		const struct place *place = &board->places[i];

		if (families[i].kind != FAMILY_GAUGE &&
		    families[i].kind != FAMILY_OWN_GAUGE)
			continue;
		for (size_t k = 0; k < place->a * place->b; k++)
			atomic_store(&own[place->offset + k], 0);
	}
}

/* ---- recording ---- */

/* Where the value (a, b) of a family begins in a shard or slot. */
static size_t
offset(const struct scoreboard *board, enum family family, size_t a, size_t b)
{
	const struct place *place = &board->places[family];

	return place->offset + (a * place->b + b) * place->width;
}

static value *
at(const struct scoreboard_slot *slot, enum family family, size_t a, size_t b)
{
	value *base = is_pooled(family) ? slot->shard : slot->own;

	return base + offset(slot->board, family, a, b);
}

static void
increase(value *v, int64_t n)
{
	atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

static int64_t
load(const value *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

void
scoreboard_count(struct scoreboard_slot *slot, enum family family, size_t a,
		 size_t b, int64_t n)
{
	increase(at(slot, family, a, b), n);
}

void
scoreboard_add(struct scoreboard_slot *slot, enum family family, int64_t n)
{
	increase(at(slot, family, 0, 0), n);
}

void
scoreboard_observe(struct scoreboard_slot *slot, enum family family, size_t a,
		   size_t b, int64_t us)
{
	const int64_t *bounds = families[family].bounds;
	value *base = at(slot, family, a, b);
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < FAMILY_BOUNDS && us > bounds[i])
		i++;
	increase(base + i, 1);
	increase(base + FAMILY_BOUNDS + 1, us);
}

void
scoreboard_set(struct scoreboard_slot *slot, enum family family, size_t a,
	       int64_t n)
{
	atomic_store_explicit(at(slot, family, a, 0), n, memory_order_relaxed);
}

/* ---- reading ---- */

int64_t
scoreboard_sum(const struct scoreboard *board, enum family family, size_t a,
	       size_t b)
{
	size_t where = offset(board, family, a, b);
	bool pooled = is_pooled(family);
	size_t n = pooled ? SHARDS : SCOREBOARD_SLOTS;
	int64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += load(
		    (pooled ? board->slots[i].shard : board->slots[i].own) +
		    where);
	return sum;
}

int64_t
scoreboard_own(const struct scoreboard *board, size_t slot, enum family family,
	       size_t a)
{
	return load(board->slots[slot].own + offset(board, family, a, 0));
}

void
scoreboard_histogram(const struct scoreboard *board, enum family family,
		     size_t a, size_t b, struct scoreboard_histogram *histogram)
{
	size_t where = offset(board, family, a, b);

	*histogram = (struct scoreboard_histogram){.count = 0};
	for (size_t i = 0; i < SHARDS; i++) {
		const value *base = board->slots[i].shard + where;

		for (size_t k = 0; k <= FAMILY_BOUNDS; k++) {
			int64_t n = load(base + k);

			histogram->counts[k] += n;
			histogram->count += n;
		}
		histogram->sum_us += load(base + FAMILY_BOUNDS + 1);
	}
}

/* ---- counting a common log once ---- */

/* One more than the last number that was counted; 0: not begun. */
static _Atomic int64_t *
claimed(const struct scoreboard *board)
{
	return board->memory;
}

bool
scoreboard_claim(struct scoreboard *board, uint64_t sequence)
{
	int64_t next = (int64_t)sequence + 1;
	int64_t now = atomic_load(claimed(board));

	while (now != 0 && now < next)
		if (atomic_compare_exchange_weak(claimed(board), &now, next))
			return true;
	return false;
}

void
scoreboard_begin(struct scoreboard *board, uint64_t last, bool anew)
{
	int64_t next = (int64_t)last + 1;
	int64_t now = atomic_load(claimed(board));

	while (now == 0 || (anew && now > next))
		if (atomic_compare_exchange_weak(claimed(board), &now, next))
			return;
}
