/*
 * t/support/port.c: see the header.
 *
 * The port stays bound to a socket that never listens.  SO_REUSEADDR is set
 * after the bind: before, the system might give a port that is held already.
 */
#include "t/support/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int
port_hold(void)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		perror("port_hold");
		abort();
	}
	return ntohs(address.sin_port);
}
