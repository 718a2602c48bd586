/*
 * t/support/port.h: TCP ports of 127.0.0.1 that are a test's own.
 */
#ifndef OSAPI_T_SUPPORT_PORT_H
#define OSAPI_T_SUPPORT_PORT_H

/*
 * A port that nobody else is given until this program ends, neither to listen
 * nor to connect from.  Nobody listens there before the test itself lets a
 * server do so, which sets SO_REUSEADDR as servers do.
 */
int port_hold(void);

#endif
