/*
 * worker/providers/icmp.h: ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443), the
 * octets of requests and replies.
 */
#ifndef OSAPI_WORKER_PROVIDERS_ICMP_H
#define OSAPI_WORKER_PROVIDERS_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ICMP_HEADER_SIZE  8
#define ICMP_PAYLOAD_SIZE 56 /* as ping(8) */
#define ICMP_SIZE         (ICMP_HEADER_SIZE + ICMP_PAYLOAD_SIZE)
#define ICMP_SECRET_SIZE  16

/* What all packets of one ping have in common. */
struct icmp_echo {
	int family;  /* AF_INET or AF_INET6 */
	bool raw;    /* socket sees IPv4 headers and other people's replies */
	uint16_t id; /* a datagram socket puts its own in the place */
	uint8_t secret[ICMP_SECRET_SIZE]; /* random; begins each payload */
};

/* Writes the request number `seq`. */
void icmp_request(const struct icmp_echo *echo, uint16_t seq,
		  uint8_t packet[static ICMP_SIZE]);

/*
 * Whether `packet`, as the socket gave it, is the reply to a request of this
 * echo with every octet of its payload; then *seq is its number.
 */
bool icmp_reply(const struct icmp_echo *echo, const uint8_t *packet,
		size_t size, uint16_t *seq);

#endif
