/* t/unit/resolv_conf.c: worker/providers/resolv_conf.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/unit/unit.h"
#include "worker/providers/resolv_conf.h"

/* "a b c" */
static void
join(const json_t *list, char *out, size_t size)
{
	const json_t *item;
	size_t i;

	out[0] = '\0';
	json_array_foreach (list, i, item) {
		size_t used = strlen(out);

		snprintf(out + used, size - used, "%s%s", i ? " " : "",
			 json_string_value(item));
	}
}

static void
is_list(const char *why, const json_t *list, const char *wanted)
{
	char got[1024];

	join(list, got, sizeof(got));
	IS_TEXT(why, got, wanted);
}

static void
reads(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *servers;
		const char *domains;
	} rows[] = {
	    {"one", "nameserver 192.0.2.1\n", "192.0.2.1", ""},
	    {"both sorts, in order",
	     "nameserver 192.0.2.1\nnameserver 2001:DB8:0::1\n",
	     "192.0.2.1 2001:db8::1", ""},
	    {"a zone is kept", "nameserver fe80::1%eth0\n", "fe80::1%eth0", ""},
	    {"search", "search a.example b.example\n", "",
	     "a.example b.example"},
	    {"domain", "domain a.example\n", "", "a.example"},
	    {"the last line counts", "search a\ndomain b\nsearch c d\n", "",
	     "c d"},
	    {"tabs, blanks, no newline", "nameserver\t 192.0.2.1  ",
	     "192.0.2.1", ""},
	    {"words behind an address", "nameserver 192.0.2.1 # mine\n",
	     "192.0.2.1", ""},
	    {"comments", "#nameserver 192.0.2.1\n;search x\n", "", ""},
	    {"indented is no keyword", " nameserver 192.0.2.1\n", "", ""},
	    {"longer word", "nameservers 192.0.2.1\nsearchx y\n", "", ""},
	    {"other lines", "options ndots:2\nsortlist 192.0.2.0\n", "", ""},
	    {"no address", "nameserver\nnameserver \nnameserver x\n", "", ""},
	    {"addresses of nobody",
	     "nameserver 0.0.0.0\nnameserver ::\nnameserver 224.0.0.1\n", "",
	     ""},
	    {"what is no domain", "search a..b -x y_z ~r . ok.\n", "",
	     "y_z ok"},
	    {"empty", "", "", ""},
	    {"binary", "\xff\xfe\x01nameserver 1.2.3.4\nsearch \xff\n", "", ""},
	    {"a zone that is not UTF-8", "nameserver fe80::1%\xff\n", "", ""},
	    {"carriage returns", "nameserver 192.0.2.1\r\nsearch a\r\n",
	     "192.0.2.1", "a"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_settings found = {NULL, NULL};

		IS_INT(rows[i].why,
		       resolv_conf_parse(rows[i].text, strlen(rows[i].text),
					 &found),
		       ERR_OK);
		is_list(rows[i].why, found.servers, rows[i].servers);
		is_list(rows[i].why, found.search_domains, rows[i].domains);
		dns_settings_release(&found);
	}
}

static void
passes_over_nul_and_long_words(void)
{
	static const char nul[] = "nameserver 192.0.2\0.1\nsearch a\0b c\n";
	size_t size = 60000;
	char *text = malloc(size);
	struct dns_settings found = {NULL, NULL};

	IS_INT("NUL", resolv_conf_parse(nul, sizeof(nul) - 1, &found), ERR_OK);
	is_list("no server", found.servers, "");
	is_list("the other domain", found.search_domains, "c");
	dns_settings_release(&found);
	memset(text, 'x', size);
	memcpy(text, "search ", 7);
	memcpy(text + size - 2, " y", 2);
	IS_INT("long", resolv_conf_parse(text, size, &found), ERR_OK);
	is_list("the short domain", found.search_domains, "y");
	dns_settings_release(&found);
	free(text);
}

#define ODD                        \
	"# mine\n"                 \
	"options ndots:2 rotate\n" \
	"search old.example\n"     \
	"nameserver 192.0.2.1\n"   \
	"; between\n"              \
	"nameserver 192.0.2.2\n"   \
	"sortlist 192.0.2.0/255.255.255.0"

static void
writes(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *servers; /* JSON, "" leaves them */
		const char *domains;
		const char *wanted;
	} rows[] = {
	    {"servers alone, in place of the first", ODD,
	     "[\"2001:db8::1\",\"192.0.2.9\"]", "",
	     "# mine\noptions ndots:2 rotate\nsearch old.example\n"
	     "nameserver 2001:db8::1\nnameserver 192.0.2.9\n; between\n"
	     "sortlist 192.0.2.0/255.255.255.0"},
	    {"domains alone", ODD, "", "[\"a.example\",\"b.example\"]",
	     "# mine\noptions ndots:2 rotate\nsearch a.example b.example\n"
	     "nameserver 192.0.2.1\n; between\nnameserver 192.0.2.2\n"
	     "sortlist 192.0.2.0/255.255.255.0"},
	    {"no domains", ODD, "", "[]",
	     "# mine\noptions ndots:2 rotate\n"
	     "nameserver 192.0.2.1\n; between\nnameserver 192.0.2.2\n"
	     "sortlist 192.0.2.0/255.255.255.0"},
	    {"both, where neither was", "# x", "[\"192.0.2.9\"]", "[\"a\"]",
	     "# x\nsearch a\nnameserver 192.0.2.9\n"},
	    {"an empty file", "", "[\"192.0.2.9\"]", "",
	     "nameserver 192.0.2.9\n"},
	    {"several search lines become one", "search a\ndomain b\n", "",
	     "[\"c\"]", "search c\n"},
	    {"nothing", ODD, "", "", ODD},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_settings change = {
		    json_loads(rows[i].servers, 0, NULL),
		    json_loads(rows[i].domains, 0, NULL)};
		char *out = NULL;
		size_t size = 0;

		IS_INT(rows[i].why,
		       resolv_conf_render(rows[i].text, strlen(rows[i].text),
					  &change, &out, &size),
		       ERR_OK);
		IS_TEXT(rows[i].why, out, rows[i].wanted);
		free(out);
		dns_settings_release(&change);
	}
}

static void
keeps_other_octets(void)
{
	static const char text[] = "\0\xff\n#\n";
	struct dns_settings change = {json_pack("[s]", "192.0.2.1"), NULL};
	char *out = NULL;
	size_t size = 0;

	IS_INT("render",
	       resolv_conf_render(text, sizeof(text) - 1, &change, &out, &size),
	       ERR_OK);
	IS_INT("size", size,
	       sizeof(text) - 1 + strlen("nameserver 192.0.2.1\n"));
	OK("as they were", memcmp(out, text, sizeof(text) - 1) == 0);
	free(out);
	dns_settings_release(&change);
}

static void
names_the_manager(void)
{
	static const struct {
		const char *why;
		const char *path;
		const char *text;
		const char *manager;
	} rows[] = {
	    {"nobody", "/etc/resolv.conf", "nameserver 192.0.2.1\n", NULL},
	    {"a person", "/etc/resolv.conf", "# by hand, 2024\n", NULL},
	    {"resolved's link", "/run/systemd/resolve/stub-resolv.conf", "",
	     "systemd-resolved"},
	    {"resolved's static file", "/usr/lib/systemd/resolv.conf", "",
	     "systemd-resolved"},
	    {"resolved's comment", "/etc/resolv.conf",
	     "# This file is managed by man:systemd-resolved(8). Do not "
	     "edit.\n",
	     "systemd-resolved"},
	    {"NetworkManager", "/etc/resolv.conf",
	     "# Generated by NetworkManager\n", "NetworkManager"},
	    {"NetworkManager's link", "/run/NetworkManager/resolv.conf", "",
	     "NetworkManager"},
	    {"resolvconf", "/run/resolvconf/resolv.conf", "", "resolvconf"},
	    {"openresolv", "/etc/resolv.conf", "# Generated by resolvconf\n",
	     "resolvconf"},
	    {"dhclient", "/etc/resolv.conf",
	     "; generated by /usr/sbin/dhclient-script\n", "dhclient"},
	    {"dhcpcd", "/etc/resolv.conf",
	     "# Generated by dhcpcd from eth0.dhcp\n", "dhcpcd"},
	    {"ConnMan", "/etc/resolv.conf",
	     "# Generated by Connection Manager\n", "ConnMan"},
	    {"netconfig", "/run/netconfig/resolv.conf", "", "netconfig"},
	    {"WSL", "/mnt/wsl/resolv.conf", "", "WSL"},
	    {"Tailscale", "/etc/resolv.conf",
	     "# resolv.conf(5) file generated by tailscale\n", "Tailscale"},
	    {"in a later line", "/etc/resolv.conf",
	     "nameserver 192.0.2.1\n# generated by NETWORKMANAGER\n",
	     "NetworkManager"},
	    {"Docker says that it may be edited", "/etc/resolv.conf",
	     "# Generated by Docker Engine.\n# This file can be edited\n",
	     NULL},
	    {"no comment", "/etc/resolv.conf",
	     "search networkmanager.example\n", NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		IS_TEXT(rows[i].why,
			resolv_conf_manager(rows[i].path, rows[i].text,
					    strlen(rows[i].text)),
			rows[i].manager);
}

const char unit_name[] = "resolv_conf";
const struct unit_case unit_cases[] = {
    {"reads what the resolver reads", reads},
    {"passes over NUL and long words", passes_over_nul_and_long_words},
    {"writes only the lines of its lists", writes},
    {"keeps all other octets", keeps_other_octets},
    {"names who else writes the file", names_the_manager},
    {NULL, NULL},
};
