/*
 * t/unit/ping.c: worker/providers/ping.c, between two network namespaces.
 *
 * Loss is made by iptables rules that count, so each run loses the same
 * packets.  As another user than root only the addresses are tested.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "t/support/command.h"
#include "t/support/netns.h"
#include "t/unit/unit.h"
#include "worker/providers/ping.h"

#define RANGE "/proc/sys/net/ipv4/ping_group_range"

static void
reads_addresses(void)
{
	static const struct {
		const char *why;
		const char *text;
		enum err err;
	} rows[] = {
	    {"IPv4", "192.0.2.1", ERR_OK},
	    {"IPv6", "2001:db8::1", ERR_OK},
	    {"a zone", "fe80::1%lo", ERR_OK},
	    {"a zone that is no interface", "fe80::1%nolink", ERR_NOT_FOUND},
	    {"an empty zone", "fe80::1%", ERR_NOT_FOUND},
	    {"a name", "localhost", ERR_INVALID},
	    {"short form", "127.1", ERR_INVALID},
	    {"a number", "2130706433", ERR_INVALID},
	    {"a network", "192.0.2.0/24", ERR_INVALID},
	    {"an option", "-c1", ERR_INVALID},
	    {"empty", "", ERR_INVALID},
	    {"longer than any address",
	     "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
	     ERR_INVALID},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err_info info = {.text = ""};
		struct ping_address address = {.size = 0};

		IS_INT(rows[i].why, ping_parse(rows[i].text, &address, &info),
		       rows[i].err);
		OK(rows[i].why, (rows[i].err == ERR_OK) == (address.size > 0));
		if (rows[i].err)
			HAS_TEXT(rows[i].why, info.text, "address: ");
	}
}

static enum err
run(const char *data, json_t **result, struct err_info *info)
{
	volatile bool cancelled = false;
	struct provider_call call = {
	    .hostname = "h",
	    .data = json_loads(data, 0, NULL),
	    .deadline_ms = clock_mono_ms() + 60000,
	    .cancelled = &cancelled,
	};
	enum err err = provider_ping[0].run(&call, result, info);

	json_decref((json_t *)(uintptr_t)call.data);
	return err;
}

static void
expect(const char *why, const char *data, const char *wanted)
{
	struct err_info info = {.text = ""};
	json_t *result = NULL;
	char got[256];

	if (run(data, &result, &info)) {
		IS_TEXT(why, info.text, wanted);
		return;
	}
	snprintf(got, sizeof(got), "%lld sent, %lld received, loss %.2f",
		 json_member_int(result, "packets_sent", -1),
		 json_member_int(result, "packets_received", -1),
		 json_number_value(json_object_get(result, "packet_loss")));
	IS_TEXT(why, got, wanted);
	json_decref(result);
}

static void
counts_replies(void)
{
	expect("IPv4, 3 by default", "{\"address\":\"192.0.2.2\"}",
	       "3 sent, 3 received, loss 0.00");
	expect("IPv6", "{\"address\":\"2001:db8::2\",\"count\":1}",
	       "1 sent, 1 received, loss 0.00");
	expect("as many as may be", "{\"address\":\"192.0.2.2\",\"count\":20}",
	       "20 sent, 20 received, loss 0.00");
	expect("one more", "{\"address\":\"192.0.2.2\",\"count\":21}",
	       "count: not within 1 to 20");
	expect("none", "{\"address\":\"192.0.2.2\",\"count\":0}",
	       "count: not within 1 to 20");
}

/* The numbers of "min/avg/max" in ping(8)'s last line have another form. */
static void
check_times(const json_t *result)
{
	static const char *const keys[] = {"min_rtt", "avg_rtt", "max_rtt"};
	double values[3] = {0, 0, 0};
	char again[64];
	size_t i;

	for (i = 0; i < 3; i++) {
		const char *text = json_member_string(result, keys[i]);

		OK(keys[i], text && sscanf(text, "%lfms", &values[i]) == 1);
		snprintf(again, sizeof(again), "%.2fms", values[i]);
		IS_TEXT(keys[i], text, again);
	}
	OK("ordered", values[0] <= values[1] && values[1] <= values[2]);
	OK("more than nothing", values[2] > 0);
}

static void
tells_times(void)
{
	struct err_info info = {.text = ""};
	json_t *result = NULL;

	IS_INT("run", run("{\"address\":\"192.0.2.2\"}", &result, &info),
	       ERR_OK);
	check_times(result);
	json_decref(result);
}

static int
every_third(const char *tables, const char *protocol, const char *type,
	    const char *match)
{
	return COMMAND(tables, "-A", "INPUT", "-p", protocol, match, type, "-m",
		       "statistic", "--mode", "nth", "--every", "3", "--packet",
		       "0", "-j", "DROP");
}

/* ping(8) is asked for the same under the same rule. */
static void
expect_ping(const char *address, const char *wanted)
{
	const char *const argv[] = {"ping", "-n",  "-c",    "6",
				    "-i",   "0.2", address, NULL};
	char text[4096] = "";

	IS_INT("ping", command_run(argv, text, sizeof(text)), 0);
	HAS_TEXT(address, text, wanted);
}

static void
counts_losses(const struct netns *ns)
{
	netns_enter_peer(ns);
	IS_INT("rule",
	       every_third("iptables", "icmp", "echo-request", "--icmp-type"),
	       0);
	IS_INT(
	    "rule",
	    every_third("ip6tables", "icmpv6", "echo-request", "--icmpv6-type"),
	    0);
	netns_enter_here(ns);
	/* 6 requests end with one that is answered, so the count of the rule
	 * begins anew for the next */
	expect("IPv4", "{\"address\":\"192.0.2.2\",\"count\":6}",
	       "6 sent, 4 received, loss 33.33");
	expect_ping("192.0.2.2",
		    "6 packets transmitted, 4 received, 33.3333% packet loss");
	expect("IPv6", "{\"address\":\"2001:db8::2\",\"count\":6}",
	       "6 sent, 4 received, loss 33.33");
	expect_ping("2001:db8::2",
		    "6 packets transmitted, 4 received, 33.3333% packet loss");
	netns_enter_peer(ns);
	IS_INT("rule", COMMAND("iptables", "-F", "INPUT"), 0);
	IS_INT("rule", COMMAND("ip6tables", "-F", "INPUT"), 0);
	netns_enter_here(ns);
}

static void
all_lost_is_a_result(const struct netns *ns)
{
	struct err_info info = {.text = ""};
	json_t *result = NULL;

	netns_enter_peer(ns);
	IS_INT("rule", COMMAND("iptables", "-I", "INPUT", "-j", "DROP"), 0);
	netns_enter_here(ns);
	IS_INT("run",
	       run("{\"address\":\"192.0.2.2\",\"count\":2}", &result, &info),
	       ERR_OK);
	IS_INT("loss", json_member_int(result, "packet_loss", -1), 100);
	IS_INT("received", json_member_int(result, "packets_received", -1), 0);
	IS_TEXT("no time", json_member_string(result, "min_rtt"), "");
	json_decref(result);
	netns_enter_peer(ns);
	IS_INT("rule", COMMAND("iptables", "-F", "INPUT"), 0);
	netns_enter_here(ns);
}

static void
told_losses(const struct netns *ns)
{
	netns_enter_peer(ns);
	IS_INT("rule", COMMAND("iptables", "-I", "INPUT", "-j", "REJECT"), 0);
	netns_enter_here(ns);
	expect("the network says so", "{\"address\":\"192.0.2.2\"}",
	       "3 sent, 0 received, loss 100.00");
	netns_enter_peer(ns);
	IS_INT("rule", COMMAND("iptables", "-F", "INPUT"), 0);
	netns_enter_here(ns);
	expect("nobody has this address",
	       "{\"address\":\"192.0.2.77\",\"count\":1}",
	       "1 sent, 0 received, loss 100.00");
}

static void
names_what_the_host_refuses(void)
{
	expect("no route", "{\"address\":\"203.0.113.1\"}",
	       "203.0.113.1: Network is unreachable");
	expect("broadcast", "{\"address\":\"255.255.255.255\"}",
	       "255.255.255.255: Network is unreachable");
	IS_INT("rule", COMMAND("iptables", "-I", "OUTPUT", "-j", "DROP"), 0);
	expect("an own packet filter",
	       "{\"address\":\"192.0.2.2\",\"count\":2}",
	       "send(192.0.2.2): Operation not permitted "
	       "(a packet filter of this host)");
	IS_INT("rule", COMMAND("iptables", "-F", "OUTPUT"), 0);
}

static void
stops_when_cancelled(void)
{
	struct provider_call call = {.hostname = "h"};
	struct ping_statistics statistics = {.sent = 99};
	struct ping_address address = {.size = 0};
	struct err_info info = {.text = ""};
	volatile bool cancelled = true;

	call.cancelled = &cancelled;
	call.deadline_ms = clock_mono_ms() + 60000;
	ping_parse("192.0.2.2", &address, NULL);
	IS_INT("cancelled", ping_run(&address, 20, &call, &statistics, &info),
	       ERR_TIMEOUT);
	IS_INT("untouched", statistics.sent, 99);
	cancelled = false;
	call.deadline_ms = clock_mono_ms() + 250;
	IS_INT("deadline", ping_run(&address, 20, &call, &statistics, &info),
	       ERR_TIMEOUT);
	HAS_TEXT("says how far it got", info.text, "of 20 packets");
}

static void
write_range(const char *range)
{
	FILE *file = fopen(RANGE, "we");

	OK(RANGE, file && fputs(range, file) >= 0);
	if (file)
		OK(RANGE, fclose(file) == 0);
}

/*
 * A thread of its own becomes another user, by the calls that concern the
 * thread alone; that takes its capabilities too.
 */
static void *
as_nobody(void *arg)
{
	void (*check)(void) = *(void (**)(void))arg;

	OK("setresgid", syscall(SYS_setgroups, 0, NULL) == 0 &&
			    syscall(SYS_setresgid, 65534, 65534, 65534) == 0);
	OK("setresuid", syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
	check();
	return NULL;
}

static void
run_as_nobody(void (*check)(void))
{
	pthread_t thread;

	OK("thread", pthread_create(&thread, NULL, as_nobody, &check) == 0);
	pthread_join(thread, NULL);
}

static void
check_allowed(void)
{
	expect("IPv4 datagram socket", "{\"address\":\"192.0.2.2\"}",
	       "3 sent, 3 received, loss 0.00");
	expect("IPv6 datagram socket", "{\"address\":\"2001:db8::2\"}",
	       "3 sent, 3 received, loss 0.00");
}

static void
check_forbidden(void)
{
	expect("IPv4", "{\"address\":\"192.0.2.2\"}",
	       "socket(AF_INET, SOCK_DGRAM): Permission denied "
	       "(group 65534 is not within net.ipv4.ping_group_range, 1 0); "
	       "socket(AF_INET, SOCK_RAW): Operation not permitted "
	       "(CAP_NET_RAW is missing)");
	expect("IPv6", "{\"address\":\"2001:db8::2\"}",
	       "socket(AF_INET6, SOCK_DGRAM): Permission denied "
	       "(group 65534 is not within net.ipv4.ping_group_range, 1 0); "
	       "socket(AF_INET6, SOCK_RAW): Operation not permitted "
	       "(CAP_NET_RAW is missing)");
}

static void
without_root(void)
{
	write_range("1 0");
	expect("raw sockets, as root", "{\"address\":\"192.0.2.2\"}",
	       "3 sent, 3 received, loss 0.00");
	run_as_nobody(check_forbidden);
	write_range("0 2147483647");
	run_as_nobody(check_allowed);
	expect("datagram sockets, as root", "{\"address\":\"2001:db8::2\"}",
	       "3 sent, 3 received, loss 0.00");
}

static struct netns ns;
static bool has_ns;

static bool
in_namespaces(void)
{
	if (!has_ns && geteuid() == 0)
		has_ns = netns_open(&ns);
	if (!has_ns)
		printf("skipped: needs root and network namespaces\n");
	return has_ns;
}

#define IN_NAMESPACES(name, call)    \
	static void name(void)       \
	{                            \
		if (in_namespaces()) \
			call;        \
	}

IN_NAMESPACES(replies, counts_replies())
IN_NAMESPACES(times, tells_times())
IN_NAMESPACES(losses, counts_losses(&ns))
IN_NAMESPACES(all_lost, all_lost_is_a_result(&ns))
IN_NAMESPACES(told, told_losses(&ns))
IN_NAMESPACES(refused, names_what_the_host_refuses())
IN_NAMESPACES(cancelled, stops_when_cancelled())
IN_NAMESPACES(rights, without_root())

const char unit_name[] = "ping";
const struct unit_case unit_cases[] = {
    {"reads addresses", reads_addresses},
    {"counts replies", replies},
    {"tells the times", times},
    {"counts losses as ping(8) does", losses},
    {"all lost is a result", all_lost},
    {"what the network says it cannot deliver is lost", told},
    {"names what this host refuses", refused},
    {"stops when cancelled, and at the deadline", cancelled},
    {"needs a datagram or a raw socket, and says what is missing", rights},
    {NULL, NULL},
};
