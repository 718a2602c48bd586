/* t/unit/nearest.c: lib/nearest.h. */
#include "lib/nearest.h"

#include <string.h>

#include "t/unit/unit.h"

static void
counts_edits(void)
{
	static const struct {
		const char *why;
		const char *a;
		const char *b;
		size_t distance;
	} rows[] = {
	    {"the same", "token", "token", 0},
	    {"case does not count", "Token", "tOKEN", 0},
	    {"one missing", "tokn", "token", 1},
	    {"one too many", "tokken", "token", 1},
	    {"one other", "tokon", "token", 1},
	    {"neighbours swapped", "prot", "port", 1},
	    {"nothing against something", "", "abc", 3},
	    {"something against nothing", "abc", "", 3},
	    {"nothing in common", "abc", "xyz", 3},
	};
	char longest[NEAREST_WORD_MAX + 1];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		IS_INT(rows[i].why, nearest_distance(rows[i].a, rows[i].b),
		       rows[i].distance);
	memset(longest, 'a', NEAREST_WORD_MAX);
	longest[NEAREST_WORD_MAX] = '\0';
	IS_INT("too long to be near", nearest_distance(longest, longest),
	       NEAREST_WORD_MAX);
	longest[NEAREST_WORD_MAX - 1] = '\0';
	IS_INT("the longest", nearest_distance(longest, longest), 0);
}

static void
allows_more_for_longer_words(void)
{
	IS_INT("a short word", nearest_limit("up"), 1);
	IS_INT("a long one", nearest_limit("configuration"), 4);
}

const char unit_name[] = "nearest";
const struct unit_case unit_cases[] = {
    {"counts edits", counts_edits},
    {"allows more for longer words", allows_more_for_longer_words},
    {NULL, NULL},
};
