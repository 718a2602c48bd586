/*
 * t/unit/dns_resolved.c: worker/providers/dns_resolved.c.
 *
 * Without further ado: a bus that is not there, and one that is mute.  The rest
 * needs a systemd-resolved that nobody else uses: t/e2e/test_dns_resolved.py
 * starts one, puts resolvectl(1) into PATH, and says so by
 *	OSAPI_TEST_RESOLVED=running	it runs, and keeps the links "veth0"
 *					and "eth0.100"
 *	OSAPI_TEST_RESOLVED=stopped	the bus runs, it does not
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "t/support/command.h"
#include "t/unit/unit.h"
#include "worker/privilege.h"
#include "worker/providers/dns_resolved.h"

#define BUS "DBUS_SYSTEM_BUS_ADDRESS"

/* The result as text, or the error's words. */
static enum err
run(const char *operation, const char *data, int64_t left_ms,
    char out[static 512])
{
	volatile bool cancelled = false;
	json_t *object = json_loads(data, 0, NULL);
	struct provider_call call = {
	    .hostname = "h",
	    .data = object,
	    .deadline_ms = clock_mono_ms() + left_ms,
	    .cancelled = &cancelled,
	};
	struct err_info info = {.text = ""};
	json_t *result = NULL;
	char *text = NULL;
	enum err err;

	err = strcmp(operation, "get") == 0
		  ? dns_get(&dns_resolved, &call, &result, &info)
		  : dns_update(&dns_resolved, &call, &result, &info);
	if (!err)
		text = json_text(result, NULL);
	snprintf(out, 512, "%s", text ? text : info.text);
	free(text);
	json_decref(result);
	json_decref(object);
	return err;
}

static char *
set_bus(const char *address)
{
	const char *old = getenv(BUS);
	char *copy = old ? strdup(old) : NULL;

	setenv(BUS, address, 1);
	return copy;
}

static void
restore_bus(char *old)
{
	if (old)
		setenv(BUS, old, 1);
	else
		unsetenv(BUS);
	free(old);
}

static void
names_a_missing_bus(void)
{
	char *old = set_bus("unix:path=/nonexistent/bus");
	char got[512];

	IS_INT("get", run("get", "{\"interface_name\":\"lo\"}", 30000, got),
	       ERR_UNAVAILABLE);
	IS_TEXT("call and errno", got,
		"systemd-resolved: sd_bus_open_system: "
		"No such file or directory");
	OK("not available", !dns_resolved_available());
	restore_bus(old);
}

/* A socket that takes the connection and never says a word. */
static void
does_not_wait_for_a_mute_bus(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[256];
	int64_t start;
	char *old;
	char got[512];

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/bus",
		 unit_directory());
	IS_INT("bind", bind(fd, (struct sockaddr *)&address, sizeof(address)),
	       0);
	IS_INT("listen", listen(fd, 8), 0);
	snprintf(text, sizeof(text), "unix:path=%s", address.sun_path);
	old = set_bus(text);
	start = clock_mono_ms();
	IS_INT("get", run("get", "{\"interface_name\":\"lo\"}", 100, got),
	       ERR_UNAVAILABLE);
	/* sd-bus by itself waits 90 s */
	OK("not for sd-bus's own time", clock_mono_ms() - start < 60000);
	IS_TEXT("what was waited for", got,
		"systemd-resolved: connecting to the bus: "
		"Connection timed out");
	restore_bus(old);
	close(fd);
}

static bool
resolved_is(const char *state)
{
	const char *said = getenv("OSAPI_TEST_RESOLVED");

	if (said && strcmp(said, state) == 0)
		return true;
	printf("skipped: OSAPI_TEST_RESOLVED is not \"%s\"\n", state);
	return false;
}

static void
update(const char *why, const char *data, enum err err, const char *wanted)
{
	char got[512];

	IS_INT(why, run("update", data, 30000, got), err);
	IS_TEXT(why, got, wanted);
}

/* "resolvectl dns veth0" says "Link 3 (veth0): 192.0.2.53". */
static void
resolvectl_says(const char *verb, const char *link, const char *wanted)
{
	const char *const argv[] = {"resolvectl", verb, link, NULL};
	char text[1024] = "";
	char *colon;

	IS_INT("resolvectl", command_run(argv, text, sizeof(text)), 0);
	text[strcspn(text, "\n")] = '\0';
	colon = strstr(text, "):");
	OK("a line", colon != NULL);
	if (!colon)
		return;
	colon += colon[2] == ' ' ? 3 : 2;
	IS_TEXT(verb, colon, wanted);
}

static void
reads_what_resolvectl_set(void)
{
	char got[512];

	if (!resolved_is("running"))
		return;
	OK("available", dns_resolved_available());
	IS_INT("resolvectl",
	       COMMAND("resolvectl", "dns", "eth0.100", "192.0.2.53",
		       "2001:db8::53"),
	       0);
	IS_INT("resolvectl",
	       COMMAND("resolvectl", "domain", "eth0.100", "one.example",
		       "~two.example"),
	       0);
	IS_INT("get",
	       run("get", "{\"interface_name\":\"eth0.100\"}", 30000, got),
	       ERR_OK);
	IS_TEXT("both lists", got,
		"{\"servers\":[\"192.0.2.53\",\"2001:db8::53\"],"
		"\"search_domains\":[\"one.example\",\"~two.example\"]}");
}

static void
sets_what_resolvectl_reads(void)
{
	if (!resolved_is("running"))
		return;
	update("both",
	       "{\"interface_name\":\"veth0\",\"servers\":[\"192.0.2.7\","
	       "\"2001:DB8::7\"],\"search_domains\":[\"a.example.\","
	       "\"~b.example\",\"~.\"]}",
	       ERR_OK,
	       "{\"changed\":true,\"servers\":[\"192.0.2.7\",\"2001:db8::7\"],"
	       "\"search_domains\":[\"a.example\",\"~b.example\",\"~.\"]}");
	resolvectl_says("dns", "veth0", "192.0.2.7 2001:db8::7");
	resolvectl_says("domain", "veth0", "a.example ~b.example ~.");
	resolvectl_says("dns", "eth0.100", "192.0.2.53 2001:db8::53");
}

static void
keeps_what_is_not_named(void)
{
	if (!resolved_is("running"))
		return;
	update("servers alone",
	       "{\"interface_name\":\"veth0\",\"servers\":[\"192.0.2.8\"]}",
	       ERR_OK,
	       "{\"changed\":true,\"servers\":[\"192.0.2.8\"],"
	       "\"search_domains\":[\"a.example\",\"~b.example\",\"~.\"]}");
	resolvectl_says("domain", "veth0", "a.example ~b.example ~.");
	update("domains alone",
	       "{\"interface_name\":\"veth0\",\"search_domains\":[]}", ERR_OK,
	       "{\"changed\":true,\"servers\":[\"192.0.2.8\"],"
	       "\"search_domains\":[]}");
	resolvectl_says("dns", "veth0", "192.0.2.8");
	resolvectl_says("domain", "veth0", "");
}

static void
does_not_write_what_is_so(void)
{
	if (!resolved_is("running"))
		return;
	update("unchanged",
	       "{\"interface_name\":\"veth0\",\"servers\":[\"192.0.2.8\"],"
	       "\"search_domains\":[]}",
	       ERR_OK,
	       "{\"changed\":false,\"servers\":[\"192.0.2.8\"],"
	       "\"search_domains\":[]}");
}

/* systemd-resolved refuses its own address as a server. */
static void
sets_both_or_neither(void)
{
	if (!resolved_is("running"))
		return;
	update("the second is refused",
	       "{\"interface_name\":\"veth0\",\"servers\":[\"127.0.0.53\"],"
	       "\"search_domains\":[\"c.example\"]}",
	       ERR_INVALID,
	       "systemd-resolved: SetLinkDNS: Invalid DNS server address: "
	       "Invalid argument");
	resolvectl_says("dns", "veth0", "192.0.2.8");
	resolvectl_says("domain", "veth0", "");
}

static void
refuses_other_links(void)
{
	if (!resolved_is("running"))
		return;
	update("loopback",
	       "{\"interface_name\":\"lo\",\"servers\":[\"192.0.2.8\"]}",
	       ERR_CONFLICT,
	       "systemd-resolved: SetLinkDNS: Link lo is loopback device.: "
	       "Device or resource busy");
	update("no such link",
	       "{\"interface_name\":\"veth7\",\"servers\":[\"192.0.2.8\"]}",
	       ERR_NOT_FOUND, "interface veth7: No such device");
}

static void *
as_nobody(void *arg)
{
	(void)arg;
	OK("setresuid", syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
	update("another user",
	       "{\"interface_name\":\"veth0\",\"servers\":[\"192.0.2.9\"]}",
	       ERR_FORBIDDEN,
	       "systemd-resolved: SetLinkDNS: Permission denied "
	       "(the worker must run as uid 0, or polkit must allow it)");
	return NULL;
}

static void *
as_worker(void *arg)
{
	struct err_info info = {.text = ""};

	(void)arg;
	IS_INT("drop", privilege_drop(NULL, &info), ERR_OK);
	update("root without capabilities",
	       "{\"interface_name\":\"veth0\",\"servers\":[\"192.0.2.9\"]}",
	       ERR_OK,
	       "{\"changed\":true,\"servers\":[\"192.0.2.9\"],"
	       "\"search_domains\":[]}");
	return NULL;
}

static void
in_thread(void *(*body)(void *))
{
	pthread_t thread;

	OK("thread", pthread_create(&thread, NULL, body, NULL) == 0);
	pthread_join(thread, NULL);
}

static void
needs_uid_0_and_no_capability(void)
{
	if (!resolved_is("running"))
		return;
	in_thread(as_nobody);
	resolvectl_says("dns", "veth0", "192.0.2.8");
	in_thread(as_worker);
	resolvectl_says("dns", "veth0", "192.0.2.9");
}

static void
says_that_it_does_not_run(void)
{
	char got[512];

	if (!resolved_is("stopped"))
		return;
	OK("not available", !dns_resolved_available());
	IS_INT("get", run("get", "{\"interface_name\":\"veth0\"}", 30000, got),
	       ERR_UNAVAILABLE);
	HAS_TEXT("names the call", got, "systemd-resolved: GetLink: ");
	HAS_TEXT("and the service", got, "org.freedesktop.resolve1");
}

const char unit_name[] = "dns_resolved";
const struct unit_case unit_cases[] = {
    {"names a bus that is not there", names_a_missing_bus},
    {"does not wait for a mute bus", does_not_wait_for_a_mute_bus},
    {"reads what resolvectl set", reads_what_resolvectl_set},
    {"sets what resolvectl reads", sets_what_resolvectl_reads},
    {"keeps what is not named", keeps_what_is_not_named},
    {"does not write what is so already", does_not_write_what_is_so},
    {"sets both or neither", sets_both_or_neither},
    {"refuses loopback, and links that are not there", refuses_other_links},
    {"needs uid 0 and no capability", needs_uid_0_and_no_capability},
    {"says that systemd-resolved does not run", says_that_it_does_not_run},
    {NULL, NULL},
};
