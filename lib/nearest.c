/* lib/nearest.c: edit distance with three rows of its table.  No state. */
#include "lib/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t
nearest_distance(const char *a, const char *b)
{
	/* rows i - 2, i - 1 and i of the table */
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t m = strlen(a);
	size_t n = strlen(b);
	size_t i;
	size_t k;

	if (m >= NEAREST_WORD_MAX || n >= NEAREST_WORD_MAX)
		return NEAREST_WORD_MAX;
	for (k = 0; k <= n; k++)
		rows[0][k] = k;
	for (i = 1; i <= m; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		const size_t *second = rows[(i + 1) % 3];

		row[0] = i;
		for (k = 1; k <= n; k++) {
			row[k] =
			    least(least(above[k], row[k - 1]) + 1,
				  above[k - 1] + !same(a[i - 1], b[k - 1]));
			if (i > 1 && k > 1 && same(a[i - 1], b[k - 2]) &&
			    same(a[i - 2], b[k - 1]))
				row[k] = least(row[k], second[k - 2] + 1);
		}
	}
	return rows[m % 3][n];
}

size_t
nearest_limit(const char *word)
{
	return strlen(word) / 4 + 1;
}
