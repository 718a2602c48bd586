/*
 * worker/provider.h: what a worker can do on its host.
 *
 * One const row per operation and platform; the first row of an operation whose
 * `available` says yes is the one that is used, the choice is logged once and
 * told in the registry.  Providers are stateless and may run on several
 * threads at the same time; each must stop soon after its deadline
 * (provider_expired), and must not hang on a device: what may block runs where
 * the runner can leave it behind.
 *
 * Adding an operation: a row in its domain's file, and that file's array in
 * provider.c's list.
 */
#ifndef OSAPI_WORKER_PROVIDER_H
#define OSAPI_WORKER_PROVIDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/job.h"

struct provider_call {
	const char *hostname; /* of this worker */
	const json_t *labels; /* object of strings, of this worker */
	const json_t *data;   /* operation.data, valid by its schema */
	int64_t deadline_ms;  /* CLOCK_MONOTONIC */
	const volatile bool *cancelled; /* the worker gives the job up */
};

/*
 * Runs one operation.  ERR_OK sets *result (owned by the caller), an object
 * whose `hostname` the runner adds.  Other codes: `info` names what failed, the
 * system call and errno ("statvfs(/srv): Input/output error").
 * err_retryable(code) means transient: the job is tried again later.
 */
typedef enum err (*provider_run)(const struct provider_call *call,
				 json_t **result, struct err_info *info);

struct provider {
	const char *operation; /* "system.hostname.get" */
	const char *name;      /* of the way it is done: "resolv.conf" */
	provider_run run;
	/* Whether this host has what it needs; NULL: always. */
	bool (*available)(void);
};

/* Each domain's rows, ended by a NULL operation. */
extern const struct provider provider_system[];
extern const struct provider provider_dns[];
extern const struct provider provider_ping[];

/* The chosen provider of an operation, NULL where this host has none. Chosen
 * at the first call of provider_choose. */
const struct provider *provider_find(const char *operation);

/* Chooses one provider per operation and logs the choice; once, at start. */
void provider_choose(void);

/* The choices as an object operation -> name, for the registry;
 * the caller owns it. */
json_t *provider_choices(void);

/* Whether the call should stop: its deadline is over or it was cancelled. */
bool provider_expired(const struct provider_call *call);

#endif
