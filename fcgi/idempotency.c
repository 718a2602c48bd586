/*
 * fcgi/idempotency.c: the same request twice makes one job.
 */
#include "fcgi/idempotency.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jetstream.h"
#include "lib/json.h"
#include "lib/subject.h"

#define HASH_SIZE 65 /* SHA-256 in hexadecimal digits, with its NUL */

struct claim {
	char stream[SUBJECT_SIZE];
	char subject[SUBJECT_SIZE];
	char body[HASH_SIZE];
};

/* The digest of `first`, or of both texts with a NUL in between, where they
 * cannot run into each other. */
static bool
hash(const char *first, const char *second, char out[static HASH_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned int n = 0;
	bool ok;

	ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(context, first, strlen(first)) == 1;
	if (ok && second)
		ok = EVP_DigestUpdate(context, "", 1) == 1 &&
		     EVP_DigestUpdate(context, second, strlen(second)) == 1;
	ok = ok && EVP_DigestFinal_ex(context, digest, &n) == 1;
	EVP_MD_CTX_free(context);
	for (unsigned int i = 0; i < n; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
	return ok;
}

static bool
prepare(struct claim *claim, const char *bucket, const char *subject,
	const char *key, const json_t *body)
{
	char name[HASH_SIZE];
	char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
	bool ok;

	ok = text && hash(text, NULL, claim->body) && hash(subject, key, name);
	free(text);
	if (!ok)
		return false;
	snprintf(claim->stream, sizeof(claim->stream), "KV_%s", bucket);
	snprintf(claim->subject, sizeof(claim->subject), "$KV.%s.idem.%s",
		 bucket, name);
	return true;
}

/* ERR_CONFLICT: somebody was there before. */
static enum err
store(struct broker *broker, const struct claim *claim, const char *id,
      struct err_info *info)
{
	json_auto_t *value =
	    json_pack("{s:s, s:s}", "job_id", id, "body", claim->body);
	struct jetstream_ack ack = {0};
	natsMsg *message = NULL;
	enum err each = ERR_OK, err = ERR_NO_MEMORY;
	size_t size = 0;
	char *text = value ? json_text(value, &size) : NULL;

	if (text &&
	    natsMsg_Create(&message, claim->subject, NULL, text, (int)size) ==
		NATS_OK &&
	    natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence",
			      "0") == NATS_OK)
		err =
		    jetstream_publish(broker, &message, 1, JETSTREAM_TIMEOUT_MS,
				      &ack, &each, info);
	else
		err_set(info, err, "out of memory");
	natsMsg_Destroy(message);
	free(text);
	return err;
}

/* Reads the earlier claim. */
static enum err
earlier(struct broker *broker, const struct claim *claim,
	char id[static UUID_SIZE], struct err_info *info)
{
	json_auto_t *value = NULL;
	natsMsg *message = NULL;
	const char *job, *body;
	enum err err;

	err = jetstream_last(broker, claim->stream, claim->subject,
			     JETSTREAM_LEADER, &message, NULL, info);
	if (err)
		return err;
	err = json_parse(natsMsg_GetData(message),
			 (size_t)natsMsg_GetDataLength(message), &value, info);
	natsMsg_Destroy(message);
	if (err)
		return err_set(info, ERR_INTERNAL,
			       "what is stored of the Idempotency-Key cannot "
			       "be read");
	job = json_member_string(value, "job_id");
	body = json_member_string(value, "body");
	if (!job || !uuid_valid(job) || !body)
		return err_set(info, ERR_INTERNAL,
			       "what is stored of the Idempotency-Key cannot "
			       "be read");
	if (strcmp(body, claim->body) != 0)
		return err_set(info, ERR_CONFLICT,
			       "this Idempotency-Key was used with another "
			       "body (job %s)",
			       job);
	memcpy(id, job, UUID_SIZE);
	return ERR_OK;
}

enum err
idempotency_claim(struct broker *broker, const char *bucket,
		  const char *subject, const char *key, const json_t *body,
		  char id[static UUID_SIZE], bool *first, struct err_info *info)
{
	struct claim claim;
	enum err err;

	if (!prepare(&claim, bucket, subject, key, body))
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	err = store(broker, &claim, id, info);
	if (err == ERR_CONFLICT) {
		err = earlier(broker, &claim, id, info);
		if (!err)
			*first = false;
	} else if (!err) {
		*first = true;
	}
	return err;
}
