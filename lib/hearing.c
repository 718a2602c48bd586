/*
 * lib/hearing.c: the consumers by which a worker hears of jobs.
 */
#include "lib/hearing.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_HOST_MAX   64 /* of the host's token in a name */
#define NAME_HASH_BYTES 12

struct walk {
	const struct config *config;
	const char *host;
	char prefix[SUBJECT_SIZE];
	enum err (*each)(const struct hearing *hearing, void *arg,
			 struct err_info *info);
	void *arg;
	struct err_info *info;
};

/* "worker-{host}-{hash}": unique for host and filter, of any length. */
static void
name_own(struct hearing *hearing, const char *host)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	char token[SUBJECT_HOST_MAX + 1];
	char text[SUBJECT_HOST_MAX + SUBJECT_SIZE + 2];
	unsigned size;
	int length;
	size_t i;

	subject_host_token(host, token);
	length = snprintf(text, sizeof(text), "%s %s", token, hearing->filter);
	if (EVP_Digest(text, (size_t)length, digest, &size, EVP_sha256(),
		       NULL) != 1)
		abort();
	length = snprintf(hearing->consumer, sizeof(hearing->consumer),
			  "worker-%.*s-", NAME_HOST_MAX, token);
	for (i = 0; i < NAME_HASH_BYTES; i++)
		length += snprintf(hearing->consumer + length,
				   sizeof(hearing->consumer) - (size_t)length,
				   "%02x", digest[i]);
}

char *
hearing_shared(const struct config *config, enum job_lane lane,
	       char buf[static HEARING_NAME_SIZE])
{
	snprintf(buf, HEARING_NAME_SIZE, "%.128s-any%s",
		 config->job.consumer_name, lane == JOB_LIVE ? "-live" : "");
	return buf;
}

static enum err
hear(struct walk *walk, const struct target *target)
{
	static const enum job_lane lanes[] = {JOB_LIVE, JOB_BATCH};
	enum err err = ERR_OK;
	size_t i;

	for (i = 0; err == ERR_OK && i < sizeof(lanes) / sizeof(lanes[0]);
	     i++) {
		struct hearing hearing = {.lane = lanes[i],
					  .shared = target->kind == TARGET_ANY};

		if (subject_filter(walk->prefix, hearing.lane, target,
				   hearing.filter) != ERR_OK)
			return err_set(walk->info, ERR_INVALID, "%s: too long",
				       target->key);
		if (hearing.shared)
			hearing_shared(walk->config, hearing.lane,
				       hearing.consumer);
		else
			name_own(&hearing, walk->host);
		err = walk->each(&hearing, walk->arg, walk->info);
	}
	return err;
}

/* "web.dev.x" is heard as "web", "web.dev" and "web.dev.x". */
static enum err
hear_label(struct walk *walk, const char *key, const char *value)
{
	struct target target = {.kind = TARGET_LABEL};
	size_t length = 0;
	enum err err = ERR_OK;

	snprintf(target.key, sizeof(target.key), "%s", key);
	while (err == ERR_OK && length < strlen(value)) {
		length += strcspn(value + length, ".");
		snprintf(target.value, sizeof(target.value), "%.*s",
			 (int)length, value);
		err = hear(walk, &target);
		length++;
	}
	return err;
}

enum err
hearing_each(const struct config *config, const char *host,
	     const struct config_map *labels,
	     enum err (*each)(const struct hearing *hearing, void *arg,
			      struct err_info *info),
	     void *arg, struct err_info *info)
{
	struct walk walk = {.config = config,
			    .host = host,
			    .each = each,
			    .arg = arg,
			    .info = info};
	struct target target = {.kind = TARGET_HOST};
	enum err err =
	    subject_prefix(config->job.stream_subjects, walk.prefix, info);
	size_t i;

	snprintf(target.host, sizeof(target.host), "%s", host);
	if (err == ERR_OK)
		err = hear(&walk, &target);
	target = (struct target){.kind = TARGET_ALL};
	if (err == ERR_OK)
		err = hear(&walk, &target);
	target = (struct target){.kind = TARGET_ANY};
	if (err == ERR_OK)
		err = hear(&walk, &target);
	for (i = 0; err == ERR_OK && i < labels->count; i++)
		err = hear_label(&walk, labels->keys[i], labels->values[i]);
	return err;
}
