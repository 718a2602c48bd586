/*
 * fcgi/streams.c: what a JetStream stream holds, asked of the server.
 */
#include "fcgi/streams.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/jetstream.h"
#include "lib/json.h"
#include "lib/subject.h"

enum err
stream_state(struct broker *broker, const char *stream,
	     struct stream_state *out, struct err_info *info)
{
	char what[SUBJECT_SIZE];
	json_t *reply, *state;
	enum err err;

	if (!broker_connected(broker))
		return err_set(info, ERR_UNAVAILABLE, "NATS is not connected");
	snprintf(what, sizeof(what), "STREAM.INFO.%s", stream);
	err = jetstream_api(broker, what, NULL, JETSTREAM_TIMEOUT_MS, &reply,
			    info);
	if (err)
		return err_prefix(info, err, "%s", stream);
	state = json_object_get(reply, "state");
	*out = (struct stream_state){
	    .messages = json_member_int(state, "messages", 0),
	    .bytes = json_member_int(state, "bytes", 0),
	    .consumers = json_member_int(state, "consumer_count", 0),
	    .subjects = json_member_int(state, "num_subjects", 0),
	};
	json_decref(reply);
	return ERR_OK;
}

enum err
stream_dead_letters(struct broker *broker, const char *jobs_stream,
		    int64_t *count, struct err_info *info)
{
	struct stream_state state = {0};
	char name[SUBJECT_SIZE];
	enum err err;

	snprintf(name, sizeof(name), "%s-DLQ", jobs_stream);
	err = stream_state(broker, name, &state, info);
	if (!err)
		*count = state.messages;
	return err;
}
