/*
 * cli/api.h: what every client command does with the API: where it is, who
 * asks, what an answer means for the exit code.
 *
 * Functions that return int return 0 to go on, else the exit code of the
 * program after one line on stderr.
 */
#ifndef OSAPI_CLI_API_H
#define OSAPI_CLI_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/api_trace.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/http.h"
#include "lib/config.h"
#include "lib/spec.h"

#define API_TIMEOUT_MS 15000 /* for answers that wait for nothing */

struct api {
	struct config *config;
	const struct spec *spec;
	struct api_trace trace;
	bool json;    /* -j: the API's JSON unchanged */
	bool verbose; /* -d, request -v */
};

/* Flags of every client command: --url, --file, --json, --debug, --help. */
extern const struct argument api_arguments[];

/* Loads configuration and description; api_close is due after 0 only. */
int api_open(const struct cli *cli, const struct arguments *arguments,
	     struct api *api);
void api_close(struct api *api);

/*
 * Sends `method` to the API's `path` (with query, encoded) with a JSON body
 * (NULL: none) and waits at most timeout_ms.  0: there is an answer, of any
 * status; http_release is due.
 */
int api_call(const struct api *api, const char *method, const char *path,
	     const json_t *body, int64_t timeout_ms,
	     struct http_response *response);

/* As api_call with everything that http_request has; url and token are set
 * here. */
int api_send(const struct api *api, const char *path,
	     struct http_request *request, struct http_response *response);

/* As api_send, but says nothing: a failure is in `info`. */
enum err api_exchange(const struct api *api, const char *path,
		      struct http_request *request,
		      struct http_response *response, struct err_info *info);

/* Says in one line why there was no answer, `code` of api_exchange, and what to
 * do; the exit code. */
int api_unreachable(const struct api *api, enum err code,
		    const struct err_info *info);

/* Says in one line what a status of 300 and more means and what to do next;
 * the exit code. */
int api_refused(const struct api *api, const struct http_response *response);

/* The answer's JSON; the caller owns *value. */
int api_value(const struct http_response *response, json_t **value);

/* Writes the body unchanged on stdout, on a line of its own. */
void api_print(const struct http_response *response);

/* GET of `path`: its JSON in *value (owned by the caller), or what api_refused
 * returns. */
int api_get(const struct api *api, const char *path, int64_t timeout_ms,
	    json_t **value);

#endif
