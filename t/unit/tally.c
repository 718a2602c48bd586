/* t/unit/tally.c: several processes that read one log count each change
 * once. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/feed.h"
#include "fcgi/tally.h"
#include "t/support/changes.h"

#define PROCESSES 3
#define LOG_MAX   64
#define JOB_ID    "01900000-0000-7000-8000-%012d"

struct record { /* of the job bucket */
	enum follower_op op;
	char key[160];
	char *value;
	size_t size;
};

static const struct spec *spec;
static struct scoreboard *board;
static struct record records[LOG_MAX];
static uint64_t last; /* number of the latest record */

static struct process {
	struct index *index;
	struct tally tally;
	uint64_t applied;
} processes[PROCESSES];

/* ---- the log ---- */

static void
append(enum follower_op op, const char *key, char *value, size_t size)
{
	struct record *record = &records[last++];

	*record = (struct record){.op = op, .value = value, .size = size};
	snprintf(record->key, sizeof(record->key), "%s", key);
}

static const char *
job_id(int number)
{
	static char id[UUID_SIZE];

	snprintf(id, sizeof(id), JOB_ID, number);
	return id;
}

/* Expects as many hosts as there are names; none: whoever. */
static void
add_job(int number, const char *type, const char *const *hosts)
{
	struct job job = {.kind = JOB_QUERY,
			  .target.kind = *hosts ? TARGET_ALL : TARGET_ANY,
			  .created_ns = CHANGES_AT(0),
			  .expires_ns = CHANGES_AT(100000),
			  .data = json_object(),
			  .expected = json_array()};
	char key[160], *text = NULL;
	struct err_info info = {""};
	size_t size = 0;

	snprintf(job.id, sizeof(job.id), "%s", job_id(number));
	snprintf(job.type, sizeof(job.type), "%s", type);
	snprintf(job.submitted_by, sizeof(job.submitted_by), "alice");
	for (; *hosts; hosts++)
		json_array_append_new(job.expected, json_string(*hosts));
	snprintf(key, sizeof(key), "jobs.%s", job.id);
	if (job_encode(&job, &text, &size, &info))
		CU_FAIL_FATAL("no job");
	job_release(&job);
	append(FOLLOWER_PUT, key, text, size);
}

static void
add_event(int number, enum job_event kind, const char *host, int64_t ms)
{
	struct event event = changes_event(job_id(number), kind, host, ms);
	char key[160], *text = NULL;
	size_t size = 0;

	snprintf(key, sizeof(key), "status.%s.%s.%s.%lld", event.job_id,
		 job_event_text(kind), host, (long long)event.unix_nano);
	if (event_encode(&event, &text, &size))
		CU_FAIL_FATAL("no event");
	append(FOLLOWER_PUT, key, text, size);
}

/* ---- its readers ---- */

/* A process that has begun, and what the log held then. */
static void
join(struct process *p)
{
	struct follower_change change = {
	    .op = FOLLOWER_FILL, .bucket = "b", .key = "", .revision = last};
	size_t slot = (size_t)(p - processes);

	*p = (struct process){
	    .tally = {.scoreboard = board, .slot = slot, .spec = spec}};
	if (index_new(spec, 0, &p->index))
		CU_FAIL_FATAL("no index");
	feed_apply(p->index, &p->tally, true, &change, NULL);
}

static void
leave(struct process *p)
{
	index_free(p->index);
	p->index = NULL;
}

static void
step(struct process *p)
{
	struct record *record = &records[p->applied];
	struct follower_change change = {.op = record->op,
					 .bucket = "b",
					 .key = record->key,
					 .value = record->value,
					 .size = record->size,
					 .revision = p->applied + 1};
	struct err_info info = {""};

	OK(record->key, feed_apply(p->index, &p->tally, true, &change, &info));
	p->applied++;
}

static void
catch_up(struct process *p)
{
	while (p->applied < last)
		step(p);
}

/* All of them, each step by one that chance names. */
static void
catch_up_all(unsigned seed)
{
	size_t behind = PROCESSES;

	srand(seed);
	while (behind) {
		struct process *p = &processes[rand() % PROCESSES];

		if (p->applied < last)
			step(p);
		behind = 0;
		for (size_t i = 0; i < PROCESSES; i++)
			behind += processes[i].applied < last;
	}
}

static void
begin(void)
{
	struct err_info info = {""};

	if (!spec)
		IS_INT("a description", spec_load(&spec, &info), ERR_OK);
	for (size_t i = 0; i < last; i++)
		free(records[i].value);
	last = 0;
	for (size_t i = 0; i < PROCESSES; i++)
		leave(&processes[i]);
	scoreboard_free(board);
	board = NULL;
	if (scoreboard_new(spec, &board))
		CU_FAIL_FATAL("no scoreboard");
}

/* ---- what was counted ---- */

static size_t
number_of(const char *type)
{
	const struct spec_operation *found = spec_operation(spec, type), *list;
	size_t n;

	list = spec_operations(spec, &n);
	return found ? (size_t)(found - list) : n;
}

static int64_t
submitted(const char *type)
{
	return scoreboard_sum(board, FAMILY_JOBS_SUBMITTED, number_of(type), 0);
}

static int64_t
finished(const char *type, enum job_status status)
{
	return scoreboard_sum(board, FAMILY_JOBS_FINISHED, number_of(type),
			      (size_t)(status - JOB_COMPLETED));
}

static struct scoreboard_histogram
ran(const char *type, bool failed)
{
	struct scoreboard_histogram h;

	scoreboard_histogram(board, FAMILY_JOB_RUN, number_of(type), failed,
			     &h);
	return h;
}

#define LOAD "system.load.get"
#define PING "network.ping.do"

static void
write_story(void)
{
	static const char *const two[] = {"a", "b", NULL}, *const none[] = {
							       NULL};

	add_job(1, LOAD, two);
	add_event(1, JOB_EVENT_STARTED, "a", 20);
	add_job(2, PING, none);
	add_event(1, JOB_EVENT_STARTED, "b", 30);
	add_event(1, JOB_EVENT_COMPLETED, "a", 120);
	add_event(2, JOB_EVENT_STARTED, "c", 1000);
	add_event(1, JOB_EVENT_STARTED, "a", 40); /* again: redelivered */
	add_event(2, JOB_EVENT_FAILED, "c", 3000);
	add_event(1, JOB_EVENT_FAILED, "b", 230);
	add_job(3, LOAD, none);
	add_event(3, JOB_EVENT_FAILED, JOB_API_HOST, 100000);
	add_event(3, JOB_EVENT_COMPLETED, "c", 100001);       /* too late */
	add_event(2, JOB_EVENT_FAILED, JOB_API_HOST, 100000); /* had ended */
	add_job(4, "no.such", none);
}

static void
check_story(const char *why, int times)
{
	struct scoreboard_histogram h;

	IS_INT(why, submitted(LOAD), 2 * times);
	IS_INT(why, submitted(PING), 1 * times);
	IS_INT(why, submitted("no.such"), 1 * times);
	IS_INT(why, finished(LOAD, JOB_PARTIAL_FAILURE), 1 * times);
	IS_INT(why, finished(LOAD, JOB_FAILED), 1 * times);
	IS_INT(why, finished(LOAD, JOB_COMPLETED), 0);
	IS_INT(why, finished(PING, JOB_FAILED), 1 * times);
	IS_INT(why,
	       scoreboard_sum(board, FAMILY_JOBS_GIVEN_UP, number_of(LOAD), 0),
	       1 * times);
	IS_INT(why,
	       scoreboard_sum(board, FAMILY_JOBS_GIVEN_UP, number_of(PING), 0),
	       0);
	scoreboard_histogram(board, FAMILY_JOB_QUEUED, number_of(LOAD), 0, &h);
	IS_INT(why, h.count, 2 * times);
	IS_INT(why, h.sum_us, 50000 * times);
	h = ran(LOAD, false);
	IS_INT(why, h.count, 1 * times);
	IS_INT(why, h.sum_us, 100000 * times);
	h = ran(LOAD, true);
	IS_INT(why, h.sum_us, 200000 * times);
	h = ran(PING, true);
	IS_INT(why, h.sum_us, 2000000 * times);
}

static void
counts_each_change_once(void)
{
	for (unsigned seed = 0; seed < 50; seed++) {
		begin();
		for (size_t i = 0; i < PROCESSES; i++)
			join(&processes[i]);
		write_story();
		catch_up_all(seed);
		check_story("three read it", 1);
	}
}

static void
does_not_count_what_was_there(void)
{
	static const char *const none[] = {NULL};

	begin();
	write_story();
	for (size_t i = 0; i < PROCESSES; i++)
		join(&processes[i]);
	catch_up_all(1);
	check_story("a pool that begins", 0);
	add_job(9, LOAD, none);
	catch_up_all(2);
	IS_INT("what comes then", submitted(LOAD), 1);
}

static void
a_death_loses_nothing(void)
{
	begin();
	join(&processes[0]);
	write_story();
	for (int i = 0; i < 5; i++)
		step(&processes[0]);
	leave(&processes[0]);
	join(&processes[0]);
	catch_up(&processes[0]);
	check_story("the only process died and came again", 1);
}

static void
a_bucket_may_begin_anew(void)
{
	struct follower_change anew = {
	    .op = FOLLOWER_RESET, .bucket = "b", .key = ""};
	struct follower_change fill = {
	    .op = FOLLOWER_FILL, .bucket = "b", .key = ""};

	begin();
	for (size_t i = 0; i < PROCESSES; i++)
		join(&processes[i]);
	write_story();
	catch_up_all(3);
	for (size_t i = 0; i < last; i++)
		free(records[i].value);
	last = 0;
	/* The first two find it empty, the third finds the whole story. */
	for (size_t i = 0; i < PROCESSES; i++) {
		struct process *p = &processes[i];

		if (i == 2) {
			write_story();
			catch_up(&processes[0]);
			catch_up(&processes[1]);
		}
		p->applied = 0;
		fill.revision = last;
		feed_apply(p->index, &p->tally, true, &anew, NULL);
		feed_apply(p->index, &p->tally, true, &fill, NULL);
	}
	catch_up_all(4);
	check_story("another bucket of the same name", 2);
}

static void
ends(void)
{
	begin();
	scoreboard_free(board);
	spec_free(spec);
}

const struct unit_case unit_cases[] = {
    {"counts each change once", counts_each_change_once},
    {"does not count what was there", does_not_count_what_was_there},
    {"a death loses nothing", a_death_loses_nothing},
    {"a bucket may begin anew", a_bucket_may_begin_anew},
    {"ends", ends},
    {NULL, NULL},
};
const char unit_name[] = "tally";
