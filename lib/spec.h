/*
 * lib/spec.h: openapi/osapi.yaml, embedded as JSON at build time, as tables.
 *
 * Parsed once by spec_load; what it returns is read-only and may be used by
 * every thread.  Extensions of the description:
 *   x-osapi-operation: network.dns.get   operation behind a typed endpoint
 *   x-osapi-kind: query|modify           of x-osapi-operations' entries
 *   x-osapi-cli: network dns get         words of the CLI command
 *   x-osapi-rows: results                member of the answer for its table
 *   x-osapi-columns: [...]               of its table
 *   x-osapi-scope: read|write            of the token; absent: needs none
 */
#ifndef OSAPI_LIB_SPEC_H
#define OSAPI_LIB_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"
#include "lib/job.h"
#include "lib/token.h"

enum spec_in { SPEC_IN_PATH, SPEC_IN_QUERY, SPEC_IN_HEADER };

struct spec_parameter {
	const char *name;
	enum spec_in in;
	bool required;
	const json_t *schema;
	const char *description;
};

struct spec_column { /* of a table that the CLI prints */
	const char *title;
	/* member within a row: "memory.total"; "disks[].name": a line for each
	 * item */
	const char *path;
	const char *format; /* one of cli/render.h, "" plain */
};

/* A job operation: "network.dns.get". */
struct spec_operation {
	const char *type;
	enum job_kind kind;
	const json_t *data; /* schema of operation.data */
	const char *summary;
	const char
	    *change; /* "modify DNS": what is asked before many hosts change */
};

/* One method of one path. */
struct spec_endpoint {
	const char *id;     /* operationId: names the handler */
	const char *method; /* "GET" */
	const char *path;   /* template with its base: "/api/v1/jobs/{id}" */
	enum role scope;    /* ROLE_NONE: no token needed */
	const struct spec_operation *operation; /* typed endpoint, else NULL */
	int success; /* its 2xx status, the highest of several */
	size_t parameter_count;
	const struct spec_parameter *parameters;
	const json_t *body; /* schema of the JSON body, NULL: takes none */
	bool body_required;
	const char *cli; /* "system hostname", NULL: no command */
	const char *summary;
	const char *description;
	const char *rows; /* member of the answer for a table, "": all of it */
	size_t column_count;
	const struct spec_column *columns;
};

struct spec;

/* Builds the tables from the embedded description; ERR_INTERNAL says what is
 * wrong in it.  Call once at start; spec_free is for tests. */
enum err spec_load(const struct spec **spec, struct err_info *info);
void spec_free(const struct spec *spec);

/* As spec_load, from another text: for tests. */
enum err spec_parse(const char *text, size_t size, const struct spec **spec,
		    struct err_info *info);

/* The embedded JSON text, for GET /api/v1/openapi.json. */
const char *spec_text(size_t *size);

/* The whole document: what "$ref" in a schema points into. */
const json_t *spec_document(const struct spec *spec);

const struct spec_endpoint *spec_endpoints(const struct spec *spec,
					   size_t *count);
const struct spec_operation *spec_operations(const struct spec *spec,
					     size_t *count);
/* NULL: unknown. */
const struct spec_operation *spec_operation(const struct spec *spec,
					    const char *type);

#define SPEC_PATH_VALUES 4
struct spec_match {
	const struct spec_endpoint *endpoint;
	size_t value_count;
	const char *names[SPEC_PATH_VALUES]; /* of the path parameters */
	char values[SPEC_PATH_VALUES][256];  /* percent-decoded */
};

/*
 * Finds the endpoint for a method and a raw (still percent-encoded) path.  A
 * literal segment goes before a parameter.  HEAD finds GET.  ERR_NOT_FOUND;
 * ERR_METHOD with `allow` ("GET, HEAD, OPTIONS") written; OPTIONS of a known
 * path is ERR_METHOD too.  ERR_INVALID: a broken escape, %00, a segment that is
 * not UTF-8 or decodes to more than 255 octets.  From every thread.
 */
enum err spec_match(const struct spec *spec, const char *method,
		    const char *path, struct spec_match *match,
		    char allow[static 64]);

#endif
