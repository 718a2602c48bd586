/* t/unit/dns.c: worker/providers/dns.c, requests and names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/unit.h"
#include "worker/providers/dns.h"

static void
checks_servers(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *normal; /* NULL: refused */
	} rows[] = {
	    {"IPv4", "192.0.2.1", "192.0.2.1"},
	    {"IPv6 in short", "2001:0DB8:0:0::0001", "2001:db8::1"},
	    {"loopback", "127.0.0.1", "127.0.0.1"},
	    {"link-local", "fe80::1", "fe80::1"},
	    {"unspecified", "0.0.0.0", NULL},
	    {"unspecified", "::", NULL},
	    {"multicast", "224.0.0.251", NULL},
	    {"multicast", "ff02::fb", NULL},
	    {"broadcast", "255.255.255.255", NULL},
	    {"a port", "192.0.2.1:53", NULL},
	    {"a zone", "fe80::1%eth0", NULL},
	    {"a name", "dns.example", NULL},
	    {"leading nought", "192.0.2.01", NULL},
	    {"blank", " 192.0.2.1", NULL},
	    {"a line more", "192.0.2.1\nnameserver 192.0.2.2", NULL},
	    {"empty", "", NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char normal[46] = "";
		bool good = dns_server_check(rows[i].text, normal);

		IS_TEXT(rows[i].why, good ? normal : NULL, rows[i].normal);
	}
}

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"

static void
checks_domains(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *normal; /* NULL: refused */
	} rows[] = {
	    {"a domain", "example.com", "example.com"},
	    {"one label", "lan", "lan"},
	    {"the root's dot is dropped", "example.com.", "example.com"},
	    {"routing", "~example.com", "~example.com"},
	    {"routing, all", "~.", "~."},
	    {"underscore", "_tcp.example", "_tcp.example"},
	    {"hyphen inside", "a-b.example", "a-b.example"},
	    {"the longest label", L63 ".x", L63 ".x"},
	    {"253 in all", &(L63 "." L63 "." L63 "." L63)[2],
	     &(L63 "." L63 "." L63 "." L63)[2]},
	    {"254 in all", &(L63 "." L63 "." L63 "." L63)[1], NULL},
	    {"far too long", L63 "." L63 "." L63 "." L63 "." L63 "." L63, NULL},
	    {"64 in a label", L63 "x.x", NULL},
	    {"hyphen first", "-a.example", NULL},
	    {"hyphen last", "a-.example", NULL},
	    {"hyphen last of all", "a.example-", NULL},
	    {"empty label", "a..b", NULL},
	    {"dot first", ".a", NULL},
	    {"two dots last", "a..", NULL},
	    {"the root is no search domain", ".", NULL},
	    {"nothing to route", "~", NULL},
	    {"twice", "~~a", NULL},
	    {"blank", "a b", NULL},
	    {"a line more", "a\nnameserver 192.0.2.2", NULL},
	    {"not ASCII", "ex\xc3\xa4mple.com", NULL},
	    {"empty", "", NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char normal[256] = "";
		bool good;

		good = dns_domain_check(rows[i].text, normal);
		IS_TEXT(rows[i].why, good ? normal : NULL, rows[i].normal);
	}
}

static void
refuses_requests(void)
{
	static const struct {
		const char *data;
		enum err err;
		const char *words;
	} rows[] = {
	    {"{\"interface_name\":\"nolink0\"}", ERR_NOT_FOUND,
	     "interface nolink0: No such device"},
	    {"{}", ERR_INVALID, "interface_name: nothing is not a name"},
	    {"{\"interface_name\":\"\"}", ERR_INVALID, "interface_name"},
	    {"{\"interface_name\":\"..\"}", ERR_INVALID, "interface_name"},
	    {"{\"interface_name\":\"a/b\"}", ERR_INVALID, "interface_name"},
	    {"{\"interface_name\":\"a b\"}", ERR_INVALID, "interface_name"},
	    {"{\"interface_name\":\"a:1\"}", ERR_INVALID, "interface_name"},
	    {"{\"interface_name\":\"sixteen-letters-\"}", ERR_INVALID,
	     "interface_name"},
	    {"{\"interface_name\":7}", ERR_INVALID, "interface_name"},
	    {"{\"interface_name\":\"lo\",\"servers\":[\"192.0.2.1\",\"x\"]}",
	     ERR_INVALID, "servers[1]: x is not an IPv4 or IPv6 address"},
	    {"{\"interface_name\":\"lo\",\"servers\":[7]}", ERR_INVALID,
	     "servers[0]: this is not"},
	    {"{\"interface_name\":\"lo\",\"servers\":\"192.0.2.1\"}",
	     ERR_INVALID, "servers: not a list"},
	    {"{\"interface_name\":\"lo\",\"search_domains\":[\"a..b\"]}",
	     ERR_INVALID, "search_domains[0]: a..b is not a domain name"},
	    {"{\"interface_name\":\"lo\",\"search_domains\":[\"a\",\"~A\"]}",
	     ERR_INVALID,
	     "search_domains[1]: ~A is there as a search and as a routing"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *data = json_loads(rows[i].data, 0, NULL);
		struct dns_settings change = {NULL, NULL};
		struct dns_link link = {NULL, 0};
		struct err_info info = {.text = ""};

		IS_INT(rows[i].data, dns_request(data, &link, &change, &info),
		       rows[i].err);
		HAS_TEXT(rows[i].data, info.text, rows[i].words);
		OK("untouched on failure", !link.name && !change.servers);
		json_decref(data);
	}
}

static void
bounds_lists(void)
{
	json_t *list = json_array();
	json_t *data =
	    json_pack("{s:s,s:o}", "interface_name", "lo", "servers", list);
	struct dns_settings change = {NULL, NULL};
	struct dns_link link = {NULL, 0};
	struct err_info info = {.text = ""};
	int i;

	for (i = 1; i <= DNS_SERVERS_MAX; i++)
		json_array_append_new(list, json_sprintf("192.0.2.%d", i));
	IS_INT("as many as may be", dns_request(data, &link, &change, &info),
	       ERR_OK);
	IS_INT("all", json_array_size(change.servers), DNS_SERVERS_MAX);
	dns_settings_release(&change);
	json_array_append_new(list, json_string("192.0.2.100"));
	IS_INT("one more", dns_request(data, &link, &change, &info),
	       ERR_INVALID);
	HAS_TEXT("says how many", info.text, "at most 16");
	json_decref(data);
}

static void
takes_requests(void)
{
	json_t *data = json_loads(
	    "{\"interface_name\":\"lo\",\"servers\":[\"2001:DB8::1\","
	    "\"192.0.2.1\",\"2001:db8:0::1\"],\"search_domains\":[]}",
	    0, NULL);
	struct dns_settings change = {NULL, NULL};
	struct dns_link link = {NULL, 0};

	IS_INT("request", dns_request(data, &link, &change, NULL), ERR_OK);
	IS_TEXT("interface", link.name, "lo");
	OK("its index", link.index > 0);
	IS_INT("each once", json_array_size(change.servers), 2);
	IS_TEXT("normal form",
		json_string_value(json_array_get(change.servers, 0)),
		"2001:db8::1");
	IS_INT("an empty list is a list",
	       json_array_size(change.search_domains), 0);
	OK("and not none", change.search_domains != NULL);
	dns_settings_release(&change);
	json_object_del(data, "search_domains");
	IS_INT("request", dns_request(data, &link, &change, NULL), ERR_OK);
	OK("no list is none", change.search_domains == NULL);
	dns_settings_release(&change);
	json_decref(data);
}

static void
compares_lists(void)
{
	static const struct {
		const char *a;
		const char *b;
		bool equal;
	} rows[] = {
	    {"[]", "[]", true},
	    {"[\"a\",\"b\"]", "[\"a\",\"b\"]", true},
	    {"[\"a.Example\"]", "[\"A.example\"]", true},
	    {"[\"a\",\"b\"]", "[\"b\",\"a\"]", false},
	    {"[\"a\"]", "[\"a\",\"b\"]", false},
	    {"[\"a\"]", "[\"~a\"]", false},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *a = json_loads(rows[i].a, 0, NULL);
		json_t *b = json_loads(rows[i].b, 0, NULL);

		IS_INT(rows[i].b, dns_list_equal(a, b), rows[i].equal);
		json_decref(a);
		json_decref(b);
	}
}

const char unit_name[] = "dns";
const struct unit_case unit_cases[] = {
    {"checks servers", checks_servers},
    {"checks domains", checks_domains},
    {"refuses requests and says where", refuses_requests},
    {"bounds lists", bounds_lists},
    {"takes requests in normal form", takes_requests},
    {"compares lists", compares_lists},
    {NULL, NULL},
};
