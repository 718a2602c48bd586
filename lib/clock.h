/*
 * lib/clock.h: wall clock, monotonic clock, and their texts.
 *
 * Wall time is int64_t nanoseconds since 1970 UTC, `_ns`; monotonic time is
 * int64_t milliseconds of CLOCK_MONOTONIC, `_ms` (`_us` microseconds).  All
 * functions may be called from every thread.
 */
#ifndef OSAPI_LIB_CLOCK_H
#define OSAPI_LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "lib/error.h"

#define CLOCK_RFC3339_SIZE 32 /* room for "2026-01-31T23:59:59.123Z" */
#define CLOCK_NS_PER_MS    INT64_C(1000000)
#define CLOCK_NS_PER_S     INT64_C(1000000000)

/* Now, CLOCK_REALTIME, nanoseconds. */
int64_t clock_wall_ns(void);

/* Now, CLOCK_MONOTONIC, milliseconds and microseconds. */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);

/* Now, CLOCK_MONOTONIC, microseconds: for durations that are told. */
int64_t clock_mono_us(void);

/* CLOCK_MONOTONIC `from_now_ms` from now, for pthread_cond_timedwait on a
 * condition whose clock was set to CLOCK_MONOTONIC. */
struct timespec clock_mono_deadline(int64_t from_now_ms);

/* RFC 3339 with milliseconds, UTC ("Z"), cut, not rounded; returns buf. */
char *clock_rfc3339(int64_t wall_ns, char buf[static CLOCK_RFC3339_SIZE]);

/* Reads an RFC 3339 time with any offset and up to 9 fraction digits (more
 * are dropped). ERR_INVALID for anything else; years 1970 to 2200. */
enum err clock_parse_rfc3339(const char *text, int64_t *wall_ns);

/* Reads "250ms 30s 2m 24h 7d" (one number, one unit) into milliseconds;
 * ERR_INVALID for anything else, negative numbers and overflow. */
enum err clock_parse_duration(const char *text, int64_t *ms);

/* Writes the shortest such text ("24h" rather than "86400s"); returns buf. */
char *clock_duration(int64_t ms, char buf[static CLOCK_RFC3339_SIZE]);

#endif
