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
	{.kind = FAMILY_HISTOGRAM,
	 .name = "http_server_request_duration_seconds",
	 .help = "Time from accepting a request to handing out its answer.",
	 .unit = FAMILY_SECONDS,
	 .a = DIMENSION_ROUTE,
	 .b = DIMENSION_CODE,
	 .bounds = request_bounds,
	 .sparse = true},
    [FAMILY_ACTIVE_REQUESTS] =
	{.kind = FAMILY_GAUGE,
	 .name = "http_server_active_requests",
	 .help = "Requests being worked on, parked ones included."},
    [FAMILY_ABORTED] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_http_aborted_total",
	 .help = "Requests whose client went away or broke the protocol."},
    [FAMILY_AUTH_FAILURES] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_auth_failures_total",
	 .help = "Requests without a valid token or scope, by what was wrong.",
	 .a = DIMENSION_REASON},
    [FAMILY_WAITERS] = {.kind = FAMILY_GAUGE,
			.name = "osapi_waiters",
			.help = "Requests parked until a job ends."},
    [FAMILY_PROCESSES] = {.kind = FAMILY_GAUGE,
			  .name = "osapi_pool_processes",
			  .help = "Responder processes alive."},
    [FAMILY_STARTING] = {.kind = FAMILY_GAUGE,
			 .name = "osapi_pool_processes_starting",
			 .help = "Responder processes that were never ready."},
    [FAMILY_CUT_OFF] = {.kind = FAMILY_GAUGE,
			.name = "osapi_pool_processes_cut_off",
			.help = "Responder processes that have lost NATS."},
    [FAMILY_RESPAWNS] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_pool_respawns_total",
	 .help = "Responder processes started in place of one that died."},
    [FAMILY_CPU] = {.kind = FAMILY_OWN_COUNTER,
		    .name = "process_cpu_seconds_total",
		    .help = "User and system CPU time of a responder process.",
		    .unit = FAMILY_SECONDS},
    [FAMILY_RESIDENT] = {.kind = FAMILY_OWN_GAUGE,
			 .name = "process_resident_memory_bytes",
			 .help = "Resident memory of a responder process.",
			 .unit = FAMILY_BYTES},
    [FAMILY_VIRTUAL] = {.kind = FAMILY_OWN_GAUGE,
			.name = "process_virtual_memory_bytes",
			.help = "Virtual memory of a responder process.",
			.unit = FAMILY_BYTES},
    [FAMILY_FDS] = {.kind = FAMILY_OWN_GAUGE,
		    .name = "process_open_fds",
		    .help = "Open file descriptors of a responder process."},
    [FAMILY_FDS_MAX] = {.kind = FAMILY_OWN_GAUGE,
			.name = "process_max_fds",
			.help = "Limit of open file descriptors."},
    [FAMILY_START_TIME] = {.kind = FAMILY_OWN_GAUGE,
			   .name = "process_start_time_seconds",
			   .help =
			       "Start of a responder process since the epoch.",
			   .unit = FAMILY_SECONDS},
    [FAMILY_NATS_CONNECTED] =
	{.kind = FAMILY_OWN_GAUGE,
	 .name = "osapi_nats_connected",
	 .help = "Whether a responder process is connected to NATS."},
    [FAMILY_NATS_RECONNECTS] = {.kind = FAMILY_COUNTER,
				.name = "osapi_nats_reconnects_total",
				.help = "Connections to NATS that came back."},
    [FAMILY_NATS_PUBLISH] =
	{.kind = FAMILY_HISTOGRAM,
	 .name = "osapi_nats_publish_duration_seconds",
	 .help = "Time from publishing to JetStream to its acknowledgement.",
	 .unit = FAMILY_SECONDS,
	 .bounds = publish_bounds},
    [FAMILY_NATS_PUBLISH_FAILURES] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_nats_publish_failures_total",
	 .help = "Publishes that JetStream refused or did not answer."},
    [FAMILY_INDEX_READY] =
	{.kind = FAMILY_OWN_GAUGE,
	 .name = "osapi_index_ready",
	 .help =
	     "Whether the index of a responder process is filled and in step."},
    [FAMILY_INDEX_JOBS] = {.kind = FAMILY_OWN_GAUGE,
			   .name = "osapi_index_jobs",
			   .help = "Jobs in the index of a responder process."},
    [FAMILY_INDEX_LAG] =
	{.kind = FAMILY_OWN_GAUGE,
	 .name = "osapi_index_lag_messages",
	 .help = "Changes of a bucket that the index has not taken yet.",
	 .a = DIMENSION_BUCKET},
    [FAMILY_INDEX_BEHIND] =
	{.kind = FAMILY_OWN_GAUGE,
	 .name = "osapi_index_behind_seconds",
	 .help = "Time since the index was last known to have all of a bucket.",
	 .unit = FAMILY_SECONDS,
	 .a = DIMENSION_BUCKET},
    [FAMILY_INDEX_REPLAYS] =
	{.kind = FAMILY_OWN_COUNTER,
	 .name = "osapi_index_replays_total",
	 .help = "Replays of a bucket, the first one of a process included.",
	 .a = DIMENSION_BUCKET},
    [FAMILY_INDEX_SKIPPED] = {.kind = FAMILY_OWN_COUNTER,
			      .name = "osapi_index_skipped_total",
			      .help =
				  "Documents that the index could not read."},
    [FAMILY_JOBS_SUBMITTED] = {.kind = FAMILY_COUNTER,
			       .name = "osapi_jobs_submitted_total",
			       .help = "Jobs that were submitted.",
			       .a = DIMENSION_OPERATION},
    [FAMILY_JOBS_FINISHED] = {.kind = FAMILY_COUNTER,
			      .name = "osapi_jobs_finished_total",
			      .help = "Jobs that have ended, by their status.",
			      .a = DIMENSION_OPERATION,
			      .b = DIMENSION_FINAL},
    [FAMILY_JOBS_GIVEN_UP] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_jobs_given_up_total",
	 .help = "Jobs that the API ended: too late, or delivered too often.",
	 .a = DIMENSION_OPERATION},
    [FAMILY_JOB_QUEUED] =
	{.kind = FAMILY_HISTOGRAM,
	 .name = "osapi_job_queue_duration_seconds",
	 .help = "Time from the making of a job to its start on a host.",
	 .unit = FAMILY_SECONDS,
	 .a = DIMENSION_OPERATION,
	 .bounds = job_bounds,
	 .sparse = true},
    [FAMILY_JOB_RUN] =
	{.kind = FAMILY_HISTOGRAM,
	 .name = "osapi_job_run_duration_seconds",
	 .help = "Time from the start of a job on a host to its end there.",
	 .unit = FAMILY_SECONDS,
	 .a = DIMENSION_OPERATION,
	 .b = DIMENSION_OUTCOME,
	 .bounds = job_bounds,
	 .sparse = true},
    [FAMILY_DEAD_LETTERS] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_dead_letters_total",
	 .help = "Jobs given up because they were delivered too often."},
    [FAMILY_DUTY_FAILURES] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_duty_failures_total",
	 .help = "Background duties (deadlines, dead letters) that failed."},
    [FAMILY_SPANS_EXPORTED] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_spans_exported_total",
	 .help = "Spans that a collector or stdout has taken."},
    [FAMILY_SPANS_DROPPED] =
	{.kind = FAMILY_COUNTER,
	 .name = "osapi_spans_dropped_total",
	 .help = "Spans lost: refused, or more than the buffer holds."},
};
