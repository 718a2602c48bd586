/*
 * fcgi/dispatch.h: the way of a request through its checks to its handler.
 *
 * Order: route (404, 405), token (401), scope (403), size (413), content type
 * (415), parameters and body (400, all errors at once), handler.
 */
#ifndef OSAPI_FCGI_DISPATCH_H
#define OSAPI_FCGI_DISPATCH_H

#include "fcgi/responder.h"

/* Serves one request of a connection that can be read; owns `fd`. */
void dispatch(struct responder *responder, int fd);

#endif
