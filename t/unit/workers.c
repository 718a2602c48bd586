/* t/unit/workers.c: which workers live, and whom a target means. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/workers.h"

#define BEAT_MS 1000
#define LIFE_MS (BEAT_MS * WORKERS_BEATS)

static struct workers *
fresh(void)
{
	struct workers *workers = NULL;
	struct err_info info = {""};

	if (workers_new(NULL, "worker-registry", BEAT_MS, &workers, &info))
		CU_FAIL_FATAL("no table");
	return workers;
}

static enum err
beat_as(struct workers *workers, const char *host, const char *group,
	uint64_t revision, int64_t now_ms, bool listening)
{
	struct heartbeat heartbeat = {.running = (int64_t)revision,
				      .listening = listening};
	enum err err;

	snprintf(heartbeat.hostname, sizeof(heartbeat.hostname), "%s", host);
	heartbeat.labels =
	    group ? json_pack("{s:s}", "group", group) : json_object();
	err = workers_put(workers, &heartbeat, revision, now_ms);
	heartbeat_release(&heartbeat);
	return err;
}

static enum err
beat(struct workers *workers, const char *host, const char *group,
     uint64_t revision, int64_t now_ms)
{
	return beat_as(workers, host, group, revision, now_ms, true);
}

/* "web-01 web-02", and how many live. */
static size_t
expected(struct workers *workers, const char *target, int64_t now_ms,
	 char names[static 256])
{
	struct target parsed;
	json_t *hosts = NULL, *host;
	size_t live = 0, i, n = 0;

	*names = '\0';
	if (target_parse(target, &parsed, NULL) ||
	    workers_expected(workers, &parsed, now_ms, &hosts, &live))
		CU_FAIL_FATAL("no answer");
	json_array_foreach (hosts, i, host)
		n += (size_t)snprintf(names + n, 256 - n, "%s%s", n ? " " : "",
				      json_string_value(host));
	json_decref(hosts);
	return live;
}

static void
knows_whom_a_target_means(void)
{
	static const struct {
		const char *target;
		size_t live;
		const char *names, *why;
	} rows[] = {
	    {"_any", 3, "", "any one of three: nobody in particular"},
	    {"_all", 3, "db-01 web-01 web-02", "all, by name"},
	    {"web-02", 1, "web-02", "one host"},
	    {"nobody", 0, "", "an unknown host"},
	    {"group:web", 2, "web-01 web-02", "a label's first part"},
	    {"group:web.dev", 1, "web-01", "a whole label"},
	    {"group:mail", 0, "", "a label that nobody has"},
	};
	struct workers *workers = fresh();
	char names[256];

	beat(workers, "web-02", "web.prod", 1, 0);
	beat(workers, "db-01", NULL, 2, 0);
	beat(workers, "web-01", "web.dev", 3, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		IS_INT(rows[i].why, expected(workers, rows[i].target, 0, names),
		       rows[i].live);
		IS_TEXT(rows[i].why, names, rows[i].names);
	}
	workers_free(workers);
}

static void
forgets_silent_workers(void)
{
	struct workers *workers = fresh();
	char names[256];

	beat(workers, "web-01", NULL, 1, 0);
	beat(workers, "web-02", NULL, 2, 0);
	beat(workers, "web-02", NULL, 3, BEAT_MS);
	IS_INT("both live", expected(workers, "_all", LIFE_MS - 1, names), 2);
	IS_INT("one was silent for three beats",
	       expected(workers, "_all", LIFE_MS, names), 1);
	IS_TEXT("the other is left", names, "web-02");
	beat(workers, "web-01", NULL, 4, LIFE_MS);
	IS_INT("it is back", expected(workers, "_all", LIFE_MS, names), 2);
	workers_remove(workers, "web-01", 5);
	IS_INT("a clean stop", expected(workers, "_all", LIFE_MS, names), 1);
	beat(workers, "web-01", NULL, 4, LIFE_MS);
	IS_INT("an older beat changes nothing",
	       expected(workers, "_all", LIFE_MS, names), 1);
	beat(workers, "web-01", NULL, 6, LIFE_MS);
	IS_INT("a newer one does", expected(workers, "_all", LIFE_MS, names),
	       2);
	workers_free(workers);
}

static void
waits_for_nobody_who_does_not_listen(void)
{
	struct workers *workers = fresh();
	char names[256];

	beat(workers, "web-01", NULL, 1, 0);
	beat_as(workers, "web-02", NULL, 2, 0, false);
	IS_INT("one starts", expected(workers, "_all", 0, names), 1);
	IS_TEXT("the other listens", names, "web-01");
	beat_as(workers, "web-02", NULL, 3, 1, true);
	IS_INT("now both listen", expected(workers, "_all", 1, names), 2);
	beat_as(workers, "web-01", NULL, 4, 2, false);
	IS_INT("one is about to stop", expected(workers, "_all", 2, names), 1);
	IS_TEXT("the other stays", names, "web-02");
	workers_free(workers);
}

static void
keeps_many_in_order(void)
{
	struct workers *workers = fresh();
	json_t *list, *item;
	const char *last = "";
	char name[32];
	size_t i;

	for (int k = 0; k < 500; k++) {
		snprintf(name, sizeof(name), "h%03d", k * 7 % 500);
		beat(workers, name, NULL, (uint64_t)k + 1, 0);
	}
	list = workers_list(workers, 0);
	IS_INT("all of them", json_array_size(list), 500);
	json_array_foreach (list, i, item) {
		const char *host =
		    json_string_value(json_object_get(item, "hostname"));

		OK("in order", host && strcmp(last, host) < 0);
		last = host ? host : last;
	}
	json_decref(list);
	workers_free(workers);
}

/* The caller's clock was read before a heartbeat came. */
static void
is_never_silent_for_less_than_no_time(void)
{
	struct workers *workers = fresh();
	struct worker_census census = {.list = NULL};

	beat(workers, "web-01", NULL, 1, 5000);
	IS_INT("counted", workers_census(workers, 4999, 10, &census), ERR_OK);
	IS_INT("one", census.count, 1);
	IS_INT("heard of just now", census.list[0].silent_ms, 0);
	free(census.list);
	IS_INT("counted", workers_census(workers, 5007, 10, &census), ERR_OK);
	IS_INT("a little later", census.list[0].silent_ms, 7);
	free(census.list);
	workers_free(workers);
}

const struct unit_case unit_cases[] = {
    {"knows whom a target means", knows_whom_a_target_means},
    {"forgets silent workers", forgets_silent_workers},
    {"waits for nobody who does not listen",
     waits_for_nobody_who_does_not_listen},
    {"keeps many in order", keeps_many_in_order},
    {"nobody is silent for less than no time",
     is_never_silent_for_less_than_no_time},
    {NULL, NULL},
};
const char unit_name[] = "workers";
