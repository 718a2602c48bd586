/*
 * fcgi/view.c: see view.h.
 *
 * Out of memory is one case: members are set with json_object_set_new, which
 * takes NULL for a failure, and each document is checked as a whole (`bad`).
 */
#include "fcgi/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

struct writer {
	struct store *store; /* NULL: do not fetch */
	const struct index_view *view;
	struct err_info *info;
	bool bad; /* out of memory */
};

static void
set(struct writer *w, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		w->bad = true;
}

static void
set_text(struct writer *w, json_t *object, const char *key, const char *text)
{
	if (*text)
		set(w, object, key, json_string(text));
}

static void
set_time(struct writer *w, json_t *object, const char *key, int64_t wall_ns)
{
	char buf[CLOCK_RFC3339_SIZE];

	if (wall_ns > 0)
		set_text(w, object, key, clock_rfc3339(wall_ns, buf));
}

static enum err
finish(const struct writer *w, enum err err)
{
	if (err == ERR_OK && w->bad)
		return err_set(w->info, ERR_NO_MEMORY, "no room for a job");
	return err;
}

/* ---- bodies ---- */

/* The job's operation.data; NULL where it is left out. */
static enum err
job_data(struct writer *w, json_t **data)
{
	struct job job = {.id = ""};
	uint64_t revision;
	size_t size;
	enum err err;

	if (w->view->data) {
		*data = json_loads(w->view->data, JSON_DECODE_ANY, NULL);
		return *data ? ERR_OK : ERR_NO_MEMORY;
	}
	if (!w->store)
		return ERR_OK;
	err = store_job_load(w->store, w->view->id, &job, &size, &revision,
			     w->info);
	if (err != ERR_OK)
		return err;
	*data = json_incref(job.data);
	job_release(&job);
	return ERR_OK;
}

/* Reads a response from the store: one that is too large for the index, or
 * whose event has come before it. Data that is gone is left out. */
static enum err
fetch_response(struct writer *w, const struct index_host *host, json_t **data)
{
	struct response response = {.job_id = ""};
	enum err err;

	err = store_response_read(w->store, w->view->id, host->hostname,
				  &response, w->info);
	if (err == ERR_NOT_FOUND)
		return ERR_OK;
	if (err != ERR_OK)
		return err;
	*data = json_incref(response.data);
	response_release(&response);
	return ERR_OK;
}

/* A host's result; NULL where there is none or it is left out. */
static enum err
host_data(struct writer *w, const struct index_host *host, json_t **data)
{
	const struct index_response *response = host->response;

	if (response && response->data) {
		*data = json_loads(response->data, JSON_DECODE_ANY, NULL);
		return *data ? ERR_OK : ERR_NO_MEMORY;
	}
	if (response ? response->missing : host->status == JOB_COMPLETED)
		return w->store ? fetch_response(w, host, data) : ERR_OK;
	return ERR_OK;
}

/* ---- the parts of a job ---- */

static bool
answered(const struct index_host *host)
{
	return host->response || host->status == JOB_COMPLETED ||
	       (host->status == JOB_FAILED && !host->given_up);
}

/* How many hosts a job is about, and one of them; a host that was not asked
 * and only refused it is none of them. */
static size_t
concerned(const struct index_view *view, const struct index_host **one)
{
	size_t count = 0;

	for (size_t i = 0; i < view->host_count; i++) {
		const struct index_host *host = &view->hosts[i];

		if (!answered(host) && !host->expected)
			continue;
		count++;
		*one = host;
	}
	return count;
}

/* The one host that a job is about; NULL where there are several or none yet.
 * Where one answer decides, it is the one that decided. */
static const struct index_host *
single(const struct index_view *view)
{
	const struct index_host *one = NULL;

	if (view->host_count == 1)
		return view->hosts;
	return concerned(view, &one) == 1 ? one : NULL;
}

static enum err
add_operation(struct writer *w, json_t *job)
{
	json_t *operation = json_object();
	json_t *data = NULL;
	enum err err = job_data(w, &data);

	set_text(w, operation, "type", w->view->type);
	if (data)
		set(w, operation, "data", data);
	set(w, job, "operation", operation);
	return err;
}

static enum err
add_response(struct writer *w, json_t *responses, const struct index_host *host)
{
	json_t *entry = json_object();
	json_t *data = NULL;
	enum err err = host_data(w, host, &data);

	set_text(w, entry, "status", job_status_text(host->status));
	if (data)
		set(w, entry, "data", data);
	set_text(w, entry, "error", host->error);
	set_text(w, entry, "hostname", host->hostname);
	set(w, responses, host->hostname, entry);
	return err;
}

/* `result` of one host, or `responses` of several. */
static enum err
add_results(struct writer *w, json_t *job)
{
	const struct index_host *one = single(w->view);
	json_t *responses = NULL;
	json_t *data = NULL;
	enum err err = ERR_OK;

	if (one) {
		err = host_data(w, one, &data);
		if (data)
			set(w, job, "result", data);
		return err;
	}
	for (size_t i = 0; i < w->view->host_count && err == ERR_OK; i++) {
		if (!answered(&w->view->hosts[i]))
			continue;
		if (!responses)
			responses = json_object();
		err = add_response(w, responses, &w->view->hosts[i]);
	}
	if (responses)
		set(w, job, "responses", responses);
	return err;
}

/* One sentence: of the one host, or how many failed and the first of them. */
static void
add_error(struct writer *w, json_t *job)
{
	const struct index_view *view = w->view;
	const struct index_host *one = single(view);
	const struct index_host *first = NULL;
	const struct index_host *other = NULL;
	char text[JOB_ERROR_MAX + SUBJECT_HOST_MAX + 64];
	size_t failed = 0;

	if (view->status != JOB_FAILED && view->status != JOB_PARTIAL_FAILURE)
		return;
	for (size_t i = 0; i < view->host_count; i++) {
		if (view->hosts[i].status != JOB_FAILED)
			continue;
		if (failed++ == 0)
			first = &view->hosts[i];
	}
	if (one) {
		set_text(w, job, "error", one->error);
	} else if (first && !first->given_up) {
		snprintf(text, sizeof(text), "%zu of %zu hosts failed; %s: %s",
			 failed, concerned(view, &other), first->hostname,
			 first->error);
		set_text(w, job, "error", text);
	} else {
		set_text(w, job, "error", view->error);
	}
}

static void
add_worker_states(struct writer *w, json_t *job)
{
	char buf[CLOCK_RFC3339_SIZE];
	json_t *states = json_object();

	for (size_t i = 0; i < w->view->host_count; i++) {
		const struct index_host *host = &w->view->hosts[i];
		int64_t took_ns = host->ended_ns - host->begun_ns;
		json_t *state = json_object();

		set_text(w, state, "status", job_status_text(host->status));
		set_text(w, state, "error", host->error);
		if (host->begun_ns && host->ended_ns && took_ns >= 0)
			set_text(
			    w, state, "duration",
			    clock_duration(took_ns / CLOCK_NS_PER_MS, buf));
		set(w, states, host->hostname, state);
	}
	set(w, job, "worker_states", states);
}

/* No event is stored for it: the job document itself says when and by whom. */
static void
add_submitted(struct writer *w, json_t *timeline)
{
	json_t *line = json_object();

	set_time(w, line, "timestamp", w->view->created_ns);
	set_text(w, line, "event", job_event_text(JOB_EVENT_SUBMITTED));
	set_text(w, line, "hostname", JOB_API_HOST);
	if (json_array_append_new(timeline, line) != 0)
		w->bad = true;
}

static bool
ends(enum job_event event)
{
	return event == JOB_EVENT_COMPLETED || event == JOB_EVENT_FAILED;
}

static bool
end_is_told(const struct index_view *view, const char *hostname)
{
	for (size_t i = 0; i < view->event_count; i++)
		if (ends(view->events[i].event) &&
		    strcmp(view->events[i].hostname, hostname) == 0)
			return true;
	return false;
}

/* Puts a line where its time is. */
static void
insert_line(struct writer *w, json_t *timeline, json_t *line)
{
	const char *when =
	    json_string_value(json_object_get(line, "timestamp"));
	size_t at = json_array_size(timeline);

	for (; at > 1 && when; at--) {
		const char *before = json_string_value(json_object_get(
		    json_array_get(timeline, at - 1), "timestamp"));

		if (!before || strcmp(before, when) <= 0)
			break;
	}
	if (json_array_insert_new(timeline, at, line) != 0)
		w->bad = true;
}

/* A host's result comes a moment before its event, and who waits for the job
 * is woken by it: the event's line is then made of the result. */
static void
add_ends(struct writer *w, json_t *timeline)
{
	const struct index_view *view = w->view;
	size_t told = 0;

	for (size_t i = 0; i < view->event_count; i++)
		told += ends(view->events[i].event);
	if (told >= view->response_count || view->events_left_out)
		return;
	for (size_t i = 0; i < view->response_count; i++) {
		const struct index_response *response = &view->responses[i];
		json_t *line;

		if (end_is_told(view, response->hostname))
			continue;
		line = json_object();
		set_time(w, line, "timestamp", response->timestamp_ns);
		set_text(w, line, "event",
			 job_event_text(response->failed
					    ? JOB_EVENT_FAILED
					    : JOB_EVENT_COMPLETED));
		set_text(w, line, "hostname", response->hostname);
		set_text(w, line, "error", response->error);
		insert_line(w, timeline, line);
	}
}

static void
add_timeline(struct writer *w, json_t *job)
{
	json_t *timeline = json_array();

	add_submitted(w, timeline);
	for (size_t i = 0; i < w->view->event_count; i++) {
		const struct index_event *event = &w->view->events[i];
		json_t *line;

		if (event->event == JOB_EVENT_SUBMITTED)
			continue;
		line = json_object();
		set_time(w, line, "timestamp", event->unix_nano);
		set_text(w, line, "event", job_event_text(event->event));
		set_text(w, line, "hostname", event->hostname);
		set_text(w, line, "message", event->message);
		set_text(w, line, "error", event->error);
		if (json_array_append_new(timeline, line) != 0)
			w->bad = true;
	}
	add_ends(w, timeline);
	set(w, job, "timeline", timeline);
}

enum err
view_job(struct store *store, const struct index_view *view, json_t **json,
	 struct err_info *info)
{
	struct writer w = {.store = store, .view = view, .info = info};
	const struct index_host *one = single(view);
	json_t *job = json_object();
	enum err err;

	set_text(&w, job, "id", view->id);
	set_text(&w, job, "status", job_status_text(view->status));
	set_time(&w, job, "created", view->created_ns);
	set_time(&w, job, "updated_at", view->updated_ns);
	set_time(&w, job, "expires_at", view->expires_ns);
	if (one && (answered(one) || one->begun_ns))
		set_text(&w, job, "hostname", one->hostname);
	set_text(&w, job, "target_hostname", view->target);
	set_text(&w, job, "submitted_by", view->submitted_by);
	set_text(&w, job, "retry_of", view->retry_of);
	err = add_operation(&w, job);
	if (err == ERR_OK)
		err = add_results(&w, job);
	add_error(&w, job);
	add_worker_states(&w, job);
	add_timeline(&w, job);
	err = finish(&w, err);
	if (err == ERR_OK)
		*json = job;
	else
		json_decref(job);
	return err;
}

/* ---- the collection ---- */

enum part { PART_GOOD, PART_FAILED, PART_SILENT, PART_COUNT };

static enum part
part_of(const struct index_host *host)
{
	if (host->status == JOB_COMPLETED)
		return PART_GOOD;
	if (host->status == JOB_FAILED && (!host->given_up || host->begun_ns))
		return PART_FAILED;
	return PART_SILENT;
}

static enum err
good_entry(struct writer *w, const struct index_host *host, enum job_kind kind,
	   json_t *entry)
{
	json_auto_t *data = NULL;
	json_t *changed;
	enum err err;

	err = host_data(w, host, &data);
	if (kind == JOB_MODIFY) {
		changed = json_object_get(data, "changed");
		set_text(w, entry, "status", "ok");
		if (json_is_boolean(changed) &&
		    json_object_set(entry, "changed", changed) != 0)
			w->bad = true;
		err = ERR_OK; /* it was done, whether or not this is known */
	} else if (err == ERR_OK && json_is_object(data)) {
		if (json_object_update(entry, data) != 0)
			w->bad = true;
		set(w, entry, "hostname", json_string(host->hostname));
	}
	return err;
}

static enum err
add_entry(struct writer *w, const struct index_host *host, enum job_kind kind,
	  json_t *results)
{
	static const char *const words[PART_COUNT] = {
	    [PART_FAILED] = "failed", [PART_SILENT] = "timeout"};
	enum part part = part_of(host);
	json_t *entry = json_object();
	enum err err = ERR_OK;

	set_text(w, entry, "hostname", host->hostname);
	if (part == PART_GOOD) {
		err = good_entry(w, host, kind, entry);
	} else {
		set_text(w, entry, "status", words[part]);
		set_text(w, entry, "error", host->error);
	}
	if (json_array_append_new(results, entry) != 0)
		w->bad = true;
	return err;
}

static enum view_outcome
judge(const size_t counts[static PART_COUNT])
{
	if (counts[PART_GOOD])
		return counts[PART_FAILED] || counts[PART_SILENT] ? VIEW_PARTIAL
								  : VIEW_OK;
	return counts[PART_FAILED] ? VIEW_FAILED : VIEW_SILENT;
}

enum err
view_collection(struct store *store, const struct index_view *view,
		enum job_kind kind, enum view_outcome *outcome, json_t **json,
		struct err_info *info)
{
	struct writer w = {.store = store, .view = view, .info = info};
	size_t counts[PART_COUNT] = {0};
	json_t *results = json_array();
	json_t *envelope = json_object();
	enum part best = PART_GOOD;
	enum err err = ERR_OK;

	for (size_t i = 0; i < view->host_count; i++)
		counts[part_of(&view->hosts[i])]++;
	if (view->one_answer) {
		while (best < PART_SILENT && counts[best] == 0)
			best++;
		for (enum part p = PART_GOOD; p < PART_COUNT; p++)
			counts[p] = p == best ? counts[p] : 0;
	}
	for (size_t i = 0; i < view->host_count && err == ERR_OK; i++) {
		const struct index_host *host = &view->hosts[i];

		if (counts[part_of(host)])
			err = add_entry(&w, host, kind, results);
	}
	set_text(&w, envelope, "job_id", view->id);
	set(&w, envelope, "results", results);
	err = finish(&w, err);
	if (err != ERR_OK) {
		json_decref(envelope);
		return err;
	}
	*outcome = judge(counts);
	*json = envelope;
	return ERR_OK;
}
