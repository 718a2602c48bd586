/*
 * lib/inbox.h: the subject below which a user's replies come.
 */
#ifndef OSAPI_LIB_INBOX_H
#define OSAPI_LIB_INBOX_H

#define INBOX_PREFIX      "_INBOX_"
#define INBOX_PREFIX_SIZE 64 /* room for a prefix with its NUL */

/* "_INBOX_{name}", with every character of the name that is not a letter, digit
 * or "-" turned into "_"; of a name that is too long only the beginning and a
 * hash of the whole.  buf is returned. */
char *inbox_prefix(const char *name, char buf[static INBOX_PREFIX_SIZE]);

#endif
