/* t/unit/exposition.c: both texts, and which of them is meant. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/exposition.h"

static const struct {
	const char *accept;
	bool open;
	const char *why;
} wishes[] = {
    {NULL, false, "no header"},
    {"", false, "an empty one"},
    {"*/*", false, "curl: anything, so text"},
    {"text/html,application/xhtml+xml,*/*;q=0.8", false, "a browser"},
    {"text/plain", false, "text"},
    {"text/plain;version=0.0.4;q=0.5,*/*;q=0.1", false, "an old Prometheus"},
    {"application/openmetrics-text", true, "OpenMetrics of any version"},
    {"application/openmetrics-text; version=1.0.0", true, "and of ours"},
    {"Application/OpenMetrics-Text ; Version=1.0.0 ; charset=utf-8", true,
     "letters of any case, blanks, more parameters"},
    {"application/openmetrics-text;version=1.0.0,application/"
     "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
     "*/*;q=0.1",
     true, "Prometheus 2.42"},
    {"application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;"
     "q=0.5,*/*;q=0.1",
     false, "only a version that is not spoken"},
    {"application/openmetrics-text;version=1.0.0;q=0,*/*", false,
     "refused by name"},
    {"application/openmetrics-text;q=0.4,text/plain;q=0.5", false,
     "text is wanted more"},
    {"application/openmetrics-text;q=0.5,text/plain;q=0.5", true,
     "both by name alike"},
    {"application/*", true, "no text at all"},
    {"application/*;q=0.5,*/*", false, "the closer range counts"},
    {"text/plain;q=1.x,application/openmetrics-text;q=0.001", true,
     "a quality that is no number counts as none"},
    {",;=,/;q", false, "nothing but signs"},
    {"application/openmetrics-textual", false, "a longer name"},
    {"image/png", false, "nothing that we have: text all the same"},
};

static void
chooses_what_is_wanted(void)
{
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		IS_INT(wishes[i].why, exposition_choose(wishes[i].accept),
		       wishes[i].open ? EXPOSITION_OPENMETRICS
				      : EXPOSITION_TEXT);
}

static void
write_some(struct exposition *e)
{
	static const int64_t bounds[] = {1500, 1000000};
	static const int64_t counts[] = {2, 1, 3};
	char labels[64] = "";

	exposition_family(e, EXPOSITION_COUNTER, "cpu_seconds_total", "seconds",
			  "Time.");
	exposition_seconds(e, "", 61000001);
	exposition_family(e, EXPOSITION_INFO, "build_info", NULL, "It.");
	exposition_label(labels, sizeof(labels), "v", "a\"b\\c\nd");
	exposition_label(labels, sizeof(labels), "w", "x");
	exposition_number(e, labels, 1);
	exposition_family(e, EXPOSITION_HISTOGRAM, "run_seconds", "seconds",
			  "Runs.");
	exposition_histogram(e, "a=\"b\"", bounds, counts, 2, 4000000);
	exposition_end(e);
}

static void
writes_both_texts(void)
{
	static const char *const texts[] = {
	    [EXPOSITION_TEXT] = "# HELP cpu_seconds_total Time.\n"
				"# TYPE cpu_seconds_total counter\n"
				"cpu_seconds_total 61.000001\n"
				"# HELP build_info It.\n"
				"# TYPE build_info gauge\n"
				"build_info{v=\"a\\\"b\\\\c\\nd\",w=\"x\"} 1\n"
				"# HELP run_seconds Runs.\n"
				"# TYPE run_seconds histogram\n"
				"run_seconds_bucket{a=\"b\",le=\"0.0015\"} 2\n"
				"run_seconds_bucket{a=\"b\",le=\"1.0\"} 3\n"
				"run_seconds_bucket{a=\"b\",le=\"+Inf\"} 6\n"
				"run_seconds_sum{a=\"b\"} 4.0\n"
				"run_seconds_count{a=\"b\"} 6\n",
	    [EXPOSITION_OPENMETRICS] =
		"# HELP cpu_seconds Time.\n"
		"# TYPE cpu_seconds counter\n"
		"# UNIT cpu_seconds seconds\n"
		"cpu_seconds_total 61.000001\n"
		"# HELP build It.\n"
		"# TYPE build info\n"
		"build_info{v=\"a\\\"b\\\\c\\nd\",w=\"x\"} 1\n"
		"# HELP run_seconds Runs.\n"
		"# TYPE run_seconds histogram\n"
		"# UNIT run_seconds seconds\n"
		"run_seconds_bucket{a=\"b\",le=\"0.0015\"} 2\n"
		"run_seconds_bucket{a=\"b\",le=\"1.0\"} 3\n"
		"run_seconds_bucket{a=\"b\",le=\"+Inf\"} 6\n"
		"run_seconds_sum{a=\"b\"} 4.0\n"
		"run_seconds_count{a=\"b\"} 6\n"
		"# EOF\n",
	};

	for (int i = 0; i < 2; i++) {
		char *text = NULL;
		size_t size = 0;
		struct exposition e = {.out = open_memstream(&text, &size),
				       .format = (enum exposition_format)i};

		if (!e.out)
			CU_FAIL_FATAL("no memory");
		write_some(&e);
		fclose(e.out);
		IS_TEXT(exposition_type(e.format), text, texts[i]);
		free(text);
	}
}

static void
writes_seconds(void)
{
	static const struct {
		int64_t us;
		const char *text;
	} rows[] = {
	    {0, "x 0.0\n"},
	    {1, "x 0.000001\n"},
	    {1500, "x 0.0015\n"},
	    {20000000, "x 20.0\n"},
	    {-1000, "x -0.001\n"},
	    {-1500000, "x -1.5\n"},
	    {INT64_MIN, "x -9223372036854.775808\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64] = "";
		struct exposition e = {.out = fmemopen(text, sizeof(text), "w"),
				       .name = "x"};

		if (!e.out)
			CU_FAIL_FATAL("no memory");
		exposition_seconds(&e, "", rows[i].us);
		fclose(e.out);
		IS_TEXT("microseconds", text, rows[i].text);
	}
}

static void
leaves_out_labels_that_do_not_fit(void)
{
	for (size_t size = 8; size < 32; size++) {
		char labels[32] = "a=\"b\"";

		exposition_label(labels, size, "name", "some value");
		IS_TEXT("whole or not at all", labels,
			size < 24 ? "a=\"b\"" : "a=\"b\",name=\"some value\"");
	}
}

const struct unit_case unit_cases[] = {
    {"chooses what is wanted", chooses_what_is_wanted},
    {"writes both texts", writes_both_texts},
    {"writes seconds of every sign", writes_seconds},
    {"leaves out labels that do not fit", leaves_out_labels_that_do_not_fit},
    {NULL, NULL},
};
const char unit_name[] = "exposition";
