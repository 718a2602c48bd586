/* t/unit/http.c: one request over a real socket; what comes back, and how each
 * way to fail is told. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "cli/http.h"
#include "t/support/http_server.h"
#include "t/support/port.h"

const char unit_name[] = "http";

/* One exchange with a server that answers so. */
static enum err
exchange(struct http_server *s, struct http_request *request,
	 struct http_response *response, struct err_info *info)
{
	static char url[128];
	enum err code;

	http_server_start(s);
	snprintf(url, sizeof(url), "%s/a/../b", s->url);
	request->url = url;
	if (!request->timeout_ms)
		request->timeout_ms = 20000;
	code = http_send(request, response, info);
	http_server_stop(s);
	return code;
}

static void
sends_what_was_asked(void)
{
	static const char *const headers[] = {"X-One: 1", "Idempotency-Key: k"};
	struct http_server s = {.answer = "HTTP/1.1 201 Created\r\n"
					  "Content-Type: Application/JSON; "
					  "charset=utf-8\r\n"
					  "X-Request-Id: r1\r\n"
					  "Content-Length: 2\r\n\r\n{}"};
	struct http_request request = {.method = "PUT",
				       .token = "secret",
				       .body = "{\"a\":1}",
				       .body_size = 7,
				       .headers = headers,
				       .header_count = 2};
	struct http_response response = {0};
	struct err_info info = {{0}};

	IS_INT("an answer", exchange(&s, &request, &response, &info), ERR_OK);
	IS_INT("its status", response.status, 201);
	IS_TEXT("its body", response.body, "{}");
	IS_INT("its size", response.size, 2);
	IS_TEXT("its type, plain", response.content_type, "application/json");
	IS_TEXT("its id", response.request_id, "r1");
	HAS_TEXT("its headers", response.headers, "HTTP/1.1 201 Created\r\n");
	HAS_TEXT("the path as it was given", s.request, "PUT /a/../b HTTP/1.1");
	HAS_TEXT("the token", s.request, "Authorization: Bearer secret\r\n");
	HAS_TEXT("a header", s.request, "X-One: 1\r\n");
	HAS_TEXT("another", s.request, "Idempotency-Key: k\r\n");
	HAS_TEXT("the type of the body", s.request,
		 "Content-Type: application/json\r\n");
	HAS_TEXT("the body", s.request, "\r\n\r\n{\"a\":1}");
	OK("no 100-continue", !strstr(s.request, "Expect"));
	http_release(&response);
}

static void
takes_any_status(void)
{
	static const struct {
		const char *why, *method, *answer;
		int status;
		const char *body;
	} rows[] = {
	    {"a problem", "GET",
	     "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx", 404, "x"},
	    {"a redirect is not followed", "GET",
	     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
	     "Content-Length: 0\r\n\r\n",
	     302, ""},
	    {"no body", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
	    {"HEAD waits for none", "HEAD",
	     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, ""},
	    {"chunks", "GET",
	     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	     "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
	     200, "abc"},
	    {"POST without a body", "POST",
	     "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", 201, "ok"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct http_server s = {.answer = rows[i].answer};
		struct http_request request = {.method = rows[i].method};
		struct http_response response = {0};
		struct err_info info = {{0}};

		IS_INT(rows[i].why, exchange(&s, &request, &response, &info),
		       ERR_OK);
		IS_INT(rows[i].why, response.status, rows[i].status);
		IS_TEXT(rows[i].why, response.body, rows[i].body);
		OK("no token, no header", !strstr(s.request, "Authorization"));
		http_release(&response);
	}
}

static void
tells_failures_apart(void)
{
	struct http_response response = {0};
	struct err_info info = {{0}};
	struct http_request request = {.method = "GET", .timeout_ms = 20000};
	struct http_server closed = {0};
	char nobody[64];
	struct http_server silent = {.silent = true};
	struct http_server cut = {.answer =
				      "HTTP/1.1 200 OK\r\nContent-Length: "
				      "10\r\n\r\nabc"};

	IS_INT("closed without an answer",
	       exchange(&closed, &request, &response, &info), ERR_UNAVAILABLE);
	HAS_TEXT("in words", info.text, "without an answer");
	snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%d", port_hold());
	request.url = nobody;
	IS_INT("nobody listens", http_send(&request, &response, &info),
	       ERR_UNAVAILABLE);
	HAS_TEXT("in words", info.text, "Connection refused");
	IS_INT("a body that ends too early",
	       exchange(&cut, &request, &response, &info), ERR_UNAVAILABLE);
	request.timeout_ms = 100;
	IS_INT("no answer in time",
	       exchange(&silent, &request, &response, &info), ERR_TIMEOUT);
	HAS_TEXT("in words", info.text, "no whole answer in");
	request.url = "file:///etc/passwd";
	IS_INT("only http and https", http_send(&request, &response, &info),
	       ERR_INVALID);
	request.url = "http://";
	IS_INT("not a URL", http_send(&request, &response, &info), ERR_INVALID);
	OK("nothing to release", !response.body && !response.headers);
}

static void
bounds_the_answer(void)
{
	struct http_server s = {.answer = "HTTP/1.1 200 OK\r\nConnection: "
					  "close\r\n\r\n",
				.blocks = HTTP_BODY_MAX / 65536 + 1};
	struct http_request request = {.method = "GET"};
	struct http_response response = {0};
	struct err_info info = {{0}};

	IS_INT("more than HTTP_BODY_MAX octets",
	       exchange(&s, &request, &response, &info), ERR_TOO_LARGE);
	HAS_TEXT("in words", info.text, "octets");
}

static void
encodes(void)
{
	static const struct {
		const char *why, *text, *wanted;
	} rows[] = {
	    {"unreserved stays", "Az09-._~", "/Az09-._~"},
	    {"what separates does not", "a/b?c#d&e=f+g",
	     "/a%2Fb%3Fc%23d%26e%3Df%2Bg"},
	    {"a blank", "a b", "/a%20b"},
	    {"a percent sign", "%41", "/%2541"},
	    {"UTF-8 by octets", "\xc3\xa4", "/%C3%A4"},
	};
	char small[8] = "/";
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char buf[64] = "/";

		OK(rows[i].why, http_encode(buf, sizeof(buf), rows[i].text));
		IS_TEXT(rows[i].why, buf, rows[i].wanted);
	}
	OK("what does not fit is refused",
	   !http_encode(small, sizeof(small), "aaaaaaaa"));
}

const struct unit_case unit_cases[] = {
    {"sends what was asked", sends_what_was_asked},
    {"takes any status", takes_any_status},
    {"tells failures apart", tells_failures_apart},
    {"bounds the answer", bounds_the_answer},
    {"encodes", encodes},
    {NULL, NULL}};
