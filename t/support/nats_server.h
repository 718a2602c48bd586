/*
 * t/support/nats_server.h: a real nats-server with JetStream for one test.
 *
 * It listens on a free port of 127.0.0.1, keeps that port and its store over
 * restarts, and dies with the test.  What goes wrong here ends the test
 * program with a message that shows the server's log.  For one thread.
 */
#ifndef OSAPI_T_SUPPORT_NATS_SERVER_H
#define OSAPI_T_SUPPORT_NATS_SERVER_H

#include <stdint.h>

#include "lib/config.h"

struct nats_server;

/*
 * Starts a server whose files are in `directory`/`name` (made; `directory`
 * exists, so unit_directory() will do) and waits until it takes connections.
 * `extra` is appended to its configuration file ("" or NULL: nothing).
 */
struct nats_server *nats_server_start(const char *directory, const char *name,
				      const char *extra);

/* The same on a port that was chosen before (port_hold), without waiting: for
 * servers of a cluster, which are ready only together (nats_server_wait). */
struct nats_server *nats_server_spawn(const char *directory, const char *name,
				      const char *extra, int port);

/* Waits until it takes connections. */
void nats_server_wait(struct nats_server *server);

/* Ends the process with SIGKILL and frees; NULL is accepted. */
void nats_server_free(struct nats_server *server);

int nats_server_port(const struct nats_server *server);

/* A configuration that reaches it, as user `user` with password "secret" ("":
 * no user).  Static storage of the server. */
const struct config_nats *nats_server_config(struct nats_server *server,
					     const char *user);

/* SIGTERM, SIGKILL; both wait for its end. */
void nats_server_stop(struct nats_server *server);
void nats_server_kill(struct nats_server *server);

/* Replaces what nats_server_start's `extra` said, from the next start on. */
void nats_server_reconfigure(struct nats_server *server, const char *extra);

/* Starts it again, same port and store, and waits until it takes
 * connections. */
void nats_server_restart(struct nats_server *server);

/* SIGSTOP: connections stay, nothing answers; and SIGCONT. */
void nats_server_freeze(struct nats_server *server);
void nats_server_thaw(struct nats_server *server);

/* How many lines of its log contain `text`. */
int nats_server_logged(const struct nats_server *server, const char *text);

#endif
