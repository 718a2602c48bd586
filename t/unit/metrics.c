/* t/unit/metrics.c: what is rendered can be read line by line, and nothing is
 * said that is not known. */
#include "t/unit/unit.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/metrics.h"

#define LINES_MAX 256
#define SAMPLE                                       \
	"^(osapi_[a-z0-9_]+)"                        \
	"(\\{[a-z]+=\"([^\"\\]|\\\\[\"n\\])*\"\\})?" \
	" (-?[0-9]+)$"

static struct scoreboard *scoreboard;
static const struct spec *spec;
static struct index *jobs_index;

static void
start(void)
{
	struct err_info info = {""};

	if (spec)
		return;
	IS_INT("a scoreboard", scoreboard_new(&scoreboard), ERR_OK);
	IS_INT("a description", spec_load(&spec, &info), ERR_OK);
	IS_INT("an index", index_new(spec, 0, &jobs_index), ERR_OK);
}

/* The caller frees it. */
static char *
rendered(const struct index_counts *counts, const char *version)
{
	struct metrics_facts facts = {
	    .scoreboard = scoreboard,
	    .spec = spec,
	    .version = version,
	    .nats_connected = counts != NULL,
	    .counts = counts,
	    .workers_known = counts != NULL,
	    .workers = 3,
	};
	char *text = NULL;
	size_t size = 0;

	IS_INT("rendered", metrics_render(&facts, &text, &size), ERR_OK);
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

	if (regexec(sample, line, 2, match, 0) != 0) {
		OK(line, false);
		return;
	}
	OK(line, (size_t)match[1].rm_eo == strlen(name) &&
		     strncmp(line, name, strlen(name)) == 0);
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
	index_counts(jobs_index, &counts);
	text = rendered(&counts, "1.2.3");
	check_lines(text);
	free(text);
	text = rendered(&counts, "a\"b\\c\nd");
	check_lines(text);
	free(text);
}

static void
says_what_is_there(void)
{
	static const char *const lines[] = {
	    "\nosapi_http_responses_total{class=\"4xx\"} 12\n",
	    "\nosapi_http_responses_total{class=\"5xx\"} 0\n",
	    "\n# TYPE osapi_http_responses_total counter\n",
	    "\nosapi_http_requests_in_flight 2\n",
	    "\n# TYPE osapi_http_requests_in_flight gauge\n",
	    "\nosapi_build_info{version=\"a\\\"b\\\\c\\nd\"} 1\n",
	    "\nosapi_nats_connected 1\n",
	    "\nosapi_index_ready 1\n",
	    "\nosapi_jobs{status=\"partial_failure\"} 5\n",
	    "\nosapi_jobs{status=\"submitted\"} 0\n",
	    "\nosapi_jobs_by_operation{operation=\"network.dns.get\"} 0\n",
	    "\nosapi_workers_alive 3\n",
	};
	struct index_counts counts;
	char *text;

	start();
	scoreboard_add(scoreboard_slot(scoreboard, 0), SCOREBOARD_STATUS_4XX,
		       5);
	scoreboard_add(scoreboard_slot(scoreboard, 1), SCOREBOARD_STATUS_4XX,
		       7);
	scoreboard_add(scoreboard_slot(scoreboard, 1), SCOREBOARD_IN_FLIGHT, 2);
	index_counts(jobs_index, &counts);
	counts.by_status[JOB_PARTIAL_FAILURE] = 5;
	text = rendered(&counts, "a\"b\\c\nd");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		HAS_TEXT(lines[i], text, lines[i]);
	free(text);
}

static void
leaves_out_what_is_not_known(void)
{
	char *text;

	start();
	text = rendered(NULL, "1.2.3");
	HAS_TEXT("NATS", text, "\nosapi_nats_connected 0\n");
	HAS_TEXT("the index", text, "\nosapi_index_ready 0\n");
	OK("no jobs", !strstr(text, "osapi_jobs"));
	OK("no workers", !strstr(text, "osapi_workers"));
	free(text);
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
    {"ends", ends},
    {NULL, NULL},
};
const char unit_name[] = "metrics";
