/*
 * lib/readdress.h: a NATS message for another subject.
 */
#ifndef OSAPI_LIB_READDRESS_H
#define OSAPI_LIB_READDRESS_H

#include <nats/nats.h>

/* Makes a message with the data and headers of another, which stays the
 * caller's, and these subjects (`reply` NULL: none): nats.c lets them be set at
 * creation only.  The caller destroys *to.  From every thread. */
natsStatus readdress(natsMsg *from, const char *subject, const char *reply,
		     natsMsg **to);

#endif
