/*
 * t/fuzz/job.c: job, event, response and heartbeat documents from any octets.
 *
 * What is read must be writable, and what is written must read back to
 * the same octets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_job(const char *data, size_t size)
{
	struct job job = {.id = ""};
	struct job again = {.id = ""};
	char *one = NULL;
	char *two = NULL;
	size_t one_size = 0;
	size_t two_size = 0;
	enum err err;

	if (job_decode(data, size, &job, NULL) != ERR_OK)
		return;
	err = job_encode(&job, &one, &one_size, NULL);
	/* Escapes may make the text longer than what was read. */
	if (err == ERR_OK) {
		if (job_decode(one, one_size, &again, NULL) != ERR_OK ||
		    job_encode(&again, &two, &two_size, NULL) != ERR_OK ||
		    one_size != two_size || memcmp(one, two, one_size) != 0)
			abort();
		job_release(&again);
	} else if (err != ERR_TOO_LARGE) {
		abort();
	}
	free(one);
	free(two);
	job_release(&job);
}

static void
try_event(const char *data, size_t size)
{
	struct event event = {.job_id = ""};
	char *text = NULL;
	size_t text_size = 0;

	if (event_decode(data, size, &event, NULL) != ERR_OK)
		return;
	if (event_encode(&event, &text, &text_size) == ERR_OK &&
	    event_decode(text, text_size, &event, NULL) != ERR_OK)
		abort();
	free(text);
}

static void
try_response(const char *data, size_t size)
{
	struct response response = {.job_id = ""};
	struct response again = {.job_id = ""};
	char *text = NULL;
	size_t text_size = 0;

	if (response_decode(data, size, &response, NULL) != ERR_OK)
		return;
	if (response_encode(&response, &text, &text_size) == ERR_OK &&
	    response_decode(text, text_size, &again, NULL) != ERR_OK)
		abort();
	free(text);
	response_release(&response);
	response_release(&again);
}

static void
try_heartbeat(const char *data, size_t size)
{
	struct heartbeat beat = {.hostname = ""};
	struct heartbeat again = {.hostname = ""};
	char *text = NULL;
	size_t text_size = 0;

	if (heartbeat_decode(data, size, &beat, NULL) != ERR_OK)
		return;
	if (heartbeat_encode(&beat, &text, &text_size) == ERR_OK &&
	    heartbeat_decode(text, text_size, &again, NULL) != ERR_OK)
		abort();
	free(text);
	heartbeat_release(&beat);
	heartbeat_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	try_job(text, size);
	try_event(text, size);
	try_response(text, size);
	try_heartbeat(text, size);
	return 0;
}
