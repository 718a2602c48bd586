/*
 * cli/follow.c: long requests ("?wait=") one after the other; on a terminal
 * short ones, so that the progress line moves.
 */
#include "cli/follow.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/job_view.h"
#include "cli/terminal.h"
#include "lib/clock.h"
#include "lib/json.h"

#define TURN_MS        20000 /* of one request */
#define TURN_SHOWN_MS  1000
#define TURN_MARGIN_MS 10000
#define PATIENCE_MS    30000 /* with an API that does not answer */
#define AGAIN_S        1

enum { ASK_AGAIN = -1, EXIT_INTERRUPTED = 128 };

/* ---- being interrupted ---- */

/* What a signal handler may say must be made before: the second text replaces
 * the first in one step. */
static char submitting[] =
    "\nosapi: interrupted while submitting; osapi client job list shows "
    "whether the job is there\n";
static char running[192];
static _Atomic(const char *) farewell;

static void
say_farewell(int signal_number)
{
	const char *text = atomic_load(&farewell);
	ssize_t ignored = write(STDERR_FILENO, text, strlen(text));

	(void)ignored;
	_exit(EXIT_INTERRUPTED + signal_number);
}

void
follow_leave(const char *id)
{
	struct sigaction action = {.sa_handler = say_farewell};

	if (id)
		snprintf(running, sizeof(running),
			 "\nosapi: job %s goes on; osapi client job get %s "
			 "shows it\n",
			 id, id);
	atomic_store(&farewell, id ? running : submitting);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* ---- progress ---- */

/* ": web-01, web-02" */
static void
write_answered(FILE *out, const json_t *job)
{
	const char *between = ": ";
	const char *name;
	json_t *state;

	json_object_foreach (json_object_get(job, "worker_states"), name,
			     state) {
		if (!job_view_host_ended(state))
			continue;
		fputs(between, out);
		terminal_print(out, name);
		between = ", ";
	}
}

static char *
progress_text(const json_t *job, int64_t begun_ms)
{
	const char *status = json_member_string(job, "status");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	terminal_print(out, status ? status : "waiting");
	fprintf(out, ", %lld s",
		(long long)((clock_mono_ms() - begun_ms) / 1000));
	if (job_view_hosts(job)) {
		fprintf(out, ", %zu of %zu hosts have answered",
			job_view_answered(job), job_view_hosts(job));
		write_answered(out, job);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Replaces the line on the terminal. */
static void
show_line(const char *text)
{
	size_t width = terminal_width(stderr);

	fputs("\r\033[K", stderr);
	/* a line that is broken could not be taken back */
	terminal_print_cut(stderr, text, width - 1);
	fflush(stderr);
}

static void
show_progress(const json_t *job, int64_t begun_ms)
{
	char *text = progress_text(job, begun_ms);

	if (text)
		show_line(text);
	free(text);
}

/* ---- asking ---- */

/* Whether this may pass: a restart of the API, a full table of waiters. */
static bool
may_pass(enum err code, int http_status)
{
	return code == ERR_UNAVAILABLE || code == ERR_TIMEOUT ||
	       (code == ERR_OK && (http_status == 429 ||
				   (http_status >= 502 && http_status <= 504)));
}

static int
send_quietly(const struct api *api, const char *path, int64_t timeout_ms,
	     struct http_response *response)
{
	struct http_request request = {.method = "GET",
				       .timeout_ms = timeout_ms};
	struct err_info info = {{0}};
	enum err code = api_exchange(api, path, &request, response, &info);

	if (may_pass(code, response->status))
		return ASK_AGAIN;
	return code == ERR_OK ? 0 : api_unreachable(api, code, &info);
}

/* One request.  0: there is the job; ASK_AGAIN, where it may say nothing of a
 * failure that may pass; else an exit code after a line on stderr. */
static int
ask(const struct api *api, struct followed *followed, int64_t turn_ms,
    bool quiet)
{
	int64_t timeout_ms = turn_ms + TURN_MARGIN_MS;
	char path[128];
	int status;

	if (turn_ms > 0)
		snprintf(path, sizeof(path), "/api/v1/jobs/%s?wait=%lldms",
			 followed->id, (long long)turn_ms);
	else
		snprintf(path, sizeof(path), "/api/v1/jobs/%s", followed->id);
	follow_release(followed);
	status = quiet
		     ? send_quietly(api, path, timeout_ms, &followed->response)
		     : api_call(api, "GET", path, NULL, timeout_ms,
				&followed->response);
	if (status)
		return status;
	if (followed->response.status >= 300)
		return api_refused(api, &followed->response);
	return api_value(&followed->response, &followed->job);
}

/* How long the next request may wait: a turn, or what is left. */
static int64_t
turn_of(const struct followed *followed, int64_t begun_ms, bool progress)
{
	int64_t turn_ms = progress ? TURN_SHOWN_MS : TURN_MS;
	int64_t left_ms;

	if (followed->limit_ms < 0)
		return turn_ms;
	left_ms = followed->limit_ms - (clock_mono_ms() - begun_ms);
	if (left_ms < turn_ms)
		turn_ms = left_ms;
	return turn_ms > 0 ? turn_ms : 0;
}

int
follow(const struct api *api, struct followed *followed)
{
	static const struct timespec pause = {.tv_sec = AGAIN_S};
	bool progress = isatty(STDERR_FILENO) && !api->json;
	int64_t begun_ms = clock_mono_ms();
	int64_t away_ms = 0; /* since when there is no answer, 0: there is */
	int status;

	for (;;) {
		int64_t now_ms = clock_mono_ms();
		int64_t turn_ms = turn_of(followed, begun_ms, progress);
		bool quiet = followed->patient && turn_ms > 0 &&
			     (!away_ms || now_ms - away_ms < PATIENCE_MS);

		status = ask(api, followed, turn_ms, quiet);
		if (status == ASK_AGAIN) {
			away_ms = away_ms ? away_ms : now_ms;
			if (progress)
				show_line("the API does not answer, trying "
					  "again");
			nanosleep(&pause, NULL);
			continue;
		}
		away_ms = 0;
		if (status || job_view_ended(followed->job) || turn_ms == 0)
			break;
		if (progress)
			show_progress(followed->job, begun_ms);
	}
	if (progress && !status)
		fputs("\r\033[K", stderr);
	return status;
}

void
follow_release(struct followed *followed)
{
	http_release(&followed->response);
	json_decref(followed->job);
	followed->job = NULL;
}
