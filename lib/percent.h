/*
 * lib/percent.h: percent escapes of URLs (RFC 3986 section 2.1).
 */
#ifndef OSAPI_LIB_PERCENT_H
#define OSAPI_LIB_PERCENT_H

/* The octet that the three characters at `text`, "%41", stand for; -1 where it
 * is no escape.  Reads no further than the NUL.  From every thread. */
int percent_octet(const char *text);

#endif
