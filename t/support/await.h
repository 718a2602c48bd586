/*
 * t/support/await.h: waiting for what nobody announces.
 *
 * Where there is a condition variable, a message or a file descriptor, wait
 * for that instead.
 */
#ifndef OSAPI_T_SUPPORT_AWAIT_H
#define OSAPI_T_SUPPORT_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Monotonic: when waiting has become hopeless.  A guard against a hang, a
 * minute from now, not a measure. */
int64_t await_guard_ms(void);

/* Pauses for a moment; false: the guard has passed. */
bool await_pause(int64_t guard_ms);

/* Looks at `condition` until it is so; its value, false when the guard has
 * passed. */
#define AWAIT(condition)                                 \
	({                                               \
		int64_t await_guard_ = await_guard_ms(); \
		bool await_is_;                          \
		while (!(await_is_ = (condition)) &&     \
		       await_pause(await_guard_))        \
			;                                \
		await_is_;                               \
	})

#endif
