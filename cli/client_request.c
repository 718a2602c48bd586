/* cli/client_request.c: any request, as curl(1) sends it. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/client.h"
#include "cli/input.h"
#include "cli/output.h"

#define REQUEST_TIMEOUT_MS 320000 /* longer than the API makes anyone wait */
#define HEADERS_MAX        32

static bool
is_method(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (!isupper((unsigned char)*p))
			return false;
	return p != text && p - text < 16;
}

/* A line break in a header would begin another one. */
static bool
is_header(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return false;
	return strpbrk(text, ":;") && *text != ':';
}

static int
write_output(const char *path, const struct http_response *response)
{
	FILE *out = fopen(path, "wbe");
	int error = 0;

	if (!out)
		return command_fail(ERR_IO, "%s: %s", path, strerror(errno));
	if (fwrite(response->body, 1, response->size, out) != response->size)
		error = errno;
	if (fclose(out) != 0 && !error)
		error = errno;
	return error ? command_fail(ERR_IO, "%s: %s", path, strerror(error))
		     : 0;
}

static int
show(const struct api *api, const struct arguments *arguments,
     const struct http_response *response)
{
	const char *path = arguments_value(arguments, "output");
	int status = 0;

	if (arguments_has(arguments, "include"))
		fputs(response->headers, stdout);
	if (path)
		status = write_output(path, response);
	else
		api_print(response);
	output_flush();
	if (!status && response->status >= 400)
		status = api_refused(api, response);
	return status;
}

static int
send_request(const struct api *api, const struct arguments *arguments,
	     const char *data, size_t size)
{
	const char *headers[HEADERS_MAX];
	struct http_request request = {.method = arguments->words[0],
				       .timeout_ms = REQUEST_TIMEOUT_MS,
				       .body = data,
				       .body_size = size,
				       .headers = headers,
				       .verbose =
					   arguments_has(arguments, "verbose")};
	struct http_response response = {0};
	int status;
	size_t i;

	for (i = 0; i < arguments->given_count; i++) {
		const char *value = arguments->given[i].value;

		if (strcmp(arguments->given[i].flag->name, "header") != 0)
			continue;
		if (request.header_count == HEADERS_MAX || !is_header(value))
			return command_fail(ERR_INVALID,
					    "-H needs \"Name: value\", at most "
					    "%d of them",
					    HEADERS_MAX);
		headers[request.header_count++] = value;
	}
	status = api_send(api, arguments->words[1], &request, &response);
	if (status)
		return status;
	status = show(api, arguments, &response);
	http_release(&response);
	return status;
}

static int
check_words(const struct arguments *arguments)
{
	const char *p;

	if (arguments->word_count != 2 || !is_method(arguments->words[0]))
		return command_fail(ERR_INVALID,
				    "request needs METHOD and PATH, such as "
				    "GET /api/v1/jobs");
	if (arguments->words[1][0] != '/')
		return command_fail(ERR_INVALID,
				    "the path begins with \"/\"; the host is "
				    "that of api.client.url");
	for (p = arguments->words[1]; *p; p++)
		if (*p == ' ' || iscntrl((unsigned char)*p))
			return command_fail(ERR_INVALID,
					    "the path has a space or a control "
					    "character in it, a space is "
					    "written %%20");
	return 0;
}

int
client_request(const struct cli *cli, const struct arguments *arguments)
{
	const char *given = arguments_value(arguments, "data");
	struct err_info info = {{0}};
	struct api api = {0};
	char *data = NULL;
	size_t size = 0;
	enum err code;
	int status = check_words(arguments);

	if (status)
		return status;
	code = given ? input_read(given, &data, &size, &info) : ERR_OK;
	if (code)
		return command_fail(ERR_INVALID, "%s", info.text);
	status = api_open(cli, arguments, &api);
	if (!status) {
		status = send_request(&api, arguments, data, size);
		api_close(&api);
	}
	free(data);
	return status;
}

int
client_metrics(const struct cli *cli, const struct arguments *arguments)
{
	struct http_response response = {0};
	struct api api = {0};
	int status = api_open(cli, arguments, &api);

	if (status)
		return status;
	status = api_call(&api, "GET", api.config->telemetry.metrics.path, NULL,
			  API_TIMEOUT_MS, &response);
	if (!status && response.status >= 300)
		status = api_refused(&api, &response);
	else if (!status)
		api_print(&response);
	http_release(&response);
	api_close(&api);
	return status;
}
