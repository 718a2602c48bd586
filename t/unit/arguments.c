/* t/unit/arguments.c: command lines of client commands. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"

const char unit_name[] = "arguments";

static const struct argument flags[] = {
    {"target", 'T', "HOST", false, "", NULL},
    {"interface_name", 0, "NAME", false, "", NULL},
    {"servers", 0, "A,B", true, "", NULL},
    {"yes", 'y', NULL, true, "", NULL},
    ARGUMENTS_END,
};

#define WORDS 8

/* "target=..., servers=..., yes | words" */
static void
reads(const char *why, const char *const *words, const char *wanted)
{
	struct arguments a = {0};
	char *argv[WORDS];
	char got[256] = "refused";
	int argc = 0;
	char *servers;

	while (argc < WORDS && words[argc]) {
		argv[argc] = strdup(words[argc]);
		argc++;
	}
	arguments_know(&a, flags);
	if (arguments_parse(&a, argc, argv)) {
		const char *target = arguments_value(&a, "target");
		const char *name = arguments_value(&a, "interface-name");

		servers = arguments_joined(&a, "servers");
		snprintf(got, sizeof(got), "%s %s %s %s %s %s",
			 target ? target : "-", name ? name : "-",
			 servers ? servers : "-",
			 arguments_has(&a, "yes") ? "yes" : "no",
			 a.word_count > 0 ? a.words[0] : "-",
			 a.word_count > 1 ? a.words[1] : "-");
		free(servers);
	}
	IS_TEXT(why, got, wanted);
	while (argc-- > 0)
		free(argv[argc]);
}

static void
reads_command_lines(void)
{
	static const struct {
		const char *why;
		const char *words[WORDS];
		const char *wanted;
	} rows[] = {
	    {"nothing", {NULL}, "- - - no - -"},
	    {"a value behind", {"--target", "a", NULL}, "a - - no - -"},
	    {"a value with =", {"--target=a=b", NULL}, "a=b - - no - -"},
	    {"a letter", {"-T", "a", NULL}, "a - - no - -"},
	    {"a letter and its value", {"-Ta", NULL}, "a - - no - -"},
	    {"- for _", {"--interface-name", "x", NULL}, "- x - no - -"},
	    {"and back", {"--interface_name", "x", NULL}, "- x - no - -"},
	    {"a list again",
	     {"--servers", "a,b", "--servers=c", NULL},
	     "- - a,b,c no - -"},
	    {"an empty list", {"--servers=", NULL}, "- -  no - -"},
	    {"no value", {"-y", NULL}, "- - - yes - -"},
	    {"letters together", {"-yTa", NULL}, "a - - yes - -"},
	    {"and their value behind", {"-yT", "a", NULL}, "a - - yes - -"},
	    {"an unknown one among them", {"-yx", NULL}, "refused"},
	    {"words between", {"one", "-y", "two", NULL}, "- - - yes one two"},
	    {"-- ends flags", {"--", "-y", NULL}, "- - - no -y -"},
	    {"- is a word", {"-", NULL}, "- - - no - -"},
	    {"a value that looks like a flag",
	     {"--target", "-y", NULL},
	     "-y - - no - -"},
	    {"unknown", {"--taget", "a", NULL}, "refused"},
	    {"unknown letter", {"-x", NULL}, "refused"},
	    {"a beginning is no name", {"--tar", "a", NULL}, "refused"},
	    {"no value left", {"--target", NULL}, "refused"},
	    {"a value too many", {"--yes=1", NULL}, "refused"},
	    {"twice", {"-T", "a", "-T", "b", NULL}, "refused"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		reads(rows[i].why, rows[i].words, rows[i].wanted);
}

static void
bounds_what_it_keeps(void)
{
	static char word[] = "w";
	char *argv[ARGUMENTS_WORDS_MAX + 1];
	struct arguments full = {0};
	struct arguments over = {0};
	int i;

	for (i = 0; i <= ARGUMENTS_WORDS_MAX; i++)
		argv[i] = word;
	arguments_know(&full, flags);
	arguments_know(&over, flags);
	OK("as many words as there is room",
	   arguments_parse(&full, ARGUMENTS_WORDS_MAX, argv));
	OK("one more is refused",
	   !arguments_parse(&over, ARGUMENTS_WORDS_MAX + 1, argv));
	arguments_know(&full, flags);
	IS_INT("a known flag is known once", full.known_count, 4);
}

const struct unit_case unit_cases[] = {
    {"reads command lines", reads_command_lines},
    {"bounds what it keeps", bounds_what_it_keeps},
    {NULL, NULL}};
