/* t/unit/timeline.c: cli/timeline.h: durations from the times of events. */
#include "cli/timeline.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "t/unit/unit.h"

static void
writes_spans(void)
{
	static const struct {
		const char *why;
		int64_t ms;
		const char *wanted;
	} rows[] = {
	    {"at once", 0, "0 ms"},
	    {"milliseconds", 999, "999 ms"},
	    {"a second", 1000, "1.00 s"},
	    {"no 10.00 s", 9999, "9.99 s"},
	    {"no 60.0 s", 59999, "59.9 s"},
	    {"a minute", 60000, "1 min 00 s"},
	    {"minutes", 125000, "2 min 05 s"},
	    {"the last second of an hour", 3599999, "59 min 59 s"},
	    {"hours", 5400000, "1 h 30 min"},
	    {"days", INT64_C(187200000), "2 d 04 h"},
	    {"another clock", -3, "-3 ms"},
	    {"one far off", -125000, "-2 min 05 s"},
	};
	char buf[TIMELINE_SPAN_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		IS_TEXT(rows[i].why,
			timeline_span(rows[i].ms * CLOCK_NS_PER_MS, buf),
			rows[i].wanted);
}

static const char broadcast[] =
    "{\"timeline\":["
    "{\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"event\":\"submitted\","
    "\"hostname\":\"api\"},"
    "{\"timestamp\":\"2026-01-01T00:00:00.002Z\",\"event\":\"acknowledged\","
    "\"hostname\":\"w-0\"},"
    "{\"timestamp\":\"2025-12-31T23:59:59.990Z\",\"event\":\"acknowledged\","
    "\"hostname\":\"w-1\"},"
    "{\"timestamp\":\"2026-01-01T00:00:00.005Z\",\"event\":\"started\","
    "\"hostname\":\"w-0\"},"
    "{\"timestamp\":\"2026-01-01T00:00:02.005Z\",\"event\":\"failed\","
    "\"hostname\":\"w-0\",\"error\":\"no\"},"
    "{\"timestamp\":\"2026-01-01T01:30:00.000Z\",\"event\":\"retried\","
    "\"hostname\":\"api\",\"message\":\"as job x\"}],"
    "\"worker_states\":{\"w-0\":{\"status\":\"failed\",\"error\":\"no\","
    "\"duration\":\"2s\"},\"w-1\":{\"status\":\"processing\"},"
    "\"w-2\":{\"status\":\"submitted\"}}}";

static json_t *
parse(const char *text)
{
	json_t *value = NULL;

	IS_INT("the test's own JSON",
	       json_parse(text, strlen(text), &value, NULL), ERR_OK);
	return value;
}

static const char *
member(const json_t *rows, size_t at, const char *name)
{
	const char *text = json_member_string(json_array_get(rows, at), name);

	return text ? text : "";
}

static void
tells_each_step(void)
{
	static const char *const wanted[][2] = {
	    {"+0 ms", ""},         {"+2 ms", "2 ms"},
	    {"-10 ms", "-10 ms"},  {"+5 ms", "3 ms"},
	    {"+2.00 s", "2.00 s"}, {"+1 h 30 min", "1 h 30 min"},
	};
	json_t *job = parse(broadcast);
	json_t *before = json_deep_copy(job);
	json_t *events = timeline_events(job);
	size_t i;

	IS_INT("all events", json_array_size(events), 6);
	for (i = 0; i < 6; i++) {
		const char *why = member(events, i, "event");

		IS_TEXT(why, member(events, i, "after"), wanted[i][0]);
		IS_TEXT(why, member(events, i, "step"), wanted[i][1]);
	}
	OK("the job is as it was", json_equal(job, before));
	json_decref(events);
	json_decref(before);
	json_decref(job);
}

static void
tells_each_host(void)
{
	json_t *job = parse(broadcast);
	json_t *hosts = timeline_hosts(job);

	IS_INT("all hosts", json_array_size(hosts), 3);
	IS_TEXT("its name", member(hosts, 0, "hostname"), "w-0");
	IS_TEXT("its status", member(hosts, 0, "status"), "failed");
	IS_TEXT("until it began", member(hosts, 0, "waited"), "5 ms");
	IS_TEXT("until it ended", member(hosts, 0, "ran"), "2.00 s");
	IS_TEXT("in all", member(hosts, 0, "total"), "2.00 s");
	IS_TEXT("one that has not begun", member(hosts, 1, "waited"), "");
	IS_TEXT("nor ended", member(hosts, 1, "total"), "");
	IS_TEXT("one that is silent", member(hosts, 2, "status"), "submitted");
	json_decref(hosts);
	json_decref(job);
}

/* What an API of another version could answer. */
static void
takes_what_is_no_timeline(void)
{
	static const char *const jobs[] = {
	    "{}", "{\"timeline\":7,\"worker_states\":[]}",
	    ("{\"timeline\":[1,{},{\"timestamp\":\"now\",\"event\":3}],"
	     "\"worker_states\":{\"w\":1}}")};
	size_t i;

	for (i = 0; i < sizeof(jobs) / sizeof(*jobs); i++) {
		json_t *job = parse(jobs[i]);
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		timeline_print(out, job);
		fclose(out);
		OK(jobs[i], text != NULL);
		free(text);
		json_decref(job);
	}
}

static void
prints_both_tables(void)
{
	json_t *job = parse(broadcast);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	timeline_print(out, job);
	fclose(out);
	HAS_TEXT("the timeline", text, "\nTimeline\n");
	HAS_TEXT("its columns", text, "AFTER");
	HAS_TEXT("steps", text, "STEP");
	HAS_TEXT("the hosts", text, "\nHosts\n");
	HAS_TEXT("how long they waited", text, "WAITED");
	free(text);
	json_decref(job);
}

const char unit_name[] = "timeline";
const struct unit_case unit_cases[] = {
    {"writes spans of time", writes_spans},
    {"tells how long each step took", tells_each_step},
    {"tells how long each host took", tells_each_host},
    {"takes what is no timeline", takes_what_is_no_timeline},
    {"prints both tables", prints_both_tables},
    {NULL, NULL},
};
