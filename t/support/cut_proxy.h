/*
 * t/support/cut_proxy.h: a TCP proxy on 127.0.0.1 whose connections can be
 * cut, for tests of a flapping network.  Its own thread; ends with the test.
 */
#ifndef OSAPI_T_SUPPORT_CUT_PROXY_H
#define OSAPI_T_SUPPORT_CUT_PROXY_H

#include <stdbool.h>

struct cut_proxy;

/* Listens on a free port and forwards to `port` of 127.0.0.1.  What goes wrong
 * ends the program. */
struct cut_proxy *cut_proxy_start(int port);
void cut_proxy_free(struct cut_proxy *proxy);

int cut_proxy_port(const struct cut_proxy *proxy);

/* Closes all connections at once; new ones are taken (`away` false) or closed
 * as soon as they come. From every thread. */
void cut_proxy_cut(struct cut_proxy *proxy, bool away);

#endif
