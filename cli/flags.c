/* cli/flags.c: takes the flags of a command out of its words. */
#include "cli/flags.h"

#include <string.h>

#include "cli/command.h"

#define SHOWN 64

static const struct flag *
find(const struct flag *flags, const char *word, size_t length)
{
	for (; flags->name; flags++)
		if (strlen(flags->name) == length &&
		    strncmp(flags->name, word, length) == 0)
			return flags;
	return NULL;
}

/* The flag at argv[*i]; *i moves on to its value where that is the next word. */
static bool
take(const struct flag *flags, int argc, char **argv, int *i)
{
	const char *word = argv[*i];
	size_t length = strcspn(word, "=");
	const struct flag *flag = find(flags, word, length);

	if (!flag) {
		command_fail(ERR_INVALID, "unknown flag %.*s",
			     length < SHOWN ? (int)length : SHOWN, word);
		return false;
	}
	if (flag->given)
		*flag->given = true;
	if (!flag->value) {
		if (word[length])
			command_fail(ERR_INVALID, "%s takes no value",
				     flag->name);
		return !word[length];
	}
	if (*flag->value) {
		command_fail(ERR_INVALID, "%s is given twice", flag->name);
		return false;
	}
	if (word[length]) {
		*flag->value = word + length + 1;
		return true;
	}
	if (*i + 1 == argc) {
		command_fail(ERR_INVALID, "%s needs a value", flag->name);
		return false;
	}
	*flag->value = argv[++*i];
	return true;
}

bool
flags_take(const struct flag *flags, int argc, char **argv, int *count)
{
	bool ended = false;
	int words = 0;
	int i;

	for (i = 0; i < argc; i++) {
		/* "-" alone is a word: standard input */
		if (ended || argv[i][0] != '-' || !argv[i][1])
			argv[words++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			ended = true;
		else if (!take(flags, argc, argv, &i))
			return false;
	}
	*count = words;
	return true;
}
