/*
 * t/unit/index.c: what is seen of a job depends on the set of its changes,
 * not on their order or number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/index.h"
#include "fcgi/view.h"
#include "t/support/changes.h"
#include "t/unit/unit.h"

#define HOSTS    5
#define SHUFFLES 400

static const char *const hosts[HOSTS] = {"a", "b", "c", "d.example", "e"};

/* ---- changes ---- */

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
		json_object_set_new(json, "progress",
				    json_integer(index_progress(index, id)));
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
	    .job = changes_job(id, story->target, story->expected)};
	for (unsigned i = 0; i < story->events; i++) {
		const char *host = hosts[changes_draw(seed) % HOSTS];
		enum job_event what = (enum job_event)(
		    1 + changes_draw(seed) % (JOB_EVENT_COUNT - 2));
		int64_t ms = 1000 + (int64_t)(changes_draw(seed) % 20) * 100;

		changes[n] =
		    (struct change){.kind = CHANGE_EVENT,
				    .revision = 10 + n,
				    .event = changes_event(id, what, host, ms)};
		n++;
		if (changes_draw(seed) % 3)
			continue;
		changes[n] =
		    (struct change){.kind = CHANGE_RESPONSE,
				    .revision = 10 + n,
				    .response = changes_response(
					id, host, changes_draw(seed) % 2, ms)};
		n++;
	}
	if (story->given_up)
		changes[n++] = (struct change){
		    .kind = CHANGE_EVENT,
		    .revision = 4000,
		    .event = changes_event(id, JOB_EVENT_FAILED, JOB_API_HOST,
					   90000)};
	if (story->deleted)
		changes[n++] =
		    (struct change){.kind = CHANGE_DELETE,
				    .revision = 5000,
				    .job = changes_job(id, "_any", NULL)};
	return n;
}

static void
check_story(const struct story *story, uint64_t seed)
{
	static struct change changes[512];
	struct index *ordered = changes_index();
	struct index *shuffled = changes_index();
	char why[128];
	char id[UUID_SIZE];
	size_t count;
	char *wanted;
	char *got;

	changes_id(0, 1, id);
	count = make_changes(story, &seed, id, changes);
	for (size_t i = 0; i < count; i++)
		changes_apply(ordered, &changes[i]);
	/* Fisher-Yates, and each change up to three times. */
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = changes_draw(&seed) % (i + 1);
		struct change swap = changes[i];

		changes[i] = changes[j];
		changes[j] = swap;
	}
	for (size_t i = 0; i < count; i++) {
		changes_apply(shuffled, &changes[i]);
		changes_apply(shuffled,
			      &changes[changes_draw(&seed) % (i + 1)]);
		changes_apply(shuffled,
			      &changes[changes_draw(&seed) % (i + 1)]);
	}
	wanted = see(ordered, id);
	got = see(shuffled, id);
	snprintf(why, sizeof(why), "%s, seed %llu", story->why,
		 (unsigned long long)seed);
	IS_TEXT(why, got, wanted);
	free(wanted);
	free(got);
	changes_release(changes, count);
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

struct standing {
	const char *why;
	const char *target;
	const char *const *expected;
	struct fact facts[8]; /* ended by kind 0 */
	enum job_status status;
	enum index_progress progress;
};

static const char *const two[] = {"a", "b", NULL};

static const struct standing standings[] = {
    {"nothing happened", "_any", NULL, {{0}}, JOB_SUBMITTED, INDEX_OPEN},
    {"a retried event is no progress",
     "_any",
     NULL,
     {{'r', "api", 1}},
     JOB_SUBMITTED,
     INDEX_OPEN},
    {"acknowledged", "_any", NULL, {{'a', "a", 1}}, JOB_PROCESSING, INDEX_OPEN},
    {"an event that came before its response is not all that is waited for",
     "_any",
     NULL,
     {{'C', "a", 1}},
     JOB_COMPLETED,
     INDEX_OPEN},
    {"a response alone completes",
     "_any",
     NULL,
     {{'c', "a", 1}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"one good answer of whoever outweighs a failed one",
     "_any",
     NULL,
     {{'f', "a", 9}, {'c', "b", 1}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"a failed event needs no response",
     "_any",
     NULL,
     {{'F', "a", 1}},
     JOB_FAILED,
     INDEX_TOLD},
    {"a named host that was not alive decides all the same",
     "a",
     NULL,
     {{'c', "b", 1}},
     JOB_SUBMITTED,
     INDEX_OPEN},
    {"one of two", "_all", two, {{'c', "a", 1}}, JOB_PROCESSING, INDEX_OPEN},
    {"both",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"one of each",
     "_all",
     two,
     {{'c', "a", 1}, {'f', "b", 1}},
     JOB_PARTIAL_FAILURE,
     INDEX_ANSWERED},
    {"both failed",
     "_all",
     two,
     {{'F', "a", 1}, {'f', "b", 1}},
     JOB_FAILED,
     INDEX_ANSWERED},
    {"a host beyond those expected does not complete it",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "z", 1}},
     JOB_PROCESSING,
     INDEX_OPEN},
    {"a host beyond those expected does not fail it",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'f', "z", 2}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"a host beyond those expected that runs does not keep it open",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'s', "z", 2}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"the later word of a host counts: completed",
     "_all",
     two,
     {{'F', "a", 1}, {'c', "a", 2}, {'c', "b", 1}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"the later word of a host counts: failed",
     "_all",
     two,
     {{'F', "a", 3}, {'c', "a", 2}, {'c', "b", 1}},
     JOB_PARTIAL_FAILURE,
     INDEX_ANSWERED},
    {"of two words at the same time the response counts",
     "_all",
     two,
     {{'F', "a", 2}, {'c', "a", 2}, {'c', "b", 1}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"the API gives up before anybody began",
     "_any",
     NULL,
     {{'F', "api", 5}},
     JOB_FAILED,
     INDEX_TOLD},
    {"the API gives up on one of two",
     "_all",
     two,
     {{'c', "a", 1}, {'F', "api", 5}},
     JOB_PARTIAL_FAILURE,
     INDEX_TOLD},
    {"the API gives up on both",
     "_all",
     two,
     {{'s', "a", 1}, {'F', "api", 5}},
     JOB_FAILED,
     INDEX_TOLD},
    {"all had answered when the API gave up",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'F', "api", 5}},
     JOB_COMPLETED,
     INDEX_TOLD},
    {"an answer after the API gave up is heard",
     "_any",
     NULL,
     {{'F', "api", 5}, {'c', "a", 9}},
     JOB_COMPLETED,
     INDEX_TOLD},
    {"a response and its event are the whole story",
     "_any",
     NULL,
     {{'c', "a", 1}, {'C', "a", 1}},
     JOB_COMPLETED,
     INDEX_TOLD},
    {"not while one of two has not told its own",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'C', "b", 1}},
     JOB_COMPLETED,
     INDEX_ANSWERED},
    {"and then they are",
     "_all",
     two,
     {{'c', "a", 1}, {'c', "b", 1}, {'C', "b", 1}, {'C', "a", 1}},
     JOB_COMPLETED,
     INDEX_TOLD},
};

static void
job_stands_as_its_facts_say(void)
{
	for (size_t i = 0; i < sizeof(standings) / sizeof(standings[0]); i++) {
		const struct standing *s = &standings[i];
		struct index *index = changes_index();
		struct index_view view;
		char id[UUID_SIZE];
		struct job job =
		    changes_job(changes_id(0, 1, id), s->target, s->expected);

		index_put_job(index, &job, 300, 1);
		for (unsigned f = 0; s->facts[f].kind; f++)
			changes_apply_fact(index, id, &s->facts[f], f + 2);
		IS_INT(s->why, index_view(index, id, &view), ERR_OK);
		IS_TEXT(s->why, job_status_text(view.status),
			job_status_text(s->status));
		IS_INT(s->why, index_progress(index, id), s->progress);
		index_view_release(&view);
		job_release(&job);
		index_free(index);
	}
}

/* ---- deletes, resets, bounds ---- */

static void
delete_is_remembered(void)
{
	struct index *index = changes_index();
	struct index_view view;
	char id[UUID_SIZE];
	char ids[2][UUID_SIZE];
	struct job job = changes_job(changes_id(0, 1, id), "_any", NULL);
	const struct fact late[] = {{'s', "a", 5}, {'c', "a", 6}};

	index_put_job(index, &job, 300, 3);
	index_delete_job(index, id, 7);
	IS_INT("a deleted job is gone", index_view(index, id, &view), ERR_GONE);
	IS_INT("nobody need wait for it", index_progress(index, id),
	       INDEX_TOLD);
	changes_apply_fact(index, id, &late[0], 8);
	changes_apply_fact(index, id, &late[1], 9);
	IS_INT("that something came late is remembered once",
	       index_take_leftovers(index, ids, 2), 1);
	IS_TEXT("with its id", ids[0], id);
	IS_INT("until it is taken", index_take_leftovers(index, ids, 2), 0);
	changes_apply_fact(index, id, &late[0], 6);
	IS_INT("an event from before the delete is not late",
	       index_take_leftovers(index, ids, 2), 0);
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
	struct index *index = changes_index();
	struct index_view view;
	char id[UUID_SIZE];
	struct job job = changes_job(changes_id(0, 1, id), "_any", NULL);
	const struct fact facts[] = {{'s', "a", 5}, {'c', "a", 6}};

	index_put_job(index, &job, 300, 30);
	changes_apply_fact(index, id, &facts[0], 31);
	changes_apply_fact(index, id, &facts[1], 9);
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
	struct index *index = changes_index();
	struct index_view view;
	char id[UUID_SIZE];
	struct job job = changes_job(changes_id(0, 1, id), "_any", NULL);
	struct response response = changes_response(id, "a", false, 1);

	memset(large, 'x', INDEX_INLINE);
	json_object_set_new(job.data, "large", json_string(large));
	json_object_set_new(response.data, "large", json_string(large));
	index_put_job(index, &job, INDEX_INLINE + 400, 1);
	index_put_response(index, &response, INDEX_INLINE + 400, 1);
	IS_INT("it is there", index_view(index, id, &view), ERR_OK);
	OK("the data is not kept", view.data == NULL);
	OK("nor is the result", view.responses[0].missing);
	OK("which is no absence of one", view.responses[0].data == NULL);
	IS_INT("and it is complete", view.progress, INDEX_ANSWERED);
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
	struct index *index = changes_index();
	struct index_view view;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		IS_INT(rows[i].why, index_view(index, rows[i].id, &view),
		       ERR_NOT_FOUND);
		OK(rows[i].why,
		   index_progress(index, rows[i].id) == INDEX_OPEN);
	}
	index_free(index);
}

/* Its maker has nanoseconds, who reads its document milliseconds. */
static void
deadline_is_the_same_for_all(void)
{
	struct index *index = changes_index();
	struct index_brief brief;
	char after[UUID_SIZE] = "";
	char id[UUID_SIZE];
	struct job job = changes_job(changes_id(0, 1, id), "_any", NULL);

	job.expires_ns = 1700000000123456789;
	index_put_job(index, &job, 300, 1);
	IS_INT("it is there",
	       index_scan(index, JOB_SUBMITTED, after, &brief, 1), 1);
	IS_INT("in milliseconds", brief.expires_ns, 1700000000123000000);
	job_release(&job);
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
	struct index *index = changes_index();
	char id[UUID_SIZE];
	struct job job = changes_job(changes_id(0, 1, id), "_any", NULL);
	const struct fact fact = {'c', "a", 6};

	changed_times = 0;
	index_on_change(index, changed, NULL);
	index_put_job(index, &job, 300, 1);
	changes_apply_fact(index, id, &fact, 2);
	IS_INT("the document and the response", changed_times, 2);
	IS_TEXT("by the job's id", changed_id, id);
	changes_apply_fact(index, id, &fact, 2);
	IS_INT("the same again is no change", changed_times, 2);
	job_release(&job);
	index_free(index);
}

static void
hosts_of_a_broadcast_are_bounded(void)
{
	struct index *index = changes_index();
	struct index_view view;
	char id[UUID_SIZE];
	char host[32];
	struct job job = changes_job(changes_id(0, 1, id), "_all", two);
	struct fact fact = {'s', host, 6};

	index_put_job(index, &job, 300, 1);
	for (unsigned i = 0; i < INDEX_HOSTS_MAX + 500; i++) {
		snprintf(host, sizeof(host), "host-%u", i);
		fact.ms = (int64_t)i;
		changes_apply_fact(index, id, &fact, i + 2);
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
    {"a deadline is the same for all processes", deadline_is_the_same_for_all},
    {"every change is told", every_change_is_told},
    {"hosts and events of a broadcast are bounded",
     hosts_of_a_broadcast_are_bounded},
    {NULL, NULL},
};
