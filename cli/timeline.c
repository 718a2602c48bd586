/* cli/timeline.c: see the header. */
#include "cli/timeline.h"

#include <stdbool.h>
#include <string.h>

#include "cli/table.h"
#include "lib/clock.h"
#include "lib/job.h"
#include "lib/json.h"

#define MINUTE_S 60
#define HOUR_S   3600
#define DAY_S    86400

#define UNKNOWN INT64_MIN

/* "2 min 05 s": two units, the larger one first. */
static void
write_two(char *buf, const char *sign, const char *large_unit, int64_t large,
	  const char *small_unit, int64_t small)
{
	snprintf(buf, TIMELINE_SPAN_SIZE, "%s%lld %s %02lld %s", sign,
		 (long long)large, large_unit, (long long)small, small_unit);
}

char *
timeline_span(int64_t ns, char buf[static TIMELINE_SPAN_SIZE])
{
	const char *sign = ns < 0 ? "-" : "";
	int64_t ms = (ns < 0 ? -ns : ns) / CLOCK_NS_PER_MS;
	int64_t s = ms / 1000;

	if (ms < 1000)
		snprintf(buf, TIMELINE_SPAN_SIZE, "%s%lld ms", sign,
			 (long long)ms);
	else if (s < 10) /* cut, not rounded: 60.0 s would be a minute */
		snprintf(buf, TIMELINE_SPAN_SIZE, "%s%lld.%02lld s", sign,
			 (long long)s, (long long)(ms % 1000 / 10));
	else if (s < MINUTE_S)
		snprintf(buf, TIMELINE_SPAN_SIZE, "%s%lld.%lld s", sign,
			 (long long)s, (long long)(ms % 1000 / 100));
	else if (s < HOUR_S)
		write_two(buf, sign, "min", s / MINUTE_S, "s", s % MINUTE_S);
	else if (s < DAY_S)
		write_two(buf, sign, "h", s / HOUR_S, "min",
			  s % HOUR_S / MINUTE_S);
	else
		write_two(buf, sign, "d", s / DAY_S, "h", s % DAY_S / HOUR_S);
	return buf;
}

static int64_t
time_of(const json_t *event)
{
	const char *text = json_member_string(event, "timestamp");
	int64_t wall_ns;

	return text && clock_parse_rfc3339(text, &wall_ns) == ERR_OK ? wall_ns
								     : UNKNOWN;
}

static bool
is(const json_t *event, const char *member, const char *text)
{
	const char *value = json_member_string(event, member);

	return value && text && strcmp(value, text) == 0;
}

static bool
is_event(const json_t *event, enum job_event kind)
{
	return is(event, "event", job_event_text(kind));
}

/* Sets a member to the time from one to the other, where both are known. */
static void
set_span(json_t *row, const char *member, const char *sign, int64_t from_ns,
	 int64_t to_ns)
{
	char buf[TIMELINE_SPAN_SIZE];

	if (from_ns == UNKNOWN || to_ns == UNKNOWN)
		return;
	timeline_span(to_ns - from_ns, buf);
	json_object_set_new(row, member,
			    json_sprintf("%s%s", *buf == '-' ? "" : sign, buf));
}

/* The time of this host's event before the one at `at`, else of the first. */
static int64_t
before(const json_t *events, size_t at)
{
	const char *host =
	    json_member_string(json_array_get(events, at), "hostname");
	size_t i;

	for (i = at; i-- > 0;)
		if (is(json_array_get(events, i), "hostname", host))
			return time_of(json_array_get(events, i));
	return at ? time_of(json_array_get(events, 0)) : UNKNOWN;
}

json_t *
timeline_events(const json_t *job)
{
	json_t *events = json_deep_copy(json_object_get(job, "timeline"));
	int64_t first_ns = time_of(json_array_get(events, 0));
	size_t i;

	for (i = 0; i < json_array_size(events); i++) {
		json_t *event = json_array_get(events, i);
		int64_t at_ns = time_of(event);

		set_span(event, "after", "+", first_ns, at_ns);
		set_span(event, "step", "", before(events, i), at_ns);
	}
	return events;
}

/* When this host began and ended; the last of several tries counts. */
static void
find_run(const json_t *events, const char *host, int64_t *begun_ns,
	 int64_t *ended_ns)
{
	size_t i;

	*begun_ns = *ended_ns = UNKNOWN;
	for (i = 0; i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);

		if (!is(event, "hostname", host))
			continue;
		if (is_event(event, JOB_EVENT_STARTED))
			*begun_ns = time_of(event);
		if (is_event(event, JOB_EVENT_COMPLETED) ||
		    is_event(event, JOB_EVENT_FAILED))
			*ended_ns = time_of(event);
	}
}

json_t *
timeline_hosts(const json_t *job)
{
	const json_t *events = json_object_get(job, "timeline");
	int64_t first_ns = time_of(json_array_get(events, 0));
	json_t *hosts = json_array();
	const char *name;
	json_t *state;

	json_object_foreach (json_object_get(job, "worker_states"), name,
			     state) {
		json_t *row = json_copy(state);
		int64_t begun_ns, ended_ns;

		find_run(events, name, &begun_ns, &ended_ns);
		json_object_set_new(row, "hostname", json_string(name));
		set_span(row, "waited", "", first_ns, begun_ns);
		set_span(row, "ran", "", begun_ns, ended_ns);
		set_span(row, "total", "", first_ns, ended_ns);
		json_array_append_new(hosts, row);
	}
	return hosts;
}

/* Whether some row has this member. */
static bool
has_member(const json_t *rows, const char *name)
{
	size_t i;

	for (i = 0; i < json_array_size(rows); i++)
		if (json_member_string(json_array_get(rows, i), name))
			return true;
	return false;
}

/* A table of rows, which it takes; the columns from `fixed` on only where
 * there is something in them. */
static void
print(FILE *out, const char *title, const struct spec_column *all, size_t count,
      size_t fixed, json_t *rows)
{
	struct spec_column columns[8];
	size_t used = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (i < fixed || has_member(rows, all[i].path))
			columns[used++] = all[i];
	if (json_array_size(rows)) {
		fprintf(out, "\n%s\n", title);
		table_print(out, columns, used, rows);
	}
	json_decref(rows);
}

void
timeline_print(FILE *out, const json_t *job)
{
	static const struct spec_column events[] = {
	    {"Time", "timestamp", "time"}, {"After", "after", "duration"},
	    {"Step", "step", "duration"},  {"Event", "event", "state"},
	    {"Host", "hostname", ""},      {"Message", "message", ""},
	    {"Error", "error", ""}};
	static const struct spec_column hosts[] = {
	    {"Host", "hostname", ""},         {"Status", "status", "state"},
	    {"Waited", "waited", "duration"}, {"Ran", "ran", "duration"},
	    {"Total", "total", "duration"},   {"Error", "error", ""}};

	print(out, "Timeline", events, sizeof(events) / sizeof(*events), 5,
	      timeline_events(job));
	print(out, "Hosts", hosts, sizeof(hosts) / sizeof(*hosts), 2,
	      timeline_hosts(job));
}
