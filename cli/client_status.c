/*
 * cli/client_status.c: `osapi client job status`: the queue in numbers, once,
 * or again and again on a terminal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/api.h"
#include "cli/client.h"
#include "cli/described.h"
#include "cli/live.h"
#include "cli/render.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/json.h"

#define INTERVAL_MS     2000
#define INTERVAL_MIN_MS 100
#define LIVE_TIMEOUT_MS 3000 /* of one request, so that q is heard soon */

struct status_view {
	struct api api;
	const struct spec_endpoint *endpoint;
	int64_t interval_ms;
	json_t *answer;          /* the last, owned */
	char now[32];            /* local time of it */
	struct err_info trouble; /* since then, "": none */
};

static int
print_once(const struct status_view *view)
{
	struct http_response response = {0};
	json_t *answer = NULL;
	int status = api_call(&view->api, "GET", view->endpoint->path, NULL,
			      API_TIMEOUT_MS, &response);

	if (status)
		return status;
	if (view->api.json)
		api_print(&response);
	if (response.status >= 300)
		status = api_refused(&view->api, &response);
	else
		status = api_value(&response, &answer);
	if (answer && !view->api.json)
		render_answer(stdout, view->endpoint, answer);
	json_decref(answer);
	http_release(&response);
	return status;
}

/* ---- live ---- */

static char *
frame(const struct status_view *view)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	terminal_stand_in(out, stdout);
	fprintf(out, "%s  ", view->now);
	terminal_print(out, view->api.config->api.client.url);
	fprintf(out, "  (q quits)\n\n");
	render_answer(out, view->endpoint, view->answer);
	if (*view->trouble.text) {
		fputs("\ntrying again: ", out);
		terminal_print(out, view->trouble.text);
		fputc('\n', out);
	}
	terminal_stand_in(NULL, NULL);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void
draw(const struct status_view *view)
{
	char *text = frame(view);

	if (text)
		live_draw(text);
	free(text);
}

static void
take_answer(struct status_view *view, json_t *answer)
{
	time_t now_s = time(NULL);
	struct tm tm;

	json_decref(view->answer);
	view->answer = answer;
	view->trouble.text[0] = '\0';
	if (localtime_r(&now_s, &tm))
		strftime(view->now, sizeof(view->now), "%Y-%m-%d %H:%M:%S",
			 &tm);
}

/* Asks once more.  What may pass is kept in view->trouble; what will not (a
 * token that has expired) ends the view: false with *response set. */
static bool
refresh(struct status_view *view, struct http_response *response)
{
	struct http_request request = {.method = "GET",
				       .timeout_ms = LIVE_TIMEOUT_MS};
	struct err_info info = {{0}};
	json_t *answer = NULL;

	if (api_exchange(&view->api, view->endpoint->path, &request, response,
			 &info) != ERR_OK) {
		view->trouble = info;
		return true;
	}
	if (response->status >= 300 && response->status < 500 &&
	    response->status != 429)
		return false;
	if (response->status >= 400)
		err_set(&view->trouble, ERR_UNAVAILABLE, "the API says %d",
			response->status);
	else if (json_parse(response->body, response->size, &answer, &info) ==
		 ERR_OK)
		take_answer(view, answer);
	else
		view->trouble = info;
	http_release(response);
	return true;
}

static int
watch(struct status_view *view)
{
	struct http_response refused = {0};
	enum live_event event;
	bool go_on = true;
	int status;

	if (!live_begin())
		return print_once(view);
	do {
		draw(view);
		event = live_wait(view->interval_ms);
		if (event == LIVE_TIME)
			go_on = refresh(view, &refused);
	} while (go_on && event != LIVE_LEAVE);
	live_end();
	/* what was seen last stays */
	render_answer(stdout, view->endpoint, view->answer);
	status = go_on ? 0 : api_refused(&view->api, &refused);
	http_release(&refused);
	return status;
}

static int
watch_from_first(struct status_view *view)
{
	json_t *answer = NULL;
	int status =
	    api_get(&view->api, view->endpoint->path, API_TIMEOUT_MS, &answer);

	if (status)
		return status;
	take_answer(view, answer);
	status = watch(view);
	json_decref(view->answer);
	return status;
}

int
client_job_status(const struct cli *cli, const struct arguments *arguments)
{
	static char job[] = "job";
	static char word[] = "status";
	char *words[] = {job, word};
	struct status_view view = {.interval_ms = INTERVAL_MS};
	const char *interval = arguments_value(arguments, "interval");
	int used;
	int status;

	if (interval &&
	    (clock_parse_duration(interval, &view.interval_ms) != ERR_OK ||
	     view.interval_ms < INTERVAL_MIN_MS))
		return command_fail(ERR_INVALID,
				    "--interval: not a duration of 100ms or "
				    "more, such as 5s");
	status = api_open(cli, arguments, &view.api);
	if (status)
		return status;
	view.endpoint = described_find(view.api.spec, 2, words, &used);
	if (!view.endpoint)
		status = command_fail(ERR_INTERNAL,
				      "the description has no job status");
	else if (view.api.json || arguments_has(arguments, "once") ||
		 !live_possible())
		status = print_once(&view);
	else
		status = watch_from_first(&view);
	api_close(&view.api);
	return status;
}
