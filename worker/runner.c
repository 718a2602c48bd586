/*
 * worker/runner.c: see the header.
 *
 * One mutex guards queues and the list of held works; nothing blocks and
 * nothing is sent under it.  A work that is held stays where it is in memory;
 * it is released (no longer held) before its answers are sent, so its replies
 * belong to one thread by then.
 */
#include "worker/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/jetstream.h"
#include "lib/log.h"
#include "worker/execution.h"
#include "worker/lanes.h"
#include "worker/outbox.h"

#define HAND_BACK_MS 1000 /* of a work that a stopping worker returns */
#define BATCH_NICE   10   /* of the threads of the batch lane */

struct runner {
	struct worker *worker;
	int slots;
	int64_t alive_ms; /* between two in-progress answers */
	pthread_t *threads;
	int thread_count;
	pthread_t keeper;
	bool keeper_runs;
	bool short_of_threads;      /* the keeper's: it has said so */
	pthread_mutex_t lock;       /* all below */
	pthread_cond_t wake[LANES]; /* its threads: a work, or stopping */
	pthread_cond_t done; /* whoever waits for threads or the keeper's end */
	struct lanes lanes;
	struct work *held;
	int threads_live; /* that would end when told */
	int left_behind;
	bool draining;
	bool stopping;
};

/* ---- what is held (with the lock) ---- */

static struct work *
find_held(const struct runner *runner, const char *id)
{
	struct work *work;

	for (work = runner->held; work && id[0]; work = work->held_next)
		if (strcmp(work->id, id) == 0)
			return work;
	return NULL;
}

static void
hold(struct runner *runner, struct work *work)
{
	work->held_next = runner->held;
	runner->held = work;
}

static void
release(struct runner *runner, const struct work *work)
{
	struct work **link;

	for (link = &runner->held; *link; link = &(*link)->held_next)
		if (*link == work) {
			*link = work->held_next;
			return;
		}
}

/* ---- what comes in ---- */

/* Each return costs one of the job's deliveries: two are left for it. */
static bool
may_return(const struct runner *runner, const struct work *work)
{
	int64_t max = runner->worker->config->job.consumer.max_deliver;

	return (int64_t)work->deliveries + 1 < max;
}

static bool
take_in(struct runner *runner, struct work *work)
{
	struct lanes *lanes = &runner->lanes;
	int64_t now_ms = clock_mono_ms();

	if (runner->draining ||
	    lanes_waiting(lanes) >= RUNNER_WAITING_MAX * runner->slots ||
	    (work->shared && may_return(runner, work) &&
	     !lanes_room(lanes, work->lane, now_ms)))
		return false;
	hold(runner, work);
	lanes_add(lanes, work, now_ms);
	pthread_cond_signal(&runner->wake[work->lane]);
	return true;
}

enum runner_offer
runner_offer(struct runner *runner, natsMsg *message, enum job_lane lane,
	     bool shared)
{
	struct work *work = work_new(runner->worker, message, lane);
	struct work *twin;
	bool taken;

	if (!work) {
		log_error("notification cannot be answered, dropped",
			  LOG_S("nats_subject", natsMsg_GetSubject(message)));
		natsMsg_Destroy(message);
		return RUNNER_TAKEN;
	}
	work->shared = shared;
	log_debug("notification", LOG_S("job_id", work->id),
		  LOG_S("nats_subject", work->subject),
		  LOG_I("delivery", (int64_t)work->deliveries));
	pthread_mutex_lock(&runner->lock);
	twin = find_held(runner, work->id);
	if (twin)
		taken = work_attach(twin, work);
	else
		taken = take_in(runner, work);
	pthread_mutex_unlock(&runner->lock);
	if (twin || !taken)
		work_return(runner->worker, work);
	if (!taken)
		return RUNNER_FULL;
	natsMsg_Destroy(message);
	return RUNNER_TAKEN;
}

enum err
runner_recover(struct runner *runner, struct work *work)
{
	pthread_mutex_lock(&runner->lock);
	hold(runner, work);
	pthread_mutex_unlock(&runner->lock);
	if (!runner_finish(runner, work))
		outbox_put(runner->worker->outbox, work);
	return ERR_OK;
}

int
runner_free_slots(struct runner *runner, enum job_lane lane)
{
	int undelivered = (int)outbox_count(runner->worker->outbox);
	int room = 0;

	pthread_mutex_lock(&runner->lock);
	if (!runner->draining && undelivered < runner->slots)
		room = lanes_room(&runner->lanes, lane, clock_mono_ms());
	pthread_mutex_unlock(&runner->lock);
	return room;
}

/* ---- the end of a work ---- */

static bool
finish(struct runner *runner, struct work *work)
{
	struct err_info info = {""};

	if (work_deliver(runner->worker, work, &info) != ERR_OK) {
		log_debug("result not delivered yet",
			  LOG_S("error", info.text));
		return false;
	}
	pthread_mutex_lock(&runner->lock);
	release(runner, work);
	pthread_mutex_unlock(&runner->lock);
	if (work_answer(runner->worker, work) != ERR_OK)
		return false;
	trail_end(runner->worker, work, NULL);
	work_free(work);
	return true;
}

bool
runner_finish(struct runner *runner, struct work *work)
{
	bool finished;

	trail_enter(work);
	finished = finish(runner, work);
	trail_leave();
	return finished;
}

static void
count_result(struct worker *worker, const struct work *work)
{
	if (!work->has_result)
		return;
	if (work->response.failed)
		atomic_fetch_add(&worker->failed, 1);
	else
		atomic_fetch_add(&worker->completed, 1);
}

/* Runs one work; false: this thread was left behind meanwhile. */
static bool
run(struct runner *runner, struct work *work)
{
	bool abandoned;

	execution_run(runner->worker, work);
	pthread_mutex_lock(&runner->lock);
	abandoned = work->abandoned;
	pthread_mutex_unlock(&runner->lock);
	if (abandoned) {
		log_warning("a provider came back too late, what it says is "
			    "dropped",
			    LOG_S("job_id", work->id));
		trail_end(runner->worker, work, "left behind");
		work_free(work);
		return false;
	}
	count_result(runner->worker, work);
	if (!runner_finish(runner, work))
		outbox_put(runner->worker->outbox, work);
	return true;
}

/* Wakes a thread of each lane that has work, with the lock: a slot is free. */
static void
pass_on(struct runner *runner)
{
	for (int lane = 0; lane < LANES; lane++)
		if (runner->lanes.lane[lane].waiting)
			pthread_cond_signal(&runner->wake[lane]);
}

/* Waits for a work of this lane, with the lock; NULL: stopping. */
static struct work *
next_work(struct runner *runner, enum job_lane lane)
{
	struct work *work = NULL;
	int64_t due_ms;

	while (!runner->stopping &&
	       !(work = lanes_begin(&runner->lanes, lane, clock_mono_ms(),
				    &due_ms))) {
		struct timespec due = clock_mono_deadline(due_ms);

		if (due_ms < 0)
			pthread_cond_wait(&runner->wake[lane], &runner->lock);
		else
			pthread_cond_timedwait(&runner->wake[lane],
					       &runner->lock, &due);
	}
	/* Who was woken for one work may have waited for another. */
	if (work && runner->lanes.lane[lane].waiting)
		pthread_cond_signal(&runner->wake[lane]);
	return work;
}

/* Runs the works of one lane until it is told to stop, or was left behind. */
static void
serve(struct runner *runner, enum job_lane lane)
{
	struct work *work;
	bool mine = true;

	pthread_mutex_lock(&runner->lock);
	while (mine && (work = next_work(runner, lane))) {
		atomic_fetch_add(&runner->worker->running, 1);
		pthread_mutex_unlock(&runner->lock);
		/* Where live works are near, no more than one was asked for. */
		if (lane == JOB_BATCH)
			eventfd_write(runner->worker->pull_fd, 1);
		mine = run(runner, work);
		pthread_mutex_lock(&runner->lock);
		if (!mine)
			break;
		lanes_end(&runner->lanes, lane, clock_mono_ms());
		atomic_fetch_sub(&runner->worker->running, 1);
		pass_on(runner);
		pthread_mutex_unlock(&runner->lock);
		eventfd_write(runner->worker->pull_fd, 1);
		worker_wake(runner->worker);
		pthread_mutex_lock(&runner->lock);
	}
	if (mine)
		runner->threads_live--;
	else
		runner->left_behind--;
	pthread_cond_broadcast(&runner->done);
	pthread_mutex_unlock(&runner->lock);
}

static void *
live_main(void *arg)
{
	serve(arg, JOB_LIVE);
	return NULL;
}

/* Nobody waits for these: whoever else wants the CPU goes first. */
static void *
batch_main(void *arg)
{
	if (setpriority(PRIO_PROCESS, (id_t)gettid(), BATCH_NICE))
		log_debug("batch jobs run at normal priority",
			  LOG_S("error", strerror(errno)));
	serve(arg, JOB_BATCH);
	return NULL;
}

static void *(*const mains[LANES])(void *) = {
    [JOB_LIVE] = live_main,
    [JOB_BATCH] = batch_main,
};

/* ---- the keeper: in-progress answers, and providers that hang ---- */

struct replies {
	size_t count;
	char **items;
};

/* Copies the replies of all that is held, with the lock. */
static void
collect(const struct runner *runner, struct replies *replies)
{
	const struct work *work;
	size_t room = 0;
	size_t i;

	for (work = runner->held; work; work = work->held_next)
		room += work->reply_count;
	replies->items = calloc(room + 1, sizeof(char *));
	if (!replies->items)
		return;
	for (work = runner->held; work; work = work->held_next)
		for (i = 0; i < work->reply_count; i++) {
			char *copy = strdup(work->replies[i].subject);

			if (copy)
				replies->items[replies->count++] = copy;
		}
}

static void
keep_alive(struct runner *runner)
{
	struct replies replies = {0};
	size_t i;

	pthread_mutex_lock(&runner->lock);
	collect(runner, &replies);
	pthread_mutex_unlock(&runner->lock);
	for (i = 0; i < replies.count; i++) {
		if (broker_connected(runner->worker->broker))
			jetstream_progress(runner->worker->broker,
					   replies.items[i]);
		free(replies.items[i]);
	}
	free(replies.items);
}

/* Takes a hanging work's place: what was answered and claimed goes over. */
static struct work *
substitute(struct runner *runner, struct work *stuck)
{
	struct work *work = calloc(1, sizeof(*work));
	char text[128];

	if (!work)
		return NULL;
	memcpy(work->id, stuck->id, sizeof(work->id));
	memcpy(work->replies, stuck->replies, sizeof(work->replies));
	work->reply_count = stuck->reply_count;
	work->claimed = stuck->claimed;
	work->early_count = stuck->early_count;
	memcpy(work->early, stuck->early, sizeof(work->early));
	work->check_job = true;
	work->lane = stuck->lane;
	trail_begin(&work->trail);
	stuck->reply_count = 0;
	stuck->abandoned = true;
	release(runner, stuck);
	hold(runner, work);
	snprintf(text, sizeof(text), "%s",
		 stuck->claimed
		     ? "unknown outcome: the operation did not end by its "
		       "deadline and was left behind"
		     : "the operation did not end by its deadline and was "
		       "left behind");
	work_result(work, runner->worker->hostname, text, NULL);
	return work;
}

static bool
hangs(const struct work *work)
{
	int64_t deadline_ms =
	    __atomic_load_n(&work->deadline_ms, __ATOMIC_ACQUIRE);

	return deadline_ms &&
	       clock_mono_ms() > deadline_ms + RUNNER_LEFT_BEHIND_MS;
}

/* Leaves one hanging provider behind, if there is any, with the lock; its lane
 * lacks a thread then. */
static struct work *
leave_behind(struct runner *runner)
{
	struct work *work = runner->held;
	enum job_lane lane;

	while (work && !hangs(work))
		work = work->held_next;
	if (!work || runner->left_behind == runner->slots)
		return NULL;
	lane = work->lane;
	work = substitute(runner, work);
	if (!work)
		return NULL;
	runner->left_behind++;
	runner->threads_live--;
	runner->lanes.lane[lane].missing++;
	lanes_end(&runner->lanes, lane, clock_mono_ms());
	pass_on(runner);
	atomic_fetch_sub(&runner->worker->running, 1);
	return work;
}

static void
replace_hanging(struct runner *runner)
{
	struct work *work;

	do {
		pthread_mutex_lock(&runner->lock);
		work = leave_behind(runner);
		pthread_mutex_unlock(&runner->lock);
		if (!work)
			break;
		log_error("a provider hangs and was left behind",
			  LOG_S("job_id", work->id));
		count_result(runner->worker, work);
		outbox_put(runner->worker->outbox, work);
	} while (work);
}

/* Starts the threads that the lanes lack, with the lock; an error number where
 * one cannot be started now. */
static int
start_missing(struct runner *runner)
{
	pthread_t thread;

	for (int i = 0; i < LANES; i++) {
		struct lane *lane = &runner->lanes.lane[i];

		while (lane->missing) {
			int failed =
			    pthread_create(&thread, NULL, mains[i], runner);

			if (failed)
				return failed;
			pthread_detach(thread);
			runner->threads_live++;
			lane->missing--;
		}
	}
	return 0;
}

/* In the places of those that were left behind. */
static void
replace_threads(struct runner *runner)
{
	int failed;

	pthread_mutex_lock(&runner->lock);
	failed = start_missing(runner);
	pthread_mutex_unlock(&runner->lock);
	if (failed && !runner->short_of_threads)
		log_error("no thread in the place of one that was left behind, "
			  "fewer jobs run until there is",
			  LOG_S("error", strerror(failed)));
	else if (!failed && runner->short_of_threads)
		log_info("every slot has its thread again");
	if (runner->short_of_threads && !failed)
		eventfd_write(runner->worker->pull_fd, 1);
	runner->short_of_threads = failed != 0;
}

static void *
keeper_main(void *arg)
{
	struct runner *runner = arg;
	int64_t tick_ms = runner->alive_ms < 1000 ? runner->alive_ms : 1000;
	int64_t kept_ms = clock_mono_ms();

	pthread_mutex_lock(&runner->lock);
	while (!runner->stopping) {
		struct timespec until = clock_mono_deadline(tick_ms);

		/* Without a thread, or with every slot left behind, nothing can
		 * run any more. */
		if (runner->threads_live && runner->left_behind < runner->slots)
			pulse_beat(&runner->worker->pulse, PULSE_RUN, tick_ms);
		pthread_cond_timedwait(&runner->done, &runner->lock, &until);
		pthread_mutex_unlock(&runner->lock);
		if (clock_mono_ms() - kept_ms >= runner->alive_ms) {
			kept_ms = clock_mono_ms();
			keep_alive(runner);
		}
		replace_hanging(runner);
		replace_threads(runner);
		pthread_mutex_lock(&runner->lock);
	}
	pthread_mutex_unlock(&runner->lock);
	pulse_end(&runner->worker->pulse, PULSE_RUN);
	return NULL;
}

/* ---- life ---- */

/* A third of the time after which the server delivers again. */
static int64_t
alive_ms(const struct config *config)
{
	int64_t wait_ms = config->job.consumer.ack_wait_ms;

	return wait_ms < 30 ? 10 : wait_ms / 3;
}

static struct runner *
prepare(struct worker *worker)
{
	struct runner *runner = calloc(1, sizeof(*runner));
	pthread_condattr_t monotonic;
	size_t lane;

	if (!runner)
		return NULL;
	runner->worker = worker;
	runner->slots = (int)worker->config->job.worker.max_jobs;
	lanes_init(&runner->lanes, runner->slots);
	runner->threads =
	    calloc((size_t)runner->slots + (size_t)runner->lanes.batch_slots,
		   sizeof(pthread_t));
	if (!runner->threads) {
		free(runner);
		return NULL;
	}
	runner->alive_ms = alive_ms(worker->config);
	pthread_mutex_init(&runner->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	for (lane = 0; lane < LANES; lane++)
		pthread_cond_init(&runner->wake[lane], &monotonic);
	pthread_cond_init(&runner->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return runner;
}

static bool
start_threads(struct runner *runner, enum job_lane lane, int count)
{
	bool started = true;

	while (started && count--) {
		pthread_mutex_lock(&runner->lock);
		started = pthread_create(&runner->threads[runner->thread_count],
					 NULL, mains[lane], runner) == 0;
		runner->thread_count += started;
		runner->threads_live += started;
		pthread_mutex_unlock(&runner->lock);
	}
	return started;
}

enum err
runner_new(struct worker *worker, struct runner **runner, struct err_info *info)
{
	struct runner *r = prepare(worker);
	bool started;

	if (!r)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	started = start_threads(r, JOB_LIVE, r->slots) &&
		  start_threads(r, JOB_BATCH, r->lanes.batch_slots);
	r->keeper_runs =
	    started && pthread_create(&r->keeper, NULL, keeper_main, r) == 0;
	if (r->keeper_runs) {
		*runner = r;
		return ERR_OK;
	}
	err_set(info, ERR_NO_MEMORY,
		"job.worker.max_jobs: %d threads cannot be started", r->slots);
	if (runner_stop(r, 1000))
		runner_free(r);
	return ERR_NO_MEMORY;
}

void
runner_drain(struct runner *runner)
{
	struct work *work;

	pthread_mutex_lock(&runner->lock);
	runner->draining = true;
	while ((work = lanes_take_back(&runner->lanes))) {
		work->end = WORK_NAK;
		work->delay_ms = work->shared ? 0 : HAND_BACK_MS;
		pthread_mutex_unlock(&runner->lock);
		if (!runner_finish(runner, work))
			outbox_put(runner->worker->outbox, work);
		pthread_mutex_lock(&runner->lock);
	}
	pthread_mutex_unlock(&runner->lock);
}

bool
runner_idle(struct runner *runner)
{
	bool idle;

	pthread_mutex_lock(&runner->lock);
	idle = lanes_running(&runner->lanes) == 0;
	pthread_mutex_unlock(&runner->lock);
	return idle;
}

bool
runner_stop(struct runner *runner, int64_t wait_ms)
{
	struct timespec until = clock_mono_deadline(wait_ms);
	struct work *work;
	bool all;
	int i;

	pthread_mutex_lock(&runner->lock);
	runner->stopping = true;
	for (work = runner->held; work; work = work->held_next)
		__atomic_store_n(&work->cancelled, true, __ATOMIC_RELAXED);
	for (i = 0; i < LANES; i++)
		pthread_cond_broadcast(&runner->wake[i]);
	pthread_cond_broadcast(&runner->done);
	while ((runner->threads_live || runner->left_behind) &&
	       pthread_cond_timedwait(&runner->done, &runner->lock, &until) ==
		   0) {
	}
	all = !runner->threads_live && !runner->left_behind;
	pthread_mutex_unlock(&runner->lock);
	if (runner->keeper_runs)
		pthread_join(runner->keeper, NULL);
	runner->keeper_runs = false;
	for (i = 0; all && i < runner->thread_count; i++)
		pthread_join(runner->threads[i], NULL);
	return all;
}

void
runner_free(struct runner *runner)
{
	int i;

	if (!runner)
		return;
	pthread_mutex_destroy(&runner->lock);
	for (i = 0; i < LANES; i++)
		pthread_cond_destroy(&runner->wake[i]);
	pthread_cond_destroy(&runner->done);
	free(runner->threads);
	free(runner);
}
