/*
 * fcgi/intake.h: connections that have nothing to say yet cost no thread.
 *
 * The listening socket, connections that were accepted but are silent, kept
 * connections between two requests, and closed ones whose peer still sends
 * stand in one epoll set.  A thread gets a connection only when it can be
 * read.  The listening socket is shared with other processes: it is never
 * shut down, only left out of the set when this process stops.
 */
#ifndef OSAPI_FCGI_INTAKE_H
#define OSAPI_FCGI_INTAKE_H

#include <stdint.h>

#include "lib/error.h"

#define INTAKE_SILENT_MS 3000  /* until the first octet of a connection */
#define INTAKE_KEPT_MS   60000 /* between two requests of a kept one */
#define INTAKE_LINGER_MS 2000  /* for a peer that still sends when we close */
#define INTAKE_IO_MS     5000  /* of one read or write of a connection */
#define INTAKE_FDS_MAX   65536 /* higher descriptors are refused */

struct intake;

/* `listen_fd` stays the caller's and is non-blocking. */
enum err intake_new(int listen_fd, struct intake **intake,
		    struct err_info *info);

/* After intake_stop, when no thread is in intake_take.  Closes what is left.
 * NULL is accepted. */
void intake_free(struct intake *intake);

/*
 * Waits for a connection that can be read and gives it to the caller, with
 * INTAKE_IO_MS as its timeouts.  -1: the process stops.  From every thread.
 */
int intake_take(struct intake *intake);

/* Gives a kept connection back after its request. */
void intake_keep(struct intake *intake, int fd);

/* Closes a connection whose peer may still be sending: what comes is thrown
 * away, so that the peer can read our answer first. */
void intake_linger(struct intake *intake, int fd);

/* When a thread last looked for something to do, CLOCK_MONOTONIC.  Not long
 * ago (a second) as long as not every thread is held by its request. */
int64_t intake_turned_ms(const struct intake *intake);

/*
 * Accepts no more, closes kept connections, and lets silent ones, which may be
 * about to send, do so for up to `grace_ms`; then intake_take answers -1 on
 * all threads.  Once, from a thread that takes none.
 */
void intake_stop(struct intake *intake, int64_t grace_ms);

#endif
