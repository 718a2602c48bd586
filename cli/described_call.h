/*
 * cli/described_call.h: one command line of cli/described.c on its way to a
 * request; for the files cli/described*.c only.
 */
#ifndef OSAPI_CLI_DESCRIBED_CALL_H
#define OSAPI_CLI_DESCRIBED_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/arguments.h"
#include "lib/schema.h"
#include "lib/spec.h"

#define DESCRIBED_PATH_SIZE 4096
#define DESCRIBED_TARGET    "target_hostname" /* its flag is --target */

struct described_call {
	const struct spec *spec;
	const struct spec_endpoint *endpoint;
	struct arguments arguments;
	struct schema_errors errors;
	char path[DESCRIBED_PATH_SIZE]; /* encoded, with query */
	json_t *body;                   /* owned; NULL: none */
	int64_t timeout_ms;
};

/* The schema behind $ref, and its type ("" for none). */
const json_t *described_schema(const struct spec *spec, const json_t *schema);
const char *described_type(const struct spec *spec, const json_t *schema);

/* The members of the body's schema, and whether one is required. */
json_t *described_properties(const struct described_call *call);
bool described_required(const struct described_call *call, const char *name);

/* Adds the flags of the endpoint's command to call->arguments; spec and
 * endpoint are set. */
void described_know(struct described_call *call);

/* Gives the words behind the command to path parameters, then to required
 * members of the body.  0, or an exit code after a line on stderr. */
int described_words(struct described_call *call);

/* Makes path, body and timeout from the arguments, checked by their schemas.
 * 0, or an exit code after a line on stderr that tells all errors. */
int described_make(struct described_call *call);

/* Prints usage, flags and an example; returns 0. */
int described_help(const struct described_call *call);

#endif
