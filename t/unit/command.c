/* t/unit/command.c: cli/command.h. */
#include "cli/command.h"

#include <string.h>

#include "t/unit/unit.h"

static int
nothing(const struct cli *cli, const struct arguments *arguments)
{
	(void)cli;
	(void)arguments;
	return 0;
}

static const struct command table[] = {
    {"job", "", 0, "", "", "", {NULL}, nothing},
    {"job get", "", 0, "", "", "", {NULL}, nothing},
    {"job get all", "", 0, "", "", "", {NULL}, nothing},
    {"token generate", "", 0, "", "", "", {NULL}, nothing},
    {NULL, NULL, 0, NULL, NULL, NULL, {NULL}, NULL},
};

static void
finds_the_longest(void)
{
	static const struct {
		const char *why;
		const char *words[4];
		const char *found;
		int used;
	} rows[] = {
	    {"one word", {"job"}, "job", 1},
	    {"two words", {"job", "get"}, "job get", 2},
	    {"three words", {"job", "get", "all"}, "job get all", 3},
	    {"words behind are arguments", {"job", "get", "x"}, "job get", 2},
	    {"the rest does not match", {"job", "x"}, "job", 1},
	    {"half a command", {"token"}, NULL, 0},
	    {"part of a word", {"jo"}, NULL, 0},
	    {"more than a word", {"jobs"}, NULL, 0},
	    {"two words in one", {"job get"}, NULL, 0},
	    {"nothing", {NULL}, NULL, 0},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct command *found;
		char *const *words = (char *const *)(uintptr_t)rows[i].words;
		char *argv[4];
		int used = -1;
		int n = 0;

		for (; words[n]; n++)
			argv[n] = words[n];
		found = command_find(table, n, argv, &used);
		IS_TEXT(rows[i].why, found ? found->words : NULL,
			rows[i].found);
		IS_INT(rows[i].why, used, rows[i].used);
	}
}

static void
suggests_what_is_near(void)
{
	static const char *const known[] = {"token", "config", "nginx", NULL};

	IS_TEXT("a letter missing", command_suggest("tokn", known), "token");
	IS_TEXT("swapped", command_suggest("ngixn", known), "nginx");
	IS_TEXT("nothing near", command_suggest("frobnicate", known), NULL);
}

static void
has_whole_rows(void)
{
	const struct command *row;

	for (row = command_local; row->words; row++)
		OK(row->words, row->arguments && *row->summary && row->help &&
				   *row->example && row->run);
}

const char unit_name[] = "command";
const struct unit_case unit_cases[] = {
    {"finds the command with the most words", finds_the_longest},
    {"suggests what is near", suggests_what_is_near},
    {"has whole rows", has_whole_rows},
    {NULL, NULL},
};
