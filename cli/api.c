/* cli/api.c: one exchange with the API, and its failures in one line each. */
#include "cli/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/terminal.h"
#include "lib/json.h"

enum { EXIT_REFUSED = 1, EXIT_UNREACHABLE = 3 };

const struct argument api_arguments[] = {
    {"url", 0, "URL", false, "Where the API is, instead of api.client.url.",
     NULL},
    {"file", 'f', "FILE", false, "osapi.yaml, as in osapi --help.", NULL},
    {"json", 'j', NULL, true, "Print the API's JSON unchanged.", NULL},
    {"debug", 0, NULL, true, "Show the HTTP exchange on stderr.", NULL},
    {"help", 'h', NULL, true, "This text.", NULL},
    ARGUMENTS_END,
};

int
api_open(const struct cli *cli, const struct arguments *arguments,
	 struct api *api)
{
	const char *url = arguments_value(arguments, "url");
	const char *file = arguments_value(arguments, "file");
	const struct config_override overrides[] = {{"api.client.url", url},
						    {NULL, NULL}};
	struct err_info info = {{0}};
	enum err code;

	*api = (struct api){
	    .json = cli->json || arguments_has(arguments, "json"),
	    .verbose = cli->debug || arguments_has(arguments, "debug")};
	code = config_load(file ? file : cli->config_path, CONFIG_CLIENT,
			   url ? overrides : NULL, &api->config, &info);
	if (code)
		return command_fail(ERR_INVALID, "%s", info.text);
	code = spec_load(&api->spec, &info);
	if (!code)
		code = api_trace_begin(api->config, &api->trace, &info);
	if (code) {
		spec_free(api->spec);
		config_free(api->config);
		return command_fail(code, "%s", info.text);
	}
	return 0;
}

void
api_close(struct api *api)
{
	api_trace_end(&api->trace);
	spec_free(api->spec);
	config_free(api->config);
	*api = (struct api){0};
}

/* What may be done about a request that had no answer. */
static const struct {
	enum err code;
	const char *next;
} no_answers[] = {
    {ERR_UNAVAILABLE,
     "is it running there? --url or api.client.url names another place"},
    {ERR_TIMEOUT, "osapi client health tells whether it is alive"},
    {ERR_SIGNATURE,
     "api.client.tls.ca names the authority that signed its certificate"},
    {ERR_FORBIDDEN,
     "--url or api.client.url must have a name that the certificate is for"},
};

int
api_unreachable(const struct api *api, enum err code,
		const struct err_info *info)
{
	const char *url = api->config->api.client.url;
	const char *next = no_answers[0].next;
	size_t i;

	if (code == ERR_INVALID)
		return command_fail(ERR_INVALID, "%s: %s (api.client.url)", url,
				    info->text);
	if (code == ERR_TOO_LARGE || code == ERR_NO_MEMORY)
		return command_fail(code, "%s: %s", url, info->text);
	for (i = 0; i < sizeof(no_answers) / sizeof(*no_answers); i++)
		if (no_answers[i].code == code)
			next = no_answers[i].next;
	command_fail(ERR_TIMEOUT, "cannot reach %s: %s (%s)", url, info->text,
		     next);
	return EXIT_UNREACHABLE;
}

enum err
api_exchange(const struct api *api, const char *path,
	     struct http_request *request, struct http_response *response,
	     struct err_info *info)
{
	const char *base = api->config->api.client.url;
	size_t size = strlen(base);
	struct api_trace_call call;
	char *url;
	enum err code;

	while (size && base[size - 1] == '/')
		size--;
	if (asprintf(&url, "%.*s%s", (int)size, base, path) < 0)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	request->url = url;
	request->token = api->config->api.client.security.bearer_token;
	request->ca = api->config->api.client.tls.ca;
	request->verbose = request->verbose || api->verbose;
	api_trace_send(&api->trace, &call, request);
	code = http_send(request, response, info);
	api_trace_sent(&api->trace, &call, request, response, code);
	request->url = NULL;
	request->traceparent = request->tracestate = NULL;
	free(url);
	return code;
}

int
api_send(const struct api *api, const char *path, struct http_request *request,
	 struct http_response *response)
{
	struct err_info info = {{0}};
	enum err code = api_exchange(api, path, request, response, &info);

	return code ? api_unreachable(api, code, &info) : 0;
}

int
api_call(const struct api *api, const char *method, const char *path,
	 const json_t *body, int64_t timeout_ms, struct http_response *response)
{
	struct http_request request = {.method = method,
				       .timeout_ms = timeout_ms};
	char *text = NULL;
	int status;

	if (body) {
		text = json_text(body, &request.body_size);
		if (!text)
			return command_fail(ERR_NO_MEMORY, "out of memory");
		request.body = text;
	}
	status = api_send(api, path, &request, response);
	free(text);
	return status;
}

/* "servers[1]: not an IP address; name: is required" */
static char *
validation_text(const json_t *problem)
{
	const json_t *errors = json_object_get(problem, "errors");
	char *text = NULL;
	size_t size = 0;
	FILE *out;
	size_t i;

	if (!json_array_size(errors))
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (i = 0; i < json_array_size(errors); i++) {
		const json_t *error = json_array_get(errors, i);
		const char *field = json_member_string(error, "field");
		const char *detail = json_member_string(error, "detail");

		fprintf(out, "%s%s%s%s", i ? "; " : "", field ? field : "",
			field && *field ? ": " : "", detail ? detail : "?");
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* The reason in one line, safe for a terminal; the caller frees it. */
static char *
reason(const struct http_response *response)
{
	json_t *problem = NULL;
	const char *detail = NULL;
	char *validation;
	char *safe;

	if (json_parse(response->body, response->size, &problem, NULL) ==
	    ERR_OK)
		detail = json_member_string(problem, "detail");
	if (!detail)
		detail = json_member_string(problem, "error");
	validation = validation_text(problem);
	safe = terminal_safe(validation ? validation
			     : detail   ? detail
					: "the answer is not one of osapi's: "
					  "is the API at this address?");
	free(validation);
	json_decref(problem);
	return safe;
}

static const struct {
	int status;
	enum err code;    /* gives the exit code */
	const char *next; /* what to do */
} meanings[] = {
    {401, ERR_FORBIDDEN, ""},
    {403, ERR_FORBIDDEN,
     "; use a token with a higher role: osapi token generate --role write "
     "--subject NAME"},
    {429, ERR_NOT_FOUND, "; try again a little later"},
    {502, ERR_UNKNOWN_OUTCOME, "; the API behind this address is not running"},
};

/* What to do about a 401 depends on what was wrong with the token. */
static const char *
unauthenticated(const struct api *api, const char *detail)
{
	if (!*api->config->api.client.security.bearer_token)
		return "; set api.client.security.bearer_token_file or "
		       "OSAPI_API_CLIENT_SECURITY_BEARER_TOKEN_FILE to a file "
		       "with the output of: osapi token generate --role read "
		       "--subject NAME";
	if (strstr(detail, "expired"))
		return "; make a new one: osapi token generate --role read "
		       "--subject NAME";
	return "; osapi token validate tells what is wrong with it, osapi "
	       "token generate makes a new one";
}

/* Redirects are not followed, so that the token goes nowhere else. */
static int
redirected(const struct http_response *response)
{
	char location[512];
	char *safe;

	http_header(response, "Location", location, sizeof(location));
	safe = terminal_safe(location);
	command_fail(ERR_NOT_FOUND,
		     "the API is elsewhere: it sends us to %s (HTTP %d); give "
		     "that address in --url or api.client.url",
		     safe ? safe : "?", response->status);
	free(safe);
	return EXIT_REFUSED;
}

int
api_refused(const struct api *api, const struct http_response *response)
{
	enum err code = ERR_NOT_FOUND;
	const char *next = "";
	char *id;
	char *text;
	int status;
	size_t i;

	/* what belongs to it comes first, also in one common stream */
	output_flush();
	if (response->status < 400)
		return redirected(response);
	id = terminal_safe(response->request_id);
	text = reason(response);
	for (i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
		if (meanings[i].status != response->status)
			continue;
		code = meanings[i].code;
		next = meanings[i].next;
	}
	if (response->status == 401) {
		next = unauthenticated(api, text ? text : "");
		if (!*api->config->api.client.security.bearer_token) {
			free(text);
			text = strdup("there is no token");
		}
	}
	status = command_fail(code, "%s%s (HTTP %d%s%s)", text ? text : "?",
			      next, response->status,
			      id && *id ? ", request " : "", id ? id : "");
	free(text);
	free(id);
	return status;
}

int
api_value(const struct http_response *response, json_t **value)
{
	struct err_info info = {{0}};

	if (json_parse(response->body, response->size, value, &info) == ERR_OK)
		return 0;
	command_fail(ERR_NOT_FOUND,
		     "the answer is no JSON (HTTP %d): is this the API? %s",
		     response->status, info.text);
	return EXIT_REFUSED;
}

void
api_print(const struct http_response *response)
{
	output_write(response->body, response->size);
	if (response->size && response->body[response->size - 1] != '\n')
		putchar('\n');
}

int
api_get(const struct api *api, const char *path, int64_t timeout_ms,
	json_t **value)
{
	struct http_response response = {0};
	int status = api_call(api, "GET", path, NULL, timeout_ms, &response);

	if (status)
		return status;
	status = response.status >= 300 ? api_refused(api, &response)
					: api_value(&response, value);
	http_release(&response);
	return status;
}
