/* worker/share.c: see the header. */
#include "worker/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jetstream.h"

static enum err
write_first(struct worker *worker, const char *key, const char *id,
	    struct err_info *info)
{
	struct event event = {.event = JOB_EVENT_ACKNOWLEDGED,
			      .unix_nano = clock_wall_ns()};
	struct jetstream_ack ack;
	natsMsg *message = NULL;
	char *text = NULL;
	size_t size = 0;
	enum err each;
	enum err err;

	snprintf(event.job_id, sizeof(event.job_id), "%s", id);
	snprintf(event.hostname, sizeof(event.hostname), "%s",
		 worker->hostname);
	err = event_encode(&event, &text, &size);
	if (err != ERR_OK)
		return err_set(info, err, "event: %s", err_text(err));
	if (natsMsg_Create(&message, key, NULL, text, (int)size) != NATS_OK ||
	    natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence",
			      "0") != NATS_OK)
		err = err_set(info, ERR_NO_MEMORY, "out of memory");
	else
		err =
		    jetstream_publish(worker->broker, &message, 1,
				      JETSTREAM_TIMEOUT_MS, &ack, &each, info);
	natsMsg_Destroy(message);
	free(text);
	return err;
}

enum err
share_take(struct worker *worker, const char *id,
	   char holder[static SUBJECT_HOST_MAX + 1], struct err_info *info)
{
	const char *bucket = worker->config->job.kv_bucket;
	natsMsg *message = NULL;
	struct event event;
	char stream[SUBJECT_SIZE];
	char key[SUBJECT_SIZE];
	enum err err;

	snprintf(stream, sizeof(stream), "KV_%s", bucket);
	snprintf(key, sizeof(key), "$KV.%s.status.%s.%s._any.0", bucket, id,
		 job_event_text(JOB_EVENT_ACKNOWLEDGED));
	err = write_first(worker, key, id, info);
	if (err != ERR_CONFLICT && err != ERR_UNKNOWN_OUTCOME)
		return err;
	err = jetstream_last(worker->broker, stream, key, JETSTREAM_LEADER,
			     &message, NULL, info);
	if (err != ERR_OK)
		return err;
	err =
	    event_decode(natsMsg_GetData(message),
			 (size_t)natsMsg_GetDataLength(message), &event, info);
	natsMsg_Destroy(message);
	if (err != ERR_OK || strcmp(event.hostname, worker->hostname) == 0)
		return err;
	snprintf(holder, SUBJECT_HOST_MAX + 1, "%s", event.hostname);
	return err_set(info, ERR_EXISTS, "%s has taken it", holder);
}
