/* t/unit/flags.c: cli/flags.h. */
#include "cli/flags.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/unit/unit.h"

#define WORDS 6

/* Messages are for a person; here only that there was one counts. */
static bool
take(const struct flag *flags, char *const *words, char **argv, int *count)
{
	int saved = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY);
	bool taken;
	int n = 0;

	for (; words[n]; n++)
		argv[n] = words[n];
	dup2(null, STDERR_FILENO);
	close(null);
	taken = flags_take(flags, n, argv, count);
	dup2(saved, STDERR_FILENO);
	close(saved);
	return taken;
}

static void
takes_flags_out_of_the_words(void)
{
	static const struct {
		const char *why;
		const char *words[WORDS + 1];
		const char *role; /* wanted */
		bool demo;
		const char *rest; /* the words that stay, joined */
	} rows[] = {
	    {"nothing", {NULL}, NULL, false, ""},
	    {"only words", {"a", "b"}, NULL, false, "a b "},
	    {"a value behind", {"--role", "read", "x"}, "read", false, "x "},
	    {"a value with =", {"x", "--role=read"}, "read", false, "x "},
	    {"an empty value", {"--role="}, "", false, ""},
	    {"a value with a dash", {"--role", "-"}, "-", false, ""},
	    {"without value", {"--demo", "x"}, NULL, true, "x "},
	    {"a dash is a word", {"-"}, NULL, false, "- "},
	    {"behind --", {"--", "--demo", "--"}, NULL, false, "--demo -- "},
	};
	size_t i;
	int k;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *role = NULL;
		bool demo = false;
		const struct flag flags[] = {{"--role", &role, NULL},
					     {"--demo", NULL, &demo},
					     {NULL, NULL, NULL}};
		char *argv[WORDS + 1] = {NULL};
		char rest[64] = "";
		int count = -1;

		OK(rows[i].why,
		   take(flags, (char *const *)(uintptr_t)rows[i].words, argv,
			&count));
		IS_TEXT(rows[i].why, role, rows[i].role);
		IS_INT(rows[i].why, demo, rows[i].demo);
		for (k = 0; k < count; k++)
			snprintf(rest + strlen(rest),
				 sizeof(rest) - strlen(rest), "%s ", argv[k]);
		IS_TEXT(rows[i].why, rest, rows[i].rest);
	}
}

static void
refuses_what_it_does_not_know(void)
{
	static const struct {
		const char *why;
		const char *words[WORDS + 1];
	} rows[] = {
	    {"unknown", {"--nope"}},
	    {"the beginning of a known one", {"--rol", "x"}},
	    {"more than a known one", {"--roles", "x"}},
	    {"a short flag", {"-r"}},
	    {"value missing", {"x", "--role"}},
	    {"value not wanted", {"--demo=1"}},
	    {"twice", {"--role", "a", "--role", "b"}},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *role = NULL;
		bool demo = false;
		const struct flag flags[] = {{"--role", &role, NULL},
					     {"--demo", NULL, &demo},
					     {NULL, NULL, NULL}};
		char *argv[WORDS + 1] = {NULL};
		int count = -1;

		OK(rows[i].why,
		   !take(flags, (char *const *)(uintptr_t)rows[i].words, argv,
			 &count));
		IS_INT("untouched", count, -1);
	}
}

const char unit_name[] = "flags";
const struct unit_case unit_cases[] = {
    {"takes flags out of the words", takes_flags_out_of_the_words},
    {"refuses what it does not know", refuses_what_it_does_not_know},
    {NULL, NULL},
};
