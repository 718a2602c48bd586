/*
 * t/unit/index_list.c: pages, scans, counters and expiry agree with a plain
 * list kept beside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/index.h"
#include "t/support/changes.h"
#include "t/unit/unit.h"

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
	IS_INT("each that has not ended waits for a host",
	       index_open_hosts(index),
	       model_count(JOB_SUBMITTED) + model_count(JOB_PROCESSING));
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
		changes_id((int64_t)i * 10, (unsigned)i, model[i].id);
		model[i].status = JOB_SUBMITTED;
		order[i] = i;
	}
	for (size_t i = MODEL - 1; i > 0; i--) {
		size_t j = changes_draw(seed) % (i + 1);
		size_t swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (size_t i = 0; i < MODEL; i++) {
		struct job job = changes_job(model[order[i]].id, "_any", NULL);

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
	struct index *index = changes_index();
	uint64_t seed = 42;

	fill_model(index, &seed);
	check_model(index);
	for (size_t i = 0; i < MODEL * 2; i++) {
		size_t at = changes_draw(&seed) % MODEL;
		size_t move = changes_draw(&seed) % 4;

		if (model[at].status != JOB_SUBMITTED)
			continue;
		if (move == 3) {
			index_delete_job(index, model[at].id, 9);
			model[at].status = -1;
			continue;
		}
		changes_apply_fact(index, model[at].id, &moves[move].fact, 2);
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
	struct index *index = changes_index();
	struct index_view *views = NULL;
	size_t count = 0;
	size_t total = 0;
	char id[UUID_SIZE];

	for (int64_t i = 0; i <= 600; i++) {
		int64_t ms = i < 600 ? i * 2 : at_ms;
		struct job job =
		    changes_job(changes_id(ms, 1, id), "_any", NULL);

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
	struct index *index = changes_index();
	uint64_t seed = 7;
	struct index_view view;
	size_t dropped;

	fill_model(index, &seed);
	index_delete_job(index, model[5].id, 9);
	IS_INT("nothing is old yet",
	       index_expire(index, CHANGES_AT(CHANGES_TTL_MS - 1)), 0);
	/* ids are 10 ms apart: those of 0 to 9990 ms are older */
	dropped = index_expire(index, CHANGES_AT(CHANGES_TTL_MS + 9995));
	IS_INT("jobs older than the TTL go, a deleted one is no job", dropped,
	       999);
	for (size_t i = 0; i < 1000; i++)
		model[i].status = -1;
	check_model(index);
	IS_INT("the delete is forgotten with them",
	       index_view(index, model[5].id, &view), ERR_NOT_FOUND);
	IS_INT("all", index_expire(index, CHANGES_AT(CHANGES_TTL_MS * 2)),
	       2000);
	for (size_t i = 0; i < MODEL; i++)
		model[i].status = -1;
	check_model(index);
	index_free(index);
}

const char unit_name[] = "index_list";
const struct unit_case unit_cases[] = {
    {"pages agree with a plain list", pages_agree_with_a_plain_list},
    {"the order holds wherever one is inserted",
     order_holds_wherever_one_is_inserted},
    {"expiry drops the oldest", expiry_drops_the_oldest},
    {NULL, NULL},
};
