/* t/support/changes.c: see the header. */
#include "t/support/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
changes_id(int64_t ms, unsigned n, char buf[static UUID_SIZE])
{
	unsigned long long t = (unsigned long long)(CHANGES_BASE_MS + ms);

	snprintf(buf, UUID_SIZE, "%08llx-%04llx-7000-8000-%012x",
		 t >> 16 & 0xffffffff, t & 0xffff, n);
	return buf;
}

uint64_t
changes_draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

struct job
changes_job(const char *id, const char *target, const char *const *expected)
{
	struct job job = {.type = "system.hostname.get",
			  .created_ns = CHANGES_AT(1000),
			  .expires_ns = CHANGES_AT(90000),
			  .submitted_by = "alice"};

	memcpy(job.id, id, UUID_SIZE);
	job.data = json_pack("{s:i}", "n", 1);
	job.expected = json_array();
	if (target_parse(target, &job.target, NULL) != ERR_OK)
		abort();
	for (; expected && *expected; expected++)
		json_array_append_new(job.expected, json_string(*expected));
	return job;
}

struct event
changes_event(const char *id, enum job_event what, const char *host, int64_t ms)
{
	struct event event = {.event = what, .unix_nano = CHANGES_AT(ms)};

	memcpy(event.job_id, id, UUID_SIZE);
	snprintf(event.hostname, sizeof(event.hostname), "%s", host);
	if (what == JOB_EVENT_FAILED)
		snprintf(event.error, sizeof(event.error), "event of %s at %d",
			 host, (int)ms);
	return event;
}

struct response
changes_response(const char *id, const char *host, bool failed, int64_t ms)
{
	struct response response = {.failed = failed,
				    .timestamp_ns = CHANGES_AT(ms)};

	memcpy(response.job_id, id, UUID_SIZE);
	snprintf(response.hostname, sizeof(response.hostname), "%s", host);
	if (failed)
		snprintf(response.error, sizeof(response.error),
			 "response of %s", host);
	else
		response.data = json_pack("{s:s}", "hostname", host);
	return response;
}

void
changes_apply(struct index *index, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_JOB:
		index_put_job(index, &change->job, 300, change->revision);
		break;
	case CHANGE_EVENT:
		index_put_event(index, &change->event, change->revision, NULL);
		break;
	case CHANGE_RESPONSE:
		index_put_response(index, &change->response, 300,
				   change->revision);
		break;
	case CHANGE_DELETE:
		index_delete_job(index, change->job.id, change->revision);
		break;
	}
}

void
changes_release(struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		job_release(&changes[i].job);
		response_release(&changes[i].response);
	}
}

struct index *
changes_index(void)
{
	struct index *index = NULL;

	if (index_new(NULL, CHANGES_TTL_MS, &index) != ERR_OK)
		abort();
	return index;
}

void
changes_apply_fact(struct index *index, const char *id, const struct fact *fact,
		   uint64_t revision)
{
	static const struct {
		char kind;
		enum job_event event;
	} kinds[] = {{'a', JOB_EVENT_ACKNOWLEDGED},
		     {'s', JOB_EVENT_STARTED},
		     {'C', JOB_EVENT_COMPLETED},
		     {'F', JOB_EVENT_FAILED},
		     {'r', JOB_EVENT_RETRIED}};
	struct change change = {.revision = revision};

	if (fact->kind == 'c' || fact->kind == 'f') {
		change.kind = CHANGE_RESPONSE;
		change.response = changes_response(id, fact->host,
						   fact->kind == 'f', fact->ms);
		changes_apply(index, &change);
		response_release(&change.response);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct event event;

		if (kinds[i].kind != fact->kind)
			continue;
		event = changes_event(id, kinds[i].event, fact->host, fact->ms);
		index_put_event(index, &event, revision, NULL);
	}
}
