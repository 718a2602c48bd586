/* cli/command.c: finds commands by their words, and says what went wrong. */
#include "cli/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/nearest.h"

/* What a person may do next about a failure of this kind. */
static const struct {
	enum err code;
	const char *text;
} next_steps[] = {
    {ERR_UNAUTHENTICATED,
     "give a token: osapi token generate --role ROLE --subject NAME"},
    {ERR_EXPIRED, "make a new token: osapi token generate"},
    {ERR_UNAVAILABLE, "is it running? osapi client health ready"},
};

int
command_fail(enum err code, const char *fmt, ...)
{
	va_list args;
	size_t i;

	fputs("osapi: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	for (i = 0; i < sizeof(next_steps) / sizeof(next_steps[0]); i++)
		if (next_steps[i].code == code)
			fprintf(stderr, " (%s)", next_steps[i].text);
	fputc('\n', stderr);
	return err_exit(code);
}

/* Whether the words of `row` begin with those of `prefix`. */
static bool
below(const char *words, const char *prefix)
{
	size_t length = strlen(prefix);

	return length == 0 || (strncmp(words, prefix, length) == 0 &&
			       (words[length] == ' ' || !words[length]));
}

void
command_list(const struct command *table, const char *prefix)
{
	const struct command *row;
	int width = 0;

	for (row = table; row->words; row++)
		if (below(row->words, prefix) &&
		    (int)strlen(row->words) > width)
			width = (int)strlen(row->words);
	for (row = table; row->words; row++)
		if (below(row->words, prefix))
			printf("  %-*s  %s\n", width, row->words, row->summary);
}

/* How many words of argv `words` takes, 0 where they differ. */
static int
matched(const char *words, int argc, char **argv)
{
	int i;

	for (i = 0; *words; i++) {
		size_t length = strcspn(words, " ");

		if (i == argc || strlen(argv[i]) != length ||
		    strncmp(argv[i], words, length) != 0)
			return 0;
		words += length + (words[length] == ' ');
	}
	return i;
}

const struct command *
command_find(const struct command *table, int argc, char **argv, int *used)
{
	const struct command *best = NULL;
	int n;

	*used = 0;
	for (; table->words; table++) {
		n = matched(table->words, argc, argv);
		if (n <= *used)
			continue;
		best = table;
		*used = n;
	}
	return best;
}

const char *
command_suggest(const char *word, const char *const *known)
{
	const char *best = NULL;
	size_t least = nearest_limit(word) + 1;

	for (; *known; known++) {
		size_t distance = nearest_distance(word, *known);

		if (distance >= least)
			continue;
		least = distance;
		best = *known;
	}
	return best;
}
