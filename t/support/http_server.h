/*
 * t/support/http_server.h: an HTTP server of one thread that keeps what it was
 * sent and answers with fixed octets: for tests of what a client says and does.
 */
#ifndef OSAPI_T_SUPPORT_HTTP_SERVER_H
#define OSAPI_T_SUPPORT_HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct http_server {
	/* set before http_server_start */
	const char *answer; /* to every request; NULL: close without one */
	size_t blocks;      /* blocks of 64 KiB that follow the answer */
	bool silent;        /* no answer, the connection stays open */

	/* from http_server_start on */
	char url[64]; /* "http://127.0.0.1:40123" */

	atomic_size_t requests;

	/* after http_server_stop */
	char request[8192]; /* the last one */

	int listener;
	pthread_t thread;
};

/* Listens on a free port of 127.0.0.1; ends the program where it cannot. */
void http_server_start(struct http_server *server);

/* Ends and joins the thread; what was sent may be read then. */
void http_server_stop(struct http_server *server);

#endif
