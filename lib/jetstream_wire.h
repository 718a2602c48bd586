/*
 * lib/jetstream_wire.h: what lib/jetstream*.c share; for them only.
 */
#ifndef OSAPI_LIB_JETSTREAM_WIRE_H
#define OSAPI_LIB_JETSTREAM_WIRE_H

#include <stdint.h>

#include "lib/error.h"

#define JETSTREAM_API          "$JS.API."
#define JETSTREAM_SUBJECT_SIZE 1024

/* Reads an unsigned number that ends with the text or at a "."; ERR_INVALID. */
enum err jetstream_number(const char *text, uint64_t *value);

#endif
