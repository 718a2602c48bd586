/*
 * lib/subject.h: targets of jobs, and the NATS subjects that stand for them.
 *
 *   jobs[.live].{query|modify}.{target}
 *   target: _any, _all, host.{host} or label.{key}.{value...}
 *
 * "jobs" is the first token of job.stream_subjects.  The mapping is injective:
 * host names are RFC 1123 names in lower case, whose "." becomes "_", which no
 * host name contains; label keys and value segments match [a-zA-Z0-9_-]+, a
 * value's "." separates segments and so tokens.
 */
#ifndef OSAPI_LIB_SUBJECT_H
#define OSAPI_LIB_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

#define SUBJECT_SIZE      512 /* room for every subject with its NUL */
#define SUBJECT_HOST_MAX  253 /* octets of a host name, RFC 1123 */
#define SUBJECT_KEY_MAX   63
#define SUBJECT_VALUE_MAX 127

enum target_kind { TARGET_ANY, TARGET_ALL, TARGET_HOST, TARGET_LABEL };

struct target {
	enum target_kind kind;
	char host[SUBJECT_HOST_MAX + 1]; /* TARGET_HOST, lower case */
	char key[SUBJECT_KEY_MAX + 1];   /* TARGET_LABEL */
	char value[SUBJECT_VALUE_MAX + 1];
};

enum job_kind { JOB_QUERY, JOB_MODIFY };
enum job_lane { JOB_BATCH, JOB_LIVE };

/* "_any", "_all", "key:value", else a host name.
 * ERR_INVALID with the reason. */
enum err target_parse(const char *text, struct target *target,
		      struct err_info *info);

/* The text that target_parse took, host names in lower case; returns buf. */
char *target_text(const struct target *target, char buf[static SUBJECT_SIZE]);

/* Whether a worker of this host name and these labels (values as configured,
 * "web.dev" is also reached as "web") is meant. */
bool target_matches(const struct target *target, const char *host,
		    size_t label_count, char *const *label_keys,
		    char *const *label_values);

/* RFC 1123: letters, digits, "-" and "."; labels of 1-63, 253 in all. Writes
 * the lower case form, without a final dot. */
enum err subject_host_check(const char *host,
			    char out[static SUBJECT_HOST_MAX + 1],
			    struct err_info *info);

/* Checks a label as a worker's configuration gives it. */
enum err subject_label_check(const char *key, const char *value,
			     struct err_info *info);

/* The one subject token of a checked host name; returns buf. */
char *subject_host_token(const char *host,
			 char buf[static SUBJECT_HOST_MAX + 1]);

/* The host name of such a token; returns buf. */
char *subject_token_host(const char *token,
			 char buf[static SUBJECT_HOST_MAX + 1]);

/* Writes "{prefix}[.live].{kind}.{target}"; ERR_TOO_LARGE. */
enum err subject_job(const char *prefix, enum job_lane lane, enum job_kind kind,
		     const struct target *target,
		     char buf[static SUBJECT_SIZE]);

/* As subject_job with "*" for the kind: what one consumer of a lane filters. */
enum err subject_filter(const char *prefix, enum job_lane lane,
			const struct target *target,
			char buf[static SUBJECT_SIZE]);

/* The first token of job.stream_subjects ("jobs.>" gives "jobs"). */
enum err subject_prefix(const char *stream_subjects,
			char buf[static SUBJECT_SIZE], struct err_info *info);

const char *job_kind_text(enum job_kind kind); /* "query", "modify" */

#endif
