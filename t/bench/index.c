/*
 * t/bench/index.c: reads of the index with 100 and with 100,000 jobs.
 *
 * What a request costs in this process: the copy from the index, its JSON and
 * the text.  The two sizes are measured in turns, so that what else the
 * machine does meets both; the table shows medians and their ratio.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/index.h"
#include "fcgi/view.h"
#include "lib/clock.h"

#define SMALL   100
#define LARGE   100000
#define SAMPLES 2001
#define PAGE    10

struct world {
	size_t jobs;
	struct index *index;
	char (*ids)[UUID_SIZE];
};

static uint64_t seed = 88172645463325252U;

static uint64_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

/* ---- the two indexes ---- */

static void
add_event(struct world *w, const char *id, enum job_event what)
{
	struct event event = {.event = what,
			      .hostname = "web-01.example.com",
			      .unix_nano = clock_wall_ns()};

	memcpy(event.job_id, id, UUID_SIZE);
	index_put_event(w->index, &event, 2, NULL);
}

/* One of three is submitted, one runs, one is done. */
static void
add_job(struct world *w, size_t at)
{
	struct job job = {.type = "system.status.get",
			  .submitted_by = "alice",
			  .target = {.kind = TARGET_ANY}};
	struct response response = {.hostname = "web-01.example.com",
				    .timestamp_ns = clock_wall_ns()};

	uuid_make(job.id);
	memcpy(w->ids[at], job.id, UUID_SIZE);
	memcpy(response.job_id, job.id, UUID_SIZE);
	job.created_ns = clock_wall_ns();
	job.expires_ns = job.created_ns + CLOCK_NS_PER_S;
	job.data = json_object();
	job.expected = json_array();
	index_put_job(w->index, &job, 300, 1);
	if (at % 3 > 0) {
		add_event(w, job.id, JOB_EVENT_ACKNOWLEDGED);
		add_event(w, job.id, JOB_EVENT_STARTED);
	}
	if (at % 3 > 1) {
		response.data = json_pack(
		    "{s:s, s:s, s:{s:I, s:I, s:I}}", "hostname",
		    "web-01.example.com", "uptime", "0 days, 4 hours, 1 minute",
		    "memory", "total", (json_int_t)25275166720, "free",
		    (json_int_t)23913103360, "used", (json_int_t)844652544);
		index_put_response(w->index, &response, 400, 1);
		add_event(w, job.id, JOB_EVENT_COMPLETED);
		response_release(&response);
	}
	job_release(&job);
}

static struct world
make_world(size_t jobs)
{
	struct world w = {.jobs = jobs};

	w.ids = calloc(jobs, UUID_SIZE);
	if (!w.ids || index_new(NULL, 0, &w.index) != ERR_OK)
		abort();
	for (size_t i = 0; i < jobs; i++)
		add_job(&w, i);
	return w;
}

/* ---- what is measured ---- */

static void
render(const struct index_view *view)
{
	json_t *json = NULL;
	char *text = NULL;

	if (view_job(NULL, view, &json, NULL) == ERR_OK)
		text = json_dumps(json, JSON_COMPACT);
	if (!text)
		abort();
	json_decref(json);
	free(text);
}

static void
get_one(struct world *w)
{
	struct index_view view;

	if (index_view(w->index, w->ids[draw() % w->jobs], &view) != ERR_OK)
		abort();
	render(&view);
	index_view_release(&view);
}

/* Without JSON, 16 jobs at a time: what the memory's own speed makes of it. */
static void
copy_some(struct world *w)
{
	struct index_view view;

	for (unsigned i = 0; i < 16; i++) {
		if (index_view(w->index, w->ids[draw() % w->jobs], &view) !=
		    ERR_OK)
			abort();
		index_view_release(&view);
	}
}

static void
read_page(struct world *w, int status, size_t offset)
{
	struct index_view *views = NULL;
	size_t count = 0;
	size_t total = 0;

	index_page(w->index, status, offset, PAGE, &views, &count, &total);
	if (count != PAGE)
		abort();
	for (size_t i = 0; i < count; i++) {
		render(&views[i]);
		index_view_release(&views[i]);
	}
	free(views);
}

static void
page_newest(struct world *w)
{
	read_page(w, -1, 0);
}

static void
page_deep(struct world *w)
{
	read_page(w, -1, draw() % (w->jobs - PAGE));
}

static void
page_of_status(struct world *w)
{
	read_page(w, JOB_PROCESSING, draw() % (w->jobs / 3 - PAGE));
}

static void
statistics(struct world *w)
{
	struct index_counts counts;

	/* Too short to be timed alone. */
	for (unsigned i = 0; i < 100; i++)
		index_counts(w->index, &counts);
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static double
median_us(int64_t *samples)
{
	qsort(samples, SAMPLES, sizeof(*samples), compare);
	return (double)samples[SAMPLES / 2] / 1000;
}

/* Medians in us of one run (which does it `times` times). */
static void
take(void (*run)(struct world *), double times, struct world *small,
     struct world *large, double us[static 2])
{
	static int64_t samples[2][SAMPLES];
	struct world *worlds[2] = {small, large};

	for (size_t i = 0; i < SAMPLES; i++) {
		for (size_t j = 0; j < 2; j++) {
			int64_t begun_ns = now_ns();

			run(worlds[j]);
			samples[j][i] = now_ns() - begun_ns;
		}
	}
	us[0] = median_us(samples[0]) / times;
	us[1] = median_us(samples[1]) / times;
}

static void
measure(const char *name, void (*run)(struct world *), double times,
	struct world *small, struct world *large)
{
	double us[2];

	take(run, times, small, large, us);
	printf("%-28s %10.2f %14.2f %8.2f\n", name, us[0], us[1],
	       us[1] / us[0]);
}

static long
resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (file) {
		if (fscanf(file, "%*d %ld", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	return pages * 4;
}

int
main(void)
{
	struct world small = make_world(SMALL);
	long before_kib = resident_kib();
	int64_t begun_ns = now_ns();
	struct world large = make_world(LARGE);
	double seconds = (double)(now_ns() - begun_ns) / 1e9;
	double us[2];

	printf("index: %d jobs put in %.2f s, %ld octets of memory a job\n",
	       LARGE, seconds, (resident_kib() - before_kib) * 1024 / LARGE);
	printf("%-28s %10s %14s %8s\n", "median, us", "100 jobs",
	       "100,000 jobs", "ratio");
	measure("one job", get_one, 1, &small, &large);
	measure("page of 10, newest", page_newest, 1, &small, &large);
	measure("page of 10, any offset", page_deep, 1, &small, &large);
	measure("page of 10, of a status", page_of_status, 1, &small, &large);
	measure("statistics", statistics, 100, &small, &large);
	take(copy_some, 16, &small, &large, us);
	printf("of one job, the copy from the index: %.2f and %.2f us (the "
	       "larger one is not in the processor's caches)\n",
	       us[0], us[1]);
	index_free(small.index);
	index_free(large.index);
	free(small.ids);
	free(large.ids);
	return 0;
}
