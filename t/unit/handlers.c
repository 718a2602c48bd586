/* t/unit/handlers.c: the endpoints, with a real NATS and real workers. */
#include "t/support/await.h"
#include "t/unit/unit.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/uuid.h"
#include "t/support/api.h"
#include "t/support/fastcgi.h"
#include "t/support/fleet.h"
#include "t/support/operations.h"

#define HOSTNAME "/api/v1/system/hostname"
#define SUBMIT                                                           \
	"{\"operation\":{\"type\":\"system.hostname.get\",\"data\":{}}," \
	"\"target_hostname\":\"%s\"}"

static struct fleet fleet;
static struct api *api;
static struct worker *workers[2];

static void
start(void)
{
	static const struct fleet_host hosts[] = {
	    {.name = "web-01",
	     .labels = "{group: web.dev}",
	     .max_jobs = 8,
	     .find = operations_find},
	    {.name = "web-02",
	     .labels = "{group: web.prod}",
	     .max_jobs = 8,
	     .find = operations_find},
	};
	char key[600];

	if (api)
		return;
	fleet_start(&fleet, unit_directory(), "");
	for (int i = 0; i < 2; i++)
		workers[i] = fleet_worker(&fleet, &hosts[i]);
	snprintf(key, sizeof(key), "%s/private.pem", fleet.directory);
	api = api_start(unit_directory(), "api", nats_server_port(fleet.server),
			2, key);
	OK("it becomes ready", api_wait_ready(api));
}

struct reply {
	int status;
	json_t *body;
	struct fastcgi_answer answer;
};

static void
release(struct reply *reply)
{
	json_decref(reply->body);
	fastcgi_answer_free(&reply->answer);
}

static int
send_call(const char *method, const char *uri, const char *body,
	  const char *const *params)
{
	struct fastcgi_call call = {.method = method,
				    .uri = uri,
				    .token = api_token(ROLE_WRITE),
				    .type = body ? "application/json" : NULL,
				    .body = body,
				    .size = body ? strlen(body) : 0,
				    .params = params};
	struct fastcgi_buffer sent = {0};
	int fd;

	fastcgi_request(&sent, &call);
	fd = fastcgi_connect(api_socket(api));
	fastcgi_send(fd, &sent);
	fastcgi_buffer_free(&sent);
	return fd;
}

static struct reply
receive(int fd)
{
	struct reply reply = {0};

	fastcgi_read(fd, &reply.answer);
	close(fd);
	reply.status = reply.answer.status;
	if (reply.answer.body)
		reply.body =
		    json_loadb(reply.answer.body, reply.answer.size, 0, NULL);
	return reply;
}

static struct reply
ask(const char *method, const char *uri, const char *body)
{
	return receive(send_call(method, uri, body, NULL));
}

static const char *
text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* Submits a job and copies its id. */
static void
submit(const char *target, char id[static UUID_SIZE])
{
	char body[256];
	struct reply reply;
	const char *job;

	snprintf(body, sizeof(body), SUBMIT, target);
	reply = ask("POST", "/api/v1/jobs", body);
	IS_INT("created", reply.status, 201);
	job = text(reply.body, "job_id");
	OK("has an id", job && uuid_valid(job));
	snprintf(id, UUID_SIZE, "%s", job ? job : "");
	release(&reply);
}

static struct reply
ask_job(const char *method, const char *id, const char *rest)
{
	char uri[128];

	snprintf(uri, sizeof(uri), "/api/v1/jobs/%s%s", id, rest);
	return ask(method, uri, NULL);
}

static void
reads_what_it_has_written(void)
{
	char id[UUID_SIZE], location[64];
	struct reply reply;

	start();
	for (int i = 0; i < 50; i++) {
		submit("nobody", id);
		reply = ask_job("GET", id, "");
		IS_INT("readable at once, from either process", reply.status,
		       200);
		IS_TEXT("the same job", text(reply.body, "id"), id);
		IS_TEXT("its target", text(reply.body, "target_hostname"),
			"nobody");
		IS_TEXT("by whom", text(reply.body, "submitted_by"), "alice");
		release(&reply);
	}
	reply = ask("POST", "/api/v1/jobs",
		    "{\"operation\":{\"type\":\"system.hostname.get\","
		    "\"data\":{}},\"target_hostname\":\"nobody\"}");
	snprintf(location, sizeof(location), "/api/v1/jobs/%s",
		 text(reply.body, "job_id"));
	IS_TEXT("where it is", fastcgi_header(&reply.answer, "Location"),
		location);
	IS_TEXT("its status", text(reply.body, "status"), "created");
	OK("its revision",
	   json_integer_value(json_object_get(reply.body, "revision")) > 0);
	release(&reply);
}

static void
makes_one_job_of_one_key(void)
{
	static const char *const key[] = {"HTTP_IDEMPOTENCY_KEY", "k-1", NULL};
	char body[256], id[UUID_SIZE] = "";
	struct reply reply;
	int fds[16], created = 0;

	start();
	snprintf(body, sizeof(body), SUBMIT, "nobody");
	for (int i = 0; i < 16; i++)
		fds[i] = send_call("POST", "/api/v1/jobs", body, key);
	for (int i = 0; i < 16; i++) {
		const char *job;

		reply = receive(fds[i]);
		IS_INT("created or found",
		       reply.status == 201 ? 200 : reply.status, 200);
		created += reply.status == 201;
		job = text(reply.body, "job_id");
		if (!*id && job)
			snprintf(id, sizeof(id), "%s", job);
		IS_TEXT("the same job", job, id);
		release(&reply);
	}
	IS_INT("created once", created, 1);
	snprintf(body, sizeof(body), SUBMIT, "somebody-else");
	reply = receive(send_call("POST", "/api/v1/jobs", body, key));
	IS_INT("another body", reply.status, 409);
	HAS_TEXT("names the first job", text(reply.body, "detail"), id);
	release(&reply);
	reply = ask_job("DELETE", id, "");
	IS_INT("deleted", reply.status, 204);
	release(&reply);
	snprintf(body, sizeof(body), SUBMIT, "nobody");
	reply = receive(send_call("POST", "/api/v1/jobs", body, key));
	IS_INT("a deleted job does not come back", reply.status, 409);
	release(&reply);
}

static void
deletes(void)
{
	int64_t until = clock_mono_ms() + FLEET_LIMIT_MS;
	char id[UUID_SIZE];
	struct reply reply;
	int status = 0;

	start();
	submit("nobody", id);
	reply = ask_job("DELETE", id, "");
	IS_INT("deleted", reply.status, 204);
	IS_INT("no body", reply.answer.size, 0);
	release(&reply);
	reply = ask_job("DELETE", id, "");
	IS_INT("once", reply.status, 404);
	release(&reply);
	/* The other process hears of it a moment later. */
	while (status != 404 && clock_mono_ms() < until) {
		reply = ask_job("GET", id, "");
		status = reply.status;
		release(&reply);
	}
	IS_INT("gone", status, 404);
}

static void
asks_hosts(void)
{
	static const struct {
		const char *query;
		int status;
		size_t entries;
		const char *first, *why;
	} rows[] = {
	    {"?target_hostname=_all", 200, 2, "web-01", "every host"},
	    {"?target_hostname=web-02", 200, 1, "web-02", "a named host"},
	    {"?target_hostname=WEB-02", 200, 1, "web-02", "in any case"},
	    {"?target_hostname=group:web", 200, 2, "web-01", "a label"},
	    {"?target_hostname=group:web.prod", 200, 1, "web-02",
	     "a longer label"},
	    {"?target_hostname=nobody", 404, 0, NULL, "an unknown host"},
	    {"?target_hostname=group:db", 503, 0, NULL, "nobody's label"},
	    {"?target_hostname=a%20b", 400, 0, NULL, "no host name"},
	    {"?timeout=301s", 400, 0, NULL, "too long a wait"},
	    {"?timeout=x", 400, 0, NULL, "no duration"},
	};

	start();
	operations_reset(OPERATIONS_WORK, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char uri[128];
		struct reply reply;
		json_t *results;

		snprintf(uri, sizeof(uri), HOSTNAME "%s", rows[i].query);
		reply = ask("GET", uri, NULL);
		results = json_object_get(reply.body, "results");
		IS_INT(rows[i].why, reply.status, rows[i].status);
		IS_INT(rows[i].why, json_array_size(results), rows[i].entries);
		if (rows[i].first)
			IS_TEXT(rows[i].why,
				text(json_array_get(results, 0), "hostname"),
				rows[i].first);
		if (rows[i].status == 200)
			OK("names its job", text(reply.body, "job_id"));
		release(&reply);
	}
}

static void
tells_of_failures(void)
{
	struct reply reply;
	json_t *results;

	start();
	operations_reset(OPERATIONS_FAIL, 1);
	reply = ask("GET", HOSTNAME, NULL);
	IS_INT("the only host failed", reply.status, 500);
	HAS_TEXT("says why", text(reply.body, "error"), "no such interface");
	OK("names its job", text(reply.body, "job_id"));
	IS_INT("one entry",
	       json_array_size(json_object_get(reply.body, "results")), 1);
	release(&reply);
	operations_reset(OPERATIONS_FAIL, 1);
	reply = ask("GET", HOSTNAME "?target_hostname=_all", NULL);
	IS_INT("one of two failed", reply.status, 200);
	results = json_object_get(reply.body, "results");
	IS_INT("two entries", json_array_size(results), 2);
	OK("one of them says failed",
	   (text(json_array_get(results, 0), "status") != NULL) !=
	       (text(json_array_get(results, 1), "status") != NULL));
	release(&reply);
	operations_reset(OPERATIONS_FAIL, 2);
	reply = ask("GET", HOSTNAME "?target_hostname=_all", NULL);
	IS_INT("both failed", reply.status, 500);
	release(&reply);
}

static void
answers_when_the_time_is_over(void)
{
	struct reply reply;
	json_t *results;

	start();
	operations_reset(OPERATIONS_WORK, 0);
	operations_close(true);
	reply =
	    ask("GET", HOSTNAME "?target_hostname=_all&timeout=300ms", NULL);
	IS_INT("nobody answered", reply.status, 504);
	OK("names its job", text(reply.body, "job_id"));
	results = json_object_get(reply.body, "results");
	IS_INT("an entry for each silent host", json_array_size(results), 2);
	IS_TEXT("says so", text(json_array_get(results, 0), "status"),
		"timeout");
	release(&reply);
	operations_open();
}

static void
parks_clients_without_threads(void)
{
	struct reply reply;
	int fds[48];

	start();
	operations_reset(OPERATIONS_WORK, 0);
	operations_close(false);
	for (int i = 0; i < 48; i++)
		fds[i] = send_call("GET", HOSTNAME "?timeout=120s", NULL, NULL);
	for (int i = 0; i < 20; i++) {
		reply = ask("GET", "/health", NULL);
		IS_INT("alive meanwhile", reply.status, 200);
		release(&reply);
	}
	/* A reload in between lets them wait on. */
	kill(api_pid(api), SIGHUP);
	OK("reloaded", api_log_has(api, "\"reloaded\"", 1));
	operations_open();
	for (int i = 0; i < 48; i++) {
		reply = receive(fds[i]);
		IS_INT("answered in the end", reply.status, 200);
		release(&reply);
	}
}

static void
bounds_waiting_clients(void)
{
	enum { MANY = 2 * API_MAX_WAITERS + 40 };
	struct reply reply;
	int fds[MANY], refused = 0, answered = 0;

	start();
	operations_reset(OPERATIONS_WORK, 0);
	operations_close(false);
	for (int i = 0; i < MANY; i++)
		fds[i] = send_call("GET", HOSTNAME "?timeout=60s", NULL, NULL);
	/* At least these do not fit into the tables of two processes. */
	OK("some are refused",
	   api_log_has(api, "\"status\":503", MANY - 2 * API_MAX_WAITERS));
	reply = ask("GET", "/health", NULL);
	IS_INT("alive meanwhile", reply.status, 200);
	release(&reply);
	operations_open();
	for (int i = 0; i < MANY; i++) {
		reply = receive(fds[i]);
		answered += reply.status == 200;
		refused += reply.status == 503;
		if (reply.status == 503)
			OK("says when to come back",
			   fastcgi_header(&reply.answer, "Retry-After"));
		release(&reply);
	}
	IS_INT("all are answered", answered + refused, MANY);
	OK("no more were refused than had to be", answered >= API_MAX_WAITERS);
}

static void
forgets_clients_that_go(void)
{
	int fd;

	start();
	operations_reset(OPERATIONS_WORK, 0);
	operations_close(true);
	fd = send_call("GET", HOSTNAME "?timeout=60s", NULL, NULL);
	OK("it runs", AWAIT(operations_waiting() > 0));
	close(fd);
	OK("noticed", api_log_has(api, "client gone", 1));
	operations_open();
}

static void
waits_for_a_job(void)
{
	char id[UUID_SIZE];
	struct reply reply;
	int fd;
	char uri[128];

	start();
	operations_reset(OPERATIONS_WORK, 0);
	operations_close(false);
	submit("web-01", id);
	reply = ask_job("GET", id, "?wait=50ms");
	IS_INT("the time is over", reply.status, 200);
	OK("and it has not ended",
	   strcmp(text(reply.body, "status"), "completed") != 0);
	release(&reply);
	snprintf(uri, sizeof(uri), "/api/v1/jobs/%s?wait=60s", id);
	fd = send_call("GET", uri, NULL, NULL);
	operations_open();
	reply = receive(fd);
	IS_TEXT("it has ended", text(reply.body, "status"), "completed");
	IS_TEXT("who ran it", text(reply.body, "hostname"), "web-01");
	release(&reply);
}

static void
repeats_a_job(void)
{
	char id[UUID_SIZE], copy[UUID_SIZE], *timeline;
	struct reply reply;
	bool told = false;
	int64_t until;

	start();
	operations_reset(OPERATIONS_WORK, 0);
	submit("nobody", id);
	reply = ask_job("POST", id, "/retry");
	IS_INT("not while it has not ended", reply.status, 409);
	release(&reply);
	/* The other process may hear of the end a moment later. */
	for (int i = 0; i < 20; i++) {
		submit("web-01", id);
		reply = ask_job("GET", id, "?wait=60s");
		IS_TEXT("ended", text(reply.body, "status"), "completed");
		release(&reply);
		reply = ask_job("POST", id, "/retry");
		IS_INT("repeated at once", reply.status, 201);
		snprintf(copy, sizeof(copy), "%s", text(reply.body, "job_id"));
		release(&reply);
	}
	reply = ask_job("GET", copy, "?wait=60s");
	IS_TEXT("the copy names the original", text(reply.body, "retry_of"),
		id);
	IS_TEXT("and ran", text(reply.body, "status"), "completed");
	release(&reply);
	until = clock_mono_ms() + FLEET_LIMIT_MS;
	while (!told && clock_mono_ms() < until) {
		reply = ask_job("GET", id, "");
		timeline =
		    json_dumps(json_object_get(reply.body, "timeline"), 0);
		told = timeline && strstr(timeline, "retried") &&
		       strstr(timeline, copy);
		free(timeline);
		release(&reply);
	}
	OK("the original tells of it", told);
}

static void
lists_and_counts(void)
{
	struct reply all, page, counts, none;
	json_t *items, *more;

	start();
	all = ask("GET", "/api/v1/jobs?limit=0", NULL);
	items = json_object_get(all.body, "items");
	IS_INT("all of them", json_array_size(items),
	       json_integer_value(json_object_get(all.body, "total_items")));
	OK("there are some", json_array_size(items) > 60);
	page = ask("GET", "/api/v1/jobs?limit=7&offset=3", NULL);
	more = json_object_get(page.body, "items");
	IS_INT("one page", json_array_size(more), 7);
	for (size_t i = 0; i < 7; i++)
		IS_TEXT("the newest first, from the offset on",
			text(json_array_get(more, i), "id"),
			text(json_array_get(items, i + 3), "id"));
	counts = ask("GET", "/api/v1/jobs/status", NULL);
	IS_INT("as many",
	       json_integer_value(json_object_get(counts.body, "total_jobs")),
	       json_array_size(items));
	none = ask("GET", "/api/v1/jobs?status=processing&limit=1000", NULL);
	IS_INT("nothing is left behind",
	       json_integer_value(json_object_get(none.body, "total_items")),
	       json_array_size(json_object_get(none.body, "items")));
	release(&all);
	release(&page);
	release(&counts);
	release(&none);
}

static void
tells_who_is_there(void)
{
	struct reply reply;
	json_t *list;

	start();
	reply = ask("GET", "/api/v1/jobs/workers", NULL);
	list = json_object_get(reply.body, "workers");
	IS_INT("two workers", json_array_size(list), 2);
	IS_TEXT("by name", text(json_array_get(list, 0), "hostname"), "web-01");
	IS_TEXT(
	    "with labels",
	    text(json_object_get(json_array_get(list, 0), "labels"), "group"),
	    "web.dev");
	release(&reply);
	reply = ask("GET", "/health/status", NULL);
	IS_INT("all is well", reply.status, 200);
	IS_TEXT("ok", text(reply.body, "status"), "ok");
	IS_INT("two streams",
	       json_array_size(json_object_get(reply.body, "streams")), 2);
	IS_INT("three buckets",
	       json_array_size(json_object_get(reply.body, "kv_buckets")), 3);
	release(&reply);
}

static void
comes_back_after_nats(void)
{
	struct reply reply;

	start();
	nats_server_kill(fleet.server);
	OK("noticed", api_log_has(api, "NATS", 1));
	do {
		reply = ask("GET", "/health/ready", NULL);
		if (reply.status != 503)
			release(&reply);
	} while (reply.status != 503);
	release(&reply);
	reply = ask("GET", HOSTNAME, NULL);
	IS_INT("refused at once", reply.status, 503);
	release(&reply);
	reply = ask("GET", "/health", NULL);
	IS_INT("but alive", reply.status, 200);
	release(&reply);
	nats_server_restart(fleet.server);
	OK("ready again", api_wait_ready(api));
}

static void
ends(void)
{
	start();
	for (int i = 0; i < 2; i++)
		fleet_worker_stop(workers[i]);
	IS_INT("exit code", api_stop(api), 0);
	api_free(api);
	fleet_stop(&fleet);
}

const struct unit_case unit_cases[] = {
    {"reads what it has written, in each process", reads_what_it_has_written},
    {"makes one job of one Idempotency-Key", makes_one_job_of_one_key},
    {"deletes a job", deletes},
    {"asks the hosts that a target means", asks_hosts},
    {"tells of hosts that failed", tells_of_failures},
    {"answers when the time is over", answers_when_the_time_is_over},
    {"parks clients without threads, over a reload",
     parks_clients_without_threads},
    {"bounds the clients that wait", bounds_waiting_clients},
    {"forgets clients that go", forgets_clients_that_go},
    {"waits for a job", waits_for_a_job},
    {"repeats a job", repeats_a_job},
    {"lists and counts jobs", lists_and_counts},
    {"tells who is there", tells_who_is_there},
    {"comes back after NATS", comes_back_after_nats},
    {"ends", ends},
    {NULL, NULL},
};
const char unit_name[] = "handlers";
