/*
 * worker/providers/dns.c: network.dns.get and network.dns.update, whatever
 * keeps the settings.
 */
#include "worker/providers/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "worker/providers/dns_resolv_conf.h"
#include "worker/providers/dns_resolved.h"

/* Held over reading, changing and reading back. */
static pthread_mutex_t update_lock = PTHREAD_MUTEX_INITIALIZER;

void
dns_settings_release(struct dns_settings *settings)
{
	json_decref(settings->servers);
	json_decref(settings->search_domains);
	*settings = (struct dns_settings){NULL, NULL};
}

bool
dns_list_equal(const json_t *a, const json_t *b)
{
	size_t count = json_array_size(a);
	size_t i;

	if (json_array_size(b) != count)
		return false;
	for (i = 0; i < count; i++)
		if (strcasecmp(json_string_value(json_array_get(a, i)),
			       json_string_value(json_array_get(b, i))) != 0)
			return false;
	return true;
}

bool
dns_server_check(const char *text, char out[static 46])
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return four.s_addr != INADDR_ANY &&
		       !IN_MULTICAST(ntohl(four.s_addr)) &&
		       four.s_addr != INADDR_BROADCAST &&
		       inet_ntop(AF_INET, &four, out, 46);
	if (inet_pton(AF_INET6, text, &six) == 1)
		return !IN6_IS_ADDR_UNSPECIFIED(&six) &&
		       !IN6_IS_ADDR_MULTICAST(&six) &&
		       inet_ntop(AF_INET6, &six, out, 46);
	return false;
}

static bool
is_label_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool
is_domain(const char *name, size_t size)
{
	size_t label = 0;
	size_t i;

	if (size == 0 || size > 253)
		return false;
	for (i = 0; i < size; i++) {
		bool begins = label == 0;
		bool ends = i + 1 == size || name[i + 1] == '.';

		if (name[i] == '.') {
			if (begins)
				return false;
			label = 0;
			continue;
		}
		if (!is_label_character(name[i]) || ++label > 63 ||
		    (name[i] == '-' && (begins || ends)))
			return false;
	}
	return label > 0;
}

bool
dns_domain_check(const char *text, char out[static 256])
{
	const char *name = text[0] == '~' ? text + 1 : text;
	size_t size = strlen(name);
	size_t mark = (size_t)(name - text);

	if (mark && strcmp(name, ".") == 0) {
		memcpy(out, "~.", 3);
		return true;
	}
	if (size && name[size - 1] == '.')
		size--;
	if (!is_domain(name, size))
		return false;
	memcpy(out, text, mark + size);
	out[mark + size] = '\0';
	return true;
}

/* One of the two lists of a request. */
struct list_kind {
	const char *key;
	size_t max;
	const char *expected;
	bool domains;
};

static const struct list_kind servers_kind = {
    "servers", DNS_SERVERS_MAX, "an IPv4 or IPv6 address of a server", false};
static const struct list_kind domains_kind = {
    "search_domains", DNS_DOMAINS_MAX,
    "a domain name, or a routing domain as \"~example.com\"", true};

/*
 * Whether the text is in the list already; ERR_CONFLICT where the same domain
 * is there as the other sort of domain.
 */
static enum err
find_same(const json_t *list, const char *text, bool *there)
{
	const char *name = text[0] == '~' ? text + 1 : text;
	const json_t *item;
	size_t i;

	*there = false;
	json_array_foreach (list, i, item) {
		const char *other = json_string_value(item);

		if (strcasecmp(other, text) == 0)
			*there = true;
		else if (strcasecmp(other[0] == '~' ? other + 1 : other,
				    name) == 0)
			return ERR_CONFLICT;
	}
	return ERR_OK;
}

static enum err
take_item(const struct list_kind *kind, const json_t *item, size_t i,
	  json_t *list, struct err_info *info)
{
	const char *text = json_string_value(item);
	char normal[256];
	bool there;

	if (!text || !(kind->domains ? dns_domain_check(text, normal)
				     : dns_server_check(text, normal)))
		return err_set(info, ERR_INVALID, "%s[%zu]: %.64s is not %s",
			       kind->key, i, text ? text : "this",
			       kind->expected);
	if (find_same(list, normal, &there))
		return err_set(info, ERR_INVALID,
			       "%s[%zu]: %.64s is there as a search and as a "
			       "routing domain",
			       kind->key, i, normal);
	if (!there && json_array_append_new(list, json_string(normal)) != 0)
		return err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	return ERR_OK;
}

static enum err
take_list(const struct list_kind *kind, const json_t *data, json_t **out,
	  struct err_info *info)
{
	const json_t *given = json_object_get(data, kind->key);
	const json_t *item;
	json_t *list;
	enum err err = ERR_OK;
	size_t i;

	if (!given)
		return ERR_OK;
	if (!json_is_array(given) || json_array_size(given) > kind->max)
		return err_set(info, ERR_INVALID,
			       "%s: not a list of at most %zu", kind->key,
			       kind->max);
	list = json_array();
	if (!list)
		return err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	json_array_foreach (given, i, item) {
		err = take_item(kind, item, i, list, info);
		if (err)
			break;
	}
	if (err)
		json_decref(list);
	else
		*out = list;
	return err;
}

/* Names as the kernel takes them: dev_valid_name() in net/core/dev.c. */
static bool
is_interface_name(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < IFNAMSIZ && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !strpbrk(name, "/: \t\n\v\f\r");
}

static enum err
take_link(const json_t *data, struct dns_link *link, struct err_info *info)
{
	const char *name = json_member_string(data, "interface_name");
	unsigned index;

	if (!name || !is_interface_name(name))
		return err_set(info, ERR_INVALID,
			       "interface_name: %.64s is not a name that an "
			       "interface can have",
			       name ? name : "nothing");
	index = if_nametoindex(name);
	if (index == 0)
		return err_set(info,
			       errno == ENODEV || errno == ENXIO ? ERR_NOT_FOUND
								 : ERR_IO,
			       "interface %s: %s", name, strerror(errno));
	*link = (struct dns_link){name, (int)index};
	return ERR_OK;
}

enum err
dns_request(const json_t *data, struct dns_link *link,
	    struct dns_settings *change, struct err_info *info)
{
	struct dns_settings taken = {NULL, NULL};
	struct dns_link on = {NULL, 0};
	enum err err;

	err = take_list(&servers_kind, data, &taken.servers, info);
	if (!err)
		err =
		    take_list(&domains_kind, data, &taken.search_domains, info);
	if (!err)
		err = take_link(data, &on, info);
	if (err) {
		dns_settings_release(&taken);
		return err;
	}
	*link = on;
	*change = taken;
	return ERR_OK;
}

/* Takes the lists out of `settings`. */
static enum err
make_result(struct dns_settings *settings, json_t *result,
	    struct err_info *info)
{
	json_t *servers = settings->servers;
	json_t *domains = settings->search_domains;
	int rc;

	*settings = (struct dns_settings){NULL, NULL};
	rc = json_object_set_new(result, "servers", servers);
	rc |= json_object_set_new(result, "search_domains", domains);
	if (rc)
		return err_set(info, ERR_NO_MEMORY, "malloc: no memory");
	return ERR_OK;
}

enum err
dns_get(const struct dns_way *way, const struct provider_call *call,
	json_t **result, struct err_info *info)
{
	struct dns_settings change = {NULL, NULL};
	struct dns_settings now = {NULL, NULL};
	struct dns_link link;
	json_t *object = NULL;
	enum err err = dns_request(call->data, &link, &change, info);

	if (!err)
		err = way->read(way, &link, call->deadline_ms, &now, info);
	if (!err) {
		object = json_object();
		err = make_result(&now, object, info);
	}
	if (err)
		json_decref(object);
	else
		*result = object;
	dns_settings_release(&change);
	dns_settings_release(&now);
	return err;
}

/* Drops from the change what is so already. */
static void
drop_unchanged(const struct dns_settings *now, struct dns_settings *change)
{
	if (change->servers && dns_list_equal(now->servers, change->servers)) {
		json_decref(change->servers);
		change->servers = NULL;
	}
	if (change->search_domains &&
	    dns_list_equal(now->search_domains, change->search_domains)) {
		json_decref(change->search_domains);
		change->search_domains = NULL;
	}
}

static enum err
check_written(const struct dns_settings *now, const struct dns_settings *change,
	      struct err_info *info)
{
	if (change->servers && !dns_list_equal(now->servers, change->servers))
		return err_set(
		    info, ERR_INTERNAL,
		    "servers were written, but others are read back");
	if (change->search_domains &&
	    !dns_list_equal(now->search_domains, change->search_domains))
		return err_set(info, ERR_INTERNAL,
			       "search_domains were written, but others are "
			       "read back");
	return ERR_OK;
}

/* What is there no more after a change can be put back from the log. */
static void
log_former(const struct dns_link *link, const struct dns_settings *now)
{
	char *servers = json_dumps(now->servers, JSON_COMPACT);
	char *domains = json_dumps(now->search_domains, JSON_COMPACT);

	log_info("DNS changes", LOG_S("interface", link->name),
		 LOG_S("former_servers", servers),
		 LOG_S("former_search_domains", domains));
	free(servers);
	free(domains);
}

/* Leaves in *now what holds afterwards. */
static enum err
apply(const struct dns_way *way, const struct dns_link *link,
      int64_t deadline_ms, struct dns_settings *change,
      struct dns_settings *now, bool *changed, struct err_info *info)
{
	enum err err = way->read(way, link, deadline_ms, now, info);

	if (err)
		return err;
	drop_unchanged(now, change);
	*changed = change->servers || change->search_domains;
	if (!*changed)
		return ERR_OK;
	log_former(link, now);
	err = way->write(way, link, deadline_ms, now, change, info);
	if (err)
		return err;
	dns_settings_release(now);
	err = way->read(way, link, deadline_ms, now, info);
	return err ? err : check_written(now, change, info);
}

static enum err
apply_alone(const struct dns_way *way, const struct dns_link *link,
	    int64_t deadline_ms, struct dns_settings *change,
	    struct dns_settings *now, bool *changed, struct err_info *info)
{
	int64_t until_ns =
	    clock_wall_ns() + (deadline_ms - clock_mono_ms()) * CLOCK_NS_PER_MS;
	struct timespec until = {.tv_sec = until_ns / CLOCK_NS_PER_S,
				 .tv_nsec = until_ns % CLOCK_NS_PER_S};
	enum err err;
	int rc;

	rc = pthread_mutex_timedlock(&update_lock, &until);
	if (rc)
		return err_set(info, ERR_TIMEOUT,
			       "another DNS update still runs: "
			       "pthread_mutex_timedlock: %s",
			       strerror(rc));
	err = apply(way, link, deadline_ms, change, now, changed, info);
	pthread_mutex_unlock(&update_lock);
	return err;
}

enum err
dns_update(const struct dns_way *way, const struct provider_call *call,
	   json_t **result, struct err_info *info)
{
	struct dns_settings change = {NULL, NULL};
	struct dns_settings now = {NULL, NULL};
	struct dns_link link;
	bool changed = false;
	json_t *object = NULL;
	enum err err = dns_request(call->data, &link, &change, info);

	if (!err && !change.servers && !change.search_domains)
		err = err_set(info, ERR_INVALID,
			      "neither servers nor search_domains is given");
	if (!err)
		err = apply_alone(way, &link, call->deadline_ms, &change, &now,
				  &changed, info);
	if (!err) {
		object = json_pack("{s:b}", "changed", changed);
		err = make_result(&now, object, info);
	}
	if (err)
		json_decref(object);
	else
		*result = object;
	dns_settings_release(&change);
	dns_settings_release(&now);
	return err;
}

static enum err
get_resolved(const struct provider_call *call, json_t **result,
	     struct err_info *info)
{
	return dns_get(&dns_resolved, call, result, info);
}

static enum err
update_resolved(const struct provider_call *call, json_t **result,
		struct err_info *info)
{
	return dns_update(&dns_resolved, call, result, info);
}

static enum err
get_resolv_conf(const struct provider_call *call, json_t **result,
		struct err_info *info)
{
	return dns_get(&dns_resolv_conf, call, result, info);
}

static enum err
update_resolv_conf(const struct provider_call *call, json_t **result,
		   struct err_info *info)
{
	return dns_update(&dns_resolv_conf, call, result, info);
}

const struct provider provider_dns[] = {
    {"network.dns.get", "resolved", get_resolved, dns_resolved_available},
    {"network.dns.get", "resolv.conf", get_resolv_conf, NULL},
    {"network.dns.update", "resolved", update_resolved, dns_resolved_available},
    {"network.dns.update", "resolv.conf", update_resolv_conf, NULL},
    {NULL, NULL, NULL, NULL},
};
