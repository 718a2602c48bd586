/*
 * worker/providers/dns_resolved.c: systemd-resolved through sd-bus.
 *
 * Each call has a connection of its own, as an sd_bus belongs to one thread.
 * Domains are written before servers: they can be put back without loss when
 * the second write fails, while servers may have had ports and names that
 * this interface does not show.
 */
#include "worker/providers/dns_resolved.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/clock.h"

#define SERVICE     "org.freedesktop.resolve1"
#define MANAGER     "/org/freedesktop/resolve1"
#define MANAGER_API "org.freedesktop.resolve1.Manager"
#define LINK_API    "org.freedesktop.resolve1.Link"
#define CHOICE_MS   5000

struct session {
	sd_bus *bus;
	int64_t deadline_ms;
	struct err_info *info;
};

/* What an error of the bus means to a job; any other name is ERR_IO. */
static const struct {
	const char *name;
	enum err err;
	const char *hint;
} bus_errors[] = {
    {SERVICE ".NoSuchLink", ERR_NOT_FOUND, ""},
    {SERVICE ".LinkBusy", ERR_CONFLICT, ""},
    {SD_BUS_ERROR_ACCESS_DENIED, ERR_FORBIDDEN,
     " (the worker must run as uid 0, or polkit must allow it)"},
    {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, ERR_FORBIDDEN,
     " (the worker must run as uid 0, or polkit must allow it)"},
    {SD_BUS_ERROR_INVALID_ARGS, ERR_INVALID, ""},
    {SD_BUS_ERROR_TIMEOUT, ERR_TIMEOUT, ""},
    {SD_BUS_ERROR_NO_REPLY, ERR_TIMEOUT, ""},
    {SD_BUS_ERROR_SERVICE_UNKNOWN, ERR_UNAVAILABLE, ""},
    {SD_BUS_ERROR_NAME_HAS_NO_OWNER, ERR_UNAVAILABLE, ""},
    {SD_BUS_ERROR_DISCONNECTED, ERR_UNAVAILABLE, ""},
};

/* Errors without a name: the bus itself. */
static enum err
errno_error(int rc)
{
	switch (-rc) {
	case ENOENT:
	case ECONNREFUSED:
	case ECONNRESET:
	case ENOTCONN:
	case ETIMEDOUT:
		return ERR_UNAVAILABLE;
	default:
		return ERR_IO;
	}
}

/* "SetLinkDNS: message: errno"; `call` names what was called. */
static enum err
fail(struct session *session, const char *call, int rc,
     const sd_bus_error *error)
{
	const char *name = error ? error->name : NULL;
	const char *message = error && error->message ? error->message : "";
	const char *text = strerror(-rc);
	const char *hint = "";
	enum err err = name ? ERR_IO : errno_error(rc);
	size_t i;

	for (i = 0; name && i < sizeof(bus_errors) / sizeof(bus_errors[0]); i++)
		if (strcmp(name, bus_errors[i].name) == 0) {
			err = bus_errors[i].err;
			hint = bus_errors[i].hint;
		}
	if (strcmp(message, text) == 0)
		message = "";
	return err_set(session->info, err, "systemd-resolved: %s: %s%s%s%s",
		       call, message, *message ? ": " : "", text, hint);
}

static uint64_t
left_us(const struct session *session)
{
	int64_t left = session->deadline_ms - clock_mono_ms();

	return left > 0 ? (uint64_t)left * 1000 : 1;
}

/* Until the bus has said hello; sd_bus_call alone would wait 90 s for it. */
static enum err
wait_ready(struct session *session)
{
	int rc = 0;

	while (rc >= 0 && sd_bus_is_ready(session->bus) == 0) {
		if (clock_mono_ms() >= session->deadline_ms)
			return fail(session, "connecting to the bus",
				    -ETIMEDOUT, NULL);
		rc = sd_bus_process(session->bus, NULL);
		if (rc == 0)
			rc = sd_bus_wait(session->bus, left_us(session));
	}
	return rc < 0 ? fail(session, "connecting to the bus", rc, NULL)
		      : ERR_OK;
}

static enum err
open_session(struct session *session, int64_t deadline_ms,
	     struct err_info *info)
{
	int rc;

	*session = (struct session){NULL, deadline_ms, info};
	rc = sd_bus_open_system(&session->bus);
	if (rc < 0)
		return fail(session, "sd_bus_open_system", rc, NULL);
	return wait_ready(session);
}

/* Without a flush, for which a mute bus would keep us waiting 90 s. */
static void
close_session(struct session *session)
{
	sd_bus_close_unref(session->bus);
}

static enum err
call(struct session *session, const char *member, sd_bus_message *message,
     sd_bus_message **reply)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	enum err err = ERR_OK;
	int rc;

	rc =
	    sd_bus_call(session->bus, message, left_us(session), &error, reply);
	if (rc < 0)
		err = fail(session, member, rc, &error);
	sd_bus_error_free(&error);
	return err;
}

static enum err
new_call(struct session *session, const char *path, const char *api,
	 const char *member, sd_bus_message **message)
{
	int rc = sd_bus_message_new_method_call(session->bus, message, SERVICE,
						path, api, member);

	return rc < 0 ? fail(session, member, rc, NULL) : ERR_OK;
}

/* The link's object path; the reply owns it. */
static enum err
find_link(struct session *session, const struct dns_link *link,
	  sd_bus_message **reply, const char **path)
{
	sd_bus_message *message = NULL;
	enum err err;
	int rc;

	err = new_call(session, MANAGER, MANAGER_API, "GetLink", &message);
	if (!err) {
		rc = sd_bus_message_append(message, "i", link->index);
		err = rc < 0 ? fail(session, "GetLink", rc, NULL)
			     : call(session, "GetLink", message, reply);
	}
	if (!err) {
		rc = sd_bus_message_read(*reply, "o", path);
		err = rc < 0 ? fail(session, "GetLink", rc, NULL) : ERR_OK;
	}
	sd_bus_message_unref(message);
	return err;
}

/* Reads one (iay) into `list`; 0 at the end of the array. */
static int
read_server(sd_bus_message *reply, json_t *list)
{
	char text[INET6_ADDRSTRLEN];
	const void *address;
	size_t size;
	int32_t family;
	int rc;

	rc = sd_bus_message_enter_container(reply, 'r', "iay");
	if (rc <= 0)
		return rc;
	rc = sd_bus_message_read(reply, "i", &family);
	if (rc >= 0)
		rc = sd_bus_message_read_array(reply, 'y', &address, &size);
	if (rc < 0)
		return rc;
	if (size != (family == AF_INET6 ? 16 : 4) ||
	    !inet_ntop(family, address, text, sizeof(text)))
		return -EBADMSG;
	if (json_array_append_new(list, json_string(text)) != 0)
		return -ENOMEM;
	rc = sd_bus_message_exit_container(reply);
	return rc < 0 ? rc : 1;
}

/* Reads one (sb) into `list`; 0 at the end of the array. */
static int
read_domain(sd_bus_message *reply, json_t *list)
{
	const char *name;
	int routes;
	int rc = sd_bus_message_read(reply, "(sb)", &name, &routes);

	if (rc <= 0)
		return rc;
	if (json_array_append_new(
		list, json_sprintf("%s%s", routes ? "~" : "", name)) != 0)
		return -ENOMEM;
	return 1;
}

struct property {
	const char *name;
	const char *type;
	const char *item_type;
	int (*read_item)(sd_bus_message *reply, json_t *list);
};

static const struct property servers_property = {"DNS", "a(iay)", "(iay)",
						 read_server};
static const struct property domains_property = {"Domains", "a(sb)", "(sb)",
						 read_domain};

static enum err
read_list(struct session *session, const struct property *property,
	  sd_bus_message *reply, json_t **out)
{
	json_t *list = json_array();
	int rc = list ? 1 : -ENOMEM;

	if (rc > 0)
		rc = sd_bus_message_enter_container(reply, 'a',
						    property->item_type);
	while (rc > 0)
		rc = property->read_item(reply, list);
	if (rc < 0) {
		json_decref(list);
		return fail(session, property->name, rc, NULL);
	}
	*out = list;
	return ERR_OK;
}

static enum err
get_property(struct session *session, const char *path,
	     const struct property *property, json_t **out)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	enum err err;
	int rc;

	sd_bus_set_method_call_timeout(session->bus, left_us(session));
	rc =
	    sd_bus_get_property(session->bus, SERVICE, path, LINK_API,
				property->name, &error, &reply, property->type);
	if (rc < 0)
		err = fail(session, property->name, rc, &error);
	else
		err = read_list(session, property, reply, out);
	sd_bus_message_unref(reply);
	sd_bus_error_free(&error);
	return err;
}

static enum err
read_settings(const struct dns_way *way, const struct dns_link *link,
	      int64_t deadline_ms, struct dns_settings *now,
	      struct err_info *info)
{
	struct dns_settings found = {NULL, NULL};
	struct session session;
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	enum err err = open_session(&session, deadline_ms, info);

	(void)way;
	if (!err)
		err = find_link(&session, link, &reply, &path);
	if (!err)
		err = get_property(&session, path, &servers_property,
				   &found.servers);
	if (!err)
		err = get_property(&session, path, &domains_property,
				   &found.search_domains);
	if (err)
		dns_settings_release(&found);
	else
		*now = found;
	sd_bus_message_unref(reply);
	close_session(&session);
	return err;
}

static int
append_server(sd_bus_message *message, const char *text)
{
	uint8_t address[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	int rc;

	if (inet_pton(family, text, address) != 1)
		return -EINVAL;
	rc = sd_bus_message_open_container(message, 'r', "iay");
	if (rc >= 0)
		rc = sd_bus_message_append(message, "i", family);
	if (rc >= 0)
		rc = sd_bus_message_append_array(message, 'y', address,
						 family == AF_INET6 ? 16 : 4);
	return rc < 0 ? rc : sd_bus_message_close_container(message);
}

static int
append_domain(sd_bus_message *message, const char *text)
{
	int routes = text[0] == '~';

	return sd_bus_message_append(message, "(sb)", text + routes, routes);
}

struct setter {
	const char *member;
	const char *item_type;
	int (*append)(sd_bus_message *message, const char *text);
};

static const struct setter set_servers = {"SetLinkDNS", "(iay)", append_server};
static const struct setter set_domains = {"SetLinkDomains", "(sb)",
					  append_domain};

static int
append_list(const struct setter *setter, int index, const json_t *list,
	    sd_bus_message *message)
{
	const json_t *item;
	size_t i;
	int rc = sd_bus_message_append(message, "i", index);

	if (rc >= 0)
		rc = sd_bus_message_open_container(message, 'a',
						   setter->item_type);
	json_array_foreach (list, i, item) {
		if (rc < 0)
			break;
		rc = setter->append(message, json_string_value(item));
	}
	return rc < 0 ? rc : sd_bus_message_close_container(message);
}

static enum err
set_list(struct session *session, const struct setter *setter, int index,
	 const json_t *list)
{
	sd_bus_message *message = NULL;
	enum err err;
	int rc;

	err = new_call(session, MANAGER, MANAGER_API, setter->member, &message);
	if (!err) {
		rc = append_list(setter, index, list, message);
		err = rc < 0 ? fail(session, setter->member, rc, NULL)
			     : call(session, setter->member, message, NULL);
	}
	sd_bus_message_unref(message);
	return err;
}

/* The second write failed; what it said stays the first part of the text. */
static void
put_back(struct session *session, int index, const json_t *domains)
{
	struct err_info why = {.text = ""};
	struct err_info *told = session->info;
	struct err_info first = told ? *told : why;
	enum err err;

	session->info = &why;
	err = set_list(session, &set_domains, index, domains);
	session->info = told;
	if (err)
		err_set(told, err,
			"%.200s; the former search domains could not be put "
			"back: %.200s",
			first.text, why.text);
}

static enum err
write_settings(const struct dns_way *way, const struct dns_link *link,
	       int64_t deadline_ms, const struct dns_settings *now,
	       const struct dns_settings *change, struct err_info *info)
{
	struct session session;
	enum err err = open_session(&session, deadline_ms, info);

	(void)way;
	if (!err && change->search_domains)
		err = set_list(&session, &set_domains, link->index,
			       change->search_domains);
	if (!err && change->servers) {
		err = set_list(&session, &set_servers, link->index,
			       change->servers);
		if (err && change->search_domains)
			put_back(&session, link->index, now->search_domains);
	}
	close_session(&session);
	return err;
}

const struct dns_way dns_resolved = {NULL, read_settings, write_settings};

static enum err
ask_bus(struct session *session, const char *member, const char *types,
	uint32_t *answer)
{
	sd_bus_message *message = NULL;
	sd_bus_message *reply = NULL;
	int truth = 0;
	enum err err;
	int rc;

	rc = sd_bus_message_new_method_call(
	    session->bus, &message, "org.freedesktop.DBus",
	    "/org/freedesktop/DBus", "org.freedesktop.DBus", member);
	if (rc >= 0)
		rc = sd_bus_message_append(message, types, SERVICE, 0);
	err = rc < 0 ? fail(session, member, rc, NULL)
		     : call(session, member, message, &reply);
	if (!err && types[1])
		rc = sd_bus_message_read(reply, "u", answer);
	else if (!err) {
		rc = sd_bus_message_read(reply, "b", &truth);
		*answer = (uint32_t)truth;
	}
	if (!err && rc < 0)
		err = fail(session, member, rc, NULL);
	sd_bus_message_unref(message);
	sd_bus_message_unref(reply);
	return err;
}

bool
dns_resolved_available(void)
{
	struct session session;
	uint32_t answer = 0;
	enum err err =
	    open_session(&session, clock_mono_ms() + CHOICE_MS, NULL);

	if (!err)
		err = ask_bus(&session, "NameHasOwner", "s", &answer);
	/* the bus refuses to start what is installed but not enabled */
	if (!err && !answer)
		err = ask_bus(&session, "StartServiceByName", "su", &answer);
	close_session(&session);
	return !err && answer;
}
