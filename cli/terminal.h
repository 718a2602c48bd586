/*
 * cli/terminal.h: what may go to a terminal, and what a terminal is asked.
 */
#ifndef OSAPI_CLI_TERMINAL_H
#define OSAPI_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/*
 * A copy of `text`, which may come from anywhere, without anything that a
 * terminal obeys: control characters (C0, DEL, C1), marks that change the
 * direction of writing and octets that are no UTF-8 become "\n", "\x1b",
 * "\u202e".  The caller frees it; NULL: out of memory.
 */
char *terminal_safe(const char *text);

/* Writes terminal_safe(text). */
void terminal_print(FILE *out, const char *text);

/* Whether `out` is a terminal that shows colours and NO_COLOR is not set. */
bool terminal_colours(FILE *out);

/* The colour of a state's word ("completed", "failed") as libsmartcols and
 * terminal_colour_code know it, NULL: none. */
const char *terminal_state_colour(const char *state);

/* The escape sequence of such a colour, "" for NULL. */
const char *terminal_colour_code(const char *colour);
#define TERMINAL_RESET "\033[0m"

/* Columns and lines of the terminal behind `out`; 80 and 24 where there is none
 * or it does not say. */
size_t terminal_width(FILE *out);
size_t terminal_height(FILE *out);

/* How many columns `text` takes (UTF-8; escape sequences of
 * colours take none). */
size_t terminal_columns(const char *text);

/* Writes a safe text, at most `columns` of it; colours in it stay whole. */
void terminal_print_cut(FILE *out, const char *text, size_t columns);

/* From now on a memory stream gets the colours that `out` would get. */
void terminal_stand_in(FILE *memory, FILE *out);

/* Whether a person can be asked: stdin and stderr are a terminal. */
bool terminal_interactive(void);

/* Asks on stderr, "{question} [y/N] "; true only for y or yes. */
bool terminal_confirm(const char *question);

#endif
