/*
 * cli/http.c: libcurl, used for one request at a time.
 */
#include "cli/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct buffer {
	char *data;
	size_t size;
	size_t room;
	size_t max;
	bool full; /* more than max came */
};

struct exchange {
	CURL *curl;
	struct curl_slist *headers;
	struct buffer head;
	struct buffer body;
	char error[CURL_ERROR_SIZE];
};

static size_t
append(char *data, size_t one, size_t count, void *arg)
{
	struct buffer *buffer = arg;
	size_t size = one * count;
	char *more;

	if (size > buffer->max - buffer->size) {
		buffer->full = true;
		return 0;
	}
	if (buffer->size + size >= buffer->room) {
		size_t room = (buffer->size + size + 1) * 2;

		more = realloc(buffer->data, room);
		if (!more)
			return 0;
		buffer->data = more;
		buffer->room = room;
	}
	memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
	return size;
}

/* Where the value of an Authorization header begins in a line, its end where
 * there is none; libcurl tells of HTTP/2's in the middle of
 * a line of its own. */
static size_t
secret_at(const char *line, size_t size)
{
	static const char name[] = "authorization:";
	size_t length = sizeof(name) - 1;
	size_t i;

	for (i = 0; i + length <= size; i++)
		if (strncasecmp(line + i, name, length) == 0)
			return i + length;
	return size;
}

/* One line for -v; the token stays out of scroll-back and logs. */
static void
trace_line(char mark, const char *line, size_t size)
{
	size_t shown = secret_at(line, size);
	size_t i;

	fprintf(stderr, "%c ", mark);
	for (i = 0; i < shown; i++)
		fputc(isprint((unsigned char)line[i]) ? line[i] : '?', stderr);
	fputs(shown < size ? " ********\n" : "\n", stderr);
}

static int
trace(CURL *curl, curl_infotype type, char *data, size_t size, void *arg)
{
	char mark = type == CURLINFO_HEADER_OUT  ? '>'
		    : type == CURLINFO_HEADER_IN ? '<'
						 : '*';
	size_t from = 0;

	(void)curl;
	(void)arg;
	if (type != CURLINFO_HEADER_OUT && type != CURLINFO_HEADER_IN &&
	    type != CURLINFO_TEXT)
		return 0;
	while (from < size) {
		const char *end = memchr(data + from, '\n', size - from);
		size_t next = end ? (size_t)(end - data) + 1 : size;
		size_t length = next - from;

		while (length && (data[from + length - 1] == '\n' ||
				  data[from + length - 1] == '\r'))
			length--;
		trace_line(mark, data + from, length);
		from = next;
	}
	return 0;
}

static bool
add_header(struct exchange *x, const char *line)
{
	struct curl_slist *more = curl_slist_append(x->headers, line);

	if (more)
		x->headers = more;
	return more != NULL;
}

static bool
has_header(const struct http_request *request, const char *name)
{
	size_t size = strlen(name);
	size_t i;

	for (i = 0; i < request->header_count; i++)
		if (strncasecmp(request->headers[i], name, size) == 0 &&
		    request->headers[i][size] == ':')
			return true;
	return false;
}

/* One of our own, `value` behind `kind`; not where there is no value, or the
 * request has that header. */
static bool
add_own(struct exchange *x, const struct http_request *request,
	const char *name, const char *kind, const char *value)
{
	char *line = NULL;
	bool ok;

	if (!value || !*value || has_header(request, name))
		return true;
	ok = asprintf(&line, "%s: %s%s", name, kind, value) >= 0 &&
	     add_header(x, line);
	free(line);
	return ok;
}

static bool
add_headers(struct exchange *x, const struct http_request *request)
{
	/* a traceparent that was given goes with its own tracestate */
	bool traced = has_header(request, "traceparent");
	bool ok;
	size_t i;

	ok = add_header(x, "Expect:") &&
	     add_own(x, request, "Content-Type", "",
		     request->body ? "application/json" : NULL) &&
	     add_own(x, request, "Accept", "",
		     "application/json, application/problem+json, "
		     "*/*;q=0.1") &&
	     add_own(x, request, "Authorization", "Bearer ", request->token) &&
	     add_own(x, request, "traceparent", "", request->traceparent) &&
	     add_own(x, request, "tracestate", "",
		     traced ? NULL : request->tracestate);
	for (i = 0; i < request->header_count; i++)
		ok = ok && add_header(x, request->headers[i]);
	return ok;
}

static void
set_body(CURL *curl, const struct http_request *request)
{
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (request->body) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)request->body_size);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	} else if (strcmp(request->method, "POST") == 0 ||
		   strcmp(request->method, "PUT") == 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void
set_options(struct exchange *x, const struct http_request *request)
{
	CURL *curl = x->curl;

	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)HTTP_CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "osapi/" OSAPI_VERSION);
	curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
	/* our own server on this machine is no business of a proxy */
	if (!getenv("no_proxy") && !getenv("NO_PROXY"))
		curl_easy_setopt(curl, CURLOPT_NOPROXY,
				 "localhost,127.0.0.1,::1");
	if (request->ca && *request->ca)
		curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, x->headers);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &x->body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &x->head);
	curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, trace);
	curl_easy_setopt(curl, CURLOPT_VERBOSE, request->verbose ? 1L : 0L);
	set_body(curl, request);
}

static const struct {
	CURLcode curl;
	enum err code;
	const char *text; /* NULL: libcurl's own */
} failures[] = {
    {CURLE_URL_MALFORMAT, ERR_INVALID, "not a URL"},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_INVALID, "neither http nor https"},
    {CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAILABLE, "no such host name"},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_SIGNATURE, NULL},
    {CURLE_SSL_CACERT_BADFILE, ERR_SIGNATURE,
     "the file of authorities cannot be read"},
    {CURLE_SSL_CONNECT_ERROR, ERR_UNAVAILABLE,
     "it does not speak TLS as https does"},
    {CURLE_GOT_NOTHING, ERR_UNAVAILABLE,
     "the connection was closed without an answer"},
    {CURLE_OUT_OF_MEMORY, ERR_NO_MEMORY, "out of memory"},
};

/* How far a request had come when its time was over. */
static enum err
timed_out(CURL *curl, struct err_info *info)
{
	curl_off_t resolved = 0;
	curl_off_t connected = 0;
	curl_off_t all = 0; /* microseconds, as the others */

	curl_easy_getinfo(curl, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &all);
	return err_set(info, connected ? ERR_TIMEOUT : ERR_UNAVAILABLE,
		       "%s in %.0f s",
		       !resolved    ? "its name was not resolved"
		       : !connected ? "no connection"
				    : "no whole answer",
		       (double)all / 1e6);
}

/* Puts the reason of a failed connect(2) where libcurl only says that it did
 * not work. */
static const char *
connect_reason(CURL *curl)
{
	long error = 0;

	if (curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error) != CURLE_OK ||
	    !error)
		return "could not connect";
	return strerror((int)error);
}

static enum err
fail(struct exchange *x, CURLcode failed, struct err_info *info)
{
	const char *text = *x->error ? x->error : curl_easy_strerror(failed);
	enum err code = ERR_UNAVAILABLE;
	size_t i;

	if (x->body.full || x->head.full)
		return err_set(info, ERR_TOO_LARGE,
			       "the answer has more than %d octets",
			       x->head.full ? HTTP_HEADERS_MAX : HTTP_BODY_MAX);
	if (failed == CURLE_OPERATION_TIMEDOUT)
		return timed_out(x->curl, info);
	/* libcurl has one code for all that may be wrong with it */
	if (failed == CURLE_PEER_FAILED_VERIFICATION &&
	    strstr(text, "target host name"))
		return err_set(info, ERR_FORBIDDEN,
			       "its certificate is for another name");
	if (failed == CURLE_COULDNT_CONNECT)
		text = connect_reason(x->curl);
	for (i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		if (failures[i].curl != failed)
			continue;
		code = failures[i].code;
		if (failures[i].text)
			text = failures[i].text;
	}
	return err_set(info, code, "%s", text);
}

/* The value of the last header of this name, "" where there is none. */
static void
header_value(const char *head, const char *name, char *out, size_t size)
{
	size_t length = strlen(name);
	const char *line = head;

	*out = '\0';
	while (line && *line) {
		const char *next = strchr(line, '\n');

		if (strncasecmp(line, name, length) == 0 &&
		    line[length] == ':') {
			const char *value = line + length + 1;

			value += strspn(value, " \t");
			snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"),
				 value);
		}
		line = next ? next + 1 : NULL;
	}
}

static enum err
take(struct exchange *x, struct http_response *response, struct err_info *info)
{
	long status = 0;
	char *p;

	if (!x->body.data)
		x->body.data = strdup("");
	if (!x->head.data)
		x->head.data = strdup("");
	if (!x->body.data || !x->head.data)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	response->status = (int)status;
	response->body = x->body.data;
	response->size = x->body.size;
	response->headers = x->head.data;
	header_value(x->head.data, "Content-Type", response->content_type,
		     sizeof(response->content_type));
	response->content_type[strcspn(response->content_type, "; \t")] = '\0';
	for (p = response->content_type; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	header_value(x->head.data, "X-Request-Id", response->request_id,
		     sizeof(response->request_id));
	x->body.data = NULL;
	x->head.data = NULL;
	return ERR_OK;
}

enum err
http_send(const struct http_request *request, struct http_response *response,
	  struct err_info *info)
{
	struct exchange x = {.head.max = HTTP_HEADERS_MAX,
			     .body.max = HTTP_BODY_MAX};
	enum err code = ERR_OK;
	CURLcode failed;

	x.curl = curl_easy_init();
	if (!x.curl || !add_headers(&x, request)) {
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
		goto out;
	}
	set_options(&x, request);
	failed = curl_easy_perform(x.curl);
	code = failed ? fail(&x, failed, info) : take(&x, response, info);
out:
	curl_slist_free_all(x.headers);
	curl_easy_cleanup(x.curl);
	free(x.head.data);
	free(x.body.data);
	return code;
}

void
http_header(const struct http_response *response, const char *name, char *out,
	    size_t size)
{
	header_value(response->headers, name, out, size);
}

void
http_release(struct http_response *response)
{
	free(response->body);
	free(response->headers);
	*response = (struct http_response){0};
}

bool
http_encode(char *buf, size_t size, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = strlen(buf);

	for (; *text; text++) {
		unsigned char octet = (unsigned char)*text;

		if (used + 4 > size)
			return false;
		if (isascii(octet) &&
		    (isalnum(octet) || strchr("-._~", octet))) {
			buf[used++] = (char)octet;
		} else {
			buf[used++] = '%';
			buf[used++] = digits[octet >> 4];
			buf[used++] = digits[octet & 15];
		}
		buf[used] = '\0';
	}
	return true;
}
