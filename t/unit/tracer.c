/*
 * t/unit/tracer.c: lib/tracer.h: spans leave, or are counted, and nobody waits
 * for them.
 */
#include "lib/tracer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/json.h"
#include "t/support/await.h"
#include "t/support/http_server.h"
#include "t/support/port.h"
#include "t/unit/unit.h"

#define MANY    20000 /* more than two buffers hold */
#define THREADS 8

static atomic_size_t exported;
static atomic_size_t dropped;

static void
counted(size_t out, size_t lost, void *arg)
{
	(void)arg;
	exported += out;
	dropped += lost;
}

/* A tracer that writes to `fd`, or with `url` to a collector. */
static struct tracer *
start(int fd, char *url)
{
	const struct tracer_options options = {
	    .resource = {.service = "unit",
			 .version = "1",
			 .host = "host",
			 .instance = "i"},
	    .fd = fd,
	    .counted = counted,
	};
	struct config config = {.debug = false};
	struct tracer *tracer = NULL;
	struct err_info info = {""};

	exported = dropped = 0;
	config.telemetry.tracing.enabled = true;
	config.telemetry.tracing.exporter =
	    url ? CONFIG_EXPORTER_OTLP : CONFIG_EXPORTER_STDOUT;
	config.telemetry.tracing.otlp_endpoint = url;
	IS_INT(info.text, tracer_new(&config, &options, &tracer, &info),
	       ERR_OK);
	OK("there is one", tracer != NULL);
	return tracer;
}

static void
end_span(struct tracer *tracer, const struct trace *trace, const char *name)
{
	int64_t now_ns = clock_wall_ns();

	tracer_end(tracer, &(struct span){.trace = trace,
					  .kind = SPAN_INTERNAL,
					  .name = name,
					  .start_ns = now_ns,
					  .end_ns = now_ns});
}

static const char *
file_path(void)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/spans", unit_directory());
	return path;
}

static void
costs_nothing_when_off(void)
{
	const struct tracer_options options = {.fd = -1};
	struct config config = {.debug = false};
	struct tracer *tracer = (struct tracer *)&config;
	struct trace client, own;

	IS_INT("off", tracer_new(&config, &options, &tracer, NULL), ERR_OK);
	OK("is no tracer", tracer == NULL);
	tracer_begin(NULL, NULL, &own);
	OK("a trace for the log", own.id[0] != '\0');
	OK("that nobody records", !own.sampled && !tracer_wants(NULL, &own));
	trace_start(&client, true);
	tracer_begin(NULL, &client, &own);
	OK("a client's is passed on", memcmp(&client, &own, sizeof(own)) == 0);
	end_span(NULL, &client, "nothing");
	tracer_free(NULL, 1000);
}

static void
goes_on_with_a_clients_trace(void)
{
	struct tracer *tracer = start(STDERR_FILENO, NULL);
	struct trace client, own;

	tracer_begin(tracer, NULL, &own);
	OK("a new trace is sampled", tracer_wants(tracer, &own));
	trace_start(&client, false);
	tracer_begin(tracer, &client, &own);
	IS_TEXT("the same trace", own.id, client.id);
	OK("a span of its own", strcmp(own.span, client.span) != 0);
	OK("not sampled stays so", !tracer_wants(tracer, &own));
	end_span(tracer, &own, "not sampled");
	tracer_free(tracer, 1000);
	IS_INT("nothing left", exported + dropped, 0);
}

static void
writes_a_line_a_span(void)
{
	int fd =
	    open(file_path(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct tracer *tracer = start(fd, NULL);
	struct trace trace;
	char *text = NULL, *line, *save = NULL;
	size_t size = 0;
	int lines = 0;

	trace_start(&trace, true);
	end_span(tracer, &trace, "one");
	end_span(tracer, &trace, "two\n");
	end_span(tracer, &trace, "three");
	tracer_free(tracer, 10000);
	close(fd);
	IS_INT("read", file_read(file_path(), 1 << 20, &text, &size, NULL),
	       ERR_OK);
	OK("ends with a line", size && text[size - 1] == '\n');
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		json_t *json = NULL;

		IS_INT("a line is JSON",
		       json_parse(line, strlen(line), &json, NULL), ERR_OK);
		OK("of the whole form",
		   json_object_get(json, "resourceSpans") != NULL);
		json_decref(json);
		lines++;
	}
	free(text);
	IS_INT("a line a span", lines, 3);
	IS_INT("counted", exported, 3);
	IS_INT("none lost", dropped, 0);
}

/* A pipe that nobody reads: what does not fit is counted. */
static void
drops_what_nobody_takes(void)
{
	struct tracer *tracer;
	struct trace trace;
	int fds[2], i;

	if (pipe2(fds, O_CLOEXEC)) {
		OK("a pipe", false);
		return;
	}
	tracer = start(fds[1], NULL);
	trace_start(&trace, true);
	for (i = 0; i < MANY; i++)
		end_span(tracer, &trace, "a span");
	OK("the buffer is bounded", dropped > 0);
	tracer_free(tracer, 0);
	IS_INT("each is counted once", exported + dropped, MANY);
	close(fds[0]);
	close(fds[1]);
}

static void *
many_spans(void *arg)
{
	struct tracer *tracer = arg;
	struct trace trace;
	int i;

	trace_start(&trace, true);
	for (i = 0; i < MANY / THREADS; i++)
		end_span(tracer, &trace, "of a thread");
	return NULL;
}

static void
counts_those_of_many_threads(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct tracer *tracer = start(fd, NULL);
	pthread_t threads[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, many_spans, tracer);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	tracer_free(tracer, 10000);
	close(fd);
	IS_INT("each once", exported + dropped, MANY);
	OK("some left", exported > 0);
}

#define HEAD(status, length)                             \
	"HTTP/1.1 " status "\r\nContent-Length: " length \
	"\r\nConnection: close\r\n\r\n"

static const struct {
	const char *why;
	const char *answer;
	size_t exported; /* of two spans */
	size_t requests;
} answers[] = {
    {"taken", HEAD("200 OK", "2") "{}", 2, 1},
    {"taken without a word", HEAD("204 No Content", "0"), 2, 1},
    {"an answer that is no JSON", HEAD("200 OK", "3") "yes", 2, 1},
    {"one rejected",
     HEAD("200 OK", "40") "{\"partialSuccess\":{\"rejectedSpans\":\"1\"}}   ",
     1, 1},
    {"more rejected than were sent",
     HEAD("200 OK", "40") "{\"partialSuccess\":{\"rejectedSpans\": 77}}   ", 0,
     1},
    {"refused for good", HEAD("400 Bad Request", "0"), 0, 1},
    {"not there", HEAD("404 Not Found", "0"), 0, 1},
    {"a redirection is not followed",
     "HTTP/1.1 307 Temporary Redirect\r\nLocation: /v1/traces\r\n"
     "Content-Length: 0\r\n\r\n",
     0, 1},
};

static void
posts_to_a_collector(void)
{
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct http_server server = {.answer = answers[i].answer};
		struct tracer *tracer;
		struct trace trace;

		http_server_start(&server);
		tracer = start(-1, server.url);
		trace_start(&trace, true);
		end_span(tracer, &trace, "one");
		end_span(tracer, &trace, "two");
		tracer_free(tracer, 10000);
		http_server_stop(&server);
		HAS_TEXT(answers[i].why, server.request,
			 "POST /v1/traces HTTP/1.1\r\n");
		HAS_TEXT(answers[i].why, server.request,
			 "Content-Type: application/json\r\n");
		HAS_TEXT(answers[i].why, server.request, trace.id);
		HAS_TEXT(answers[i].why, server.request, "]}]}]}");
		IS_INT(answers[i].why, exported, answers[i].exported);
		IS_INT(answers[i].why, dropped, 2 - answers[i].exported);
		IS_INT(answers[i].why, server.requests, answers[i].requests);
	}
}

static void
gives_up_when_it_must_end(void)
{
	struct http_server silent = {.silent = true};
	struct http_server busy = {.answer =
				       HEAD("503 Service Unavailable", "0")};
	struct tracer *tracer;
	struct trace trace;
	char nobody[64];

	trace_start(&trace, true);
	http_server_start(&silent);
	tracer = start(-1, silent.url);
	end_span(tracer, &trace, "to one that does not answer");
	tracer_free(tracer, 100);
	http_server_stop(&silent);
	IS_INT("given up", dropped, 1);
	http_server_start(&busy);
	tracer = start(-1, busy.url);
	end_span(tracer, &trace, "to one that is busy");
	OK("tried", AWAIT(atomic_load(&busy.requests) > 0));
	tracer_free(tracer, 100);
	http_server_stop(&busy);
	IS_INT("and given up", dropped, 1);
	snprintf(nobody, sizeof(nobody), "http://127.0.0.1:%d", port_hold());
	tracer = start(-1, nobody);
	end_span(tracer, &trace, "to nobody");
	tracer_free(tracer, 100);
	IS_INT("lost", dropped, 1);
}

const char unit_name[] = "tracer";
const struct unit_case unit_cases[] = {
    {"costs nothing when it is off", costs_nothing_when_off},
    {"goes on with a client's trace", goes_on_with_a_clients_trace},
    {"writes a line a span", writes_a_line_a_span},
    {"drops what nobody takes", drops_what_nobody_takes},
    {"counts those of many threads", counts_those_of_many_threads},
    {"posts to a collector", posts_to_a_collector},
    {"gives up when it must end", gives_up_when_it_must_end},
    {NULL, NULL},
};
