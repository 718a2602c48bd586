/*
 * t/bench/telemetry.c [URL]: CPU time that one POST /jobs costs for metrics and
 * for traces, in nanoseconds.
 *
 * Metrics: the request itself, its publish with two readings of the clock, and
 * both processes' reading of the job's document (one counts it, one finds it
 * counted); alone, and by two threads that write the same lines.  Traces: the
 * spans of the request and of the publish, with the thread that hands them on,
 * to the collector at URL (none: to /dev/null).  CPU time and not time, as the
 * machine may have other things to do.
 *
 * The last line is JSON, for t/bench/telemetry.py.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/tally.h"
#include "lib/clock.h"
#include "lib/job_span.h"
#include "lib/tracer.h"

#define TIMES   100000 /* jobs of a round, for metrics */
#define BURST   150    /* jobs whose spans fit into a tracer's buffer */
#define BURSTS  4      /* in a round */
#define ROUNDS  5
#define THREADS 2

static const struct spec *spec;
static struct scoreboard *board;

static int64_t
used_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_size);
	return values[ROUNDS / 2];
}

/* ---- metrics ---- */

struct writer {
	const struct spec_endpoint *endpoint;
	size_t slot;
	uint64_t number; /* of its first change */
	double ns;       /* a job, of the latest round */
};

static void
record(const struct writer *w, uint64_t number)
{
	struct scoreboard_slot *slot = scoreboard_slot(board, w->slot);
	const struct dimensions *d = scoreboard_dimensions(board);
	const char *method = dimension_method("POST");
	struct tally tally = {
	    .scoreboard = board, .slot = w->slot, .spec = spec};
	int64_t begun_us;

	scoreboard_add(slot, FAMILY_ACTIVE_REQUESTS, 1);
	begun_us = clock_mono_us();
	scoreboard_observe(slot, FAMILY_NATS_PUBLISH, 0, 0,
			   clock_mono_us() - begun_us);
	scoreboard_observe(slot, FAMILY_REQUEST_DURATION,
			   dimension_route(d, w->endpoint, method),
			   dimension_code(d, 201), 1500);
	scoreboard_add(slot, FAMILY_ACTIVE_REQUESTS, -1);
	tally_job(&tally, number, "system.hostname.get");
	tally_job(&tally, number, "system.hostname.get");
}

static void *
write_many(void *arg)
{
	struct writer *w = arg;
	int64_t begun_ns = used_ns(CLOCK_THREAD_CPUTIME_ID);

	for (uint64_t i = 0; i < TIMES; i++)
		record(w, w->number + i);
	w->ns = (double)(used_ns(CLOCK_THREAD_CPUTIME_ID) - begun_ns) / TIMES;
	return NULL;
}

/* The median over the rounds of the slowest writer. */
static double
measure_metrics(struct writer *writers, size_t count)
{
	static uint64_t number;
	double ns[ROUNDS];
	pthread_t threads[THREADS];

	for (int round = 0; round < ROUNDS; round++) {
		ns[round] = 0;
		for (size_t i = 0; i < count; i++) {
			writers[i].number = number += TIMES;
			if (pthread_create(&threads[i], NULL, write_many,
					   &writers[i]) != 0)
				exit(EXIT_FAILURE);
		}
		for (size_t i = 0; i < count; i++) {
			pthread_join(threads[i], NULL);
			if (writers[i].ns > ns[round])
				ns[round] = writers[i].ns;
		}
	}
	return median(ns);
}

/* ---- traces ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t exported, dropped;

static void
counted(size_t out, size_t lost, void *arg)
{
	(void)arg;
	pthread_mutex_lock(&mutex);
	exported += out;
	dropped += lost;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&mutex);
}

/* What fcgi/request_span.c and fcgi/create.c make of a POST /jobs. */
static void
trace_one(struct tracer *tracer, const struct spec_endpoint *endpoint)
{
	int64_t now_ns = clock_wall_ns();
	struct trace request, job;

	tracer_begin(tracer, NULL, &request);
	trace_child(&request, &job);
	job_span_end(tracer, &(struct job_span){
				 .trace = &job,
				 .parent = request.span,
				 .subject = "jobs.query._any",
				 .job_id = "01900000-0000-7000-8000-"
					   "000000000001",
				 .operation = "system.hostname.get",
				 .start_ns = now_ns,
				 .end_ns = now_ns + 1000000,
			     });
	tracer_end(tracer,
		   &(struct span){
		       .trace = &request,
		       .remote = true,
		       .kind = SPAN_SERVER,
		       .name = "POST /api/v1/jobs",
		       .start_ns = now_ns,
		       .end_ns = now_ns + 1500000,
		       .attributes =
			   (const struct span_attribute[]){
			       SPAN_T("http.request.method", "POST"),
			       SPAN_T("http.route", endpoint->path),
			       SPAN_N("http.response.status_code", 201),
			       SPAN_T("url.path", endpoint->path),
			       SPAN_T("url.scheme", "http"),
			       SPAN_T("server.address", "127.0.0.1"),
			       SPAN_N("server.port", 8080),
			       SPAN_T("client.address", "127.0.0.1"),
			       SPAN_T("network.protocol.version", "1.1"),
			       SPAN_T("osapi.request.id",
				      "d3be967c63db914a5faabfbc48c1149f"),
			       SPAN_T("osapi.job.id",
				      "01900000-0000-7000-8000-000000000001"),
			       SPAN_T("enduser.id", "bench"),
			       {.key = NULL},
			   },
		   });
}

/* Spans in bursts, each handed on before the next begins. */
static double
trace_round(struct tracer *tracer, const struct spec_endpoint *endpoint)
{
	int64_t begun_ns = used_ns(CLOCK_PROCESS_CPUTIME_ID);
	size_t wanted = exported;

	for (int burst = 0; burst < BURSTS; burst++) {
		for (int i = 0; i < BURST; i++)
			trace_one(tracer, endpoint);
		wanted += BURST * 2;
		pthread_mutex_lock(&mutex);
		while (exported + dropped < wanted)
			pthread_cond_wait(&changed, &mutex);
		pthread_mutex_unlock(&mutex);
	}
	if (dropped) {
		fprintf(stderr, "telemetry: spans were dropped\n");
		exit(EXIT_FAILURE);
	}
	return (double)(used_ns(CLOCK_PROCESS_CPUTIME_ID) - begun_ns) /
	       (BURST * BURSTS);
}

static double
measure_traces(char *url, const struct spec_endpoint *endpoint)
{
	struct tracer_options options = {.resource = {.service = "osapi-fcgi",
						      .version = OSAPI_VERSION,
						      .host = "bench",
						      .instance = "1"},
					 .fd = open("/dev/null", O_WRONLY),
					 .counted = counted};
	struct config config = {.debug = false};
	struct tracer *tracer = NULL;
	double ns[ROUNDS];

	config.telemetry.tracing.enabled = true;
	config.telemetry.tracing.exporter =
	    url ? CONFIG_EXPORTER_OTLP : CONFIG_EXPORTER_STDOUT;
	config.telemetry.tracing.otlp_endpoint = url;
	if (tracer_new(&config, &options, &tracer, NULL))
		exit(EXIT_FAILURE);
	for (int round = 0; round < ROUNDS; round++)
		ns[round] = trace_round(tracer, endpoint);
	tracer_free(tracer, TRACER_FLUSH_MS);
	close(options.fd);
	return median(ns);
}

int
main(int argc, char **argv)
{
	struct writer writers[THREADS] = {{.endpoint = NULL}};
	double alone, together, traces;
	struct spec_match match;
	struct err_info info;
	char allow[64];

	if (spec_load(&spec, &info) || scoreboard_new(spec, &board) ||
	    spec_match(spec, "POST", "/api/v1/jobs", &match, allow))
		return EXIT_FAILURE;
	scoreboard_begin(board, 0, false);
	for (size_t i = 0; i < THREADS; i++)
		writers[i].endpoint = match.endpoint;
	alone = measure_metrics(writers, 1);
	together = measure_metrics(writers, THREADS);
	traces = measure_traces(argc > 1 ? argv[1] : NULL, match.endpoint);
	printf("%-40s %8.0f ns\n", "metrics of one POST /jobs", alone);
	printf("%-40s %8.0f ns\n", "the same, two threads, one shard",
	       together);
	printf("%-40s %8.0f ns\n", "traces of one POST /jobs", traces);
	printf("{\"metrics_ns\":%.1f,\"traces_ns\":%.1f}\n", together, traces);
	scoreboard_free(board);
	spec_free(spec);
	return EXIT_SUCCESS;
}
