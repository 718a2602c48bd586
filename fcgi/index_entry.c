/*
 * fcgi/index_entry.c: see index_entry.h; the facts' side.
 *
 * Each fact is kept as a minimum, a maximum, a set member or the text with
 * the highest revision, never as "what came last": that is what makes the
 * result independent of the order.  Tallies are kept up to date host by host
 * (count before a change and after it), so that a broadcast to thousands
 * costs the same for each of its events.
 */
#include "fcgi/index_entry.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/subject.h"

/* Octets of a document that are not its data, at most. */
#define REST_MAX 8192

void *
entry_must(void *memory)
{
	if (!memory) {
		log_error("out of memory: the index of jobs cannot be kept");
		abort();
	}
	return memory;
}

void
entry_free(struct entry *entry)
{
	entry_reset(entry, INDEX_JOBS);
	entry_reset(entry, INDEX_RESPONSES);
	free(entry->hosts);
	free(entry->events);
	free(entry);
}

/* ---- texts packed behind a struct ---- */

static const char *
pack(char **at, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*at, text, size);

	*at += size;
	return copy;
}

/* JSON text in `buf`, or NULL where it does not fit or there is none.
 * `around` is the size of the document that it is from: one that is far too
 * large need not be written out to know. */
static const char *
inline_text(const json_t *value, size_t around, size_t rest,
	    char buf[static INDEX_INLINE + 1])
{
	size_t size;

	if (!value || around > INDEX_INLINE + rest)
		return NULL;
	size = json_dumpb(value, buf, INDEX_INLINE, JSON_TEXT_FLAGS);
	if (size == 0 || size > INDEX_INLINE)
		return NULL;
	buf[size] = '\0';
	return buf;
}

/* ---- hosts ---- */

enum entry_word
entry_host_word(const struct entry_host *host, int64_t *ended_ns,
		const char **error)
{
	const struct reply *reply = host->reply;
	int64_t at = host->ended_ns;
	bool failed = host->ended_failed;
	const char *words = host->error;

	if (reply && (at == 0 || reply->timestamp_ns >= at)) {
		at = reply->timestamp_ns;
		failed = reply->failed;
		words = reply->error;
	} else if (at == 0) {
		return WORD_NONE;
	}
	*ended_ns = at;
	*error = failed && words ? words : "";
	return failed ? WORD_FAILED : WORD_COMPLETED;
}

static void
count_one(struct entry_tally *tally, const struct entry_host *host, size_t step)
{
	const char *error;
	int64_t ended_ns;
	enum entry_word word = entry_host_word(host, &ended_ns, &error);
	const struct reply *reply = host->reply;

	if (word != WORD_NONE || host->acknowledged_ns || host->started_ns)
		tally->begun += step;
	if (word == WORD_COMPLETED)
		tally->completed += step;
	if (word == WORD_FAILED)
		tally->failed += step;
	if (word == WORD_FAILED ||
	    (word == WORD_COMPLETED && reply && !reply->failed))
		tally->answered += step;
	if (host->ended_ns)
		tally->told += step;
}

/* `step` is 1 or (size_t)-1: unsigned wrap takes away what was added. */
static void
count(struct entry *entry, const struct entry_host *host, size_t step)
{
	count_one(&entry->all, host, step);
	if (host->expected)
		count_one(&entry->expected, host, step);
}

/* The host's place among the names; *found tells whether it is there. */
static size_t
find_host(const struct entry *entry, const char *name, bool *found)
{
	size_t low = 0;
	size_t high = entry->host_count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(entry->hosts[middle]->name, name);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The host, made where it is new; NULL when the job has too many. */
static struct entry_host *
get_host(struct entry *entry, const char *name)
{
	size_t size = strlen(name) + 1;
	bool found;
	size_t at = find_host(entry, name, &found);
	struct entry_host *host;

	if (found)
		return entry->hosts[at];
	if (entry->host_count >= INDEX_HOSTS_MAX)
		return NULL;
	if (entry->host_count == entry->host_room) {
		entry->host_room = entry->host_room ? entry->host_room * 2 : 2;
		entry->hosts =
		    entry_must(reallocarray(entry->hosts, entry->host_room,
					    sizeof(struct entry_host *)));
	}
	host = entry_must(calloc(1, sizeof(*host) + size));
	memcpy(host->name, name, size);
	memmove(entry->hosts + at + 1, entry->hosts + at,
		(entry->host_count - at) * sizeof(struct entry_host *));
	entry->hosts[at] = host;
	entry->host_count++;
	return host;
}

/* ---- the document ---- */

static void
forget_doc(struct entry *entry)
{
	for (size_t i = 0; i < entry->host_count; i++)
		entry->hosts[i]->expected = false;
	entry->expected = (struct entry_tally){0};
	free(entry->doc);
	entry->doc = NULL;
	entry->revision = 0;
}

static struct entry_doc *
make_doc(const struct job *job, size_t size)
{
	char buf[INDEX_INLINE + 1];
	char target[SUBJECT_SIZE];
	size_t rest =
	    REST_MAX + json_array_size(job->expected) * (SUBJECT_HOST_MAX + 3);
	const char *data = inline_text(job->data, size, rest, buf);
	struct entry_doc *doc;
	size_t room;
	char *at;

	target_text(&job->target, target);
	room = strlen(job->type) + strlen(target) + strlen(job->submitted_by) +
	       strlen(job->retry_of) + (data ? strlen(data) : 0) + 5;
	doc = entry_must(calloc(1, sizeof(*doc) + room));
	at = (char *)(doc + 1);
	doc->type = pack(&at, job->type);
	doc->target = pack(&at, target);
	doc->submitted_by = pack(&at, job->submitted_by);
	doc->retry_of = pack(&at, job->retry_of);
	if (data)
		doc->data = pack(&at, data);
	doc->size = room;
	return doc;
}

static void
expect(struct entry *entry, const char *name)
{
	struct entry_host *host = get_host(entry, name);

	if (!host || host->expected)
		return;
	host->expected = true;
	entry->doc->expected_count++;
	count_one(&entry->expected, host, 1);
}

bool
entry_put_job(struct entry *entry, const struct job *job, size_t size,
	      uint64_t revision)
{
	const json_t *name;
	size_t i;

	if (revision <= entry->deleted || revision <= entry->revision)
		return false;
	forget_doc(entry);
	entry->doc = make_doc(job, size);
	entry->revision = revision;
	entry->created_ns = job->created_ns;
	/* As its document has it, also where its maker knows it better: what is
	 * written of it then has one key in all processes. */
	entry->expires_ns = job->expires_ns - job->expires_ns % CLOCK_NS_PER_MS;
	json_array_foreach (job->expected, i, name)
		if (json_is_string(name))
			expect(entry, json_string_value(name));
	if (entry->doc->expected_count == 0 && job->target.kind == TARGET_HOST)
		expect(entry, job->target.host);
	return true;
}

/* ---- events ---- */

static int
event_order(const struct entry_event *a, const struct event *b)
{
	int order;

	if (a->unix_nano != b->unix_nano)
		return a->unix_nano < b->unix_nano ? -1 : 1;
	order = strcmp(a->host->name, b->hostname);
	return order ? order : (int)a->event - (int)b->event;
}

/* The event's place in the timeline; *found tells whether it is there. */
static size_t
find_event(const struct entry *entry, const struct event *event, bool *found)
{
	size_t at = entry->event_count;

	*found = false;
	while (at > 0) {
		int order = event_order(entry->events + at - 1, event);

		if (order < 0)
			break;
		at--;
		if (order == 0) {
			*found = true;
			break;
		}
	}
	return at;
}

static char *
event_text(const struct event *event)
{
	size_t size = strlen(event->message) + strlen(event->error) + 2;
	char *text;
	char *at;

	if (size == 2)
		return NULL;
	text = at = entry_must(malloc(size));
	pack(&at, event->message);
	pack(&at, event->error);
	return text;
}

/* Keeps the earliest INDEX_EVENTS_MAX. */
static void
keep_event(struct entry *entry, const struct entry_host *host,
	   const struct event *event)
{
	bool found;
	size_t at = find_event(entry, event, &found);

	if (found || at == INDEX_EVENTS_MAX)
		return;
	if (entry->event_count == INDEX_EVENTS_MAX)
		free(entry->events[--entry->event_count].text);
	if (entry->event_count == entry->event_room) {
		entry->event_room =
		    entry->event_room ? entry->event_room * 2 : 4;
		entry->events = entry_must(reallocarray(
		    entry->events, entry->event_room, sizeof(*entry->events)));
	}
	memmove(entry->events + at + 1, entry->events + at,
		(entry->event_count - at) * sizeof(*entry->events));
	entry->events[at] = (struct entry_event){
	    .event = event->event,
	    .unix_nano = event->unix_nano,
	    .host = host,
	    .text = event_text(event),
	};
	entry->event_count++;
}

static void
earliest(int64_t *at, int64_t candidate)
{
	if (*at == 0 || candidate < *at)
		*at = candidate;
}

static void
replace_text(char **text, const char *with)
{
	free(*text);
	*text = *with ? entry_must(strdup(with)) : NULL;
}

static void
host_ended(struct entry_host *host, const struct event *event)
{
	bool failed = event->event == JOB_EVENT_FAILED;

	if (event->unix_nano < host->ended_ns ||
	    (event->unix_nano == host->ended_ns && !failed))
		return;
	host->ended_ns = event->unix_nano;
	host->ended_failed = failed;
	replace_text(&host->error, failed ? event->error : "");
}

static void
host_event(struct entry_host *host, const struct event *event)
{
	switch (event->event) {
	case JOB_EVENT_ACKNOWLEDGED:
		earliest(&host->acknowledged_ns, event->unix_nano);
		break;
	case JOB_EVENT_STARTED:
		earliest(&host->started_ns, event->unix_nano);
		break;
	case JOB_EVENT_COMPLETED:
	case JOB_EVENT_FAILED:
		host_ended(host, event);
		break;
	case JOB_EVENT_SUBMITTED:
	case JOB_EVENT_RETRIED:
	case JOB_EVENT_COUNT:
		break;
	}
}

/* The API gives up for all hosts that have not ended. */
static void
give_up(struct entry *entry, const struct event *event)
{
	if (entry->given_up_ns && entry->given_up_ns <= event->unix_nano)
		return;
	entry->given_up_ns = event->unix_nano;
	replace_text(&entry->given_up_error, event->error);
}

/* What an event meant; `was_told` is entry_told before it. */
static void
note_step(const struct entry *entry, const struct entry_host *host,
	  const struct event *event, bool was_told, struct index_step *step)
{
	int64_t at = event->unix_nano;

	step->operation = entry->doc ? entry->operation : -1;
	if (event->event == JOB_EVENT_STARTED && entry->doc)
		step->queued_ns =
		    at > entry->created_ns ? at - entry->created_ns : 0;
	if ((event->event == JOB_EVENT_COMPLETED ||
	     event->event == JOB_EVENT_FAILED) &&
	    host->started_ns && at >= host->started_ns)
		step->ran_ns = at - host->started_ns;
	step->ended = !was_told && entry_told(entry);
	step->status = entry_status(entry);
}

bool
entry_put_event(struct entry *entry, const struct event *event,
		uint64_t revision, struct index_step *step)
{
	struct entry_host *host;
	unsigned bit = 1U << event->event;
	bool was_told = entry_told(entry);

	if (entry->deleted && (revision < entry->deleted || !entry->doc))
		return false;
	host = get_host(entry, event->hostname);
	if (!host)
		return false;
	step->first = !(host->seen & bit);
	if (step->first) {
		host->seen |= bit;
		entry->event_kinds++;
	}
	if (event->unix_nano > entry->updated_ns)
		entry->updated_ns = event->unix_nano;
	keep_event(entry, host, event);
	if (strcmp(event->hostname, JOB_API_HOST) == 0) {
		if (event->event == JOB_EVENT_FAILED)
			give_up(entry, event);
	} else {
		count(entry, host, (size_t)-1);
		host_event(host, event);
		count(entry, host, 1);
	}
	note_step(entry, host, event, was_told, step);
	return true;
}

/* ---- responses ---- */

static struct reply *
make_reply(const struct response *response, size_t size, uint64_t revision)
{
	char buf[INDEX_INLINE + 1];
	const char *data = inline_text(response->data, size, REST_MAX, buf);
	size_t error_size = strlen(response->error) + 1;
	size_t data_size = data ? strlen(data) + 1 : 0;
	struct reply *reply;
	char *at;

	reply = entry_must(calloc(1, sizeof(*reply) + error_size + data_size));
	*reply = (struct reply){
	    .revision = revision,
	    .timestamp_ns = response->timestamp_ns,
	    .failed = response->failed,
	    .missing = response->data && !data,
	    .error_size = error_size,
	    .data_size = data_size,
	};
	at = (char *)(reply + 1);
	reply->error = pack(&at, response->error);
	if (data)
		reply->data = pack(&at, data);
	return reply;
}

bool
entry_put_response(struct entry *entry, const struct response *response,
		   size_t size, uint64_t revision)
{
	struct entry_host *host;

	if (entry->deleted && !entry->doc)
		return false;
	host = get_host(entry, response->hostname);
	if (!host || (host->reply && host->reply->revision >= revision))
		return false;
	count(entry, host, (size_t)-1);
	free(host->reply);
	host->reply = make_reply(response, size, revision);
	count(entry, host, 1);
	return true;
}

/* ---- forgetting ---- */

static void
forget_events(struct entry *entry)
{
	for (size_t i = 0; i < entry->event_count; i++)
		free(entry->events[i].text);
	entry->event_count = 0;
	entry->event_kinds = 0;
	entry->updated_ns = 0;
	entry->given_up_ns = 0;
	replace_text(&entry->given_up_error, "");
	for (size_t i = 0; i < entry->host_count; i++) {
		struct entry_host *host = entry->hosts[i];

		host->seen = 0;
		host->acknowledged_ns = 0;
		host->started_ns = 0;
		host->ended_ns = 0;
		host->ended_failed = false;
		replace_text(&host->error, "");
	}
}

static void
forget_replies(struct entry *entry)
{
	for (size_t i = 0; i < entry->host_count; i++) {
		free(entry->hosts[i]->reply);
		entry->hosts[i]->reply = NULL;
	}
}

/* Drops hosts of which nothing is known and counts the others anew. */
static void
settle(struct entry *entry)
{
	uint32_t kept = 0;

	entry->all = entry->expected = (struct entry_tally){0};
	for (uint32_t i = 0; i < entry->host_count; i++) {
		struct entry_host *host = entry->hosts[i];

		if (!host->seen && !host->reply && !host->expected) {
			free(host);
			continue;
		}
		entry->hosts[kept++] = host;
		count(entry, host, 1);
	}
	entry->host_count = kept;
}

bool
entry_reset(struct entry *entry, enum index_part part)
{
	if (part == INDEX_JOBS) {
		forget_doc(entry);
		forget_events(entry);
		entry->deleted = 0;
	} else {
		forget_replies(entry);
	}
	settle(entry);
	return entry->doc || entry->deleted || entry->host_count;
}

bool
entry_delete(struct entry *entry, uint64_t revision)
{
	if (revision <= entry->deleted || revision <= entry->revision)
		return false;
	forget_doc(entry);
	forget_events(entry);
	forget_replies(entry);
	settle(entry);
	entry->deleted = revision;
	return true;
}
