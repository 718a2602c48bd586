/*
 * lib/schema_format.h: the formats that a schema may ask of a string.
 *
 *   uuid, hostname, target, duration, date-time   as lib/uuid.h, lib/subject.h
 *                                                 and lib/clock.h read them
 *   ipv4, ipv6, ip    an address as inet_pton(3) reads it, without a zone
 *   interface         a name that Linux takes for a network interface: 1 to 15
 *                     octets, no "/", no ":", no white space, not "." or ".."
 *   domain            a DNS name: labels of 1 to 63 letters, digits, "-", "_",
 *                     253 octets in all, a final dot is allowed
 */
#ifndef OSAPI_LIB_SCHEMA_FORMAT_H
#define OSAPI_LIB_SCHEMA_FORMAT_H

#include <stdbool.h>

#define SCHEMA_DETAIL_SIZE 256

/* Whether there is such a format. */
bool schema_format_known(const char *format);

/* Checks `text`; when it is not of the format, writes why into `detail`.  An
 * unknown format takes everything.  From every thread. */
bool schema_format_check(const char *format, const char *text,
			 char detail[static SCHEMA_DETAIL_SIZE]);

#endif
