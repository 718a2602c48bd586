/*
 * t/support/api.h: a real pool of responders for one test.
 *
 * Runs what osapi-fcgi runs, in a child process that has begun anew by
 * exec(2) of the test program (a fork would inherit threads' state), on a
 * unix socket in a directory of the test.  What goes wrong here ends the test
 * program with a message.  For one thread.
 */
#ifndef OSAPI_T_SUPPORT_API_H
#define OSAPI_T_SUPPORT_API_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/token.h"

#define API_KEY         "0123456789abcdef0123456789abcdef"
#define API_MAX_WAITERS 64 /* of each process */

struct api;

/* Starts `processes` responders of 4 threads that look for NATS on `nats_port`
 * of 127.0.0.1, and waits until the socket takes connections.  `key` is the
 * job signing key's file (NULL: a new one). */
struct api *api_start(const char *directory, const char *name, int nats_port,
		      int processes, const char *key);

/* SIGTERM; waits for its end and returns the exit code, -1: a signal, or the
 * log tells of a responder that failed or of what a sanitizer found. */
int api_stop(struct api *api);

/* SIGKILL for what is left; frees.  NULL is accepted. */
void api_free(struct api *api);

const char *api_socket(const struct api *api);
pid_t api_pid(const struct api *api); /* of the supervisor */
/* The configuration file, to be changed before SIGHUP. */
const char *api_config_path(const struct api *api);
const char *api_log_path(const struct api *api);

/* Waits until the log holds `text` `times` times; false after a long time. */
bool api_log_has(const struct api *api, const char *text, int times);

/* Waits until /health/ready answers 200; false after a long time. */
bool api_wait_ready(const struct api *api);

/* A token that is valid for an hour; static storage. */
const char *api_token(enum role role);

/* The processes whose parent is the supervisor: up to `max` into `pids`. */
int api_responders(const struct api *api, pid_t *pids, int max);

#endif
