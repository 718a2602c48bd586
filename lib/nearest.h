/*
 * lib/nearest.h: the word that somebody probably meant.
 */
#ifndef OSAPI_LIB_NEAREST_H
#define OSAPI_LIB_NEAREST_H

#include <stddef.h>

#define NEAREST_WORD_MAX 80 /* longer words are near to nothing */

/*
 * The edit distance of two words (insert, delete, replace, swap neighbours,
 * one each), case ignored; NEAREST_WORD_MAX where one is too long.
 */
size_t nearest_distance(const char *a, const char *b);

/* How far a word of this length may be from the one that was meant. */
size_t nearest_limit(const char *word);

#endif
