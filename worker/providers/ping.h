/*
 * worker/providers/ping.h: sends ICMP echo requests and counts the replies.
 */
#ifndef OSAPI_WORKER_PROVIDERS_PING_H
#define OSAPI_WORKER_PROVIDERS_PING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/error.h"
#include "worker/provider.h"

#define PING_COUNT_MAX     20
#define PING_COUNT_DEFAULT 3
#define PING_INTERVAL_MS   200  /* between two requests */
#define PING_REPLY_MS      1000 /* for each reply, from its request on */

struct ping_address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to;
	socklen_t size;
	char text[64]; /* as it was given */
};

struct ping_statistics {
	unsigned sent;
	unsigned received;
	int64_t min_ns; /* of the replies; 0 without any */
	int64_t max_ns;
	int64_t sum_ns;
};

/* An IPv4 or IPv6 address, the latter with a zone where it needs one
 * ("fe80::1%eth0").  ERR_INVALID says what it is not. */
enum err ping_parse(const char *text, struct ping_address *address,
		    struct err_info *info);

/*
 * Sends `count` requests and waits until each is answered or its time is over.
 * A request that is not answered, or that the network says it cannot deliver,
 * is lost.  Errors: ERR_FORBIDDEN where this process may open neither a
 * datagram nor a raw ICMP socket, with what is missing; ERR_IO where there is
 * no route or no request could leave this host; ERR_TIMEOUT past the deadline.
 */
enum err ping_run(const struct ping_address *address, unsigned count,
		  const struct provider_call *call,
		  struct ping_statistics *statistics, struct err_info *info);

#endif
