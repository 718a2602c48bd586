/*
 * t/support/job_store.c: a job store on a nats-server of the test's own.
 */
#include "t/support/job_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/jetstream.h"
#include "lib/json.h"
#include "t/support/must.h"

#define GUARD_MS 30000 /* a guard against a hang, not a measure */

static struct config *
load(const char *directory, const struct config_override *overrides)
{
	struct err_info info = {.text = ""};
	struct config *config = NULL;
	char path[320];
	FILE *file;

	/* A file of its own, so that none of the place is found. */
	(void)snprintf(path, sizeof(path), "%s/osapi.yaml", directory);
	file = fopen(path, "w");
	if (file == NULL || fputs("debug: false\n", file) < 0 ||
	    fclose(file) != 0)
		abort();
	must(config_load(path, 0, overrides, &config, &info), "config", &info);
	return config;
}

static void
connect_store(struct job_store *on, const struct config_override *overrides)
{
	struct err_info info = {.text = ""};

	on->config = load(on->directory, overrides);
	must(broker_new(nats_server_config(on->server, ""), "unit", &on->broker,
			&info),
	     "broker", &info);
	must(broker_wait(on->broker, GUARD_MS), "connect", &info);
	must(store_new(on->broker, on->config, &on->store, &info), "store",
	     &info);
}

void
job_store_open(struct job_store *on, const char *directory,
	       const struct config_override *overrides)
{
	static int number;
	char name[32];

	*on = (struct job_store){.owns_server = true};
	(void)snprintf(name, sizeof(name), "store-%d", ++number);
	(void)snprintf(on->directory, sizeof(on->directory), "%s", directory);
	on->server = nats_server_start(directory, name, "");
	connect_store(on, overrides);
}

void
job_store_join(struct job_store *on, const struct job_store *other,
	       const struct config_override *overrides)
{
	*on = (struct job_store){.server = other->server};
	(void)snprintf(on->directory, sizeof(on->directory), "%s",
		       other->directory);
	connect_store(on, overrides);
}

void
job_store_provision(struct job_store *on)
{
	struct err_info info = {.text = ""};

	must(store_provision(on->store, &info), "provision", &info);
}

void
job_store_close(struct job_store *on)
{
	store_free(on->store);
	broker_free(on->broker);
	config_free(on->config);
	if (on->owns_server)
		nats_server_free(on->server);
}

void
job_store_make(struct job *job, const char *target)
{
	struct err_info info = {.text = ""};

	*job = (struct job){.kind = JOB_QUERY,
			    .lane = JOB_BATCH,
			    .type = "system.hostname.get",
			    .submitted_by = "unit"};
	uuid_make(job->id);
	job->data = json_object();
	job->expected = json_array();
	job->created_ns = clock_wall_ns();
	job->expires_ns = job->created_ns + 3600 * CLOCK_NS_PER_S;
	must(target_parse(target, &job->target, &info), "target", &info);
}

char *
job_store_text(const struct job *job, size_t *size)
{
	struct err_info info = {.text = ""};
	char *text = NULL;

	must(job_encode(job, &text, size, &info), "encode", &info);
	return text;
}

uint64_t
job_store_add(struct job_store *on, struct job *job, const char *target)
{
	struct err_info info = {.text = ""};
	uint64_t revision = 0;
	size_t size = 0;
	char *text;

	job_store_make(job, target);
	text = job_store_text(job, &size);
	must(store_job_create(on->store, job, text, size, "signature",
			      &revision, &info),
	     "create", &info);
	free(text);
	return revision;
}

long
job_store_messages(struct job_store *on, const char *stream)
{
	json_auto_t *reply = NULL;
	char what[256];

	(void)snprintf(what, sizeof(what), "STREAM.INFO.%s", stream);
	if (jetstream_api(on->broker, what, NULL, JETSTREAM_TIMEOUT_MS, &reply,
			  NULL) != ERR_OK)
		return -1;
	return (long)json_member_int(json_object_get(reply, "state"),
				     "messages", -1);
}
