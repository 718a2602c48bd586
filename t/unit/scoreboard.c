/* t/unit/scoreboard.c: figures that many processes and threads write. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/auth.h"
#include "fcgi/scoreboard.h"

#define THREADS   4
#define TIMES     20000
#define PROCESSES 3

static const struct spec *spec;
static struct scoreboard *board;

static void
start(void)
{
	struct err_info info = {""};

	if (!spec)
		IS_INT("a description", spec_load(&spec, &info), ERR_OK);
	scoreboard_free(board);
	board = NULL;
	IS_INT("a scoreboard", scoreboard_new(spec, &board), ERR_OK);
	if (!board)
		CU_FAIL_FATAL("none");
}

static void *
write_many(void *arg)
{
	for (int i = 0; i < TIMES; i++) {
		scoreboard_count(arg, FAMILY_AUTH_FAILURES, AUTH_SCOPE, 0, 1);
		scoreboard_observe(arg, FAMILY_NATS_PUBLISH, 0, 0, i % 1000);
	}
	return NULL;
}

/* What a process of the pool does until it is killed. */
static void
be_a_process(size_t slot)
{
	struct scoreboard_slot *mine = scoreboard_slot(board, slot);
	pthread_t threads[THREADS];

	scoreboard_add(mine, FAMILY_WAITERS, 7);
	scoreboard_set(mine, FAMILY_INDEX_LAG, 1, 9);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, write_many, mine) != 0)
			_exit(EXIT_FAILURE);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	raise(SIGKILL);
}

static void
counts_outlive_their_process(void)
{
	struct scoreboard_histogram h;
	int status;

	start();
	for (size_t i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			be_a_process(i);
	while (wait(&status) > 0)
		OK("killed", WIFSIGNALED(status));
	IS_INT("all counts are there",
	       scoreboard_sum(board, FAMILY_AUTH_FAILURES, AUTH_SCOPE, 0),
	       PROCESSES * THREADS * TIMES);
	IS_INT("and at no other reason",
	       scoreboard_sum(board, FAMILY_AUTH_FAILURES, AUTH_EXPIRED, 0), 0);
	scoreboard_histogram(board, FAMILY_NATS_PUBLISH, 0, 0, &h);
	IS_INT("all durations are there", h.count, PROCESSES * THREADS * TIMES);
	IS_INT("and their sum", h.sum_us,
	       (int64_t)PROCESSES * THREADS * TIMES / 1000 * 499500);
	IS_INT("a bound belongs to its range", h.counts[0],
	       PROCESSES * THREADS * TIMES / 1000 * 101);
	IS_INT("gauges wait for the supervisor",
	       scoreboard_sum(board, FAMILY_WAITERS, 0, 0), 7 * PROCESSES);
	scoreboard_clear_gauges(board, 1);
	IS_INT("which clears those of the dead",
	       scoreboard_sum(board, FAMILY_WAITERS, 0, 0),
	       7 * (PROCESSES - 1));
	IS_INT("each value of them",
	       scoreboard_own(board, 1, FAMILY_INDEX_LAG, 1), 0);
	IS_INT("of no others", scoreboard_own(board, 2, FAMILY_INDEX_LAG, 1),
	       9);
	IS_INT("counts stay",
	       scoreboard_sum(board, FAMILY_AUTH_FAILURES, AUTH_SCOPE, 0),
	       PROCESSES * THREADS * TIMES);
}

static void
durations_find_their_range(void)
{
	static const struct {
		int64_t us;
		size_t range;
		const char *why;
	} rows[] = {
	    {-5, 0, "a clock that went back"},
	    {0, 0, "nothing"},
	    {1000, 0, "a bound is part of its range"},
	    {1001, 1, "just above it"},
	    {300000000, 13, "the last bound"},
	    {INT64_C(300000001), 14, "above all"},
	};
	struct scoreboard_histogram h;

	start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scoreboard_observe(scoreboard_slot(board, 0),
				   FAMILY_REQUEST_DURATION, i, 0, rows[i].us);
		scoreboard_histogram(board, FAMILY_REQUEST_DURATION, i, 0, &h);
		IS_INT(rows[i].why, h.count, 1);
		IS_INT(rows[i].why, h.counts[rows[i].range], 1);
		IS_INT(rows[i].why, h.sum_us, rows[i].us < 0 ? 0 : rows[i].us);
	}
}

/* ---- one log, read by all ---- */

#define LAST 20000

static void
read_log(size_t slot)
{
	struct scoreboard_slot *mine = scoreboard_slot(board, slot);

	for (uint64_t i = 1; i <= LAST; i++)
		if (scoreboard_claim(board, i))
			scoreboard_add(mine, FAMILY_RESPAWNS, 1);
	_exit(EXIT_SUCCESS);
}

static void
each_change_is_counted_once(void)
{
	int status;

	start();
	OK("nothing before the beginning", !scoreboard_claim(board, 5));
	scoreboard_begin(board, 100, false);
	OK("nothing of what was there", !scoreboard_claim(board, 100));
	for (size_t i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			read_log(i);
	while (wait(&status) > 0)
		IS_INT("read", status, 0);
	IS_INT("what came later, once",
	       scoreboard_sum(board, FAMILY_RESPAWNS, 0, 0), LAST - 100);
	scoreboard_begin(board, LAST + 50, false);
	OK("a process that comes later begins nothing",
	   scoreboard_claim(board, LAST + 1));
	scoreboard_begin(board, 3, true);
	OK("a log that begins anew: not what it has",
	   !scoreboard_claim(board, 3));
	OK("but what comes", scoreboard_claim(board, 4));
	scoreboard_begin(board, 4, true);
	OK("also when another process finds that out later",
	   !scoreboard_claim(board, 4) && scoreboard_claim(board, 5));
	scoreboard_begin(board, 9, true);
	OK("which may have missed some", scoreboard_claim(board, 6));
}

/* ---- what may be a label ---- */

static void
labels_are_bounded(void)
{
	const struct dimensions *d;
	const struct spec_endpoint *list;
	size_t n, get = 0;

	start();
	d = scoreboard_dimensions(board);
	for (int i = 0; i < DIMENSION_COUNT; i++)
		for (size_t k = 0; k < dimension_size(d, (enum dimension)i);
		     k++) {
			const char *text =
			    dimension_labels(d, (enum dimension)i, k);

			OK(text, !strpbrk(text, "\\\n") && strlen(text) < 200);
		}
	list = spec_endpoints(spec, &n);
	while (strcmp(list[get].method, "GET") != 0)
		get++;
	OK("HEAD has a row of its own",
	   dimension_route(d, &list[get], "HEAD") !=
	       dimension_route(d, &list[get], "GET"));
	IS_TEXT("a path of nobody",
		dimension_labels(d, DIMENSION_ROUTE,
				 dimension_route(d, NULL, "GET")),
		"http_request_method=\"GET\",http_route=\"unknown\"");
	IS_TEXT("a method that a client made",
		dimension_labels(
		    d, DIMENSION_ROUTE,
		    dimension_route(d, NULL, dimension_method("BREW"))),
		"http_request_method=\"_OTHER\",http_route=\"unknown\"");
	IS_TEXT("a status that is none",
		dimension_labels(d, DIMENSION_CODE, dimension_code(d, 999)),
		"http_response_status_code=\"other\"");
	IS_TEXT("an operation that is unknown",
		dimension_labels(d, DIMENSION_OPERATION,
				 dimension_operation(d, -1)),
		"operation=\"other\"");
}

static void
every_answer_has_its_code(void)
{
	static const int more[] = {200, 201, 202, 204, 499};
	const struct dimensions *d;
	char label[64];

	start();
	d = scoreboard_dimensions(board);
	for (size_t i = 0; i < ERR_COUNT + sizeof(more) / sizeof(more[0]);
	     i++) {
		int status =
		    i < ERR_COUNT ? err_http((enum err)i) : more[i - ERR_COUNT];

		snprintf(label, sizeof(label),
			 "http_response_status_code=\"%d\"", status);
		IS_TEXT("a code of ours",
			dimension_labels(d, DIMENSION_CODE,
					 dimension_code(d, status)),
			label);
	}
}

/* Octets that this process has mapped. */
static long
mapped(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (!statm || fscanf(statm, "%ld", &pages) != 1)
		CU_FAIL_FATAL("no /proc/self/statm");
	fclose(statm);
	return pages * sysconf(_SC_PAGESIZE);
}

static void
ends(void)
{
	long before;

	scoreboard_free(board);
	board = NULL;
	before = mapped();
	start();
	OK("its size is bounded", mapped() - before < 4 * 1024 * 1024);
	scoreboard_free(board);
	spec_free(spec);
}

const struct unit_case unit_cases[] = {
    {"counts outlive their process", counts_outlive_their_process},
    {"durations find their range", durations_find_their_range},
    {"each change is counted once", each_change_is_counted_once},
    {"labels are bounded", labels_are_bounded},
    {"every answer has its code", every_answer_has_its_code},
    {"ends", ends},
    {NULL, NULL},
};
const char unit_name[] = "scoreboard";
