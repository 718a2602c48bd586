/* t/support/await.c: see the header. */
#include "t/support/await.h"

#include <poll.h>
#include <stddef.h>

#include "lib/clock.h"

#define GUARD_MS 60000
#define PAUSE_MS 2

int64_t
await_guard_ms(void)
{
	return clock_mono_ms() + GUARD_MS;
}

bool
await_pause(int64_t guard_ms)
{
	(void)poll(NULL, 0, PAUSE_MS);
	return clock_mono_ms() < guard_ms;
}
