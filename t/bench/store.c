/*
 * t/bench/store.c: what the job store costs, from one thread and from 16, each
 * against nats.c's own synchronous calls, all in one run and in turns:
 * - to create a job: store_job_create sends job and notification in one round
 *   trip, js_Publish the same two messages one by one;
 * - to ask once: broker_request, natsConnection_RequestMsg.
 *
 * Usage: store [rounds].  Prints a table; medians over the rounds.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "t/support/job_store.h"

#define ROUNDS     7
#define ROUNDS_MAX 101
#define LONE_JOBS  400
#define MANY_JOBS  200 /* of each thread */
#define MANY       16
#define ASKED      "$JS.API.STREAM.NAMES"

struct way {
	const char *name;
	enum err (*create)(void *with, const struct job *job, const char *text,
			   size_t size);
	void *with;
};

static int64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

/* ---- the two ways ---- */

static enum err
create_pipelined(void *with, const struct job *job, const char *text,
		 size_t size)
{
	struct job_store *on = with;
	uint64_t revision = 0;

	return store_job_create(on->store, job, text, size, "signature",
				&revision, NULL);
}

static natsStatus
publish(jsCtx *js, const char *subject, const char *data, size_t size,
	const char *id, bool only_new)
{
	jsPubOptions options;

	(void)jsPubOptions_Init(&options);
	options.MsgId = id;
	options.ExpectNoMessage = only_new;
	return js_Publish(NULL, js, subject, data, (int)size, &options, NULL);
}

static enum err
create_one_by_one(void *with, const struct job *job, const char *text,
		  size_t size)
{
	char key[128];
	natsStatus s;

	(void)snprintf(key, sizeof(key), "$KV.job-queue.jobs.%s", job->id);
	s = publish(with, key, text, size, NULL, true);
	if (s == NATS_OK)
		s = publish(with, "jobs.query._any", job->id, strlen(job->id),
			    job->id, false);
	return s == NATS_OK ? ERR_OK : ERR_INTERNAL;
}

static enum err
ask_broker(void *with, const struct job *job, const char *text, size_t size)
{
	struct job_store *on = with;
	natsMsg *message = NULL;
	natsMsg *reply = NULL;
	enum err result = ERR_NO_MEMORY;

	(void)job;
	if (natsMsg_Create(&message, ASKED, NULL, text, (int)size) == NATS_OK)
		result =
		    broker_request(on->broker, message, 5000, &reply, NULL);
	natsMsg_Destroy(message);
	natsMsg_Destroy(reply);
	return result;
}

static enum err
ask_nats(void *with, const struct job *job, const char *text, size_t size)
{
	natsMsg *message = NULL;
	natsMsg *reply = NULL;
	natsStatus s = natsMsg_Create(&message, ASKED, NULL, text, (int)size);

	(void)job;
	if (s == NATS_OK)
		s = natsConnection_RequestMsg(&reply, with, message, 5000);
	natsMsg_Destroy(message);
	natsMsg_Destroy(reply);
	return s == NATS_OK ? ERR_OK : ERR_INTERNAL;
}

/* ---- measuring ---- */

struct load {
	const struct way *way;
	int jobs;
	atomic_int failed;
};

static void *
run_load(void *arg)
{
	struct load *load = arg;

	for (int i = 0; i < load->jobs; i++) {
		struct job job;
		size_t size = 0;
		char *text;

		job_store_make(&job, "_any");
		text = job_store_text(&job, &size);
		if (load->way->create(load->way->with, &job, text, size) !=
		    ERR_OK)
			(void)atomic_fetch_add(&load->failed, 1);
		free(text);
		job_release(&job);
	}
	return NULL;
}

/* Jobs a second. */
static double
measure(const struct way *way, int threads, int jobs)
{
	struct load load = {.way = way, .jobs = jobs};
	pthread_t ids[MANY];
	int64_t begun = now_ns();

	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, run_load, &load) != 0)
			abort();
	for (int i = 0; i < threads; i++)
		(void)pthread_join(ids[i], NULL);
	if (atomic_load(&load.failed) > 0)
		(void)printf("%s: %d failed\n", way->name,
			     atomic_load(&load.failed));
	return (double)threads * jobs * 1e9 / (double)(now_ns() - begun);
}

static int
compare(const void *left, const void *right)
{
	const double *a = left;
	const double *b = right;

	return (*a > *b) - (*a < *b);
}

static double
median(double *values, int count)
{
	qsort(values, (size_t)count, sizeof(*values), compare);
	return values[count / 2];
}

static void
compare_ways(const struct way *ways, int threads, int jobs, int rounds)
{
	double rates[2][ROUNDS_MAX];
	double middle[2];

	for (int i = 0; i < rounds; i++)
		for (int w = 0; w < 2; w++)
			rates[w][i] = measure(&ways[w], threads, jobs);
	for (int w = 0; w < 2; w++) {
		middle[w] = median(rates[w], rounds);
		(void)printf("%8d  %-28s %10.0f %12.0f\n", threads,
			     ways[w].name, middle[w],
			     (double)threads * 1e6 / middle[w]);
	}
	(void)printf("%8d  %-28s %10.2f\n", threads, "ratio",
		     middle[0] / middle[1]);
}

/* ---- main ---- */

static int
remove_one(const char *path, const struct stat *status, int type,
	   struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

static natsConnection *
connect_plainly(struct job_store *on, jsCtx **js)
{
	natsConnection *connection = NULL;
	natsOptions *options = NULL;

	if (natsOptions_Create(&options) != NATS_OK ||
	    natsOptions_SetURL(options, broker_url(on->broker)) != NATS_OK ||
	    natsOptions_SetSendAsap(options, true) != NATS_OK ||
	    natsConnection_Connect(&connection, options) != NATS_OK ||
	    natsConnection_JetStream(js, connection, NULL) != NATS_OK)
		abort();
	natsOptions_Destroy(options);
	return connection;
}

int
main(int argc, char **argv)
{
	char directory[] = "/tmp/osapi-bench-XXXXXX";
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : ROUNDS;
	natsConnection *connection;
	struct job_store on;
	jsCtx *js = NULL;

	if (rounds < 1 || rounds > ROUNDS_MAX || mkdtemp(directory) == NULL) {
		(void)fprintf(stderr, "usage: store [1-%d]\n", ROUNDS_MAX);
		return 2;
	}
	job_store_open(&on, directory, NULL);
	job_store_provision(&on);
	connection = connect_plainly(&on, &js);
	const struct way creating[] = {
	    {"store_job_create, pipelined", create_pipelined, &on},
	    {"js_Publish twice", create_one_by_one, js},
	};
	const struct way asking[] = {
	    {"broker_request", ask_broker, &on},
	    {"natsConnection_RequestMsg", ask_nats, connection},
	};
	(void)printf("%8s  %-28s %10s %12s\n", "threads", "way", "a second",
		     "us each");
	compare_ways(creating, 1, LONE_JOBS, rounds);
	compare_ways(creating, MANY, MANY_JOBS, rounds);
	compare_ways(asking, 1, LONE_JOBS, rounds);
	compare_ways(asking, MANY, MANY_JOBS, rounds);
	jsCtx_Destroy(js);
	natsConnection_Close(connection);
	natsConnection_Destroy(connection);
	job_store_close(&on);
	(void)nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
