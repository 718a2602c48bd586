/*
 * worker/providers/ping.c: network.ping.do.
 *
 * A datagram ICMP socket needs no privilege but the kernel's permission for the
 * group (net.ipv4.ping_group_range); a raw one needs CAP_NET_RAW and also sees
 * what is meant for others.  Either is connected, so that it only gets
 * packets of the address asked for; the payload tells replies
 * to us from others.
 */
#include "worker/providers/ping.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <linux/icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/json.h"
#include "worker/providers/icmp.h"

#define GROUP_RANGE "/proc/sys/net/ipv4/ping_group_range"
#define WAKE_MS     100 /* how soon a cancelled call is noticed */

struct ping {
	const struct ping_address *address;
	struct icmp_echo echo;
	int fd;
	unsigned count;
	unsigned sent;
	unsigned refused; /* that this host itself would not send */
	int refusal;      /* errno of the last one of these */
	struct {
		int64_t sent_ns;
		int64_t rtt_ns; /* -1: no reply yet */
	} packets[PING_COUNT_MAX];
};

static int64_t
mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

static enum err
parse_six(const char *text, size_t size, struct ping_address *address,
	  struct err_info *info)
{
	char plain[INET6_ADDRSTRLEN];
	const char *zone = text + size;

	if (size >= sizeof(plain))
		return ERR_INVALID;
	memcpy(plain, text, size);
	plain[size] = '\0';
	if (inet_pton(AF_INET6, plain, &address->to.in6.sin6_addr) != 1)
		return ERR_INVALID;
	address->to.in6.sin6_family = AF_INET6;
	address->size = sizeof(address->to.in6);
	if (*zone == '\0')
		return ERR_OK;
	address->to.in6.sin6_scope_id = if_nametoindex(zone + 1);
	if (address->to.in6.sin6_scope_id == 0)
		return err_set(info, ERR_NOT_FOUND,
			       "address: interface %.32s: %s", zone + 1,
			       strerror(errno));
	return ERR_OK;
}

enum err
ping_parse(const char *text, struct ping_address *address,
	   struct err_info *info)
{
	struct ping_address parsed = {.size = 0};
	size_t size = strlen(text);
	enum err err = ERR_INVALID;

	if (size < sizeof(parsed.text)) {
		memcpy(parsed.text, text, size + 1);
		if (inet_pton(AF_INET, text, &parsed.to.in.sin_addr) == 1) {
			parsed.to.in.sin_family = AF_INET;
			parsed.size = sizeof(parsed.to.in);
			err = ERR_OK;
		} else {
			err =
			    parse_six(text, strcspn(text, "%"), &parsed, info);
		}
	}
	if (err == ERR_INVALID)
		return err_set(info, err,
			       "address: %.64s is not an IPv4 or IPv6 address",
			       text);
	if (!err)
		*address = parsed;
	return err;
}

/* The range as text, for the one who has to change it. */
static void
group_range(char out[static 32])
{
	char *text = NULL;
	size_t size = 0;

	snprintf(out, 32, "unknown");
	if (file_read(GROUP_RANGE, 64, &text, &size, NULL) == ERR_OK) {
		text[strcspn(text, "\n")] = '\0';
		if (strchr(text, '\t'))
			*strchr(text, '\t') = ' ';
		snprintf(out, 32, "%s", text);
	}
	free(text);
}

/* Neither sort of socket: says why not, and what would help. */
static enum err
no_socket(int family, int datagram_errno, int raw_errno, struct err_info *info)
{
	const char *domain = family == AF_INET ? "AF_INET" : "AF_INET6";
	bool forbidden = raw_errno == EPERM || raw_errno == EACCES;
	char range[32];

	group_range(range);
	if (!forbidden)
		return err_set(info, ERR_UNSUPPORTED,
			       "socket(%s, SOCK_DGRAM): %s; "
			       "socket(%s, SOCK_RAW): %s",
			       domain, strerror(datagram_errno), domain,
			       strerror(raw_errno));
	return err_set(info, ERR_FORBIDDEN,
		       "socket(%s, SOCK_DGRAM): %s (group %u is not within "
		       "net.ipv4.ping_group_range, %s); "
		       "socket(%s, SOCK_RAW): %s (CAP_NET_RAW is missing)",
		       domain, strerror(datagram_errno), (unsigned)getegid(),
		       range, domain, strerror(raw_errno));
}

static enum err
filter_replies(struct ping *ping, struct err_info *info)
{
	struct icmp_filter four = {.data = ~(1U << ICMP_ECHOREPLY)};
	struct icmp6_filter six;
	int rc;

	ICMP6_FILTER_SETBLOCKALL(&six);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &six);
	if (ping->echo.family == AF_INET)
		rc = setsockopt(ping->fd, SOL_RAW, ICMP_FILTER, &four,
				sizeof(four));
	else
		rc = setsockopt(ping->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six,
				sizeof(six));
	if (rc < 0)
		return err_set(info, ERR_IO, "setsockopt(ICMP_FILTER): %s",
			       strerror(errno));
	return ERR_OK;
}

static enum err
open_socket(struct ping *ping, struct err_info *info)
{
	int family = ping->echo.family;
	int protocol = family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
	int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int datagram_errno;

	ping->fd = socket(family, SOCK_DGRAM | flags, protocol);
	if (ping->fd >= 0)
		return ERR_OK;
	datagram_errno = errno;
	ping->echo.raw = true;
	ping->fd = socket(family, SOCK_RAW | flags, protocol);
	if (ping->fd < 0)
		return no_socket(family, datagram_errno, errno, info);
	return filter_replies(ping, info);
}

static enum err
prepare(struct ping *ping, struct err_info *info)
{
	enum err err;

	if (getrandom(ping->echo.secret, sizeof(ping->echo.secret), 0) !=
	    sizeof(ping->echo.secret))
		return err_set(info, ERR_IO, "getrandom: %s", strerror(errno));
	memcpy(&ping->echo.id, ping->echo.secret, sizeof(ping->echo.id));
	err = open_socket(ping, info);
	if (err)
		return err;
	if (connect(ping->fd, &ping->address->to.any, ping->address->size) < 0)
		return err_set(info, ERR_IO, "%s: %s", ping->address->text,
			       strerror(errno));
	return ERR_OK;
}

/* What the network says of an earlier packet; that packet is lost. */
static bool
is_network_error(int error)
{
	return error == EHOSTUNREACH || error == ENETUNREACH ||
	       error == ECONNREFUSED || error == EHOSTDOWN ||
	       error == ENETDOWN || error == ENOPROTOOPT || error == EMSGSIZE ||
	       error == EPROTO || error == EACCES;
}

static void
send_request(struct ping *ping)
{
	uint8_t packet[ICMP_SIZE];
	unsigned seq = ping->sent++;
	ssize_t n;

	icmp_request(&ping->echo, (uint16_t)(seq + 1), packet);
	ping->packets[seq].rtt_ns = -1;
	ping->packets[seq].sent_ns = mono_ns();
	n = send(ping->fd, packet, sizeof(packet), MSG_NOSIGNAL);
	/* what is pending for an earlier one is told first: again, once */
	if (n < 0)
		n = send(ping->fd, packet, sizeof(packet), MSG_NOSIGNAL);
	if (n < 0 && (errno == EACCES || !is_network_error(errno))) {
		ping->refused++;
		ping->refusal = errno;
	}
}

static void
take_reply(struct ping *ping, const uint8_t *packet, size_t size)
{
	int64_t now = mono_ns();
	uint16_t seq;

	if (!icmp_reply(&ping->echo, packet, size, &seq) || seq == 0 ||
	    seq > ping->sent || ping->packets[seq - 1].rtt_ns >= 0)
		return;
	ping->packets[seq - 1].rtt_ns = now - ping->packets[seq - 1].sent_ns;
}

static enum err
receive(struct ping *ping, struct err_info *info)
{
	uint8_t packet[ICMP_SIZE + 64]; /* 60 octets of IPv4 header at most */
	ssize_t n;

	for (;;) {
		n = recv(ping->fd, packet, sizeof(packet), MSG_TRUNC);
		if (n >= 0 && (size_t)n <= sizeof(packet))
			take_reply(ping, packet, (size_t)n);
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return ERR_OK;
		else if (n < 0 && errno != EINTR && !is_network_error(errno))
			return err_set(info, ERR_IO, "recv(%s): %s",
				       ping->address->text, strerror(errno));
	}
}

/* When something has to be done next; -1: all is answered or lost. */
static int64_t
next_event_ns(const struct ping *ping)
{
	int64_t next = -1;
	unsigned i;

	if (ping->sent < ping->count)
		return ping->sent == 0 ? 0
				       : ping->packets[ping->sent - 1].sent_ns +
					     PING_INTERVAL_MS * CLOCK_NS_PER_MS;
	for (i = 0; i < ping->sent; i++)
		if (ping->packets[i].rtt_ns < 0)
			next = ping->packets[i].sent_ns +
			       PING_REPLY_MS * CLOCK_NS_PER_MS;
	return next > mono_ns() ? next : -1;
}

static enum err
wait_until(struct ping *ping, int64_t until_ns, struct err_info *info)
{
	struct pollfd fd = {.fd = ping->fd, .events = POLLIN};
	int64_t left_ns = until_ns - mono_ns();
	int64_t left_ms = (left_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
	int rc;

	if (left_ms <= 0)
		return ERR_OK;
	rc = poll(&fd, 1, left_ms < WAKE_MS ? (int)left_ms : WAKE_MS);
	if (rc < 0 && errno != EINTR)
		return err_set(info, ERR_IO, "poll: %s", strerror(errno));
	return rc > 0 ? receive(ping, info) : ERR_OK;
}

static enum err
exchange(struct ping *ping, const struct provider_call *call,
	 struct err_info *info)
{
	enum err err = ERR_OK;
	int64_t next;

	while (!err && (next = next_event_ns(ping)) >= 0) {
		if (provider_expired(call))
			return err_set(info, ERR_TIMEOUT,
				       "the deadline passed after %u of %u "
				       "packets",
				       ping->sent, ping->count);
		if (ping->sent < ping->count && next <= mono_ns())
			send_request(ping);
		else
			err = wait_until(ping, next, info);
	}
	/* What came in time, though a busy host did not let us look. */
	if (!err)
		err = receive(ping, info);
	if (!err && ping->refused == ping->count)
		err = err_set(info, ERR_IO, "send(%s): %s%s",
			      ping->address->text, strerror(ping->refusal),
			      ping->refusal == EPERM
				  ? " (a packet filter of this host)"
				  : "");
	return err;
}

static void
summarise(const struct ping *ping, struct ping_statistics *out)
{
	struct ping_statistics sum = {.sent = ping->sent};
	unsigned i;

	for (i = 0; i < ping->sent; i++) {
		int64_t rtt = ping->packets[i].rtt_ns;

		if (rtt < 0)
			continue;
		if (sum.received == 0 || rtt < sum.min_ns)
			sum.min_ns = rtt;
		if (rtt > sum.max_ns)
			sum.max_ns = rtt;
		sum.sum_ns += rtt;
		sum.received++;
	}
	*out = sum;
}

enum err
ping_run(const struct ping_address *address, unsigned count,
	 const struct provider_call *call, struct ping_statistics *statistics,
	 struct err_info *info)
{
	struct ping ping = {
	    .address = address,
	    .echo.family = address->to.any.sa_family,
	    .fd = -1,
	    .count = count,
	};
	enum err err = prepare(&ping, info);

	if (!err)
		err = exchange(&ping, call, info);
	if (!err)
		summarise(&ping, statistics);
	if (ping.fd >= 0)
		close(ping.fd);
	return err;
}

/* "14.64ms"; "" where no packet came back. */
static json_t *
rtt_text(const struct ping_statistics *statistics, int64_t ns)
{
	if (statistics->received == 0)
		return json_string("");
	return json_sprintf("%.2fms", (double)ns / CLOCK_NS_PER_MS);
}

/* Percent, with two digits at most, as an integer where it is one. */
static json_t *
loss(const struct ping_statistics *statistics)
{
	unsigned sent = statistics->sent ? statistics->sent : 1;
	unsigned lost = statistics->sent - statistics->received;
	unsigned hundredths = (lost * 10000 + sent / 2) / sent;

	if (hundredths % 100 == 0)
		return json_integer(hundredths / 100);
	return json_real(hundredths / 100.0);
}

static enum err
do_ping(const struct provider_call *call, json_t **result,
	struct err_info *info)
{
	const char *text = json_member_string(call->data, "address");
	json_int_t count =
	    json_member_int(call->data, "count", PING_COUNT_DEFAULT);
	struct ping_statistics sum = {.sent = 0};
	struct ping_address address;
	json_t *object;
	enum err err;

	if (count < 1 || count > PING_COUNT_MAX)
		return err_set(info, ERR_INVALID, "count: not within 1 to %d",
			       PING_COUNT_MAX);
	err = ping_parse(text ? text : "", &address, info);
	if (!err)
		err = ping_run(&address, (unsigned)count, call, &sum, info);
	if (err)
		return err;
	object = json_pack(
	    "{s:i,s:i,s:o,s:o,s:o,s:o}", "packets_sent", (int)sum.sent,
	    "packets_received", (int)sum.received, "packet_loss", loss(&sum),
	    "min_rtt", rtt_text(&sum, sum.min_ns), "avg_rtt",
	    rtt_text(&sum, sum.received ? sum.sum_ns / sum.received : 0),
	    "max_rtt", rtt_text(&sum, sum.max_ns));
	if (!object)
		return err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	*result = object;
	return ERR_OK;
}

const struct provider provider_ping[] = {
    {"network.ping.do", "icmp", do_ping, NULL},
    {NULL, NULL, NULL, NULL},
};
