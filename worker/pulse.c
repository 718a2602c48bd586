/* worker/pulse.c: see the header. */
#include "worker/pulse.h"

#include <stddef.h>

#include "lib/clock.h"

static const char *const tasks[PULSE_COUNT] = {
    [PULSE_FETCH] = "asking for jobs",
    [PULSE_RUN] = "running jobs",
    [PULSE_DELIVER] = "delivering results",
    [PULSE_REGISTER] = "the heartbeat",
};

void
pulse_beat(struct pulse *pulse, enum pulse_thread thread, int64_t quiet_ms)
{
	atomic_store(&pulse->due_ms[thread], clock_mono_ms() + quiet_ms);
}

void
pulse_end(struct pulse *pulse, enum pulse_thread thread)
{
	atomic_store(&pulse->due_ms[thread], 0);
}

const char *
pulse_missing(const struct pulse *pulse, int64_t now_ms)
{
	for (size_t i = 0; i < PULSE_COUNT; i++) {
		int64_t due_ms = atomic_load(&pulse->due_ms[i]);

		if (due_ms && now_ms > due_ms + PULSE_GRACE_MS)
			return tasks[i];
	}
	return NULL;
}
