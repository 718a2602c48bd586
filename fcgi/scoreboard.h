/*
 * fcgi/scoreboard.h: counters of the whole pool, in shared memory.
 *
 * One slot for each process that may live at the same time.  A counter only
 * grows and stays when its process dies, so that sums over all slots never go
 * back; a gauge is set to 0 when its slot is taken again or its process died.
 * Made by the supervisor before it forks; each slot has one writing process.
 */
#ifndef OSAPI_FCGI_SCOREBOARD_H
#define OSAPI_FCGI_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define SCOREBOARD_SLOTS 256

/* enumerator, name and class in /metrics (rows of one name stand together),
 * whether it is a gauge, help */
#define SCOREBOARD_LIST(X)                                            \
	X(REQUESTS, "osapi_http_requests_total", "", false,           \
	  "Requests answered.")                                       \
	X(STATUS_1XX, "osapi_http_responses_total", "1xx", false,     \
	  "Answers by class of their status.")                        \
	X(STATUS_2XX, "osapi_http_responses_total", "2xx", false, "") \
	X(STATUS_3XX, "osapi_http_responses_total", "3xx", false, "") \
	X(STATUS_4XX, "osapi_http_responses_total", "4xx", false, "") \
	X(STATUS_5XX, "osapi_http_responses_total", "5xx", false, "") \
	X(AUTH_FAILURES, "osapi_http_auth_failures_total", "", false, \
	  "Requests without a valid token or scope.")                 \
	X(ABORTED, "osapi_http_aborted_total", "", false,             \
	  "Requests whose client went away or broke the protocol.")   \
	X(RESPAWNS, "osapi_pool_respawns_total", "", false,           \
	  "Responder processes started in place of one that died.")   \
	X(STARTING, "osapi_pool_processes_starting", "", true,        \
	  "Responder processes that were never ready.")               \
	X(IN_FLIGHT, "osapi_http_requests_in_flight", "", true,       \
	  "Requests being worked on, parked ones included.")          \
	X(WAITERS, "osapi_waiters", "", true,                         \
	  "Requests parked until a job ends.")

enum scoreboard_counter {
#define SCOREBOARD_ENUM(id, name, class, gauge, help) SCOREBOARD_##id,
	SCOREBOARD_LIST(SCOREBOARD_ENUM)
#undef SCOREBOARD_ENUM
	    SCOREBOARD_COUNT
};

struct scoreboard_row {
	const char *name;
	const char *class; /* value of its label "class", "" none */
	bool gauge;
	const char *help; /* "" after the first of a name */
};

/* SCOREBOARD_COUNT rows, in the order of the enumeration. */
extern const struct scoreboard_row scoreboard_rows[];

struct scoreboard_slot {
	_Atomic int64_t values[SCOREBOARD_COUNT];
};

struct scoreboard;

/* ERR_NO_MEMORY.  Children inherit it by fork(2). */
enum err scoreboard_new(struct scoreboard **scoreboard);
void scoreboard_free(struct scoreboard *scoreboard);

/* A process's own slot; `slot` is below SCOREBOARD_SLOTS. */
struct scoreboard_slot *scoreboard_slot(struct scoreboard *scoreboard,
					size_t slot);

/* Sets the gauges of a slot to 0: its process is gone. */
void scoreboard_clear_gauges(struct scoreboard *scoreboard, size_t slot);

/* Adds to one counter.  From every thread. */
void scoreboard_add(struct scoreboard_slot *slot,
		    enum scoreboard_counter counter, int64_t n);

/* The sum over all slots.  From every thread. */
int64_t scoreboard_sum(const struct scoreboard *scoreboard,
		       enum scoreboard_counter counter);

#endif
