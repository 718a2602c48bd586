/* cli/catalog.c: tables and description as one sorted list. */
#include "cli/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/described.h"
#include "cli/terminal.h"

#define ENTRIES_MAX 128

enum { EXIT_USAGE = 2 };

static bool
known(const struct catalog *catalog, const char *words)
{
	size_t i;

	for (i = 0; i < catalog->count; i++)
		if (strcmp(catalog->entries[i].words, words) == 0)
			return true;
	return false;
}

/* The next entry, NULL where these words are there already. */
static struct catalog_entry *
add(struct catalog *catalog, const char *prefix, const char *words,
    const char *summary)
{
	struct catalog_entry *entry = &catalog->entries[catalog->count];

	if (catalog->count == ENTRIES_MAX)
		return NULL;
	snprintf(entry->words, sizeof(entry->words), "%s%s", prefix, words);
	if (known(catalog, entry->words))
		return NULL;
	entry->summary = summary;
	catalog->count++;
	return entry;
}

static void
add_table(struct catalog *catalog, const char *prefix,
	  const struct command *table, const struct argument *common)
{
	struct catalog_entry *entry;

	for (; table->words; table++) {
		entry = add(catalog, prefix, table->words, table->summary);
		if (!entry)
			continue;
		entry->command = table;
		command_know(table, common, &entry->arguments);
	}
}

static void
add_described(struct catalog *catalog)
{
	size_t count;
	const struct spec_endpoint *list =
	    spec_endpoints(catalog->spec, &count);
	struct catalog_entry *entry;
	size_t i;

	for (i = 0; i < count; i++) {
		if (!list[i].cli)
			continue;
		entry = add(catalog, "client ", list[i].cli, list[i].summary);
		if (!entry)
			continue;
		entry->endpoint = &list[i];
		described_flags(catalog->spec, &list[i], &entry->arguments);
	}
}

static int
by_words(const void *a, const void *b)
{
	const struct catalog_entry *left = a;
	const struct catalog_entry *right = b;

	return strcmp(left->words, right->words);
}

struct catalog *
catalog_new(struct err_info *info)
{
	struct catalog *made = calloc(1, sizeof(*made));

	if (made)
		made->entries = calloc(ENTRIES_MAX, sizeof(*made->entries));
	if (!made || !made->entries) {
		catalog_free(made);
		err_set(info, ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	if (spec_load(&made->spec, info) != ERR_OK) {
		catalog_free(made);
		return NULL;
	}
	add_table(made, "", command_local, command_arguments);
	add_table(made, "client ", command_client, api_arguments);
	add_described(made);
	qsort(made->entries, made->count, sizeof(*made->entries), by_words);
	return made;
}

void
catalog_free(struct catalog *catalog)
{
	if (!catalog)
		return;
	spec_free(catalog->spec);
	free(catalog->entries);
	free(catalog);
}

/* Whether the words of an entry begin with those of `prefix`. */
static bool
below(const char *words, const char *prefix)
{
	size_t length = strlen(prefix);

	return length == 0 || (strncmp(words, prefix, length) == 0 &&
			       (words[length] == ' ' || !words[length]));
}

size_t
catalog_list(const struct catalog *catalog, const char *prefix, FILE *out)
{
	size_t listed = 0;
	int width = 0;
	size_t i;

	for (i = 0; i < catalog->count; i++)
		if (below(catalog->entries[i].words, prefix) &&
		    (int)strlen(catalog->entries[i].words) > width)
			width = (int)strlen(catalog->entries[i].words);
	for (i = 0; i < catalog->count; i++) {
		if (!below(catalog->entries[i].words, prefix))
			continue;
		fprintf(out, "  %-*s  %s\n", width, catalog->entries[i].words,
			catalog->entries[i].summary);
		listed++;
	}
	return listed;
}

/* ---- what was not found ---- */

/* `prefix` and the words up to the first flag. */
static void
join_words(const char *prefix, int argc, char **argv, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "%s", prefix);
	int i;

	for (i = 0; i < argc && argv[i][0] != '-' && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
					 used ? " " : "", argv[i]);
}

static bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* Help of the commands that begin with `words`; false: there are none. */
static bool
help_group(const struct catalog *catalog, const char *words)
{
	const struct catalog_entry *first = NULL;
	size_t i;

	for (i = 0; i < catalog->count && !first; i++)
		if (below(catalog->entries[i].words, words))
			first = &catalog->entries[i];
	if (!first)
		return false;
	printf("usage: osapi %s COMMAND [FLAGS]\n\n", words);
	catalog_list(catalog, words, stdout);
	printf("\nosapi %s COMMAND --help tells the flags of one.\n\n"
	       "Example:\n",
	       words);
	if (first->command)
		fputs(first->command->example, stdout);
	else
		described_show_example(catalog->spec, first->endpoint);
	return true;
}

/* The command whose beginning was mistyped, or that is near. */
static const char *
suggest(const struct catalog *catalog, const char *words)
{
	const char *names[ENTRIES_MAX + 1];
	size_t i;

	for (i = 0; i < catalog->count; i++)
		if (strncmp(catalog->entries[i].words, words, strlen(words)) ==
		    0)
			return catalog->entries[i].words;
	for (i = 0; i < catalog->count; i++)
		names[i] = catalog->entries[i].words;
	names[catalog->count] = NULL;
	return command_suggest(words, names);
}

static bool
begins_some(const struct catalog *catalog, const char *words)
{
	size_t i;

	for (i = 0; i < catalog->count; i++)
		if (below(catalog->entries[i].words, words))
			return true;
	return false;
}

/* The first word that was probably meant: "confg"; NULL: it is one, or none is
 * near.  Made in `out`. */
static const char *
suggest_first(const struct catalog *catalog, const char *words, char *out,
	      size_t size)
{
	char firsts[ENTRIES_MAX][sizeof(catalog->entries->words)];
	const char *names[ENTRIES_MAX + 1];
	const char *near;
	size_t i;

	snprintf(out, size, "%.*s", (int)strcspn(words, " "), words);
	if (begins_some(catalog, out))
		return NULL;
	for (i = 0; i < catalog->count; i++) {
		const char *from = catalog->entries[i].words;

		snprintf(firsts[i], sizeof(firsts[i]), "%.*s",
			 (int)strcspn(from, " "), from);
		names[i] = firsts[i];
	}
	names[catalog->count] = NULL;
	near = command_suggest(out, names);
	if (!near)
		return NULL;
	snprintf(out, size, "%s", near);
	return out;
}

static int
refuse(const struct catalog *catalog, const char *words)
{
	char corrected[128];
	char *safe = terminal_safe(words);
	const char *near;
	bool client = strncmp(words, "client ", 7) == 0;
	int status;

	/* "system load" is one of the client's */
	snprintf(corrected, sizeof(corrected), "client %.100s", words);
	near = begins_some(catalog, corrected) ? corrected
					       : suggest(catalog, words);
	if (!near)
		near =
		    suggest_first(catalog, words, corrected, sizeof(corrected));
	if (begins_some(catalog, words)) {
		status = command_fail(ERR_INVALID,
				      "%s: a word is missing, known are",
				      safe ? safe : "?");
		catalog_list(catalog, words, stderr);
	} else if (near) {
		status = command_fail(ERR_INVALID,
				      "%s: unknown command, did you mean "
				      "osapi %s?",
				      safe ? safe : "?", near);
	} else {
		status =
		    command_fail(ERR_INVALID,
				 "%s: unknown command (osapi %s--help "
				 "lists them)",
				 safe ? safe : "?", client ? "client " : "");
	}
	free(safe);
	return status;
}

int
catalog_miss(const char *prefix, int argc, char **argv)
{
	struct err_info info = {{0}};
	struct catalog *catalog = catalog_new(&info);
	char words[128];
	int status;

	if (!catalog)
		return command_fail(ERR_INTERNAL, "%s", info.text);
	join_words(prefix, argc, argv, words, sizeof(words));
	if (wants_help(argc, argv) && help_group(catalog, words))
		status = 0;
	else if (argc == 0 && help_group(catalog, words))
		status = EXIT_USAGE;
	else
		status = refuse(catalog, words);
	catalog_free(catalog);
	return status;
}
