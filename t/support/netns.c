/* t/support/netns.c: namespaces by unshare(2), their links by ip(8). */
#include "t/support/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "t/support/command.h"

static int
current(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		perror("/proc/thread-self/ns/net");
	return fd;
}

static void
enter(int fd)
{
	if (setns(fd, CLONE_NEWNET) == 0)
		return;
	perror("setns");
	exit(2);
}

void
netns_enter_here(const struct netns *ns)
{
	enter(ns->here);
}

void
netns_enter_peer(const struct netns *ns)
{
	enter(ns->peer);
}

static int
address(const char *four, const char *six, const char *link)
{
	return COMMAND("ip", "link", "set", "lo", "up") ||
	       COMMAND("ip", "link", "set", link, "up") ||
	       COMMAND("ip", "address", "add", four, "dev", link) ||
	       COMMAND("ip", "address", "add", six, "dev", link, "nodad");
}

static bool
link_both(const struct netns *ns)
{
	char peer[64];
	int rc;

	snprintf(peer, sizeof(peer), "/proc/%d/fd/%d", (int)getpid(), ns->peer);
	enter(ns->here);
	rc = COMMAND("ip", "link", "add", "veth0", "type", "veth", "peer",
		     "name", "veth1") ||
	     COMMAND("ip", "link", "set", "veth1", "netns", peer) ||
	     address("192.0.2.1/24", "2001:db8::1/64", "veth0");
	enter(ns->peer);
	rc = rc || address("192.0.2.2/24", "2001:db8::2/64", "veth1");
	enter(ns->here);
	return rc == 0;
}

bool
netns_open(struct netns *ns)
{
	*ns = (struct netns){current(), -1, -1};
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare(CLONE_NEWNET)");
		close(ns->home);
		return false;
	}
	ns->here = current();
	if (unshare(CLONE_NEWNET) == 0)
		ns->peer = current();
	if (ns->peer >= 0 && link_both(ns))
		return true;
	fprintf(stderr, "the namespaces could not be linked\n");
	netns_close(ns);
	return false;
}

void
netns_close(struct netns *ns)
{
	enter(ns->home);
	close(ns->home);
	close(ns->here);
	if (ns->peer >= 0)
		close(ns->peer);
}
