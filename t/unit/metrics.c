/* t/unit/metrics.c: what is rendered can be read line by line, and nothing is
 * said that is not known. */
#include "t/unit/unit.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth.h"
#include "fcgi/metrics.h"
#include "lib/clock.h"

#define LINES_MAX 1024
#define LABEL     "[a-z_]+=\"([^\"\\]|\\\\[\"n\\])*\""
#define SAMPLE                                         \
	"^([a-z0-9_]+)(\\{(" LABEL ",)*" LABEL "\\})?" \
	" (-?[0-9]+(\\.[0-9]+)?)$"

static struct scoreboard *scoreboard;
static const struct spec *spec;
static struct index *jobs_index;

static void
start(void)
{
	struct err_info info = {""};

	if (spec)
		return;
	IS_INT("a description", spec_load(&spec, &info), ERR_OK);
	IS_INT("a scoreboard", scoreboard_new(spec, &scoreboard), ERR_OK);
	IS_INT("an index", index_new(spec, 0, &jobs_index), ERR_OK);
}

static struct worker_figures hosts[] = {
    {.hostname = "db-01",
     .version = "1.2.3",
     .state = WORKER_SILENT,
     .silent_ms = 61500,
     .completed = 12,
     .failed = 3},
    {.hostname = "web-01", .version = "a\"b\\c\nd", .running = 2},
};

/* The caller frees it. */
static char *
rendered(const struct index_counts *counts, const char *version,
	 enum exposition_format format)
{
	const struct worker_census census = {
	    .by_state = {1, 0, 1}, .count = 2, .list = hosts, .left_out = 5};
	struct metrics_facts facts = {
	    .scoreboard = scoreboard,
	    .version = version,
	    .processes = 2,
	    .max_waiters = 100,
	    .now_ns = 100 * CLOCK_NS_PER_S,
	    .counts = counts,
	    .workers = counts ? &census : NULL,
	};
	char *text = NULL;
	size_t size = 0;

	IS_INT("rendered", metrics_render(&facts, format, &text, &size),
	       ERR_OK);
	if (!text)
		CU_FAIL_FATAL("no text");
	IS_INT("as long as it says", strlen(text), size);
	return text;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && strcmp(text + a - b, end) == 0;
}

/* The name's "# TYPE" line stands above and is the last of its kind. */
static void
check_sample(const regex_t *sample, const char *line, const char *name,
	     const char *type)
{
	regmatch_t match[2];
	const char *rest;

	if (regexec(sample, line, 2, match, 0) != 0) {
		OK(line, false);
		return;
	}
	OK(line, strncmp(line, name, strlen(name)) == 0);
	rest = line + strlen(name);
	if (strcmp(type, "histogram") == 0)
		OK(line, strncmp(rest, "_bucket{", 8) == 0 ||
			     strncmp(rest, "_sum", 4) == 0 ||
			     strncmp(rest, "_count", 6) == 0);
	else
		IS_INT(line, match[1].rm_eo, strlen(name));
	IS_INT(line, ends_with(name, "_total"), strcmp(type, "counter") == 0);
}

static void
check_lines(char *text)
{
	char name[128] = "", type[16] = "", helped[128] = "";
	char *lines[LINES_MAX], *rest = NULL;
	size_t n = 0;
	regex_t sample;

	IS_INT("the pattern", regcomp(&sample, SAMPLE, REG_EXTENDED), 0);
	for (char *line = strtok_r(text, "\n", &rest); line && n < LINES_MAX;
	     line = strtok_r(NULL, "\n", &rest)) {
		for (size_t i = 0; i < n; i++)
			OK(line, strncmp(lines[i], line,
					 strcspn(lines[i], " ") + 1) != 0 ||
				     *line == '#');
		for (size_t i = 0; i < n && *line == '#'; i++)
			OK(line, strcmp(lines[i], line) != 0);
		lines[n++] = line;
		if (sscanf(line, "# HELP %127s", helped) == 1)
			OK(line, strlen(line) > strlen(helped) + 8);
		else if (sscanf(line, "# TYPE %127s %15s", name, type) == 2)
			IS_TEXT("its help is before it", helped, name);
		else
			check_sample(&sample, line, name, type);
	}
	OK("there are many", n > 30 && n < LINES_MAX);
	regfree(&sample);
}

static void
can_be_read_line_by_line(void)
{
	struct index_counts counts;
	char *text;

	start();
	scoreboard_observe(scoreboard_slot(scoreboard, 0),
			   FAMILY_REQUEST_DURATION, 3, 2, 1234);
	index_counts(jobs_index, &counts);
	text = rendered(&counts, "1.2.3", EXPOSITION_TEXT);
	check_lines(text);
	free(text);
	text = rendered(&counts, "a\"b\\c\nd", EXPOSITION_TEXT);
	check_lines(text);
	free(text);
}

static void
says_what_is_there(void)
{
	static const char *const lines[] = {
	    "\nosapi_auth_failures_total{reason=\"scope\"} 12\n",
	    "\nosapi_auth_failures_total{reason=\"expired\"} 0\n",
	    "\n# TYPE osapi_auth_failures_total counter\n",
	    "\nhttp_server_active_requests 2\n",
	    "\n# TYPE http_server_active_requests gauge\n",
	    "\nosapi_index_lag_messages{process=\"1\",bucket=\"responses\"} "
	    "4\n",
	    "\nprocess_cpu_seconds_total{process=\"3\"} 1.5\n",
	    "\nosapi_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n",
	    "\nosapi_jobs{operation=\"system.hostname.get\",status=\"failed\"} "
	    "5\n",
	    "\nosapi_jobs{operation=\"other\",status=\"submitted\"} 6\n",
	    "\nosapi_jobs_oldest_age_seconds{status=\"submitted\"} 98.5\n",
	    "\nosapi_jobs_oldest_age_seconds{status=\"processing\"} 0.0\n",
	    "\nosapi_workers{state=\"silent\"} 1\n",
	    "\nosapi_workers_left_out 5\n",
	    "\nosapi_worker_last_seen_age_seconds{hostname=\"db-01\"} 61.5\n",
	    "\nosapi_worker_jobs_total{hostname=\"db-01\",outcome=\"failed\"} "
	    "3\n",
	    "\nosapi_worker_running_jobs{hostname=\"web-01\"} 2\n",
	    "\nosapi_worker_info{hostname=\"web-01\",version=\"a\\\"b\\\\c\\n"
	    "d\"} 1\n",
	};
	struct scoreboard_slot *one;
	struct index_counts counts;
	char *text;

	start();
	one = scoreboard_slot(scoreboard, 1);
	scoreboard_count(scoreboard_slot(scoreboard, 0), FAMILY_AUTH_FAILURES,
			 AUTH_SCOPE, 0, 5);
	scoreboard_count(one, FAMILY_AUTH_FAILURES, AUTH_SCOPE, 0, 7);
	scoreboard_add(one, FAMILY_ACTIVE_REQUESTS, 2);
	scoreboard_set(one, FAMILY_START_TIME, 0, 1000000);
	scoreboard_set(one, FAMILY_INDEX_LAG, 1, 4);
	scoreboard_add(scoreboard_slot(scoreboard, 3), FAMILY_CPU, 1500000);
	index_counts(jobs_index, &counts);
	counts.by_state[0][JOB_FAILED] = 5;
	counts.by_state[INDEX_OPERATIONS_MAX][JOB_SUBMITTED] = 6;
	counts.oldest_ns[JOB_SUBMITTED] = 1500 * CLOCK_NS_PER_MS;
	text = rendered(&counts, "a\"b\\c\nd", EXPOSITION_TEXT);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		HAS_TEXT(lines[i], text, lines[i]);
	OK("no gauge of a process that is gone",
	   !strstr(text, "process_open_fds{process=\"3\"}"));
	free(text);
	text = rendered(&counts, "1.2.3", EXPOSITION_OPENMETRICS);
	OK("OpenMetrics has an end", ends_with(text, "\n# EOF\n"));
	HAS_TEXT("an info", text, "\n# TYPE osapi_worker info\n");
	free(text);
}

static void
leaves_out_what_is_not_known(void)
{
	char *text;

	start();
	text = rendered(NULL, "1.2.3", EXPOSITION_TEXT);
	HAS_TEXT("the version", text, "\nosapi_build_info");
	OK("no jobs", !strstr(text, "osapi_jobs{"));
	OK("no age", !strstr(text, "osapi_jobs_oldest"));
	OK("no workers", !strstr(text, "osapi_worker"));
	free(text);
}

/* Each family has a row, its bounds rise, and its words need no escapes. */
static void
has_a_row_for_each_family(void)
{
	for (int i = 0; i < FAMILY_COUNT; i++) {
		const struct family_row *row = &families[i];
		bool total = row->name && ends_with(row->name, "_total");
		bool counter = row->kind == FAMILY_COUNTER ||
			       row->kind == FAMILY_OWN_COUNTER;

		OK("has a name and words", row->name && row->help);
		if (!row->name || !row->help)
			continue;
		IS_INT(row->name, total, counter);
		OK(row->name,
		   !strpbrk(row->help, "\\\"\n") && ends_with(row->help, "."));
		OK(row->name, row->unit != FAMILY_SECONDS ||
				  strstr(row->name, "_seconds"));
		OK(row->name,
		   row->unit != FAMILY_BYTES || strstr(row->name, "_bytes"));
		IS_INT(row->name, row->bounds != NULL,
		       row->kind == FAMILY_HISTOGRAM);
		for (int k = 1; row->bounds && k < FAMILY_BOUNDS; k++)
			OK(row->name, row->bounds[k - 1] < row->bounds[k]);
	}
}

static void
ends(void)
{
	start();
	index_free(jobs_index);
	spec_free(spec);
	scoreboard_free(scoreboard);
}

const struct unit_case unit_cases[] = {
    {"can be read line by line", can_be_read_line_by_line},
    {"says what is there", says_what_is_there},
    {"leaves out what is not known", leaves_out_what_is_not_known},
    {"has a row for each family", has_a_row_for_each_family},
    {"ends", ends},
    {NULL, NULL},
};
const char unit_name[] = "metrics";
