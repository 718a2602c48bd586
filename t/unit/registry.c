/* t/unit/registry.c: worker/registry.h with a real nats-server. */
#include "worker/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/support/fleet.h"
#include "t/support/operations.h"
#include "t/unit/unit.h"

#define HOST  "web-01"
#define QUERY "system.hostname.get"

static const struct fleet_host host = {
    .name = HOST, .labels = "{group: web.dev}", .find = operations_find};
static struct fleet fleet;

static void
begin(void)
{
	operations_reset(OPERATIONS_WORK, 0);
	fleet_start(&fleet, unit_directory(), "  deadline: 1h\n");
}

static enum err
read_entry(struct heartbeat *heartbeat, uint64_t *sequence)
{
	return store_heartbeat_read(fleet.store, HOST, heartbeat, sequence,
				    NULL);
}

struct beat {
	uint64_t after;
	int64_t completed;
	int64_t failed;
};

static bool
beats(void *arg)
{
	const struct beat *wanted = arg;
	struct heartbeat heartbeat = {.labels = NULL};
	uint64_t sequence = 0;
	bool is = read_entry(&heartbeat, &sequence) == ERR_OK &&
		  sequence > wanted->after &&
		  heartbeat.completed == wanted->completed &&
		  heartbeat.failed == wanted->failed;

	heartbeat_release(&heartbeat);
	return is;
}

static void
tells_who_it_is(void)
{
	struct heartbeat heartbeat = {.labels = NULL};
	struct beat wanted = {.completed = 1, .failed = 1};
	struct job good = fleet_job(QUERY, HOST, JOB_LIVE);
	struct job bad = fleet_job("system.disk.get", HOST, JOB_LIVE);
	struct worker *worker;
	uint64_t sequence = 0;

	begin();
	worker = fleet_worker(&fleet, &host);
	IS_INT("there at once", read_entry(&heartbeat, &sequence), ERR_OK);
	IS_TEXT("name", heartbeat.hostname, HOST);
	IS_TEXT("instance", heartbeat.instance, worker->instance);
	IS_TEXT("version", heartbeat.version, OSAPI_VERSION);
	OK("os", heartbeat.os[0]);
	IS_TEXT("label",
		json_string_value(json_object_get(heartbeat.labels, "group")),
		"web.dev");
	OK("started before it was seen",
	   heartbeat.started_ns <= heartbeat.seen_ns);
	heartbeat_release(&heartbeat);
	fleet_submit(&fleet, &good);
	fleet_submit(&fleet, &bad);
	wanted.after = sequence;
	OK("it counts what ended", fleet_wait(&fleet, beats, &wanted));
	fleet_worker_stop(worker);
	IS_INT("a clean stop removes it", read_entry(&heartbeat, &sequence),
	       ERR_NOT_FOUND);
	job_release(&good);
	job_release(&bad);
	fleet_stop(&fleet);
}

/* A worker that tries to start; what came of it. */
static enum err
try_start(const struct fleet_host *second, struct err_info *info)
{
	struct worker *worker = NULL;
	struct config *config = fleet_config(&fleet, second);
	enum err err =
	    worker_new(config, fleet.spec, second->find, &worker, info);

	if (err == ERR_OK)
		err = worker_connect(worker, info);
	if (err == ERR_OK)
		err = broker_wait(worker->broker, FLEET_LIMIT_MS);
	if (err == ERR_OK)
		err = worker_start(worker, info);
	if (worker)
		worker_stop(worker);
	worker_free(worker);
	config_free(config);
	return err;
}

static void
is_one_a_name(void)
{
	struct fleet_host second = host;
	struct heartbeat heartbeat = {.labels = NULL};
	struct err_info info = {""};
	struct worker *worker;
	uint64_t sequence = 0;

	begin();
	worker = fleet_worker(&fleet, &host);
	second.journal = "second";
	IS_INT("the second does not start", try_start(&second, &info),
	       ERR_CONFLICT);
	HAS_TEXT("it names the host", info.text, HOST);
	HAS_TEXT("the other", info.text, worker->instance);
	HAS_TEXT("and what to do", info.text, "job.worker.hostname");
	IS_INT("the first is still there", read_entry(&heartbeat, &sequence),
	       ERR_OK);
	IS_TEXT("itself", heartbeat.instance, worker->instance);
	heartbeat_release(&heartbeat);
	info.text[0] = '\0';
	IS_INT("nor with the first one's journal", try_start(&host, &info),
	       ERR_BUSY);
	HAS_TEXT("which is named", info.text, "journal");
	fleet_worker_stop(worker);
	IS_INT("when the first has gone it does", try_start(&second, &info),
	       ERR_OK);
	fleet_stop(&fleet);
}

/* An entry of an instance that died without a word. */
static void
leave_entry(const char *instance, int64_t seen_ns)
{
	struct heartbeat heartbeat = {.labels = json_object(),
				      .providers = json_object(),
				      .started_ns = seen_ns,
				      .seen_ns = seen_ns};
	uint64_t sequence;

	snprintf(heartbeat.hostname, sizeof(heartbeat.hostname), HOST);
	snprintf(heartbeat.instance, sizeof(heartbeat.instance), "%s",
		 instance);
	snprintf(heartbeat.version, sizeof(heartbeat.version), "0.1");
	IS_INT(
	    "left",
	    store_heartbeat_write(fleet.store, &heartbeat, 0, &sequence, NULL),
	    ERR_OK);
	heartbeat_release(&heartbeat);
}

/* The same in the place of the entry that is there, which its owner may write
 * again at any time. */
static void
replace_entry(const char *instance)
{
	struct heartbeat heartbeat = {.labels = NULL};
	uint64_t sequence = 0;
	enum err err;

	do {
		IS_INT("there is one", read_entry(&heartbeat, &sequence),
		       ERR_OK);
		snprintf(heartbeat.instance, sizeof(heartbeat.instance), "%s",
			 instance);
		err = store_heartbeat_write(fleet.store, &heartbeat, sequence,
					    &sequence, NULL);
		heartbeat_release(&heartbeat);
	} while (err == ERR_CONFLICT);
	IS_INT("replaced", err, ERR_OK);
}

struct starting {
	struct worker *worker;
	enum err err; /* of the last try */
	unsigned tries;
};

/* As the worker's main thread does it. */
static bool
has_an_answer(void *arg)
{
	struct starting *starting = arg;

	starting->err = worker_start(starting->worker, NULL);
	starting->tries++;
	return starting->err != ERR_BUSY;
}

/* Our name is a stranger's who was last seen an hour ago. */
static void
takes_over_from_the_silent(const char *stranger)
{
	struct config *config = fleet_config(&fleet, &host);
	struct starting starting = {.worker = NULL};

	leave_entry(stranger, clock_wall_ns() - 3600 * CLOCK_NS_PER_S);
	IS_INT(
	    "made",
	    worker_new(config, fleet.spec, host.find, &starting.worker, NULL),
	    ERR_OK);
	worker_connect(starting.worker, NULL);
	broker_wait(starting.worker->broker, FLEET_LIMIT_MS);
	OK("it comes to an end", fleet_wait(&fleet, has_an_answer, &starting));
	IS_INT("one that is silent for its TTL is replaced", starting.err,
	       ERR_OK);
	OK("the start was not held up meanwhile", starting.tries > 1);
	worker_stop(starting.worker);
	worker_free(starting.worker);
	config_free(config);
}

static void
takes_over_from_the_dead(void)
{
	char dead[UUID_SIZE];
	struct journal *journal = NULL;
	struct err_info info = {""};
	char dir[600];

	begin();
	uuid_make(dead);
	leave_entry(dead, clock_wall_ns());
	IS_INT("a stranger that was seen just now is respected",
	       try_start(&host, &info), ERR_CONFLICT);
	snprintf(dir, sizeof(dir), "%s/journal-" HOST, fleet.directory);
	IS_INT("journal", journal_open(dir, clock_wall_ns(), &journal, NULL),
	       ERR_OK);
	journal_set_instance(journal, dead, NULL);
	journal_close(journal);
	IS_INT("the one before us on this host is not waited for",
	       try_start(&host, &info), ERR_OK);
	takes_over_from_the_silent(dead);
	fleet_stop(&fleet);
}

static bool
is_lost(void *arg)
{
	struct worker *worker = arg;

	return atomic_load(&worker->lost);
}

static void
notices_that_it_was_replaced(void)
{
	char other[UUID_SIZE];
	struct heartbeat heartbeat = {.labels = NULL};
	struct worker *worker;
	uint64_t sequence = 0;

	begin();
	worker = fleet_worker(&fleet, &host);
	uuid_make(other);
	replace_entry(other);
	OK("it knows", fleet_wait(&fleet, is_lost, worker));
	replace_entry(other); /* it is alive, and would else expire */
	fleet_worker_stop(worker);
	IS_INT("and leaves the other's entry alone",
	       read_entry(&heartbeat, &sequence), ERR_OK);
	IS_TEXT("as it was", heartbeat.instance, other);
	heartbeat_release(&heartbeat);
	fleet_stop(&fleet);
}

/* TTL, a purge or a new store took the entry away. */
static void
comes_back_after_a_loss(void)
{
	struct beat wanted = {.after = 0};
	struct worker *worker;

	begin();
	worker = fleet_worker(&fleet, &host);
	store_heartbeat_delete(fleet.store, HOST, NULL);
	OK("it is written again", fleet_wait(&fleet, beats, &wanted));
	OK("and nothing else is thought of it", !atomic_load(&worker->lost));
	fleet_worker_stop(worker);
	fleet_stop(&fleet);
}

static void
refuses_bad_names(void)
{
	static const struct {
		const char *name;
		const char *value; /* of the label "group" */
		const char *part;
		const char *why;
	} rows[] = {
	    {"web_01", "web", "job.worker.hostname", "an underscore"},
	    {"-web", "web", "job.worker.hostname", "a dash in front"},
	    {"api", "web", "stands for the API",
	     "the name of the API's events"},
	    {"web-01", "a..b", "job.worker.labels", "an empty segment"},
	    {"web-01", "a b", "job.worker.labels", "a space"},
	};
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *config = fleet_config(&fleet, &host);
		struct worker *worker = NULL;
		struct err_info info = {""};

		free(config->job.worker.hostname);
		config->job.worker.hostname = strdup(rows[i].name);
		free(config->job.worker.labels.values[0]);
		config->job.worker.labels.values[0] = strdup(rows[i].value);
		IS_INT(rows[i].why,
		       worker_new(config, fleet.spec, NULL, &worker, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].part);
		config_free(config);
	}
	fleet_stop(&fleet);
}

const struct unit_case unit_cases[] = {
    {"a heartbeat tells who the worker is", tells_who_it_is},
    {"one worker a name", is_one_a_name},
    {"a dead worker's name is taken over", takes_over_from_the_dead},
    {"a worker notices that it was replaced", notices_that_it_was_replaced},
    {"a lost entry is written again", comes_back_after_a_loss},
    {"names and labels that cannot be are refused", refuses_bad_names},
    {NULL, NULL},
};
const char unit_name[] = "registry";
