/* worker/providers/icmp.c: echo requests and replies as octets. */
#include "worker/providers/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

#define IP_HEADER_MIN 20

/* RFC 1071, of an even number of octets. */
static uint16_t
checksum(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void
fill_payload(const struct icmp_echo *echo, uint16_t seq,
	     uint8_t payload[static ICMP_PAYLOAD_SIZE])
{
	size_t i;

	memcpy(payload, echo->secret, ICMP_SECRET_SIZE);
	put16(payload + ICMP_SECRET_SIZE, seq);
	for (i = ICMP_SECRET_SIZE + 2; i < ICMP_PAYLOAD_SIZE; i++)
		payload[i] = (uint8_t)(i + seq);
}

void
icmp_request(const struct icmp_echo *echo, uint16_t seq,
	     uint8_t packet[static ICMP_SIZE])
{
	bool four = echo->family == AF_INET;

	memset(packet, 0, ICMP_SIZE);
	packet[0] = four ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	put16(packet + 4, echo->id);
	put16(packet + 6, seq);
	fill_payload(echo, seq, packet + ICMP_HEADER_SIZE);
	/* the kernel fills in that of ICMPv6, which covers the addresses */
	if (four)
		put16(packet + 2, checksum(packet, ICMP_SIZE));
}

bool
icmp_reply(const struct icmp_echo *echo, const uint8_t *packet, size_t size,
	   uint16_t *seq)
{
	uint8_t payload[ICMP_PAYLOAD_SIZE];
	bool four = echo->family == AF_INET;
	size_t skip = 0;
	uint16_t number;

	if (four && echo->raw) {
		skip = size >= IP_HEADER_MIN ? (packet[0] & 0x0fU) * 4 : 0;
		if (skip < IP_HEADER_MIN || skip > size)
			return false;
	}
	packet += skip;
	size -= skip;
	if (size != ICMP_SIZE ||
	    packet[0] != (four ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY) ||
	    packet[1] != 0 || (echo->raw && get16(packet + 4) != echo->id))
		return false;
	if (four && checksum(packet, size) != 0)
		return false;
	number = get16(packet + 6);
	fill_payload(echo, number, payload);
	if (memcmp(payload, packet + ICMP_HEADER_SIZE, sizeof(payload)) != 0)
		return false;
	*seq = number;
	return true;
}
