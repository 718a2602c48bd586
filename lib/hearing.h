/*
 * lib/hearing.h: the consumers by which a worker hears of jobs.
 *
 * The worker makes them, and nats-server's permissions name them: both know
 * them from here.
 */
#ifndef OSAPI_LIB_HEARING_H
#define OSAPI_LIB_HEARING_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/subject.h"

#define HEARING_NAME_SIZE 256

struct hearing {
	char consumer[HEARING_NAME_SIZE]; /* a durable of job.stream_name */
	char filter[SUBJECT_SIZE];
	enum job_lane lane;
	bool shared; /* one durable for all workers */
};

/*
 * Calls `each` for every consumer of a worker of this host name and these
 * labels, a label "web.dev" counting as "web" and "web.dev", until it returns
 * an error, which is returned.  Own ones are named "worker-{host}-{hash}",
 * unique for host and filter and of bounded length.  `config` gives
 * job.stream_subjects and job.consumer_name.  ERR_INVALID: labels whose
 * subject is too long.
 */
enum err hearing_each(const struct config *config, const char *host,
		      const struct config_map *labels,
		      enum err (*each)(const struct hearing *hearing, void *arg,
				       struct err_info *info),
		      void *arg, struct err_info *info);

/* The shared durable of a lane; returns buf. */
char *hearing_shared(const struct config *config, enum job_lane lane,
		     char buf[static HEARING_NAME_SIZE]);

#endif
