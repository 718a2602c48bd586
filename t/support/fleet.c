/* t/support/fleet.c: see the header. */
#include "t/support/fleet.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "t/support/must.h"
#include "t/support/story.h"
#include "worker/consumer.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* changes */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned changes;
static struct broker_subscription *followed;

static void
note_change(natsMsg *message, void *arg)
{
	(void)arg;
	natsMsg_Destroy(message);
	pthread_mutex_lock(&lock);
	changes++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static struct config *
load(const struct fleet *fleet, const char *name, const char *lines)
{
	struct config *config = NULL;
	struct err_info info = {""};
	char path[1024];
	char *text = NULL;
	int size = asprintf(&text,
			    "job:\n%s"
			    "  worker:\n"
			    "    heartbeat: 1s\n"
			    "    nats: {host: 127.0.0.1, port: %d}\n"
			    "    trusted_keys: [%s/public.pem]\n%s",
			    fleet->settings, nats_server_port(fleet->server),
			    fleet->directory, lines);

	snprintf(path, sizeof(path), "%s/%s.yaml", fleet->directory, name);
	must(size < 0 ? ERR_NO_MEMORY
		      : file_write(path, text, (size_t)size, 0600, &info),
	     "configuration", &info);
	free(text);
	must(config_load(path, CONFIG_WORKER, NULL, &config, &info),
	     "configuration", &info);
	return config;
}

void
fleet_start(struct fleet *fleet, const char *directory, const char *settings)
{
	struct err_info info = {""};
	char private[600];
	char public[600];

	*fleet = (struct fleet){.settings = settings};
	snprintf(fleet->directory, sizeof(fleet->directory), "%s/fleet-XXXXXX",
		 directory);
	if (!mkdtemp(fleet->directory))
		must(ERR_IO, fleet->directory, &info);
	fleet->server = nats_server_start(fleet->directory, "nats", "");
	snprintf(private, sizeof(private), "%s/private.pem", fleet->directory);
	snprintf(public, sizeof(public), "%s/public.pem", fleet->directory);
	must(signature_generate(private, public, &info), "keys", &info);
	must(signer_load(private, &fleet->signer, &info), "signer", &info);
	must(spec_load(&fleet->spec, &info), "spec", &info);
	fleet->config = load(fleet, "api", "");
	must(broker_new(&fleet->config->job.worker.nats, "api", &fleet->broker,
			&info),
	     "broker", &info);
	must(broker_wait(fleet->broker, FLEET_LIMIT_MS), "connection", &info);
	must(store_new(fleet->broker, fleet->config, &fleet->store, &info),
	     "store", &info);
	must(store_provision(fleet->store, &info), "provisioning", &info);
	must(broker_subscribe(fleet->broker, STORE_CHANGES_PREFIX ">",
			      note_change, NULL, &followed, &info),
	     "changes", &info);
}

void
fleet_stop(struct fleet *fleet)
{
	broker_unsubscribe(followed);
	store_free(fleet->store);
	broker_free(fleet->broker);
	config_free(fleet->config);
	signer_free(fleet->signer);
	spec_free(fleet->spec);
	nats_server_free(fleet->server);
}

/* ---- workers ---- */

struct config *
fleet_config(struct fleet *fleet, const struct fleet_host *host)
{
	char lines[2048];

	snprintf(lines, sizeof(lines),
		 "    hostname: %s\n"
		 "    journal_dir: %s/journal-%s\n"
		 "    max_jobs: %d\n"
		 "    labels: %s\n",
		 host->name, fleet->directory,
		 host->journal ? host->journal : host->name,
		 host->max_jobs ? host->max_jobs : 4,
		 host->labels ? host->labels : "{}");
	return load(fleet, host->name, lines);
}

static bool
listens(void *arg)
{
	struct worker *worker = arg;
	struct heartbeat heartbeat = {.labels = NULL};
	uint64_t sequence;
	bool is;

	if (store_heartbeat_read(worker->store, worker->hostname, &heartbeat,
				 &sequence, NULL) != ERR_OK)
		return false;
	is = heartbeat.listening &&
	     strcmp(heartbeat.instance, worker->instance) == 0;
	heartbeat_release(&heartbeat);
	return is;
}

struct worker *
fleet_worker(struct fleet *fleet, const struct fleet_host *host)
{
	struct worker *worker = NULL;
	struct err_info info = {""};

	must(worker_new(fleet_config(fleet, host), fleet->spec, host->find,
			&worker, &info),
	     "worker", &info);
	must(worker_connect(worker, &info), "worker", &info);
	must(broker_wait(worker->broker, FLEET_LIMIT_MS), "worker", &info);
	must(worker_start(worker, &info), "worker", &info);
	if (!fleet_wait(fleet, listens, worker))
		must(ERR_TIMEOUT, "worker does not listen", &info);
	return worker;
}

void
fleet_worker_stop(struct worker *worker)
{
	const struct config *config = worker->config;
	struct err_info info = {"a provider did not come back"};

	must(worker_stop(worker) ? ERR_OK : ERR_TIMEOUT, "stop", &info);
	worker_free(worker);
	config_free((struct config *)(uintptr_t)config);
}

/* ---- jobs ---- */

struct job
fleet_job(const char *type, const char *target, enum job_lane lane)
{
	struct err_info info = {""};
	struct job job = {.lane = lane};

	uuid_make(job.id);
	snprintf(job.type, sizeof(job.type), "%s", type);
	snprintf(job.submitted_by, sizeof(job.submitted_by), "alice");
	job.kind = strcmp(type, "network.dns.update") ? JOB_QUERY : JOB_MODIFY;
	job.data = job.kind == JOB_QUERY
		       ? json_object()
		       : json_pack("{s:s, s:[s]}", "interface_name", "eth0",
				   "servers", "192.0.2.53");
	job.expected = json_array();
	job.created_ns = clock_wall_ns() / CLOCK_NS_PER_MS * CLOCK_NS_PER_MS;
	job.expires_ns = job.created_ns + 600 * CLOCK_NS_PER_S;
	must(target_parse(target, &job.target, &info), target, &info);
	return job;
}

void
fleet_submit(struct fleet *fleet, const struct job *job)
{
	char signature[SIGNATURE_SIZE];
	struct err_info info = {""};
	uint64_t revision;
	char *text = NULL;
	size_t size = 0;

	must(job_encode(job, &text, &size, &info), "job", &info);
	must(signer_sign(fleet->signer, text, size, signature), "sign", &info);
	must(store_job_create(fleet->store, job, text, size, signature,
			      &revision, &info),
	     "submit", &info);
	free(text);
}

static void
publish(struct fleet *fleet, const char *subject, const char *data, size_t size,
	const char *signature)
{
	struct err_info info = {""};
	struct jetstream_ack ack;
	natsMsg *message = NULL;
	enum err err;

	if (natsMsg_Create(&message, subject, NULL, data, (int)size))
		must(ERR_NO_MEMORY, subject, &info);
	if (signature)
		natsMsgHeader_Set(message, STORE_SIGNATURE_HEADER, signature);
	jetstream_publish(fleet->broker, &message, 1, FLEET_LIMIT_MS, &ack,
			  &err, &info);
	natsMsg_Destroy(message);
	must(err, subject, &info);
}

void
fleet_put_job(struct fleet *fleet, const char *id, const char *text,
	      size_t size, const char *signature)
{
	char subject[SUBJECT_SIZE];

	snprintf(subject, sizeof(subject), "$KV.%s.jobs.%s",
		 fleet->config->job.kv_bucket, id);
	publish(fleet, subject, text, size, signature);
}

void
fleet_notify(struct fleet *fleet, const char *subject, const char *id)
{
	publish(fleet, subject, id, strlen(id), NULL);
}

/* ---- what came of them ---- */

bool
fleet_wait(struct fleet *fleet, bool (*check)(void *arg), void *arg)
{
	int64_t until_ms = clock_mono_ms() + FLEET_LIMIT_MS;

	(void)fleet;
	do {
		struct timespec until;
		unsigned seen;

		pthread_mutex_lock(&lock);
		seen = changes;
		pthread_mutex_unlock(&lock);
		if (check(arg))
			return true;
		/* Not all that is waited for changes the store. */
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 20 * CLOCK_NS_PER_MS;
		if (until.tv_nsec >= CLOCK_NS_PER_S) {
			until.tv_nsec -= CLOCK_NS_PER_S;
			until.tv_sec++;
		}
		pthread_mutex_lock(&lock);
		if (changes == seen)
			pthread_cond_timedwait(&changed, &lock, &until);
		pthread_mutex_unlock(&lock);
	} while (clock_mono_ms() < until_ms);
	return false;
}

struct search {
	struct fleet *fleet;
	const char *id;
	const char *host;
	enum job_event kind;
	struct event *event;
	struct response *response;
	int count;
};

static bool
look_for_response(void *arg)
{
	struct search *s = arg;

	return store_response_read(s->fleet->store, s->id, s->host, s->response,
				   NULL) == ERR_OK;
}

bool
fleet_response(struct fleet *fleet, const char *id, const char *host,
	       struct response *response)
{
	struct search s = {
	    .fleet = fleet, .id = id, .host = host, .response = response};

	*response = (struct response){.data = NULL};
	return fleet_wait(fleet, look_for_response, &s);
}

static void
take_event(const struct event *event, void *arg)
{
	struct search *s = arg;

	if (event->event != s->kind ||
	    (s->host && strcmp(event->hostname, s->host) != 0))
		return;
	s->count++;
	if (s->event)
		*s->event = *event;
}

static bool
look_for_event(void *arg)
{
	struct search *s = arg;

	story_each(s->fleet->broker, s->fleet->config, s->id, take_event, s);
	return s->count > 0;
}

bool
fleet_event(struct fleet *fleet, const char *id, const char *host,
	    enum job_event kind, struct event *event)
{
	struct search s = {.fleet = fleet,
			   .id = id,
			   .host = host,
			   .kind = kind,
			   .event = event};

	memset(event, 0, sizeof(*event));
	return fleet_wait(fleet, look_for_event, &s);
}

int
fleet_count_events(struct fleet *fleet, const char *id, enum job_event kind)
{
	struct search s = {.fleet = fleet, .id = id, .kind = kind};

	look_for_event(&s);
	return s.count;
}

/* Whether these counters of all consumers of JOBS are 0. */
static bool
counters_are_zero(struct fleet *fleet, const char *const *counters,
		  size_t count)
{
	json_auto_t *reply = NULL;
	const json_t *consumer;
	char what[128];
	size_t i;
	size_t c;

	snprintf(what, sizeof(what), "CONSUMER.LIST.%.64s",
		 store_jobs_stream(fleet->store));
	if (jetstream_api(fleet->broker, what, NULL, JETSTREAM_TIMEOUT_MS,
			  &reply, NULL))
		return false;
	json_array_foreach (json_object_get(reply, "consumers"), i, consumer)
		for (c = 0; c < count; c++)
			if (json_member_int(consumer, counters[c], 0))
				return false;
	return true;
}

static bool
delivered(void *arg)
{
	static const char *const counters[] = {"num_pending"};

	return counters_are_zero(arg, counters, 1);
}

bool
fleet_delivered(struct fleet *fleet)
{
	return fleet_wait(fleet, delivered, fleet);
}

static bool
settled(void *arg)
{
	static const char *const counters[] = {"num_pending",
					       "num_ack_pending"};

	return counters_are_zero(arg, counters, 2);
}

bool
fleet_settled(struct fleet *fleet)
{
	return fleet_wait(fleet, settled, fleet);
}
