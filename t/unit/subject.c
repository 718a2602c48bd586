/* t/unit/subject.c: targets, host names, labels and the subjects from them. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "lib/subject.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define L30      "abcdefghijabcdefghijabcdefghij"
#define L63      L30 L30 "abc"

static void
takes_host_names_of_rfc_1123(void)
{
	static const struct {
		const char *why;
		const char *host;
		const char *out; /* NULL: refused */
	} rows[] = {
	    {"one word", "web", "web"},
	    {"in lower case", "Web-1.Example.COM", "web-1.example.com"},
	    {"final dot goes", "web.example.", "web.example"},
	    {"begins with a digit", "3com.net", "3com.net"},
	    {"63 in a label", L63 ".x", L63 ".x"},
	    {"64 in a label", L63 "d.x", NULL},
	    {"253 in all",
	     L63
	     "." L63 "." L63 "."
	     "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghija",
	     L63
	     "." L63 "." L63 "."
	     "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghija"},
	    {"254 in all",
	     L63
	     "." L63 "." L63 "."
	     "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijab",
	     NULL},
	    {"empty", "", NULL},
	    {"a dot alone", ".", NULL},
	    {"two dots at the end", "web..", NULL},
	    {"empty label", "web..example", NULL},
	    {"dot first", ".web", NULL},
	    {"hyphen first", "-web", NULL},
	    {"hyphen last in a label", "web-.example", NULL},
	    {"underscore, which stands for a dot in a subject", "web_1", NULL},
	    {"wildcard", "*", NULL},
	    {"wildcard for the rest", "web.>", NULL},
	    {"blank", "web 1", NULL},
	    {"line end", "web\n", NULL},
	    {"not ASCII",
	     "w\xc3\xbc"
	     "b",
	     NULL},
	    {"slash", "a/b", NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char out[SUBJECT_HOST_MAX + 1] = "untouched";
		struct err_info info = {""};
		enum err err = subject_host_check(rows[i].host, out, &info);

		IS_INT(rows[i].why, err, rows[i].out ? ERR_OK : ERR_INVALID);
		IS_TEXT(rows[i].why, out,
			rows[i].out ? rows[i].out : "untouched");
		OK(rows[i].why, rows[i].out || info.text[0]);
	}
}

static void
reads_targets(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *back; /* NULL: refused */
		enum target_kind kind;
	} rows[] = {
	    {"anyone", "_any", "_any", TARGET_ANY},
	    {"all", "_all", "_all", TARGET_ALL},
	    {"host", "Web.Example", "web.example", TARGET_HOST},
	    {"label", "group:web", "group:web", TARGET_LABEL},
	    {"label of two segments", "group:web.dev", "group:web.dev",
	     TARGET_LABEL},
	    {"case of a label stays", "Group:Web", "Group:Web", TARGET_LABEL},
	    {"key of 63", L63 ":v", L63 ":v", TARGET_LABEL},
	    {"key of 64", L63 "d:v", NULL, TARGET_ANY},
	    {"value of 128", "k:" L63 L63 "ab", NULL, TARGET_ANY},
	    {"empty", "", NULL, TARGET_ANY},
	    {"none", NULL, NULL, TARGET_ANY},
	    {"unknown word", "_some", NULL, TARGET_ANY},
	    {"capitals", "_ANY", NULL, TARGET_ANY},
	    {"no key", ":web", NULL, TARGET_ANY},
	    {"no value", "group:", NULL, TARGET_ANY},
	    {"two colons", "a:b:c", NULL, TARGET_ANY},
	    {"dot in the key", "a.b:c", NULL, TARGET_ANY},
	    {"dot first in the value", "a:.b", NULL, TARGET_ANY},
	    {"dot last in the value", "a:b.", NULL, TARGET_ANY},
	    {"empty segment", "a:b..c", NULL, TARGET_ANY},
	    {"wildcard in the value", "a:*", NULL, TARGET_ANY},
	    {"wildcard for the rest", "a:>", NULL, TARGET_ANY},
	    {"wildcard as host", "*", NULL, TARGET_ANY},
	    {"blank in the value", "a:b c", NULL, TARGET_ANY},
	    {"not ASCII", "a:\xe2\x82\xac", NULL, TARGET_ANY},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct target target = {.kind = TARGET_ANY};
		struct err_info info = {""};
		char text[SUBJECT_SIZE];
		enum err err = target_parse(rows[i].text, &target, &info);

		IS_INT(rows[i].why, err, rows[i].back ? ERR_OK : ERR_INVALID);
		OK(rows[i].why, rows[i].back || info.text[0]);
		if (err != ERR_OK || !rows[i].back)
			continue;
		IS_INT(rows[i].why, target.kind, rows[i].kind);
		IS_TEXT(rows[i].why, target_text(&target, text), rows[i].back);
	}
}

static void
writes_subjects_and_filters(void)
{
	static const struct {
		const char *target;
		enum job_lane lane;
		enum job_kind kind;
		const char *subject;
		const char *filter;
	} rows[] = {
	    {"_any", JOB_BATCH, JOB_QUERY, "jobs.query._any", "jobs.*._any"},
	    {"_any", JOB_LIVE, JOB_MODIFY, "jobs.live.modify._any",
	     "jobs.live.*._any"},
	    {"_all", JOB_BATCH, JOB_MODIFY, "jobs.modify._all", "jobs.*._all"},
	    {"a.b-c", JOB_LIVE, JOB_QUERY, "jobs.live.query.host.a_b-c",
	     "jobs.live.*.host.a_b-c"},
	    {"g:web.dev", JOB_BATCH, JOB_QUERY, "jobs.query.label.g.web.dev",
	     "jobs.*.label.g.web.dev"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[SUBJECT_SIZE] = "";
		struct target target;

		IS_INT(rows[i].target,
		       target_parse(rows[i].target, &target, NULL), ERR_OK);
		IS_INT(rows[i].target,
		       subject_job("jobs", rows[i].lane, rows[i].kind, &target,
				   buf),
		       ERR_OK);
		IS_TEXT(rows[i].target, buf, rows[i].subject);
		IS_INT(rows[i].target,
		       subject_filter("jobs", rows[i].lane, &target, buf),
		       ERR_OK);
		IS_TEXT(rows[i].target, buf, rows[i].filter);
	}
}

/* NATS: "*" stands for one token, nothing else is used here. */
static bool
filter_takes(const char *filter, const char *subject)
{
	while (*filter && *subject) {
		if (*filter == '*') {
			filter++;
			subject += strcspn(subject, ".");
		} else if (*filter++ != *subject++) {
			return false;
		}
	}
	return *filter == *subject;
}

/* Each of these is another place; none may hear what another is told. */
static void
gives_each_target_its_own_subject(void)
{
	static const char *const texts[] = {
	    "_any",  "_all",  "any",        "all",       "host",
	    "label", "live",  "query",      "a.b",       "a-b",
	    "ab",    "a.b.c", "query.host", "a:b",       "a:b.c",
	    "a:b_c", "a_b:c", "host:a",     "label:a.b", "live:query.host.a",
	    "a:b-c", "A:b",
	};
	const size_t count = COUNT(texts);

	for (size_t i = 0; i < count * count * 2; i++) {
		const char *one = texts[i / 2 / count];
		const char *other = texts[i / 2 % count];
		char subject[SUBJECT_SIZE];
		char filter[SUBJECT_SIZE];
		char why[SUBJECT_SIZE + 64];
		struct target target;

		target_parse(one, &target, NULL);
		subject_job("jobs", JOB_LIVE, JOB_QUERY, &target, subject);
		target_parse(other, &target, NULL);
		subject_filter("jobs", i & 1 ? JOB_LIVE : JOB_BATCH, &target,
			       filter);
		snprintf(why, sizeof(why), "%s is heard by %s", one, filter);
		IS_INT(why, filter_takes(filter, subject),
		       (i & 1) && one == other);
	}
}

static void
refuses_a_subject_that_has_no_room(void)
{
	char prefix[SUBJECT_SIZE];
	char buf[SUBJECT_SIZE] = "untouched";
	struct target target;

	memset(prefix, 'p', sizeof(prefix) - 1);
	prefix[sizeof(prefix) - 1] = '\0';
	target_parse("web", &target, NULL);
	IS_INT("prefix of 511",
	       subject_job(prefix, JOB_LIVE, JOB_QUERY, &target, buf),
	       ERR_TOO_LARGE);
	IS_TEXT("nothing written", buf, "untouched");
}

static void
gives_a_host_name_back_from_its_token(void)
{
	static const char *const hosts[] = {"web", "a.b", "a-b.c", "1.2.3"};

	for (size_t i = 0; i < COUNT(hosts); i++) {
		char token[SUBJECT_HOST_MAX + 1];
		char host[SUBJECT_HOST_MAX + 1];

		subject_host_token(hosts[i], token);
		OK("one token", strchr(token, '.') == NULL);
		IS_TEXT("there and back", subject_token_host(token, host),
			hosts[i]);
	}
}

static void
knows_whom_a_target_means(void)
{
	static char group[] = "group";
	static char zone[] = "zone";
	static char web_dev[] = "web.dev";
	static char eu[] = "eu";
	char *const keys[] = {group, zone};
	char *const values[] = {web_dev, eu};
	static const struct {
		const char *target;
		bool meant;
	} rows[] = {
	    {"_any", true},
	    {"_all", true},
	    {"host-1", true},
	    {"HOST-1", true},
	    {"host-2", false},
	    {"host", false},
	    {"group:web", true},
	    {"group:web.dev", true},
	    {"group:web.dev.x", false},
	    {"group:we", false},
	    {"group:web.de", false},
	    {"group:dev", false},
	    {"group:eu", false},
	    {"zone:eu", true},
	    {"zone:web", false},
	    {"Group:web", false},
	    {"other:web", false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct target target;

		IS_INT(rows[i].target,
		       target_parse(rows[i].target, &target, NULL), ERR_OK);
		IS_INT(rows[i].target,
		       target_matches(&target, "host-1", 2, keys, values),
		       rows[i].meant);
	}
}

static void
checks_labels_of_a_worker(void)
{
	static const struct {
		const char *key;
		const char *value;
		enum err err;
	} rows[] = {
	    {"group", "web.dev", ERR_OK}, {"a_b-c", "1", ERR_OK},
	    {"", "web", ERR_INVALID},     {"group", "", ERR_INVALID},
	    {"a.b", "web", ERR_INVALID},  {"group", "web.", ERR_INVALID},
	    {"a:b", "web", ERR_INVALID},  {"group", "a b", ERR_INVALID},
	    {"a", "*", ERR_INVALID},      {L63 "d", "v", ERR_INVALID},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err_info info = {""};

		IS_INT(rows[i].key,
		       subject_label_check(rows[i].key, rows[i].value, &info),
		       rows[i].err);
		OK(rows[i].value, rows[i].err == ERR_OK || info.text[0]);
	}
}

static void
takes_the_prefix_of_the_stream(void)
{
	static const struct {
		const char *subjects;
		const char *prefix; /* NULL: refused */
	} rows[] = {
	    {"jobs.>", "jobs"}, {"my-jobs_2.>", "my-jobs_2"},
	    {"jobs", NULL},     {"jobs.*", NULL},
	    {">", NULL},        {"", NULL},
	    {".>", NULL},       {"a.b.>", NULL},
	    {"*.>", NULL},      {"jobs.>.x", NULL},
	    {"jo bs.>", NULL},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char buf[SUBJECT_SIZE] = "untouched";
		enum err err = subject_prefix(rows[i].subjects, buf, NULL);

		IS_INT(rows[i].subjects, err,
		       rows[i].prefix ? ERR_OK : ERR_INVALID);
		IS_TEXT(rows[i].subjects, buf,
			rows[i].prefix ? rows[i].prefix : "untouched");
	}
}

const struct unit_case unit_cases[] = {
    {"takes host names of RFC 1123", takes_host_names_of_rfc_1123},
    {"reads targets", reads_targets},
    {"writes subjects and filters", writes_subjects_and_filters},
    {"gives each target its own subject", gives_each_target_its_own_subject},
    {"refuses a subject that has no room", refuses_a_subject_that_has_no_room},
    {"gives a host name back from its token",
     gives_a_host_name_back_from_its_token},
    {"knows whom a target means", knows_whom_a_target_means},
    {"checks labels of a worker", checks_labels_of_a_worker},
    {"takes the prefix of the stream", takes_the_prefix_of_the_stream},
    {NULL, NULL},
};
const char unit_name[] = "subject";
