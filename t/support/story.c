/* t/support/story.c: see the header. */
#include "t/support/story.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/jetstream.h"

struct stored {
	uint64_t sequence;
	struct event event;
};

static int
compare(const void *left, const void *right)
{
	const struct stored *a = left;
	const struct stored *b = right;

	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static bool
read_event(struct broker *broker, const char *stream, const char *subject,
	   struct stored *stored)
{
	natsMsg *message = NULL;
	enum err err;

	if (jetstream_last(broker, stream, subject, JETSTREAM_LEADER, &message,
			   &stored->sequence, NULL) != ERR_OK)
		return false;
	err = event_decode(natsMsg_GetData(message),
			   (size_t)natsMsg_GetDataLength(message),
			   &stored->event, NULL);
	natsMsg_Destroy(message);
	return err == ERR_OK;
}

void
story_each(struct broker *broker, const struct config *config, const char *id,
	   void (*each)(const struct event *event, void *arg), void *arg)
{
	json_auto_t *body = NULL;
	json_auto_t *reply = NULL;
	json_t *subjects;
	struct stored *found;
	const char *subject;
	json_t *messages;
	char stream[160];
	char what[200];
	size_t count = 0;

	snprintf(stream, sizeof(stream), "KV_%s", config->job.kv_bucket);
	snprintf(what, sizeof(what), "STREAM.INFO.%s", stream);
	body = json_pack(
	    "{s:o}", "subjects_filter",
	    json_sprintf("$KV.%s.status.%s.>", config->job.kv_bucket, id));
	jetstream_api(broker, what, body, JETSTREAM_TIMEOUT_MS, &reply, NULL);
	subjects = json_object_get(json_object_get(reply, "state"), "subjects");
	found = calloc(json_object_size(subjects) + 1, sizeof(*found));
	if (!found)
		abort();
	json_object_foreach (subjects, subject, messages)
		count += read_event(broker, stream, subject, &found[count]);
	qsort(found, count, sizeof(*found), compare);
	for (size_t i = 0; i < count; i++)
		each(&found[i].event, arg);
	free(found);
}
