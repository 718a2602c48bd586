/*
 * fcgi/figures.c: see figures.h.
 */
#include "fcgi/figures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/responder.h"
#include "lib/clock.h"
#include "lib/file.h"

#define US_PER_S 1000000

static int64_t
micros(const struct timeval *time)
{
	return (int64_t)time->tv_sec * US_PER_S + time->tv_usec;
}

/* Adds what a count has grown by since it was last told. */
static void
grow(struct scoreboard_slot *slot, enum family family, size_t a, int64_t *told,
     int64_t now)
{
	scoreboard_count(slot, family, a, 0, now - *told);
	*told = now;
}

/* ---- the process ---- */

static int64_t
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int64_t n = -3; /* ".", "..", and the directory's own */

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Octets, from the first two numbers of /proc/self/statm. */
static void
tell_memory(struct scoreboard_slot *slot)
{
	long page = sysconf(_SC_PAGESIZE);
	long long total = 0, resident = 0;
	char *text = NULL;
	size_t size;

	if (file_read("/proc/self/statm", 4096, &text, &size, NULL))
		return;
	if (sscanf(text, "%lld %lld", &total, &resident) == 2) {
		scoreboard_set(slot, FAMILY_VIRTUAL, 0, total * page);
		scoreboard_set(slot, FAMILY_RESIDENT, 0, resident * page);
	}
	free(text);
}

static void
tell_process(struct figures *f, struct scoreboard_slot *slot)
{
	struct rusage usage;
	struct rlimit limit;

	if (getrusage(RUSAGE_SELF, &usage) == 0)
		grow(slot, FAMILY_CPU, 0, &f->cpu_us,
		     micros(&usage.ru_utime) + micros(&usage.ru_stime));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		scoreboard_set(slot, FAMILY_FDS_MAX, 0,
			       (int64_t)limit.rlim_cur);
	scoreboard_set(slot, FAMILY_FDS, 0, count_fds());
	tell_memory(slot);
}

/* ---- NATS and the index ---- */

static void
tell_feed(struct figures *f, struct responder *r, struct scoreboard_slot *slot)
{
	struct follower_state states[2];
	struct index_counts counts;

	feed_states(r->feed, states);
	for (size_t i = 0; i < 2; i++) {
		int64_t ms = states[i].in_step_ms >= 0
				 ? states[i].in_step_ms
				 : clock_mono_ms() - f->begun_ms;

		scoreboard_set(slot, FAMILY_INDEX_LAG, i,
			       (int64_t)states[i].lag);
		scoreboard_set(slot, FAMILY_INDEX_BEHIND, i, ms * 1000);
		grow(slot, FAMILY_INDEX_REPLAYS, i, &f->replays[i],
		     (int64_t)states[i].fills);
	}
	index_counts(r->index, &counts);
	scoreboard_set(slot, FAMILY_INDEX_JOBS, 0, (int64_t)counts.jobs);
	scoreboard_set(slot, FAMILY_INDEX_READY, 0,
		       feed_ready(r->feed, NULL) ? 1 : 0);
	grow(slot, FAMILY_INDEX_SKIPPED, 0, &f->skipped,
	     (int64_t)feed_skipped(r->feed));
}

static void
tell_duties(struct figures *f, struct responder *r,
	    struct scoreboard_slot *slot)
{
	struct sweeper_counts counts;

	sweeper_counts(r->sweeper, &counts);
	grow(slot, FAMILY_DEAD_LETTERS, 0, &f->dead_letters,
	     (int64_t)counts.dead_letters);
	grow(slot, FAMILY_DUTY_FAILURES, 0, &f->failures,
	     (int64_t)counts.failures);
}

int
figures_tell(struct figures *f, struct responder *r)
{
	struct scoreboard_slot *slot = r->counters;
	int64_t now_ms = clock_mono_ms();
	bool connected;

	if (now_ms < f->next_ms)
		return (int)(f->next_ms - now_ms);
	if (!f->begun_ms) {
		f->begun_ms = now_ms;
		scoreboard_set(slot, FAMILY_START_TIME, 0,
			       clock_wall_ns() / 1000);
	}
	f->next_ms = now_ms + FIGURES_MS;
	tell_process(f, slot);
	connected = broker_connected(r->broker);
	scoreboard_set(slot, FAMILY_NATS_CONNECTED, 0, connected ? 1 : 0);
	/* Two changes close together may have been told in either order. */
	if (connected)
		scoreboard_set(slot, FAMILY_CUT_OFF, 0, 0);
	grow(slot, FAMILY_NATS_RECONNECTS, 0, &f->reconnects,
	     (int64_t)broker_reconnects(r->broker));
	tell_feed(f, r, slot);
	tell_duties(f, r, slot);
	return FIGURES_MS;
}
