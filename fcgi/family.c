/* fcgi/family.c: see family.h. */
#include "fcgi/family.h"

#define MS 1000
#define S  INT64_C(1000000)

/* A request takes from below a millisecond to its longest wait of 300 s. */
static const int64_t request_bounds[FAMILY_BOUNDS] = {
    1 * MS,   2500,     5 * MS, 10 * MS,   25 * MS, 50 * MS, 100 * MS,
    250 * MS, 500 * MS, 1 * S,  2500 * MS, 5 * S,   30 * S,  300 * S};

/* A write to JetStream and its acknowledgement: a third of a millisecond
 * where all is well; no answer comes after 1 s. */
static const int64_t publish_bounds[FAMILY_BOUNDS] = {
    100,     250,     500,      1 * MS,   2500,     5 * MS, 10 * MS,
    25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,  5 * S};

/* From a typed endpoint on an idle host to a job behind a long backlog. */
static const int64_t job_bounds[FAMILY_BOUNDS] = {
    1 * MS,   5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
    500 * MS, 1 * S,  5 * S,   30 * S,  120 * S, 600 * S,  3600 * S};

const struct family_row families[FAMILY_COUNT] = {
    [FAMILY_REQUEST_DURATION] =
	{FAMILY_HISTOGRAM, "http_server_request_duration_seconds",
	 "Time from accepting a request to handing out its answer.",
	 FAMILY_SECONDS, DIMENSION_ROUTE, DIMENSION_CODE, request_bounds, true},
    [FAMILY_ACTIVE_REQUESTS] =
	{FAMILY_GAUGE, "http_server_active_requests",
	 "Requests being worked on, parked ones included."},
    [FAMILY_ABORTED] =
	{FAMILY_COUNTER, "osapi_http_aborted_total",
	 "Requests whose client went away or broke the protocol."},
    [FAMILY_AUTH_FAILURES] =
	{FAMILY_COUNTER, "osapi_auth_failures_total",
	 "Requests without a valid token or scope, by what was wrong.",
	 .a = DIMENSION_REASON},
    [FAMILY_WAITERS] = {FAMILY_GAUGE, "osapi_waiters",
			"Requests parked until a job ends."},
    [FAMILY_PROCESSES] = {FAMILY_GAUGE, "osapi_pool_processes",
			  "Responder processes alive."},
    [FAMILY_STARTING] = {FAMILY_GAUGE, "osapi_pool_processes_starting",
			 "Responder processes that were never ready."},
    [FAMILY_RESPAWNS] =
	{FAMILY_COUNTER, "osapi_pool_respawns_total",
	 "Responder processes started in place of one that died."},
    [FAMILY_CPU] = {FAMILY_OWN_COUNTER, "process_cpu_seconds_total",
		    "User and system CPU time of a responder process.",
		    FAMILY_SECONDS},
    [FAMILY_RESIDENT] = {FAMILY_OWN_GAUGE, "process_resident_memory_bytes",
			 "Resident memory of a responder process.",
			 FAMILY_BYTES},
    [FAMILY_VIRTUAL] = {FAMILY_OWN_GAUGE, "process_virtual_memory_bytes",
			"Virtual memory of a responder process.", FAMILY_BYTES},
    [FAMILY_FDS] = {FAMILY_OWN_GAUGE, "process_open_fds",
		    "Open file descriptors of a responder process."},
    [FAMILY_FDS_MAX] = {FAMILY_OWN_GAUGE, "process_max_fds",
			"Limit of open file descriptors."},
    [FAMILY_START_TIME] = {FAMILY_OWN_GAUGE, "process_start_time_seconds",
			   "Start of a responder process since the epoch.",
			   FAMILY_SECONDS},
    [FAMILY_NATS_CONNECTED] =
	{FAMILY_OWN_GAUGE, "osapi_nats_connected",
	 "Whether a responder process is connected to NATS."},
    [FAMILY_NATS_RECONNECTS] = {FAMILY_COUNTER, "osapi_nats_reconnects_total",
				"Connections to NATS that came back."},
    [FAMILY_NATS_PUBLISH] =
	{FAMILY_HISTOGRAM, "osapi_nats_publish_duration_seconds",
	 "Time from publishing to JetStream to its acknowledgement.",
	 FAMILY_SECONDS, .bounds = publish_bounds},
    [FAMILY_NATS_PUBLISH_FAILURES] =
	{FAMILY_COUNTER, "osapi_nats_publish_failures_total",
	 "Publishes to JetStream that were not answered."},
    [FAMILY_INDEX_READY] =
	{FAMILY_OWN_GAUGE, "osapi_index_ready",
	 "Whether the index of a responder process is filled and in step."},
    [FAMILY_INDEX_JOBS] = {FAMILY_OWN_GAUGE, "osapi_index_jobs",
			   "Jobs in the index of a responder process."},
    [FAMILY_INDEX_LAG] =
	{FAMILY_OWN_GAUGE, "osapi_index_lag_messages",
	 "Changes of a bucket that the index has not taken yet.",
	 .a = DIMENSION_BUCKET},
    [FAMILY_INDEX_BEHIND] =
	{FAMILY_OWN_GAUGE, "osapi_index_behind_seconds",
	 "Time since the index was last known to have all of a bucket.",
	 FAMILY_SECONDS, .a = DIMENSION_BUCKET},
    [FAMILY_INDEX_REPLAYS] =
	{FAMILY_OWN_COUNTER, "osapi_index_replays_total",
	 "Replays of a bucket, the first one of a process included.",
	 .a = DIMENSION_BUCKET},
    [FAMILY_INDEX_SKIPPED] = {FAMILY_OWN_COUNTER, "osapi_index_skipped_total",
			      "Documents that the index could not read."},
    [FAMILY_JOBS_SUBMITTED] = {FAMILY_COUNTER, "osapi_jobs_submitted_total",
			       "Jobs that were submitted.",
			       .a = DIMENSION_OPERATION},
    [FAMILY_JOBS_FINISHED] = {FAMILY_COUNTER, "osapi_jobs_finished_total",
			      "Jobs that have ended, by their status.",
			      .a = DIMENSION_OPERATION, .b = DIMENSION_FINAL},
    [FAMILY_JOBS_GIVEN_UP] =
	{FAMILY_COUNTER, "osapi_jobs_given_up_total",
	 "Jobs that the API ended: too late, or delivered too often.",
	 .a = DIMENSION_OPERATION},
    [FAMILY_JOB_QUEUED] =
	{FAMILY_HISTOGRAM, "osapi_job_queue_duration_seconds",
	 "Time from the making of a job to its start on a host.",
	 FAMILY_SECONDS, .a = DIMENSION_OPERATION, .bounds = job_bounds,
	 .sparse = true},
    [FAMILY_JOB_RUN] =
	{FAMILY_HISTOGRAM, "osapi_job_run_duration_seconds",
	 "Time from the start of a job on a host to its end there.",
	 FAMILY_SECONDS, .a = DIMENSION_OPERATION, .b = DIMENSION_OUTCOME,
	 .bounds = job_bounds, .sparse = true},
    [FAMILY_DEAD_LETTERS] =
	{FAMILY_COUNTER, "osapi_dead_letters_total",
	 "Jobs given up because they were delivered too often."},
    [FAMILY_DUTY_FAILURES] =
	{FAMILY_COUNTER, "osapi_duty_failures_total",
	 "Background duties (deadlines, dead letters) that failed."},
    [FAMILY_SPANS_EXPORTED] = {FAMILY_COUNTER, "osapi_spans_exported_total",
			       "Spans that a collector or stdout has taken."},
    [FAMILY_SPANS_DROPPED] =
	{FAMILY_COUNTER, "osapi_spans_dropped_total",
	 "Spans lost: refused, or more than the buffer holds."},
};
