/* t/unit/responder.c: a pool that is spoken to in FastCGI, well and badly. */
#include "t/support/await.h"
#include "t/unit/unit.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/uuid.h"
#include "t/support/api.h"
#include "t/support/fastcgi.h"
#include "t/support/port.h"

#define SILENT 1000

static struct api *api; /* without NATS: nobody listens on its port */

static void
start(void)
{
	if (!api)
		api = api_start(unit_directory(), "api", port_hold(), 1, NULL);
}

static void
lives_on(const char *why)
{
	struct fastcgi_call call = {.method = "GET", .uri = "/health"};
	struct fastcgi_answer answer;

	fastcgi_ask(api_socket(api), &call, &answer);
	IS_INT(why, answer.status, 200);
	IS_TEXT(why, answer.body, "{\"status\":\"ok\"}");
	fastcgi_answer_free(&answer);
}

static void
answers_without_nats(void)
{
	struct fastcgi_call call = {.method = "GET", .uri = "/health/ready"};
	struct fastcgi_answer answer;

	start();
	lives_on("alive");
	fastcgi_ask(api_socket(api), &call, &answer);
	IS_INT("not ready", answer.status, 503);
	HAS_TEXT("not ready", answer.body, "\"status\":\"not_ready\"");
	HAS_TEXT("says why", answer.body, "NATS is not connected");
	OK("and not where, to everybody", !strstr(answer.body, "nats://"));
	IS_TEXT("says when to come back",
		fastcgi_header(&answer, "Retry-After"), "1");
	fastcgi_answer_free(&answer);
}

static const struct refusal {
	const char *method, *uri;
	enum role role;
	const char *type, *body;
	int status;
	const char *header, *value; /* of the answer */
	const char *words;
	const char *why;
} refusals[] = {
    {"GET", "/nowhere", ROLE_NONE, NULL, NULL, 404, NULL, NULL,
     "nothing at this path", "an unknown path, before the token"},
    {"PATCH", "/api/v1/jobs", ROLE_NONE, NULL, NULL, 405, "Allow",
     "GET, HEAD, POST, OPTIONS", "PATCH is not possible",
     "an unknown method, before the token"},
    {"GET", "/api/v1/jobs", ROLE_NONE, NULL, NULL, 401, "WWW-Authenticate",
     "Bearer realm=\"osapi\"", "bearer token is needed", "no token"},
    {"POST", "/api/v1/jobs", ROLE_READ, "text/plain", "x", 403,
     "WWW-Authenticate", "Bearer realm=\"osapi\", error=\"insufficient_scope\"",
     "may not do this", "a low role, before the content type"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "text/plain", "x", 415, NULL, NULL,
     "application/json", "a wrong content type, before the body"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "application/json", "{", 400, NULL,
     NULL, "\"in\":\"body\"", "a body that is no JSON"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "application/json",
     "{\"operation\":{\"type\":\"system.hostname.get\"},\"x\":\"\xff\"}", 400,
     NULL, NULL, "\"in\":\"body\"", "a body that is not UTF-8"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "application/json",
     "{\"operation\":{\"type\":\"no.such\",\"data\":{}},\"y\":1}", 400, NULL,
     NULL, "unknown operation", "an unknown operation, with other errors"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "application/json",
     "{\"operation\":{\"type\":\"no.such\",\"data\":{}},\"y\":1}", 400, NULL,
     NULL, "\"field\":\"y\"", "other errors, with an unknown operation"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "application/json", NULL, 400, NULL,
     NULL, "JSON body is needed", "no body"},
    {"GET", "/api/v1/jobs?limit=x&offset=-1&z=1", ROLE_READ, NULL, NULL, 400,
     NULL, NULL, "unknown parameter", "three wrong parameters: the third"},
    {"GET", "/api/v1/jobs?limit=x&offset=-1&z=1", ROLE_READ, NULL, NULL, 400,
     NULL, NULL, "\"field\":\"limit\"", "three wrong parameters: the first"},
    {"GET", "/api/v1/jobs?limit=1&limit=2", ROLE_READ, NULL, NULL, 400, NULL,
     NULL, "\"errors\":[{\"in\":\"query\"", "a parameter twice"},
    {"GET", "/api/v1/jobs?limit=%zz", ROLE_READ, NULL, NULL, 400, NULL, NULL,
     "query: bad percent escape", "a wrong escape"},
    {"GET", "/api/v1/jobs?limit=%zz", ROLE_NONE, NULL, NULL, 401, NULL, NULL,
     "a bearer token is needed", "a wrong escape, but no token"},
    {"GET", "/nowhere?limit=%zz", ROLE_NONE, NULL, NULL, 404, NULL, NULL,
     "nothing at this path", "a wrong escape at no path"},
    {"GET", "/api/v1/jobs/%ff", ROLE_READ, NULL, NULL, 400, NULL, NULL,
     "a part of the path is not UTF-8", "a path that is not UTF-8"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, NULL, "{}", 415, NULL, NULL,
     "Content-Type is missing", "a body of no type"},
    {"GET", "/api/v1/jobs/zzz", ROLE_READ, NULL, NULL, 400, NULL, NULL, "UUID",
     "a path parameter that is no UUID"},
    {"GET", "/api/v1/jobs", ROLE_READ, NULL, NULL, 503, "Retry-After", "1",
     "NATS is not connected", "NATS is away"},
    {"POST", "/api/v1/jobs", ROLE_WRITE, "application/json",
     "{\"operation\":{\"type\":\"system.hostname.get\",\"data\":{}}}", 503,
     "Retry-After", "1", "NATS is not connected", "NATS is away: no job"},
    {"GET", "/api/v1/system/hostname", ROLE_READ, NULL, NULL, 503,
     "Retry-After", "1", "NATS is not connected",
     "NATS is away: a typed endpoint"},
};

/* RFC 9457 and the contract's own members. */
static void
is_problem(const struct refusal *row, const struct fastcgi_answer *answer)
{
	json_auto_t *body =
	    answer->body ? json_loadb(answer->body, answer->size, 0, NULL)
			 : NULL;
	const char *detail, *error;
	char length[24];

	OK(row->why, json_is_object(body));
	snprintf(length, sizeof(length), "%zu", answer->size);
	IS_TEXT(row->why, fastcgi_header(answer, "Content-Length"), length);
	IS_TEXT(row->why, fastcgi_header(answer, "Content-Type"),
		"application/problem+json");
	IS_TEXT(row->why, fastcgi_header(answer, "Cache-Control"), "no-store");
	IS_INT(row->why, json_integer_value(json_object_get(body, "status")),
	       row->status);
	detail = json_string_value(json_object_get(body, "detail"));
	error = json_string_value(json_object_get(body, "error"));
	OK("has a detail", detail && *detail);
	IS_TEXT("error repeats the detail", error, detail);
	OK("has a title", json_object_get(body, "title"));
	OK("has a type", json_object_get(body, "type"));
	IS_TEXT("names the request",
		json_string_value(json_object_get(body, "request_id")),
		fastcgi_header(answer, "X-Request-Id"));
}

static void
refuses_in_one_shape(void)
{
	start();
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *row = &refusals[i];
		struct fastcgi_call call = {
		    .method = row->method,
		    .uri = row->uri,
		    .token = row->role ? api_token(row->role) : NULL,
		    .type = row->type,
		    .body = row->body,
		    .size = row->body ? strlen(row->body) : 0,
		};
		struct fastcgi_answer answer;

		fastcgi_ask(api_socket(api), &call, &answer);
		IS_INT(row->why, answer.status, row->status);
		HAS_TEXT(row->why, answer.body, row->words);
		if (row->header)
			IS_TEXT(row->why, fastcgi_header(&answer, row->header),
				row->value);
		is_problem(row, &answer);
		fastcgi_answer_free(&answer);
	}
}

static void
names_each_request(void)
{
	static const struct {
		const char *params[5];
		const char *wanted, *why;
	} rows[] = {
	    {{"OSAPI_REQUEST_ID", "abc-1", "HTTP_X_REQUEST_ID", "other"},
	     "abc-1",
	     "the web server's goes first"},
	    {{"HTTP_X_REQUEST_ID", "client.id_2"},
	     "client.id_2",
	     "the client's"},
	    {{"HTTP_X_REQUEST_ID", "bad id\r\nX-Evil: 1"},
	     NULL,
	     "one that is not allowed is replaced"},
	    {{NULL}, NULL, "none is made"},
	};

	start();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fastcgi_call call = {.method = "GET",
					    .uri = "/health",
					    .params = rows[i].params};
		struct fastcgi_answer answer;
		const char *id;

		fastcgi_ask(api_socket(api), &call, &answer);
		id = fastcgi_header(&answer, "X-Request-Id");
		if (rows[i].wanted)
			IS_TEXT(rows[i].why, id, rows[i].wanted);
		else
			OK(rows[i].why, id && uuid_valid(id));
		OK("no header slips in", !fastcgi_header(&answer, "X-Evil"));
		fastcgi_answer_free(&answer);
	}
}

static void
sends_heads_without_a_body(void)
{
	struct fastcgi_call call = {.method = "HEAD", .uri = "/health"};
	struct fastcgi_answer answer;

	start();
	fastcgi_ask(api_socket(api), &call, &answer);
	IS_INT("HEAD", answer.status, 200);
	IS_INT("no body", answer.size, 0);
	IS_TEXT("but its length", fastcgi_header(&answer, "Content-Length"),
		"15");
	fastcgi_answer_free(&answer);
	call.method = "OPTIONS";
	fastcgi_ask(api_socket(api), &call, &answer);
	IS_INT("OPTIONS", answer.status, 204);
	IS_TEXT("says what is possible", fastcgi_header(&answer, "Allow"),
		"GET, HEAD, OPTIONS");
	fastcgi_answer_free(&answer);
}

static void
bounds_bodies(void)
{
	static const struct {
		size_t size;
		const char *length;
		int status;
		const char *why;
	} rows[] = {
	    {1024 * 1024 + 1, NULL, 413, "one octet above 1 MiB"},
	    {3 * 1024 * 1024, NULL, 413, "three times too much"},
	    {16, "99999999999999999999", 413, "a length beyond any number"},
	    {16, "-1", 400, "a negative length"},
	    {16, "16x", 400, "a length that is no number"},
	    {16, "17", 400, "fewer octets than the length says"},
	    {16, "15", 400, "more octets than the length says"},
	};
	char *body = malloc(3 * 1024 * 1024);

	start();
	memset(body, ' ', 3 * 1024 * 1024);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fastcgi_call call = {.method = "POST",
					    .uri = "/api/v1/jobs",
					    .token = api_token(ROLE_WRITE),
					    .type = "application/json",
					    .body = body,
					    .size = rows[i].size,
					    .length = rows[i].length};
		struct fastcgi_answer answer;

		fastcgi_ask(api_socket(api), &call, &answer);
		IS_INT(rows[i].why, answer.status, rows[i].status);
		fastcgi_answer_free(&answer);
	}
	free(body);
	lives_on("after bad bodies");
}

/* Octets that are a valid stream from each multiple of 8 on: empty records of
 * management, then a whole request. */
static void
hide_request(struct fastcgi_buffer *body)
{
	struct fastcgi_call inner = {
	    .method = "GET", .uri = "/api/v1/version", .keep = true};

	while (body->size < 20000)
		fastcgi_record(body, 1, FASTCGI_GET_VALUES, 0, NULL, 0, 0);
	fastcgi_request(body, &inner);
}

/* The records of a request whose body begins at a multiple of 8. */
static void
align_request(struct fastcgi_buffer *sent, struct fastcgi_call *outer)
{
	const char *params[] = {"PAD", "", NULL};
	char pad[9] = "";

	outer->params = params;
	for (int i = 0; i < 8; i++) {
		struct fastcgi_call head = *outer;

		params[1] = pad;
		head.size = 0;
		head.body = "";
		fastcgi_buffer_free(sent);
		fastcgi_request(sent, &head);
		if (sent->size % 8 == 0)
			break;
		pad[i] = 'x';
	}
	fastcgi_buffer_free(sent);
	fastcgi_request(sent, outer);
	outer->params = NULL;
}

/* The body of the first request holds what looks like a request of its own, at
 * a place where a server that did not read it all would go on reading. */
static void
forge(const char *method, const char *uri, const char *length)
{
	struct fastcgi_call honest = {.method = "GET", .uri = "/health"};
	struct fastcgi_buffer forged = {0}, sent = {0};
	struct fastcgi_answer first, second;
	char real_length[24];
	int fd;
	struct fastcgi_call outer = {.method = method,
				     .uri = uri,
				     .token = api_token(ROLE_WRITE),
				     .type = "application/json",
				     .keep = true};

	hide_request(&forged);
	snprintf(real_length, sizeof(real_length), "%zu", forged.size);
	outer.length = length ? length : real_length;
	outer.body = (const char *)forged.data;
	outer.size = forged.size;
	align_request(&sent, &outer);
	fd = fastcgi_connect(api_socket(api));
	fastcgi_send(fd, &sent);
	fastcgi_read(fd, &first);
	OK("the first one is answered", first.status >= 400);
	fastcgi_buffer_free(&sent);
	fastcgi_request(&sent, &honest);
	/* A connection that was closed instead is right as well. */
	if (fastcgi_send(fd, &sent)) {
		fastcgi_read(fd, &second);
		OK("the next answer is the next request's",
		   second.closed ||
		       (second.body &&
			strcmp(second.body, "{\"status\":\"ok\"}") == 0));
		OK("the body is not answered",
		   !second.body || !strstr(second.body, "version"));
		fastcgi_answer_free(&second);
	}
	OK("no third answer", fastcgi_closes(fd));
	fastcgi_answer_free(&first);
	fastcgi_buffer_free(&forged);
	fastcgi_buffer_free(&sent);
	close(fd);
}

static void
reads_no_request_from_a_body(void)
{
	start();
	forge("POST", "/nowhere", NULL);
	forge("POST", "/health", NULL);
	forge("POST", "/api/v1/jobs", NULL);
	forge("POST", "/api/v1/jobs", "2");
	forge("POST", "/api/v1/jobs", "0");
	forge("POST", "/api/v1/jobs", "x");
	forge("POST", "/api/v1/jobs", "99999999");
	lives_on("after forged bodies");
}

static void
serves_kept_connections(void)
{
	struct fastcgi_call call = {
	    .method = "GET", .uri = "/health", .keep = true};
	int fds[64];

	start();
	/* More than there are threads: an idle one must hold none. */
	for (int i = 0; i < 64; i++) {
		struct fastcgi_buffer sent = {0};
		struct fastcgi_answer answer;

		fds[i] = fastcgi_connect(api_socket(api));
		fastcgi_request(&sent, &call);
		for (int k = 0; k < 3; k++) {
			fastcgi_send(fds[i], &sent);
			fastcgi_read(fds[i], &answer);
			IS_INT("kept", answer.status, 200);
			fastcgi_answer_free(&answer);
		}
		fastcgi_buffer_free(&sent);
	}
	lives_on("beside idle kept connections");
	for (int i = 0; i < 64; i++)
		close(fds[i]);
}

/* Sends octets, then closes our half: the other side must give up. */
static void
send_broken(const char *why, const struct fastcgi_buffer *sent, bool end)
{
	int fd = fastcgi_connect(api_socket(api));

	fastcgi_send(fd, sent);
	if (end)
		shutdown(fd, SHUT_WR);
	OK(why, fastcgi_closes(fd));
	close(fd);
}

/* A request whose client goes after 10 of 1,000 octets of its body. */
static void
abort_within_a_body(struct fastcgi_buffer *sent)
{
	struct fastcgi_call call = {.method = "POST",
				    .uri = "/api/v1/jobs",
				    .token = api_token(ROLE_WRITE),
				    .type = "application/json",
				    .body = "{\"operati",
				    .size = 10,
				    .length = "1000",
				    .open_ended = true};

	fastcgi_request(sent, &call);
	fastcgi_record(sent, 1, FASTCGI_ABORT, 1, NULL, 0, 0);
}

static void
survives_broken_records(void)
{
	struct fastcgi_call call = {.method = "GET", .uri = "/health"};
	struct fastcgi_buffer whole = {0}, cut = {0};

	start();
	fastcgi_request(&whole, &call);
	for (size_t n = 0; n < whole.size; n++) {
		struct fastcgi_buffer part = {whole.data, n};

		send_broken("cut short", &part, true);
	}
	fastcgi_buffer_free(&whole);
	fastcgi_record(&cut, 2, FASTCGI_BEGIN, 1, "\0\1\0\0\0\0\0\0", 8, 8);
	send_broken("another version", &cut, false);
	fastcgi_buffer_free(&cut);
	fastcgi_begin(&cut, 1, 9, false);
	send_broken("an unknown role", &cut, false);
	fastcgi_buffer_free(&cut);
	fastcgi_begin(&cut, 1, 2, false);
	fastcgi_record(&cut, 1, FASTCGI_PARAMS, 1, NULL, 0, 0);
	send_broken("the authorizer role", &cut, false);
	fastcgi_buffer_free(&cut);
	fastcgi_record(&cut, 1, FASTCGI_PARAMS, 1, "x", 1, 1);
	fastcgi_append(&cut, "0123456789abcdef", 16);
	send_broken("parameters without a beginning", &cut, true);
	fastcgi_buffer_free(&cut);
	fastcgi_begin(&cut, 1, 1, false);
	fastcgi_record(&cut, 1, FASTCGI_PARAMS, 1,
		       "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 8);
	fastcgi_record(&cut, 1, FASTCGI_PARAMS, 1, NULL, 0, 0);
	send_broken("a name and a value of 2 GiB each", &cut, true);
	fastcgi_buffer_free(&cut);
	fastcgi_begin(&cut, 1, 1, false);
	fastcgi_record(&cut, 1, FASTCGI_ABORT, 1, NULL, 0, 0);
	send_broken("an abort", &cut, true);
	fastcgi_buffer_free(&cut);
	abort_within_a_body(&cut);
	send_broken("an abort within a body", &cut, true);
	fastcgi_buffer_free(&cut);
	lives_on("after broken records");
}

/* A second request on the same connection while the first has not ended. */
static void
refuses_to_interleave(void)
{
	struct fastcgi_call call = {
	    .method = "GET", .uri = "/health", .open_ended = true};
	struct fastcgi_buffer sent = {0};
	struct fastcgi_answer answer;
	int fd;

	start();
	fd = fastcgi_connect(api_socket(api));
	fastcgi_request(&sent, &call);
	fastcgi_begin(&sent, 2, 1, false);
	fastcgi_record(&sent, 1, FASTCGI_STDIN, 1, NULL, 0, 0);
	fastcgi_send(fd, &sent);
	fastcgi_read(fd, &answer);
	/* END_REQUEST of the second: it cannot be multiplexed. */
	OK("the second is refused", answer.ended && answer.status == 0);
	fastcgi_answer_free(&answer);
	fastcgi_read(fd, &answer);
	IS_INT("the first is answered", answer.status, 200);
	fastcgi_answer_free(&answer);
	fastcgi_buffer_free(&sent);
	close(fd);
}

/* Records with id 0 are of the connection, not of a request. */
static void
passes_over_management_records(void)
{
	struct fastcgi_call call = {.method = "GET", .uri = "/health"};
	struct fastcgi_buffer sent = {0}, names = {0};
	struct fastcgi_answer answer;
	int fd;

	start();
	fastcgi_pair(&names, "FCGI_MPXS_CONNS", "");
	fastcgi_record(&sent, 1, FASTCGI_GET_VALUES, 0, names.data, names.size,
		       names.size);
	fastcgi_record(&sent, 1, 77, 0, NULL, 0, 0);
	fastcgi_request(&sent, &call);
	fd = fastcgi_connect(api_socket(api));
	fastcgi_send(fd, &sent);
	fastcgi_read(fd, &answer);
	IS_INT("a request behind them", answer.status, 200);
	fastcgi_answer_free(&answer);
	fastcgi_buffer_free(&sent);
	fastcgi_buffer_free(&names);
	close(fd);
}

/* More than any nginx would send. */
static void
endures_large_parameters(void)
{
	static const size_t sizes[] = {70000, 8 * 1024 * 1024};
	char *text = malloc(sizes[1] + 1);

	start();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *params[] = {"HTTP_X", text, NULL};
		struct fastcgi_call call = {
		    .method = "GET", .uri = "/health", .params = params};
		struct fastcgi_answer answer;

		memset(text, 'a', sizes[i]);
		text[sizes[i]] = '\0';
		fastcgi_ask(api_socket(api), &call, &answer);
		IS_INT("a header that nobody reads", answer.status, 200);
		fastcgi_answer_free(&answer);
		*text = '/';
		call.uri = text;
		call.params = NULL;
		fastcgi_ask(api_socket(api), &call, &answer);
		IS_INT("a path", answer.status, 400);
		HAS_TEXT("a path", answer.body, "the path is longer than");
		fastcgi_answer_free(&answer);
		call.uri = "/health";
		call.method = text;
		fastcgi_ask(api_socket(api), &call, &answer);
		IS_INT("a method", answer.status, 400);
		fastcgi_answer_free(&answer);
	}
	free(text);
	lives_on("after large parameters");
}

/* Sockets that the one responder has accepted and not closed. */
static int
accepted(void)
{
	pid_t pid = 0;
	char path[64], line[512];
	int count = 0;
	FILE *file;

	api_responders(api, &pid, 1);
	snprintf(path, sizeof(path), "/proc/%d/net/unix", (int)pid);
	file = fopen(path, "r");
	if (!file)
		CU_FAIL_FATAL("no list of sockets");
	/* an accepted one has the listening one's path; 03: connected */
	while (fgets(line, sizeof(line), file))
		if (strstr(line, api_socket(api)) && strstr(line, " 0001 03 "))
			count++;
	fclose(file);
	return count;
}

static bool
come_to(int count)
{
	return AWAIT(accepted() == count);
}

static void
leaves_no_connection_open(void)
{
	int fd;

	start();
	OK("none is open after all that", come_to(0));
	fd = fastcgi_connect(api_socket(api));
	OK("one that is open is seen", come_to(1));
	close(fd);
	OK("and its end, too", come_to(0));
}

static void
endures_silent_connections(void)
{
	int *fds = calloc(SILENT, sizeof(*fds));

	start();
	for (int i = 0; i < SILENT; i++)
		fds[i] = fastcgi_connect(api_socket(api));
	for (int i = 0; i < 20; i++)
		lives_on("beside silent connections");
	OK("a silent one is closed", fastcgi_closes(fds[0]));
	OK("the last one is closed", fastcgi_closes(fds[SILENT - 1]));
	for (int i = 0; i < SILENT; i++)
		close(fds[i]);
	free(fds);
}

/* Clients that go before they read their answers. */
static void
endures_clients_that_go(void)
{
	struct fastcgi_call call = {.method = "GET",
				    .uri = "/api/v1/openapi.json"};
	struct fastcgi_buffer sent = {0};

	start();
	fastcgi_request(&sent, &call);
	for (int i = 0; i < 200; i++) {
		int fd = fastcgi_connect(api_socket(api));

		fastcgi_send(fd, &sent);
		close(fd);
	}
	fastcgi_buffer_free(&sent);
	lives_on("after clients that went");
}

static void
replaces_a_dead_responder(void)
{
	pid_t before[8] = {0}, after[8] = {0};

	start();
	IS_INT("one responder", api_responders(api, before, 8), 1);
	kill(before[0], SIGKILL);
	OK("it is noticed", api_log_has(api, "responder died", 1));
	lives_on("after the death of a responder");
	IS_INT("one again", api_responders(api, after, 8), 1);
	OK("another one", before[0] != after[0]);
}

static void
keeps_its_configuration_when_the_new_one_is_bad(void)
{
	static const char bad[] = "no.such.key: 1\n";
	char *text = NULL, *longer;
	pid_t before[8] = {0}, after[8] = {0};
	size_t size;

	start();
	IS_INT("one responder", api_responders(api, before, 8), 1);
	if (file_read(api_config_path(api), 65536, &text, &size, NULL))
		CU_FAIL_FATAL("no configuration");
	longer = malloc(size + sizeof(bad));
	memcpy(longer, text, size);
	memcpy(longer + size, bad, sizeof(bad));
	file_write(api_config_path(api), longer, strlen(longer), 0600, NULL);
	kill(api_pid(api), SIGHUP);
	OK("it is refused", api_log_has(api, "the old one stays", 1));
	lives_on("with the old configuration");
	api_responders(api, after, 8);
	IS_INT("the same responder", after[0], before[0]);
	file_write(api_config_path(api), text, size, 0600, NULL);
	kill(api_pid(api), SIGHUP);
	OK("a good one is taken", api_log_has(api, "\"reloaded\"", 1));
	lives_on("with the new configuration");
	free(text);
	free(longer);
}

static void
ends_when_told(void)
{
	start();
	IS_INT("exit code", api_stop(api), 0);
	OK("no socket is left", access(api_socket(api), F_OK) < 0);
	api_free(api);
	api = NULL;
}

const struct unit_case unit_cases[] = {
    {"answers /health without NATS", answers_without_nats},
    {"refuses in one shape, in the order of checks", refuses_in_one_shape},
    {"names each request", names_each_request},
    {"answers HEAD and OPTIONS", sends_heads_without_a_body},
    {"bounds bodies", bounds_bodies},
    {"reads no request from a body", reads_no_request_from_a_body},
    {"serves kept connections without a thread each", serves_kept_connections},
    {"survives broken records", survives_broken_records},
    {"refuses to interleave requests", refuses_to_interleave},
    {"passes over management records", passes_over_management_records},
    {"endures large parameters", endures_large_parameters},
    {"endures a thousand silent connections", endures_silent_connections},
    {"endures clients that go", endures_clients_that_go},
    {"leaves no connection open", leaves_no_connection_open},
    {"replaces a dead responder", replaces_a_dead_responder},
    {"keeps its configuration when the new one is bad",
     keeps_its_configuration_when_the_new_one_is_bad},
    {"ends when told", ends_when_told},
    {NULL, NULL},
};
const char unit_name[] = "responder";
