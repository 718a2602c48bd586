/* cli/arguments.c: one pass over argv; names are compared with "_" as "-". */
#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "lib/error.h"

#define ARGUMENTS_NAME_SIZE 80

/* Shows a word of the command line, cut and without control characters. */
static bool
refuse(const char *word, const char *why, const char *more)
{
	char *safe = terminal_safe(word);

	command_fail(ERR_INVALID, "%.80s%s%s", safe ? safe : "?", why, more);
	free(safe);
	return false;
}

static bool
same_name(const char *name, const char *word, size_t size)
{
	size_t i;

	for (i = 0; i < size && name[i]; i++) {
		char a = name[i] == '_' ? '-' : name[i];
		char b = word[i] == '_' ? '-' : word[i];

		if (a != b)
			return false;
	}
	return i == size && !name[i];
}

void
arguments_know(struct arguments *arguments, const struct argument *rows)
{
	size_t i;

	for (; rows->name; rows++) {
		for (i = 0; i < arguments->known_count; i++)
			if (same_name(arguments->known[i].name, rows->name,
				      strlen(rows->name)))
				break;
		if (i == arguments->known_count && i < ARGUMENTS_FLAGS_MAX)
			arguments->known[arguments->known_count++] = *rows;
	}
}

static const struct argument *
find_name(const struct arguments *arguments, const char *word, size_t size)
{
	size_t i;

	for (i = 0; i < arguments->known_count; i++)
		if (same_name(arguments->known[i].name, word, size))
			return &arguments->known[i];
	return NULL;
}

static const struct argument *
find_letter(const struct arguments *arguments, char letter)
{
	size_t i;

	for (i = 0; i < arguments->known_count; i++)
		if (letter && arguments->known[i].letter == letter)
			return &arguments->known[i];
	return NULL;
}

/* "--interface-name" */
static void
written(const char *name, char *out, size_t size)
{
	size_t i;

	snprintf(out, size, "--%s", name);
	for (i = 0; out[i]; i++)
		if (out[i] == '_')
			out[i] = '-';
}

static bool
unknown(const struct arguments *arguments, const char *word)
{
	char known[ARGUMENTS_FLAGS_MAX][ARGUMENTS_NAME_SIZE];
	const char *names[ARGUMENTS_FLAGS_MAX + 1] = {NULL};
	char plain[ARGUMENTS_NAME_SIZE];
	const char *near;
	size_t i;

	for (i = 0; i < arguments->known_count; i++) {
		written(arguments->known[i].name, known[i], sizeof(*known));
		names[i] = known[i];
	}
	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(word, "="), word);
	near = word[1] == '-' ? command_suggest(plain, names) : NULL;
	if (near)
		return refuse(word, ": unknown flag, did you mean ", near);
	return refuse(word, ": unknown flag (--help lists them)", "");
}

static bool
add(struct arguments *arguments, const struct argument *flag, const char *value)
{
	char name[ARGUMENTS_NAME_SIZE];
	size_t i;

	written(flag->name, name, sizeof(name));
	for (i = 0; i < arguments->given_count; i++)
		if (arguments->given[i].flag == flag && !flag->many)
			return refuse(name, " is given twice", "");
	if (arguments->given_count == ARGUMENTS_GIVEN_MAX)
		return refuse(name, ": too many flags", "");
	arguments->given[arguments->given_count].flag = flag;
	arguments->given[arguments->given_count].value = value;
	arguments->given_count++;
	return true;
}

/* Adds a flag with the value behind it in its own word or, where `value` is
 * NULL and it takes one, in the next; *i moves on to that. */
static bool
add_value(struct arguments *arguments, const struct argument *flag,
	  const char *value, int argc, char **argv, int *i)
{
	if (!flag->value)
		return value ? refuse(argv[*i], " takes no value", "")
			     : add(arguments, flag, "");
	if (!value && *i + 1 == argc)
		return refuse(argv[*i], " needs a value: ", flag->value);
	return add(arguments, flag, value ? value : argv[++*i]);
}

/* "-iv", "-Thost": letters, of which the last may take a value. */
static bool
take_letters(struct arguments *arguments, int argc, char **argv, int *i)
{
	const char *p;

	for (p = argv[*i] + 1; *p; p++) {
		const struct argument *flag = find_letter(arguments, *p);

		if (!flag)
			return unknown(arguments, argv[*i]);
		if (flag->value)
			return add_value(arguments, flag, p[1] ? p + 1 : NULL,
					 argc, argv, i);
		if (!add(arguments, flag, ""))
			return false;
	}
	return true;
}

/* Takes the flag at argv[*i]; *i moves on to its value where that is the next
 * word. */
static bool
take(struct arguments *arguments, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	const struct argument *flag;
	size_t size;

	if (word[1] != '-')
		return take_letters(arguments, argc, argv, i);
	size = strcspn(word + 2, "=");
	flag = find_name(arguments, word + 2, size);
	if (!flag)
		return unknown(arguments, word);
	return add_value(arguments, flag,
			 word[2 + size] ? word + 2 + size + 1 : NULL, argc,
			 argv, i);
}

bool
arguments_parse(struct arguments *arguments, int argc, char **argv)
{
	bool ended = false;
	int i;

	for (i = 0; i < argc; i++) {
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (!ended && argv[i][0] == '-' && argv[i][1]) {
			if (!take(arguments, argc, argv, &i))
				return false;
		} else if (arguments->word_count == ARGUMENTS_WORDS_MAX) {
			return refuse(argv[i], ": too many words", "");
		} else {
			arguments->words[arguments->word_count++] = argv[i];
		}
	}
	return true;
}

const char *
arguments_value(const struct arguments *arguments, const char *name)
{
	size_t i = arguments->given_count;

	while (i-- > 0)
		if (same_name(arguments->given[i].flag->name, name,
			      strlen(name)))
			return arguments->given[i].value;
	return NULL;
}

bool
arguments_has(const struct arguments *arguments, const char *name)
{
	return arguments_value(arguments, name) != NULL;
}

char *
arguments_joined(const struct arguments *arguments, const char *name)
{
	char *text = NULL;
	size_t size = 0;
	const char *comma = "";
	FILE *out;
	size_t i;

	if (!arguments_has(arguments, name))
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (i = 0; i < arguments->given_count; i++) {
		if (!same_name(arguments->given[i].flag->name, name,
			       strlen(name)))
			continue;
		/* an empty value empties a list: it adds no item to one */
		if (!*arguments->given[i].value)
			continue;
		fprintf(out, "%s%s", comma, arguments->given[i].value);
		comma = ",";
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

#define HELP_COLUMN 35
#define HELP_WIDTH  80

/* The help of a flag with what its schema says of the value: "One of: a, b.",
 * "(30s)" for a default.  The marks of code (`_any`) are for web pages.
 * The caller frees it. */
static char *
help_text(const struct argument *flag)
{
	const json_t *words = json_object_get(flag->schema, "enum");
	const json_t *fallback = json_object_get(flag->schema, "default");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const char *p;
	size_t i;

	if (!out)
		return NULL;
	for (p = flag->help; *p; p++)
		if (*p != '`')
			fputc(*p, out);
	for (i = 0; i < json_array_size(words); i++)
		fprintf(out, "%s%s", i ? ", " : " One of: ",
			json_string_value(json_array_get(words, i)));
	fputs(json_array_size(words) ? "." : "", out);
	if (json_is_string(fallback))
		fprintf(out, " (%s)", json_string_value(fallback));
	else if (json_is_integer(fallback))
		fprintf(out, " (%lld)",
			(long long)json_integer_value(fallback));
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Writes a text from HELP_COLUMN on, broken between words. */
static void
print_wrapped(const char *text)
{
	size_t column = HELP_COLUMN;

	while (*text) {
		size_t size = strcspn(text, " \n");

		if (column > HELP_COLUMN && column + 1 + size > HELP_WIDTH) {
			printf("\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		} else if (column > HELP_COLUMN) {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)size, text);
		column += size;
		text += size;
		text += strspn(text, " \n");
	}
	putchar('\n');
}

void
arguments_help(const struct arguments *arguments)
{
	size_t i;

	for (i = 0; i < arguments->known_count; i++) {
		const struct argument *flag = &arguments->known[i];
		char name[ARGUMENTS_NAME_SIZE];
		char left[2 * ARGUMENTS_NAME_SIZE];
		char *help;

		written(flag->name, name, sizeof(name));
		snprintf(
		    left, sizeof(left), "%s%c%s%s%s%s",
		    flag->letter ? "-" : " ", flag->letter ? flag->letter : ' ',
		    flag->letter ? ", " : "  ", name, flag->value ? " " : "",
		    flag->value ? flag->value : "");
		printf("  %-32s ", left);
		if (strlen(left) > HELP_COLUMN - 3)
			printf("\n%*s", HELP_COLUMN, "");
		help = help_text(flag);
		print_wrapped(help ? help : flag->help);
		free(help);
	}
}
