/*
 * lib/jetstream_wire.h: what lib/jetstream*.c share; for them only.
 */
#ifndef OSAPI_LIB_JETSTREAM_WIRE_H
#define OSAPI_LIB_JETSTREAM_WIRE_H

#include <jansson.h>
#include <nats/nats.h>
#include <stdint.h>

#include "lib/error.h"

#define JETSTREAM_API          "$JS.API."
#define JETSTREAM_SUBJECT_SIZE 1024

/* A message to $JS.API.{what} with a JSON body (NULL: none), the caller's. */
enum err jetstream_request(const char *what, const json_t *body,
			   natsMsg **message);

/* Reads an answer, into *reply, which is the caller's; one that carries an
 * error becomes its code, the server's own in *server. */
enum err jetstream_answer(natsMsg *message, const char *what, json_t **reply,
			  json_int_t *server, struct err_info *info);

/* Reads an unsigned number that ends with the text or at a "."; ERR_INVALID. */
enum err jetstream_number(const char *text, uint64_t *value);

#endif
