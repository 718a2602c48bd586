/* t/unit/terminal.c: cli/terminal.h and cli/log_line.h: how wide a text is, and
 * where it is cut; lines of logs for people. */
#include "cli/terminal.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/log_line.h"
#include "t/unit/unit.h"

#define GREEN "\033[32m"

static void
cuts_at_a_column(void)
{
	static const struct {
		const char *why;
		const char *text;
		size_t columns; /* of all of it */
		size_t room;
		const char *cut;
	} rows[] = {
	    {"nothing", "", 0, 5, ""},
	    {"it fits", "abc", 3, 3, "abc"},
	    {"one too many", "abcd", 4, 3, "abc"},
	    {"no room", "abc", 3, 0, ""},
	    {"two octets, one column", "\u00e4\u00f6\u00fc", 3, 2,
	     "\u00e4\u00f6"},
	    {"two columns", "\u65e5\u672c", 4, 3, "\u65e5"},
	    {"nothing behind what did not fit", "a\u65e5b", 4, 2, "a"},
	    {"no UTF-8", "\xff\xff", 2, 1, "\xff"},
	    {"colours take no room", GREEN "ok" TERMINAL_RESET, 2, 2,
	     GREEN "ok" TERMINAL_RESET},
	    {"and end where the text is cut", GREEN "okay" TERMINAL_RESET, 4, 2,
	     GREEN "ok" TERMINAL_RESET},
	    {"an unfinished colour", "ab\033[3", 2, 9, "ab\033[3"},
	};
	size_t i;

	OK("a locale with UTF-8", setlocale(LC_CTYPE, "C.UTF-8") != NULL);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = NULL;
		size_t size;
		FILE *out = open_memstream(&got, &size);

		terminal_print_cut(out, rows[i].text, rows[i].room);
		fclose(out);
		IS_INT(rows[i].why, terminal_columns(rows[i].text),
		       rows[i].columns);
		IS_TEXT(rows[i].why, got, rows[i].cut);
		free(got);
	}
}

static void
shortens_lines_of_logs(void)
{
	static const struct {
		const char *why;
		const char *line;
		const char *shown;
	} rows[] = {
	    {"one of ours",
	     "{\"time\":\"2001-02-03T04:05:06.789Z\",\"level\":\"info\","
	     "\"program\":\"p\",\"msg\":\"job done\",\"n\":4,\"id\":\"x y\"}",
	     "02-03 04:05 job done n=4 id=x y"},
	    {"a warning",
	     "{\"time\":\"2001-02-03T04:05:06Z\",\"level\":\"warning\","
	     "\"msg\":\"look\"}",
	     "02-03 04:05 warning: look"},
	    {"without time", "{\"msg\":\"m\"}", "- m"},
	    {"JSON that is not ours", "{\"a\":1}", "{\"a\":1}"},
	    {"half a line", "{\"msg\":", "{\"msg\":"},
	    {"of another program", "[1] started", "[1] started"},
	    {"that would be obeyed", "\033[2Jx", "\\x1b[2Jx"},
	    {"the same in ours", "{\"msg\":\"\\u001b[2J\"}", "- \\x1b[2J"},
	    {"nothing", "", ""},
	};
	size_t i;

	setenv("TZ", "UTC", 1);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = NULL;
		size_t size;
		FILE *out = open_memstream(&got, &size);

		log_line_print(out, rows[i].line, strlen(rows[i].line));
		fclose(out);
		IS_TEXT(rows[i].why, got, rows[i].shown);
		free(got);
	}
}

static void
colours_are_for_terminals(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	OK("memory is none", !terminal_colours(out));
	terminal_stand_in(out, stdin);
	IS_INT("it is what it stands for", terminal_colours(out),
	       terminal_colours(stdin));
	terminal_stand_in(NULL, NULL);
	OK("and is none again", !terminal_colours(out));
	fclose(out);
	free(text);
}

const char unit_name[] = "terminal";
const struct unit_case unit_cases[] = {
    {"cuts at a column", cuts_at_a_column},
    {"shortens lines of logs", shortens_lines_of_logs},
    {"colours are for terminals", colours_are_for_terminals},
    {NULL, NULL},
};
