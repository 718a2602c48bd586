/*
 * cli/nats_workers.h: the file nats.server.workers: which hosts' workers may
 * connect, a line each:
 *
 *   HOST PASSWORD [KEY:VALUE ...]
 *
 * KEY:VALUE are the labels by which jobs may reach that host.  Lines with "#"
 * in front and empty ones are skipped.
 */
#ifndef OSAPI_CLI_NATS_WORKERS_H
#define OSAPI_CLI_NATS_WORKERS_H

#include <sys/types.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/subject.h"

#define NATS_WORKER_USER      "worker-" /* and the host: its user in NATS */
#define NATS_WORKER_USER_SIZE (sizeof(NATS_WORKER_USER) + SUBJECT_HOST_MAX)

struct nats_worker {
	char host[SUBJECT_HOST_MAX + 1]; /* as subject_host_check has it */
	char *password;
	struct config_map labels;
	int line;
};

struct nats_workers {
	size_t count;
	struct nats_worker *items;
};

/* Reads the file; `path` "" is an empty list.  ERR_INVALID says "file:line:
 * what was wrong".  On success nats_workers_release is due. */
enum err nats_workers_read(const char *path, struct nats_workers *workers,
			   struct err_info *info);

/* Wipes the passwords and frees. */
void nats_workers_release(struct nats_workers *workers);

/* Adds a line for a host that has none (ERR_EXISTS); the file is made with
 * `mode` where there is none.  `labels` is "KEY:VALUE,..." or NULL. */
enum err nats_workers_add(const char *path, mode_t mode, const char *host,
			  const char *password, const char *labels,
			  struct err_info *info);

/* "worker-{host}"; returns buf. */
char *nats_worker_user(const char *host,
		       char buf[static NATS_WORKER_USER_SIZE]);

#endif
