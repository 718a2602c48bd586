/*
 * t/support/netns.h: two hosts on one machine, network namespaces with a veth
 * pair between them.  Needs root.
 *
 *	veth0 192.0.2.1/24 2001:db8::1/64 --- veth1 192.0.2.2/24 2001:db8::2/64
 *
 * Namespaces belong to the calling thread and to the commands that it starts.
 */
#ifndef OSAPI_T_SUPPORT_NETNS_H
#define OSAPI_T_SUPPORT_NETNS_H

#include <stdbool.h>

struct netns {
	int home; /* where the thread came from */
	int here; /* has veth0 */
	int peer; /* has veth1 */
};

/* Makes both and moves the thread to `here`; false, with a line on stderr,
 * where this machine does not let us. */
bool netns_open(struct netns *ns);

void netns_enter_here(const struct netns *ns);
void netns_enter_peer(const struct netns *ns);

/* Moves the thread home; both namespaces end. */
void netns_close(struct netns *ns);

#endif
