/*
 * worker/worker.c: puts the parts together, in the order in which each needs
 * the one before it, and takes them apart in the other.
 */
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/jetstream.h"
#include "lib/link.h"
#include "lib/log.h"
#include "lib/tracer.h"
#include "worker/consumer.h"
#include "worker/outbox.h"
#include "worker/registry.h"
#include "worker/runner.h"

#define USER_PREFIX "worker-" /* and the host: osapi nats worker add */
#define GIVE_UP_MS  2000      /* for a provider that was told to stop */

static enum err
find_hostname(struct worker *w, struct err_info *info)
{
	const char *configured = w->config->job.worker.hostname;
	char name[SUBJECT_HOST_MAX + 2] = "";

	if (configured[0]) {
		if (subject_host_check(configured, w->hostname, info) == ERR_OK)
			return ERR_OK;
		return err_prefix(info, ERR_INVALID, "job.worker.hostname");
	}
	if (gethostname(name, sizeof(name) - 1))
		return err_set(info, ERR_INVALID, "gethostname: over %d octets",
			       SUBJECT_HOST_MAX);
	if (subject_host_check(name, w->hostname, info) == ERR_OK)
		return ERR_OK;
	return err_prefix(info, ERR_INVALID,
			  "this host's name is not one of RFC 1123, set "
			  "job.worker.hostname");
}

static enum err
read_labels(struct worker *w, struct err_info *info)
{
	const struct config_map *labels = &w->config->job.worker.labels;
	size_t i;

	w->labels = json_object();
	if (!w->labels)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	for (i = 0; i < labels->count; i++) {
		if (subject_label_check(labels->keys[i], labels->values[i],
					info) != ERR_OK)
			return err_prefix(info, ERR_INVALID,
					  "job.worker.labels");
		json_object_set_new(w->labels, labels->keys[i],
				    json_string(labels->values[i]));
	}
	return ERR_OK;
}

static enum err
open_descriptors(struct worker *w, struct err_info *info)
{
	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->pull_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->outbox_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->wake_fd < 0 || w->pull_fd < 0 || w->outbox_fd < 0)
		return err_set(info, ERR_IO, "eventfd: no descriptor");
	return ERR_OK;
}

static enum err
open_records(struct worker *w, struct err_info *info)
{
	const char *directory = w->config->job.worker.journal_dir;
	enum err err =
	    journal_open(directory, clock_wall_ns(), &w->journal, info);

	if (err == ERR_OK)
		err = handover_open(directory, &w->handover, info);
	return err == ERR_OK ? ERR_OK
			     : err_prefix(info, err, "job.worker.journal_dir");
}

enum err
worker_new(const struct config *config, const struct spec *spec,
	   const struct provider *(*find)(const char *operation),
	   struct worker **worker, struct err_info *info)
{
	const struct config_list *keys = &config->job.worker.trusted_keys;
	struct worker *w = calloc(1, sizeof(*w));
	enum err err;

	if (!w)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	w->config = config;
	w->spec = spec;
	w->find = find ? find : provider_find;
	w->started_ns = clock_wall_ns();
	w->wake_fd = w->pull_fd = w->outbox_fd = -1;
	uuid_make(w->instance);
	err = find_hostname(w, info);
	if (err == ERR_OK && strcmp(w->hostname, JOB_API_HOST) == 0)
		err = err_set(info, ERR_INVALID,
			      "job.worker.hostname: \"%s\" stands for the API "
			      "in a job's events, a worker needs another name",
			      JOB_API_HOST);
	if (err == ERR_OK)
		err = read_labels(w, info);
	if (err == ERR_OK) {
		err = truster_load(keys->items, keys->count, &w->truster, info);
		if (err != ERR_OK)
			err_prefix(info, err, "job.worker.trusted_keys");
	}
	if (err == ERR_OK)
		err = open_descriptors(w, info);
	if (err == ERR_OK)
		err = open_records(w, info);
	if (err == ERR_OK)
		*worker = w;
	else
		worker_free(w);
	return err;
}

static void
connection_changed(bool connected, void *arg)
{
	struct worker *w = arg;

	if (atomic_load(&w->closing))
		return;
	log_info(connected ? "NATS connected" : "NATS disconnected");
	eventfd_write(w->pull_fd, 1);
	eventfd_write(w->outbox_fd, 1);
	worker_wake(w);
}

static enum err
make_tracer(struct worker *w, struct err_info *info)
{
	const struct tracer_options options = {
	    .resource = {.service = "osapi-worker",
			 .version = OSAPI_VERSION,
			 .host = w->hostname,
			 .instance = w->instance},
	    .fd = STDOUT_FILENO,
	};

	return tracer_new(w->config, &options, &w->tracer, info);
}

/* Said here, as NATS would refuse one subject after the other. */
static enum err
check_user(const struct worker *w, struct err_info *info)
{
	const char *user = w->config->job.worker.nats.user;

	if (strncmp(user, USER_PREFIX, strlen(USER_PREFIX)) != 0 ||
	    strcmp(user + strlen(USER_PREFIX), w->hostname) == 0)
		return ERR_OK;
	return err_set(info, ERR_INVALID,
		       "job.worker.nats.user is \"%s\", but this host is "
		       "\"%s\" and could not do its work as another: osapi "
		       "nats worker add gives it a user of its own",
		       user, w->hostname);
}

enum err
worker_connect(struct worker *w, struct err_info *info)
{
	char name[SUBJECT_HOST_MAX + 32];
	enum err err = check_user(w, info);

	snprintf(name, sizeof(name), "osapi-worker %s", w->hostname);
	if (err == ERR_OK)
		err = make_tracer(w, info);
	if (err == ERR_OK)
		err = broker_new(&w->config->job.worker.nats, name, &w->broker,
				 info);
	if (err == ERR_OK) {
		broker_on_change(w->broker, connection_changed, w);
		err = store_new(w->broker, w->config, &w->store, info);
	}
	if (err == ERR_OK)
		store_confine(w->store);
	return err;
}

/* ---- what the last worker of this host left in the journal ---- */

static void
recover_result(struct worker *w, const char *id, bool begun_only)
{
	struct work *work = work_recovered(id);
	struct err_info info = {""};

	if (!work) {
		log_error("result not recovered, out of memory",
			  LOG_S("job_id", id));
		return;
	}
	if (begun_only) {
		log_warning("a change was begun and not ended before the "
			    "worker stopped",
			    LOG_S("job_id", id));
		work_result(work, w->hostname,
			    "unknown outcome: the worker stopped while it ran, "
			    "it is not begun again",
			    NULL);
	} else if (journal_read(w->journal, id, &work->response, &work->event,
				&info) == ERR_OK) {
		work->has_result = work->recorded = true;
	} else {
		log_error("result in the journal not read", LOG_S("job_id", id),
			  LOG_S("error", info.text));
		work_free(work);
		return;
	}
	runner_recover(w->runner, work);
}

static void
recover(struct worker *w)
{
	static const enum journal_state states[] = {JOURNAL_RESULT,
						    JOURNAL_CLAIMED};
	size_t s;

	for (s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
		char(*ids)[UUID_SIZE] = NULL;
		size_t count = 0;
		size_t i;

		if (journal_list(w->journal, states[s], &ids, &count) != ERR_OK)
			log_error("journal not listed, out of memory");
		for (i = 0; i < count; i++)
			recover_result(w, ids[i], states[s] == JOURNAL_CLAIMED);
		free(ids);
	}
}

/* What it had begun or taken is delivered again now, and not after ack_wait. */
static void
hand_back(struct worker *w)
{
	char reply[HANDOVER_SIZE];
	int64_t count = 0;

	while (handover_left(w->handover, reply))
		count += jetstream_nak(w->broker, reply, 0) == ERR_OK;
	if (count)
		log_info("jobs of the worker before this one handed back",
			 LOG_I("count", count));
}

enum err
worker_start(struct worker *w, struct err_info *info)
{
	enum err err = ERR_OK;
	char reason[256];

	if (!broker_connected(w->broker)) {
		link_reason(broker_url(w->broker), &w->config->job.worker.nats,
			    reason, sizeof(reason));
		return err_set(info, ERR_UNAVAILABLE,
			       "NATS at %s cannot be reached: %s",
			       broker_url(w->broker), reason);
	}
	if (!w->registry) {
		err = store_provisioned(w->store, info);
		if (err == ERR_OK)
			err = registry_new(w, &w->registry, info);
	}
	if (err == ERR_OK && !w->outbox)
		err = outbox_new(w, &w->outbox, info);
	if (err == ERR_OK && !w->runner) {
		err = runner_new(w, &w->runner, info);
		if (err == ERR_OK) {
			recover(w);
			hand_back(w);
		}
	}
	if (err == ERR_OK && !w->consumers)
		err = consumers_new(w, &w->consumers, info);
	return err;
}

void
worker_drain(struct worker *w)
{
	if (w->consumers)
		consumers_stop(w->consumers);
	if (w->runner)
		runner_drain(w->runner);
}

bool
worker_idle(struct worker *w)
{
	if (w->runner && !runner_idle(w->runner))
		return false;
	/* Without NATS there is nothing to wait for: what must not be lost is
	 * in the journal, the rest was not acknowledged and runs again. */
	return !w->outbox || outbox_count(w->outbox) == 0 ||
	       !broker_connected(w->broker);
}

bool
worker_stop(struct worker *w)
{
	worker_drain(w);
	if (w->runner && !runner_stop(w->runner, GIVE_UP_MS)) {
		log_error("a running job was left behind");
		if (w->registry)
			registry_stop(w->registry);
		return false;
	}
	if (w->outbox)
		outbox_stop(w->outbox);
	if (w->registry)
		registry_stop(w->registry);
	atomic_store(&w->closing, true);
	return true;
}

void
worker_free(struct worker *w)
{
	if (!w)
		return;
	consumers_free(w->consumers);
	outbox_free(w->outbox);
	runner_free(w->runner);
	registry_free(w->registry);
	store_free(w->store);
	broker_free(w->broker);
	tracer_free(w->tracer, TRACER_FLUSH_MS);
	handover_close(w->handover);
	journal_close(w->journal);
	truster_free(w->truster);
	json_decref(w->labels);
	if (w->wake_fd >= 0)
		close(w->wake_fd);
	if (w->pull_fd >= 0)
		close(w->pull_fd);
	if (w->outbox_fd >= 0)
		close(w->outbox_fd);
	free(w);
}

void
worker_wake(struct worker *w)
{
	eventfd_write(w->wake_fd, 1);
}
