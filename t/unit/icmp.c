/* t/unit/icmp.c: worker/providers/icmp.c. */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

#include "t/unit/unit.h"
#include "worker/providers/icmp.h"

static struct icmp_echo
make(int family, bool raw)
{
	struct icmp_echo echo = {.family = family, .raw = raw, .id = 0x1234};

	memcpy(echo.secret, "0123456789abcdef", ICMP_SECRET_SIZE);
	return echo;
}

/* One's complement sum over all octets, 0xffff where the checksum fits. */
static unsigned
sum(const uint8_t *packet)
{
	unsigned total = 0;
	size_t i;

	for (i = 0; i < ICMP_SIZE; i += 2)
		total += (unsigned)packet[i] * 256 + packet[i + 1];
	while (total > 0xffff)
		total = total % 0x10000 + total / 0x10000;
	return total;
}

/* Turns a request into what the other side would answer. */
static void
answer(const struct icmp_echo *echo, uint16_t seq, uint8_t *packet)
{
	icmp_request(echo, seq, packet);
	if (echo->family == AF_INET) {
		/* the type falls by 8, so the checksum grows by 0x0800 */
		unsigned check = packet[2] * 256U + packet[3] + 0x0800;

		check = check % 0x10000 + check / 0x10000;
		packet[2] = (uint8_t)(check / 256);
		packet[3] = (uint8_t)check;
		packet[0] = ICMP_ECHOREPLY;
	} else {
		packet[0] = ICMP6_ECHO_REPLY;
	}
}

static void
makes_requests(void)
{
	struct icmp_echo four = make(AF_INET, true);
	struct icmp_echo six = make(AF_INET6, true);
	uint8_t packet[ICMP_SIZE];

	icmp_request(&four, 0x0102, packet);
	IS_INT("type", packet[0], 8);
	IS_INT("code", packet[1], 0);
	IS_INT("checksum", sum(packet), 0xffff);
	OK("id and number", memcmp(packet + 4, "\x12\x34\x01\x02", 4) == 0);
	OK("the secret", memcmp(packet + 8, four.secret, 16) == 0);
	icmp_request(&six, 1, packet);
	IS_INT("type", packet[0], 128);
	IS_INT("checksum left to the kernel", packet[2] + packet[3], 0);
}

static void
takes_replies(void)
{
	static const struct {
		const char *why;
		int family;
		bool raw;
	} rows[] = {
	    {"IPv4 datagram", AF_INET, false},
	    {"IPv6 datagram", AF_INET6, false},
	    {"IPv6 raw", AF_INET6, true},
	};
	uint8_t packet[ICMP_SIZE];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct icmp_echo echo = make(rows[i].family, rows[i].raw);
		uint16_t seq = 0;

		answer(&echo, 20, packet);
		OK(rows[i].why, icmp_reply(&echo, packet, ICMP_SIZE, &seq));
		IS_INT(rows[i].why, seq, 20);
	}
}

static void
reads_behind_ip_headers(void)
{
	static const struct {
		const char *why;
		uint8_t first; /* version and header length */
		size_t header;
		bool taken;
	} rows[] = {
	    {"no options", 0x45, 20, true},
	    {"the longest header", 0x4f, 60, true},
	    {"shorter than a header can be", 0x44, 20, false},
	    {"longer than it is", 0x4f, 20, false},
	    {"length nought", 0x40, 20, false},
	};
	struct icmp_echo echo = make(AF_INET, true);
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t packet[60 + ICMP_SIZE] = {rows[i].first};
		uint16_t seq = 0;

		answer(&echo, 3, packet + rows[i].header);
		IS_INT(
		    rows[i].why,
		    icmp_reply(&echo, packet, rows[i].header + ICMP_SIZE, &seq),
		    rows[i].taken);
	}
}

static void
refuses_every_wrong_octet(void)
{
	struct icmp_echo echo = make(AF_INET, false);
	uint8_t packet[ICMP_SIZE];
	uint16_t seq = 0;
	size_t i;

	for (i = 0; i < ICMP_SIZE; i++) {
		answer(&echo, 1, packet);
		packet[i] ^= 0x10;
		OK("one octet differs",
		   !icmp_reply(&echo, packet, ICMP_SIZE, &seq));
	}
	/* ICMPv6: without a checksum to help */
	echo = make(AF_INET6, true);
	for (i = 0; i < ICMP_SIZE; i++) {
		answer(&echo, 1, packet);
		packet[i] ^= 0x10;
		if (i != 2 && i != 3)
			OK("one octet differs",
			   !icmp_reply(&echo, packet, ICMP_SIZE, &seq));
	}
}

static void
refuses_other_sizes_and_people(void)
{
	struct icmp_echo echo = make(AF_INET, false);
	struct icmp_echo other = make(AF_INET, false);
	uint8_t packet[ICMP_SIZE + 1] = {0};
	uint16_t seq = 0;
	size_t size;

	for (size = 0; size <= ICMP_SIZE + 1; size++) {
		answer(&echo, 1, packet);
		IS_INT("size", icmp_reply(&echo, packet, size, &seq),
		       size == ICMP_SIZE);
	}
	other.secret[0]++;
	answer(&other, 1, packet);
	OK("another ping's secret",
	   !icmp_reply(&echo, packet, ICMP_SIZE, &seq));
	icmp_request(&echo, 1, packet);
	OK("our own request, as loopback shows it",
	   !icmp_reply(&echo, packet, ICMP_SIZE, &seq));
	echo.raw = true;
	OK("raw and shorter than an IP header",
	   !icmp_reply(&echo, packet, 19, &seq));
}

const char unit_name[] = "icmp";
const struct unit_case unit_cases[] = {
    {"makes requests", makes_requests},
    {"takes replies", takes_replies},
    {"reads behind IP headers", reads_behind_ip_headers},
    {"refuses every wrong octet", refuses_every_wrong_octet},
    {"refuses other sizes and other people's", refuses_other_sizes_and_people},
    {NULL, NULL},
};
