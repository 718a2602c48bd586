/*
 * fcgi/reply.c: what goes back to the client.
 */
#include "fcgi/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"

#define RETRY_AFTER_S 1
#define DETAIL_MAX    1024

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

void
reply_header(struct request *request, const char *name, const char *value)
{
	struct request_header *header;
	size_t size = strlen(value);

	if (request->header_count == REQUEST_HEADERS_MAX ||
	    size >= sizeof(header->value))
		return;
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return;
	header = &request->headers[request->header_count++];
	header->name = name;
	memcpy(header->value, value, size + 1);
}

void
reply_retry_after(struct request *request, int seconds)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", seconds);
	reply_header(request, "Retry-After", text);
}

static void
put(struct request *request, const char *text, size_t size)
{
	/* The stream remembers a failed write; request_finish looks. */
	FCGX_PutStr(text, (int)size, request->fcgi.out);
}

static void
put_header(struct request *request, const char *name, const char *value)
{
	put(request, name, strlen(name));
	put(request, ": ", 2);
	put(request, value, strlen(value));
	put(request, "\r\n", 2);
}

/* `type` and `length` NULL: without. */
static void
put_head(struct request *request, int status, const char *type,
	 const char *length)
{
	char text[64];

	request->answered = true;
	request->status = status;
	snprintf(text, sizeof(text), "%d %s", status, phrase_of(status));
	put_header(request, "Status", text);
	if (type)
		put_header(request, "Content-Type", type);
	if (length)
		put_header(request, "Content-Length", length);
	put_header(request, "Cache-Control", "no-store");
	put_header(request, "X-Request-Id", request->id);
	for (size_t i = 0; i < request->header_count; i++)
		put_header(request, request->headers[i].name,
			   request->headers[i].value);
	put(request, "\r\n", 2);
}

void
reply_text(struct request *request, int status, const char *type,
	   const char *text, size_t size)
{
	char length[24];

	if (request->answered)
		return;
	snprintf(length, sizeof(length), "%zu", size);
	put_head(request, status, type, length);
	if (!request->head)
		put(request, text, size);
}

void
reply_empty(struct request *request, int status)
{
	if (!request->answered)
		put_head(request, status, NULL, NULL);
}

void
reply_begin(struct request *request, int status, const char *type)
{
	if (!request->answered)
		put_head(request, status, type, NULL);
}

void
reply_piece(struct request *request, const char *text, size_t size)
{
	if (!request->head)
		put(request, text, size);
}

static void
reply_json_as(struct request *request, int status, const char *type,
	      json_t *body)
{
	static const char failed[] =
	    "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\","
	    "\"status\":500,\"detail\":\"out of memory\","
	    "\"error\":\"out of memory\",\"request_id\":\"\"}";
	size_t size = 0;
	char *text = body ? json_text(body, &size) : NULL;

	json_decref(body);
	if (text)
		reply_text(request, status, type, text, size);
	else
		reply_text(request, 500, "application/problem+json", failed,
			   sizeof(failed) - 1);
	free(text);
}

void
reply_json(struct request *request, int status, json_t *body)
{
	reply_json_as(request, status, "application/json", body);
}

/* Text from elsewhere may have been cut in the middle of a character. */
static json_t *
text_value(const char *text)
{
	json_t *value = json_string(text);

	return value ? value : json_string("(not UTF-8)");
}

void
reply_problem(struct request *request, int status, json_t *extra,
	      const char *fmt, ...)
{
	char detail[DETAIL_MAX];
	json_t *body;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	body = json_pack("{s:s, s:s, s:i, s:o, s:o, s:s}", "type",
			 "about:blank", "title", phrase_of(status), "status",
			 status, "detail", text_value(detail), "error",
			 text_value(detail), "request_id", request->id);
	if (body && extra)
		json_object_update_missing(body, extra);
	json_decref(extra);
	reply_json_as(request, status, "application/problem+json", body);
}

void
reply_error_job(struct request *request, enum err code,
		const struct err_info *info, const char *job_id)
{
	const char *text = info && *info->text ? info->text : err_text(code);
	int status = err_http(code);

	if (status == 503)
		reply_retry_after(request, RETRY_AFTER_S);
	reply_problem(request, status,
		      job_id && *job_id ? json_pack("{s:s}", "job_id", job_id)
					: NULL,
		      "%s", text);
}

void
reply_error(struct request *request, enum err code, const struct err_info *info)
{
	reply_error_job(request, code, info, NULL);
}

void
reply_collect_one(json_t *list, const char *in, const char *field,
		  const char *detail)
{
	json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "in", in,
					      "field", text_value(field),
					      "detail", text_value(detail)));
}

void
reply_collect(json_t *list, const char *in, const struct schema_errors *errors)
{
	size_t kept = errors->count < SCHEMA_ERRORS_MAX ? errors->count
							: SCHEMA_ERRORS_MAX;
	char more[64];

	for (size_t i = 0; i < kept; i++)
		reply_collect_one(list, in, errors->items[i].field,
				  errors->items[i].detail);
	if (errors->count == kept)
		return;
	snprintf(more, sizeof(more), "and %zu more errors",
		 errors->count - kept);
	reply_collect_one(list, in, "", more);
}

bool
reply_collected(struct request *request, json_t *list)
{
	json_t *first = json_array_get(list, 0);
	const char *in = json_member_string(first, "in");
	const char *field = json_member_string(first, "field");
	const char *detail = json_member_string(first, "detail");
	size_t count = json_array_size(list);
	char more[48] = "";

	if (count == 0) {
		json_decref(list);
		return true;
	}
	if (count > 1)
		snprintf(more, sizeof(more), " (and %zu more)", count - 1);
	reply_problem(request, 400, json_pack("{s:o}", "errors", list),
		      "%s: %s%s%s%s", in ? in : "request", field ? field : "",
		      field && *field ? ": " : "", detail ? detail : "invalid",
		      more);
	return false;
}
