/*
 * cli/live.h: a picture on the terminal that is drawn again and again, on the
 * alternate screen.  One at a time, from the main thread.
 *
 * From live_begin to live_end the terminal is given back before the program
 * stops or dies of a signal, and taken again when it goes on.
 */
#ifndef OSAPI_CLI_LIVE_H
#define OSAPI_CLI_LIVE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether stdin and stdout are a terminal that can be drawn on. */
bool live_possible(void);

/* False, with nothing changed: the terminal cannot be set up. */
bool live_begin(void);
void live_end(void);

/* Draws a text from the top, cut to the terminal's size; its lines are safe for
 * a terminal and may have colours. */
void live_draw(const char *text);

enum live_event {
	LIVE_TIME,  /* timeout_ms are over, or somebody is impatient (space) */
	LIVE_DRAW,  /* the size has changed, or the terminal was away */
	LIVE_LEAVE, /* q, or the terminal has gone */
};

enum live_event live_wait(int64_t timeout_ms);

#endif
