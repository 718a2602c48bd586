/* t/unit/pulse.c: worker/pulse.h. */
#include "worker/pulse.h"

#include "lib/clock.h"
#include "t/unit/unit.h"

static void
misses_who_is_quiet_for_too_long(void)
{
	static const struct {
		const char *why;
		enum pulse_thread thread;
		const char *task;
	} rows[] = {
	    {"fetch", PULSE_FETCH, "asking for jobs"},
	    {"run", PULSE_RUN, "running jobs"},
	    {"deliver", PULSE_DELIVER, "delivering results"},
	    {"register", PULSE_REGISTER, "the heartbeat"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pulse pulse = {0};
		int64_t now_ms = clock_mono_ms();
		int64_t late_ms;

		for (int t = 0; t < PULSE_COUNT; t++)
			pulse_beat(&pulse, (enum pulse_thread)t, 3600000);
		pulse_beat(&pulse, rows[i].thread, 1000);
		late_ms = clock_mono_ms() + 1000 + PULSE_GRACE_MS + 1;
		OK(rows[i].why, pulse_missing(&pulse, now_ms) == NULL);
		OK("at the end of the grace",
		   pulse_missing(&pulse, now_ms + 1000 + PULSE_GRACE_MS) ==
		       NULL);
		IS_TEXT("after it", pulse_missing(&pulse, late_ms),
			rows[i].task);
		pulse_end(&pulse, rows[i].thread);
		OK("a thread that ended hangs no more",
		   pulse_missing(&pulse, late_ms) == NULL);
	}
}

static void
misses_nobody_before_the_start(void)
{
	struct pulse pulse = {0};

	OK("no thread yet",
	   pulse_missing(&pulse, clock_mono_ms() + 3600000) == NULL);
}

const char unit_name[] = "pulse";
const struct unit_case unit_cases[] = {
    {"misses who is quiet for too long", misses_who_is_quiet_for_too_long},
    {"misses nobody before the start", misses_nobody_before_the_start},
    {NULL, NULL},
};
