/* lib/schema_format.c: one row per format. */
#include "lib/schema_format.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/subject.h"
#include "lib/uuid.h"

#define INTERFACE_MAX 15 /* octets; IFNAMSIZ - 1 of linux/if.h */
#define DOMAIN_MAX    253
#define LABEL_MAX     63

static bool
is_ipv4(const char *text, struct err_info *why)
{
	struct in_addr address;

	(void)why;
	return inet_pton(AF_INET, text, &address) == 1;
}

static bool
is_ipv6(const char *text, struct err_info *why)
{
	struct in6_addr address;

	(void)why;
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool
is_ip(const char *text, struct err_info *why)
{
	return is_ipv4(text, why) || is_ipv6(text, why);
}

static bool
is_uuid(const char *text, struct err_info *why)
{
	(void)why;
	return uuid_valid(text);
}

static bool
is_hostname(const char *text, struct err_info *why)
{
	char host[SUBJECT_HOST_MAX + 1];

	return subject_host_check(text, host, why) == ERR_OK;
}

static bool
is_target(const char *text, struct err_info *why)
{
	struct target target;

	return target_parse(text, &target, why) == ERR_OK;
}

static bool
is_date_time(const char *text, struct err_info *why)
{
	int64_t wall_ns;

	(void)why;
	return clock_parse_rfc3339(text, &wall_ns) == ERR_OK;
}

static bool
is_duration(const char *text, struct err_info *why)
{
	int64_t ms;

	(void)why;
	return clock_parse_duration(text, &ms) == ERR_OK;
}

static bool
is_interface(const char *text, struct err_info *why)
{
	const char *p;

	(void)why;
	if (!*text || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (p = text; *p; p++)
		if (*p == '/' || *p == ':' || isspace((unsigned char)*p))
			return false;
	return p - text <= INTERFACE_MAX;
}

/* A search domain, or behind "~" a routing domain of systemd-resolved, of
 * which "~." is the one that means every name. */
static bool
is_domain(const char *text, struct err_info *why)
{
	size_t size;
	size_t label = 0;
	size_t i;

	(void)why;
	if (strcmp(text, "~.") == 0)
		return true;
	text += *text == '~';
	size = strlen(text);
	if (size > 1 && text[size - 1] == '.')
		size--;
	if (size == 0 || size > DOMAIN_MAX)
		return false;
	for (i = 0; i < size; i++) {
		if (text[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if ((isascii((unsigned char)text[i]) &&
			    isalnum((unsigned char)text[i])) ||
			   text[i] == '-' || text[i] == '_') {
			if (++label > LABEL_MAX)
				return false;
		} else {
			return false;
		}
	}
	return label != 0;
}

static const struct format {
	const char *name;
	bool (*check)(const char *text, struct err_info *why);
	const char *detail; /* NULL: what check wrote into why */
} formats[] = {
    {"uuid", is_uuid, "not a UUID in lower case"},
    {"ipv4", is_ipv4, "not an IPv4 address"},
    {"ipv6", is_ipv6, "not an IPv6 address"},
    {"ip", is_ip, "not an IP address"},
    {"hostname", is_hostname, NULL},
    {"domain", is_domain, "not a domain name"},
    {"target", is_target, NULL},
    {"date-time", is_date_time,
     "not an RFC 3339 time such as 2026-01-31T23:59:59Z"},
    {"timespan", is_duration, "not a duration such as 250ms, 30s or 2m"},
    {"interface", is_interface, "not an interface name"},
};

static const struct format *
find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

bool
schema_format_known(const char *format)
{
	return find(format) != NULL;
}

bool
schema_format_check(const char *format, const char *text,
		    char detail[static SCHEMA_DETAIL_SIZE])
{
	const struct format *row = find(format);
	struct err_info why = {{0}};

	if (!row || row->check(text, &why))
		return true;
	snprintf(detail, SCHEMA_DETAIL_SIZE, "%.255s",
		 row->detail ? row->detail : why.text);
	return false;
}
