/*
 * t/unit/index.c: what is seen of a job depends on the set of its changes,
 * not on their order or number; pages, counters and expiry agree with a plain
 * list kept beside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/index.h"
#include "fcgi/view.h"
#include "t/unit/unit.h"

#define TTL_MS   86400000
#define BASE_MS  INT64_C(1790000000000)
#define AT(ms)   ((BASE_MS + (ms)) * CLOCK_NS_PER_MS)
#define HOSTS    5
#define SHUFFLES 400

static const char *const hosts[HOSTS] = {"a", "b", "c", "d.example", "e"};

/* A version 7 id of a given time; `n` tells those of one millisecond apart. */
static const char *
make_id(int64_t ms, unsigned n, char buf[static UUID_SIZE])
{
	unsigned long long t = (unsigned long long)(BASE_MS + ms);

	snprintf(buf, UUID_SIZE, "%08llx-%04llx-7000-8000-%012x",
		 t >> 16 & 0xffffffff, t & 0xffff, n);
	return buf;
}

/* xorshift64*: the same numbers on every machine */
static uint64_t
draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* ---- changes ---- */

enum kind { CHANGE_JOB, CHANGE_EVENT, CHANGE_RESPONSE, CHANGE_DELETE };

struct change {
	enum kind kind;
	uint64_t revision;
	struct job job;
	struct event event;
	struct response response;
};

static struct job
make_job(const char *id, const char *target, const char *const *expected)
{
	struct job job = {.type = "system.hostname.get",
			  .created_ns = AT(1000),
			  .expires_ns = AT(90000),
			  .submitted_by = "alice"};

	memcpy(job.id, id, UUID_SIZE);
	job.data = json_pack("{s:i}", "n", 1);
	job.expected = json_array();
	if (target_parse(target, &job.target, NULL) != ERR_OK)
		abort();
	for (; expected && *expected; expected++)
		json_array_append_new(job.expected, json_string(*expected));
	return job;
}

static struct event
make_event(const char *id, enum job_event what, const char *host, int64_t ms)
{
	struct event event = {.event = what, .unix_nano = AT(ms)};

	memcpy(event.job_id, id, UUID_SIZE);
	snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	if (what == JOB_EVENT_FAILED)
		snprintf(event.error, sizeof(event.error), "event of %s at %d",
			 host, (int)ms);
	return event;
}

static struct response
make_response(const char *id, const char *host, bool failed, int64_t ms)
{
	struct response response = {.failed = failed, .timestamp_ns = AT(ms)};

	memcpy(response.job_id, id, UUID_SIZE);
	snprintf(response.hostname, sizeof(response.hostname), "%s", host);
	if (failed)
		snprintf(response.error, sizeof(response.error),
			 "response of %s", host);
	else
		response.data = json_pack("{s:s}", "hostname", host);
	return response;
}

static void
apply(struct index *index, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_JOB:
		index_put_job(index, &change->job, 300, change->revision);
		break;
	case CHANGE_EVENT:
		index_put_event(index, &change->event, change->revision);
		break;
	case CHANGE_RESPONSE:
		index_put_response(index, &change->response, 300,
				   change->revision);
		break;
	case CHANGE_DELETE:
		index_delete_job(index, change->job.id, change->revision);
		break;
	}
}

static void
release(struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		job_release(&changes[i].job);
		response_release(&changes[i].response);
	}
}

static struct index *
new_index(void)
{
	struct index *index = NULL;

	if (index_new(NULL, TTL_MS, &index) != ERR_OK)
		abort();
	return index;
}

/* All that a reader can see of one job, as text; the caller frees it. */
static char *
see(struct index *index, const char *id)
{
	struct index_counts counts;
	struct index_view view;
	json_t *json = NULL;
	json_t *envelope = NULL;
	enum view_outcome outcome = VIEW_OK;
	char *text = NULL;
	enum err err = index_view(index, id, &view);

	if (err != ERR_OK)
		return strdup(err_name(err));
	index_counts(index, &counts);
	if (view_job(NULL, &view, &json, NULL) == ERR_OK &&
	    view_collection(NULL, &view, JOB_QUERY, &outcome, &envelope,
			    NULL) == ERR_OK) {
		json_object_set_new(json, "collection", envelope);
		json_object_set_new(json, "outcome", json_integer(outcome));
		json_object_set_new(json, "complete",
				    json_boolean(index_complete(index, id)));
		json_object_set_new(
		    json, "left_out",
		    json_integer((json_int_t)view.events_left_out));
		json_object_set_new(
		    json, "counted",
		    json_integer((json_int_t)counts.by_status[view.status]));
		text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	}
	json_decref(json);
	index_view_release(&view);
	return text;
}

/* ---- order and duplicates ---- */

struct story {
	const char *why;
	const char *target;
	const char *const *expected;
	unsigned events; /* drawn at random */
	bool deleted;
	bool given_up;
};

/* Random facts: any host, any event, few distinct times so that they tie. */
static size_t
make_changes(const struct story *story, uint64_t *seed, const char *id,
	     struct change *changes)
{
	size_t n = 0;

	changes[n++] = (struct change){
	    .kind = CHANGE_JOB,
	    .revision = 5,
	    .job = make_job(id, story->target, story->expected)};
	for (unsigned i = 0; i < story->events; i++) {
		const char *host = hosts[draw(seed) % HOSTS];
		enum job_event what =
		    (enum job_event)(1 + draw(seed) % (JOB_EVENT_COUNT - 2));
		int64_t ms = 1000 + (int64_t)(draw(seed) % 20) * 100;

		changes[n] =
		    (struct change){.kind = CHANGE_EVENT,
				    .revision = 10 + n,
				    .event = make_event(id, what, host, ms)};
		n++;
		if (draw(seed) % 3)
			continue;
		changes[n] = (struct change){
		    .kind = CHANGE_RESPONSE,
		    .revision = 10 + n,
		    .response = make_response(id, host, draw(seed) % 2, ms)};
		n++;
	}
	if (story->given_up)
		changes[n++] =
		    (struct change){.kind = CHANGE_EVENT,
				    .revision = 4000,
				    .event = make_event(id, JOB_EVENT_FAILED,
							JOB_API_HOST, 90000)};
	if (story->deleted)
		changes[n++] =
		    (struct change){.kind = CHANGE_DELETE,
				    .revision = 5000,
				    .job = make_job(id, "_any", NULL)};
	return n;
}

static void
check_story(const struct story *story, uint64_t seed)
{
	static struct change changes[512];
	struct index *ordered = new_index();
	struct index *shuffled = new_index();
	char why[128];
	char id[UUID_SIZE];
	size_t count;
	char *wanted;
	char *got;

	make_id(0, 1, id);
	count = make_changes(story, &seed, id, changes);
	for (size_t i = 0; i < count; i++)
		apply(ordered, &changes[i]);
	/* Fisher-Yates, and each change up to three times. */
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = draw(&seed) % (i + 1);
		struct change swap = changes[i];

		changes[i] = changes[j];
		changes[j] = swap;
	}
	for (size_t i = 0; i < count; i++) {
		apply(shuffled, &changes[i]);
		apply(shuffled, &changes[draw(&seed) % (i + 1)]);
		apply(shuffled, &changes[draw(&seed) % (i + 1)]);
	}
	wanted = see(ordered, id);
	got = see(shuffled, id);
	snprintf(why, sizeof(why), "%s, seed %llu", story->why,
		 (unsigned long long)seed);
	IS_TEXT(why, got, wanted);
	free(wanted);
	free(got);
	release(changes, count);
	index_free(ordered);
	index_free(shuffled);
}

static void
order_does_not_matter(void)
{
	static const char *const three[] = {"a", "b", "c", NULL};
	static const struct story stories[] = {
	    {"one answer of whoever", "_any", NULL, 6, false, false},
	    {"one named host", "a", NULL, 4, false, false},
	    {"three expected hosts", "_all", three, 12, false, false},
	    {"three, given up", "_all", three, 5, false, true},
	    {"one answer, given up", "_any", NULL, 2, false, true},
	    {"more events than are kept", "_all", three, 200, false, false},
	    {"deleted", "_all", three, 10, true, false},
	};

	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		for (uint64_t seed = 1; seed <= SHUFFLES / 4; seed++)
			check_story(&stories[i], seed);
}

/* ---- how a job stands ---- */

struct fact {
	char kind; /* a, s: events; C, F: events; c, f: responses */
	const char *host;
	int64_t ms;
};

struct standing {
	const char *why;
	const char *target;
	const char *const *expected;
	struct fact facts[8]; /* ended by kind 0 */
	enum job_status status;
	bool complete;
};

static void
apply_fact(struct index *index, const char *id, const struct fact *fact,
	   uint64_t revision)
{
	static const struct {
		char kind;
		enum job_event event;
	} kinds[] = {{'a', JOB_EVENT_ACKNOWLEDGED},
		     {'s', JOB_EVENT_STARTED},
		     {'C', JOB_EVENT_COMPLETED},
		     {'F', JOB_EVENT_FAILED},
		     {'r', JOB_EVENT_RETRIED}};
	struct change change = {.revision = revision};

	if (fact->kind == 'c' || fact->kind == 'f') {
		change.kind = CHANGE_RESPONSE;
		change.response =
		    make_response(id, fact->host, fact->kind == 'f', fact->ms);
		apply(index, &change);
		response_release(&change.response);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct event event;

		if (kinds[i].kind != fact->kind)
			continue;
		event = make_event(id, kinds[i].event, fact->host, fact->ms);
		index_put_event(index, &event, revision);
	}
}

static const char *const two[] = {"a", "b", NULL};

static const struct standing standings[] = {
    {"nothing happened", "_any", NULL, {{0}}, JOB_SUBMITTED, false},
    {"a retried event is no progress",
     "_any",
     NULL,
     {{'r', "api", 1}},
     JOB_SUBMITTED,
     false},
    {"acknowledged", "_any", NULL, {{'a', "a", 1}}, JOB_PROCESSING, false},
    {"an event that came before its response is not all that is waited for",
     "_any",
     NULL,
     {{'C', "a", 1}},
     JOB_COMPLETED,
     false},
    {"a response alone completes",
     "_any",
     NULL,
     {{'c', "a", 1}},
     JOB_COMPLETED,
     true},
    {"one good answer of whoever outweighs a failed one",
     "_any",
     NULL,
     {{'f', "a", 9}, {'c', "b", 1}},
     JOB_COMPLETED,
     true},
    {"a failed event needs no response",
     "_any",
     NULL,
     {{'F', "a", 1}},
     JOB_FAILED,
     true},
    {"a named host that was not alive decides all the same",
     "a",
     NULL,
     {{'c', "b", 1}},
     JOB_SUBMITTED,
     false},
    {"one of two", "_all", two, {{'c', "a", 1}}, JOB_PROCESSING, false},
    {"both", "_all", two, {{'c', "a", 1}, {'c', "b", 1}}, JOB_COMPLETED, true},
    {"one of each",
     "_all",
     two,
     {{'c', "a", 1}, {'f', "b", 1}},
     JOB_PARTIAL_FAILURE,
     true},
    {"both failed",
     "_all",
     two,
     {{'F', "a", 1}, {'f', "b", 1}},
     JOB_FAILED,
     true},
    {"a host beyond those expected does not complete it",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "z", 1}},
     JOB_PROCESSING,
     false},
    {"a host beyond those expected does not fail it",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'f', "z", 2}},
     JOB_COMPLETED,
     true},
    {"a host beyond those expected that runs does not keep it open",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'s', "z", 2}},
     JOB_COMPLETED,
     true},
    {"the later word of a host counts: completed",
     "_all",
     two,
     {{'F', "a", 1}, {'c', "a", 2}, {'c', "b", 1}},
     JOB_COMPLETED,
     true},
    {"the later word of a host counts: failed",
     "_all",
     two,
     {{'F', "a", 3}, {'c', "a", 2}, {'c', "b", 1}},
     JOB_PARTIAL_FAILURE,
     true},
    {"of two words at the same time the response counts",
     "_all",
     two,
     {{'F', "a", 2}, {'c', "a", 2}, {'c', "b", 1}},
     JOB_COMPLETED,
     true},
    {"the API gives up before anybody began",
     "_any",
     NULL,
     {{'F', "api", 5}},
     JOB_FAILED,
     true},
    {"the API gives up on one of two",
     "_all",
     two,
     {{'c', "a", 1}, {'F', "api", 5}},
     JOB_PARTIAL_FAILURE,
     true},
    {"the API gives up on both",
     "_all",
     two,
     {{'s', "a", 1}, {'F', "api", 5}},
     JOB_FAILED,
     true},
    {"all had answered when the API gave up",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'F', "api", 5}},
     JOB_COMPLETED,
     true},
    {"an answer after the API gave up is heard",
     "_any",
     NULL,
     {{'F', "api", 5}, {'c', "a", 9}},
     JOB_COMPLETED,
     true},
};

static void
job_stands_as_its_facts_say(void)
{
	for (size_t i = 0; i < sizeof(standings) / sizeof(standings[0]); i++) {
		const struct standing *s = &standings[i];
		struct index *index = new_index();
		struct index_view view;
		char id[UUID_SIZE];
		struct job job =
		    make_job(make_id(0, 1, id), s->target, s->expected);

		index_put_job(index, &job, 300, 1);
		for (unsigned f = 0; s->facts[f].kind; f++)
			apply_fact(index, id, &s->facts[f], f + 2);
		IS_INT(s->why, index_view(index, id, &view), ERR_OK);
		IS_TEXT(s->why, job_status_text(view.status),
			job_status_text(s->status));
		IS_INT(s->why, index_complete(index, id), s->complete);
		index_view_release(&view);
		job_release(&job);
		index_free(index);
	}
}

/* ---- deletes, resets, bounds ---- */

static void
delete_is_remembered(void)
{
	struct index *index = new_index();
	struct index_view view;
	char id[UUID_SIZE];
	struct job job = make_job(make_id(0, 1, id), "_any", NULL);
	const struct fact late[] = {{'s', "a", 5}, {'c', "a", 6}};

	index_put_job(index, &job, 300, 3);
	index_delete_job(index, id, 7);
	IS_INT("a deleted job is gone", index_view(index, id, &view), ERR_GONE);
	OK("nobody need wait for it", index_complete(index, id));
	apply_fact(index, id, &late[0], 8);
	apply_fact(index, id, &late[1], 9);
	index_put_job(index, &job, 300, 3);
	IS_INT("what comes late does not bring it back",
	       index_view(index, id, &view), ERR_GONE);
	index_put_job(index, &job, 300, 12);
	IS_INT("made again under the same id it is a new one",
	       index_view(index, id, &view), ERR_OK);
	IS_INT("without the old one's events", view.event_count, 0);
	index_view_release(&view);
	job_release(&job);
	index_free(index);
}

static void
reset_keeps_the_other_bucket(void)
{
	struct index *index = new_index();
	struct index_view view;
	char id[UUID_SIZE];
	struct job job = make_job(make_id(0, 1, id), "_any", NULL);
	const struct fact facts[] = {{'s', "a", 5}, {'c', "a", 6}};

	index_put_job(index, &job, 300, 30);
	apply_fact(index, id, &facts[0], 31);
	apply_fact(index, id, &facts[1], 9);
	index_reset(index, INDEX_JOBS);
	IS_INT("the job bucket began anew", index_view(index, id, &view),
	       ERR_NOT_FOUND);
	index_put_job(index, &job, 300, 1);
	IS_INT("a lower number counts after a reset",
	       index_view(index, id, &view), ERR_OK);
	IS_INT("the responses are from the other bucket", view.response_count,
	       1);
	IS_INT("the events are gone", view.event_count, 0);
	index_view_release(&view);
	index_reset(index, INDEX_RESPONSES);
	IS_INT("the response bucket began anew", index_view(index, id, &view),
	       ERR_OK);
	IS_TEXT("so the job has no answer", job_status_text(view.status),
		"submitted");
	index_view_release(&view);
	job_release(&job);
	index_free(index);
}

static void
large_bodies_are_named_as_missing(void)
{
	static char large[INDEX_INLINE + 1];
	struct index *index = new_index();
	struct index_view view;
	char id[UUID_SIZE];
	struct job job = make_job(make_id(0, 1, id), "_any", NULL);
	struct response response = make_response(id, "a", false, 1);

	memset(large, 'x', INDEX_INLINE);
	json_object_set_new(job.data, "large", json_string(large));
	json_object_set_new(response.data, "large", json_string(large));
	index_put_job(index, &job, INDEX_INLINE + 400, 1);
	index_put_response(index, &response, INDEX_INLINE + 400, 1);
	IS_INT("it is there", index_view(index, id, &view), ERR_OK);
	OK("the data is not kept", view.data == NULL);
	OK("nor is the result", view.responses[0].missing);
	OK("which is no absence of one", view.responses[0].data == NULL);
	OK("and it is complete", view.complete);
	index_view_release(&view);
	response_release(&response);
	job_release(&job);
	index_free(index);
}

static void
unknown_ids_are_not_found(void)
{
	static const struct {
		const char *why;
		const char *id;
	} rows[] = {
	    {"never seen", "01900000-0000-7000-8000-000000000009"},
	    {"version 4", "01900000-0000-4000-8000-000000000009"},
	    {"not an id", "x"},
	    {"empty", ""},
	};
	struct index *index = new_index();
	struct index_view view;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		IS_INT(rows[i].why, index_view(index, rows[i].id, &view),
		       ERR_NOT_FOUND);
		OK(rows[i].why, !index_complete(index, rows[i].id));
	}
	index_free(index);
}

/* ---- pages against a plain list ---- */

#define MODEL 3000

static struct {
	char id[UUID_SIZE];
	int status; /* -1 not a job (any more) */
} model[MODEL];

static size_t
model_count(int status)
{
	size_t n = 0;

	for (size_t i = 0; i < MODEL; i++)
		n += model[i].status >= 0 &&
		     (status < 0 || model[i].status == status);
	return n;
}

/* The id at a position among those of a status, newest first. */
static const char *
model_at(int status, size_t position)
{
	for (size_t i = MODEL; i-- > 0;) {
		if (model[i].status < 0 ||
		    (status >= 0 && model[i].status != status))
			continue;
		if (position-- == 0)
			return model[i].id;
	}
	return "(none)";
}

static void
check_page(struct index *index, int status, size_t offset, size_t limit)
{
	struct index_view *views = NULL;
	size_t count = 0;
	size_t total = 0;
	size_t left = model_count(status);
	size_t wanted;

	index_page(index, status, offset, limit, &views, &count, &total);
	IS_INT("all that match are counted", total, left);
	left = offset < left ? left - offset : 0;
	wanted = limit && limit < left ? limit : left;
	IS_INT("a page is as long as asked for", count, wanted);
	for (size_t i = 0; i < count; i++) {
		if (i % 37 == 0 || i + 1 == count)
			IS_TEXT("newest first", views[i].id,
				model_at(status, offset + i));
		index_view_release(&views[i]);
	}
	free(views);
}

static void
check_scan(struct index *index, enum job_status status)
{
	struct index_brief briefs[100];
	char after[UUID_SIZE] = "";
	size_t total = 0;
	size_t n;

	do {
		n = index_scan(index, status, after, briefs, 100);
		for (size_t i = 0; i < n; i++) {
			OK("ids increase", strcmp(after, briefs[i].id) < 0);
			memcpy(after, briefs[i].id, sizeof(after));
		}
		total += n;
	} while (n == 100);
	IS_INT("a scan sees every one once", total, model_count((int)status));
}

static void
check_model(struct index *index)
{
	static const size_t offsets[] = {0, 1, 499, 1500, 2990, 100000};
	struct index_counts counts;

	index_counts(index, &counts);
	IS_INT("jobs are counted", counts.jobs, model_count(-1));
	for (int status = -1; status < JOB_STATUS_COUNT; status++) {
		for (size_t i = 0; i < 6; i++)
			check_page(index, status, offsets[i], 10);
		check_page(index, status, 3, 400);
		check_page(index, status, 0, 0);
		if (status < 0)
			continue;
		IS_INT("each status is counted", counts.by_status[status],
		       model_count(status));
		check_scan(index, (enum job_status)status);
	}
}

static void
fill_model(struct index *index, uint64_t *seed)
{
	size_t order[MODEL];

	for (size_t i = 0; i < MODEL; i++) {
		make_id((int64_t)i * 10, (unsigned)i, model[i].id);
		model[i].status = JOB_SUBMITTED;
		order[i] = i;
	}
	for (size_t i = MODEL - 1; i > 0; i--) {
		size_t j = draw(seed) % (i + 1);
		size_t swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (size_t i = 0; i < MODEL; i++) {
		struct job job = make_job(model[order[i]].id, "_any", NULL);

		index_put_job(index, &job, 300, 1);
		job_release(&job);
	}
}

static void
pages_agree_with_a_plain_list(void)
{
	static const struct {
		struct fact fact;
		int status;
	} moves[] = {{{'s', "a", 1}, JOB_PROCESSING},
		     {{'c', "a", 2}, JOB_COMPLETED},
		     {{'f', "a", 2}, JOB_FAILED}};
	struct index *index = new_index();
	uint64_t seed = 42;

	fill_model(index, &seed);
	check_model(index);
	for (size_t i = 0; i < MODEL * 2; i++) {
		size_t at = draw(&seed) % MODEL;
		size_t move = draw(&seed) % 4;

		if (model[at].status != JOB_SUBMITTED)
			continue;
		if (move == 3) {
			index_delete_job(index, model[at].id, 9);
			model[at].status = -1;
			continue;
		}
		apply_fact(index, model[at].id, &moves[move].fact, 2);
		model[at].status = moves[move].status;
	}
	check_model(index);
	index_free(index);
}

/* 600 jobs with room for one more anywhere: two stretches of the list, one
 * of them full. */
static void
check_insert(int64_t at_ms)
{
	struct index *index = new_index();
	struct index_view *views = NULL;
	size_t count = 0;
	size_t total = 0;
	char id[UUID_SIZE];

	for (int64_t i = 0; i <= 600; i++) {
		int64_t ms = i < 600 ? i * 2 : at_ms;
		struct job job = make_job(make_id(ms, 1, id), "_any", NULL);

		index_put_job(index, &job, 300, 1);
		job_release(&job);
	}
	index_page(index, -1, 0, 0, &views, &count, &total);
	IS_INT("all are there", count, 601);
	for (size_t i = 1; i < count; i++)
		OK("in order", strcmp(views[i - 1].id, views[i].id) > 0);
	for (size_t i = 0; i < count; i++)
		index_view_release(&views[i]);
	free(views);
	index_free(index);
}

static void
order_holds_wherever_one_is_inserted(void)
{
	static const int64_t edges[] = {0, 256, 512, 600};

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (int64_t at = edges[i] - 3; at <= edges[i] + 3; at++)
			check_insert(at * 2 - 1);
}

static void
expiry_drops_the_oldest(void)
{
	struct index *index = new_index();
	uint64_t seed = 7;
	struct index_view view;
	size_t dropped;

	fill_model(index, &seed);
	index_delete_job(index, model[5].id, 9);
	IS_INT("nothing is old yet", index_expire(index, AT(TTL_MS - 1)), 0);
	/* ids are 10 ms apart: those of 0 to 9990 ms are older */
	dropped = index_expire(index, AT(TTL_MS + 9995));
	IS_INT("jobs older than the TTL go, a deleted one is no job", dropped,
	       999);
	for (size_t i = 0; i < 1000; i++)
		model[i].status = -1;
	check_model(index);
	IS_INT("the delete is forgotten with them",
	       index_view(index, model[5].id, &view), ERR_NOT_FOUND);
	IS_INT("all", index_expire(index, AT(TTL_MS * 2)), 2000);
	for (size_t i = 0; i < MODEL; i++)
		model[i].status = -1;
	check_model(index);
	index_free(index);
}

/* ---- the callback ---- */

static char changed_id[UUID_SIZE];
static unsigned changed_times;

static void
changed(const char *job_id, void *arg)
{
	(void)arg;
	snprintf(changed_id, sizeof(changed_id), "%s", job_id);
	changed_times++;
}

static void
every_change_is_told(void)
{
	struct index *index = new_index();
	char id[UUID_SIZE];
	struct job job = make_job(make_id(0, 1, id), "_any", NULL);
	const struct fact fact = {'c', "a", 6};

	changed_times = 0;
	index_on_change(index, changed, NULL);
	index_put_job(index, &job, 300, 1);
	apply_fact(index, id, &fact, 2);
	IS_INT("the document and the response", changed_times, 2);
	IS_TEXT("by the job's id", changed_id, id);
	apply_fact(index, id, &fact, 2);
	IS_INT("the same again is no change", changed_times, 2);
	job_release(&job);
	index_free(index);
}

static void
hosts_of_a_broadcast_are_bounded(void)
{
	struct index *index = new_index();
	struct index_view view;
	char id[UUID_SIZE];
	char host[32];
	struct job job = make_job(make_id(0, 1, id), "_all", two);
	struct fact fact = {'s', host, 6};

	index_put_job(index, &job, 300, 1);
	for (unsigned i = 0; i < INDEX_HOSTS_MAX + 500; i++) {
		snprintf(host, sizeof(host), "host-%u", i);
		fact.ms = (int64_t)i;
		apply_fact(index, id, &fact, i + 2);
	}
	IS_INT("it is there", index_view(index, id, &view), ERR_OK);
	IS_INT("hosts are kept up to the bound", view.host_count,
	       INDEX_HOSTS_MAX);
	IS_INT("and events", view.event_count, INDEX_EVENTS_MAX);
	IS_INT("the others are counted", view.events_left_out,
	       INDEX_HOSTS_MAX - 2 - INDEX_EVENTS_MAX);
	index_view_release(&view);
	job_release(&job);
	index_free(index);
}

const char unit_name[] = "index";
const struct unit_case unit_cases[] = {
    {"order and duplicates of changes do not matter", order_does_not_matter},
    {"a job stands as its facts say", job_stands_as_its_facts_say},
    {"a delete is remembered", delete_is_remembered},
    {"a reset of one bucket keeps the other", reset_keeps_the_other_bucket},
    {"large bodies are named as missing", large_bodies_are_named_as_missing},
    {"unknown ids are not found", unknown_ids_are_not_found},
    {"pages agree with a plain list", pages_agree_with_a_plain_list},
    {"the order holds wherever one is inserted",
     order_holds_wherever_one_is_inserted},
    {"expiry drops the oldest", expiry_drops_the_oldest},
    {"every change is told", every_change_is_told},
    {"hosts and events of a broadcast are bounded",
     hosts_of_a_broadcast_are_bounded},
    {NULL, NULL},
};
