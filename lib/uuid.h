/*
 * lib/uuid.h: UUID version 7 (RFC 9562), the job ids; they sort by time.
 */
#ifndef OSAPI_LIB_UUID_H
#define OSAPI_LIB_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_SIZE 37 /* text with its NUL */

/*
 * Makes an id: 48 bits of wall clock in ms, then a 12 bit counter within the
 * same millisecond (RFC 9562 section 6.2, method 1) and random octets from
 * getrandom(2).  Ids made by one process always increase, also when the wall
 * clock steps back.  From every thread.
 */
void uuid_make(char out[static UUID_SIZE]);

/* Whether `text` is a UUID of any version in the canonical, lower case form. */
bool uuid_valid(const char *text);

/* The wall clock of a version 7 id, milliseconds since 1970; -1: not one. */
int64_t uuid_time_ms(const char *text);

#endif
