/*
 * lib/tracer_post.c: OTLP/HTTP with libcurl.
 *
 * The body is read from its three parts as libcurl asks for it, so that it is
 * not copied.
 */
#include "lib/tracer_post.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/span.h"

#define PATH       "/v1/traces"
#define CONNECT_MS 2000
#define ANSWER_MAX 4096 /* octets of an answer that are read */
#define PARTS      3

struct part {
	const char *data;
	size_t size;
};

struct tracer_post {
	CURL *curl;
	struct curl_slist *headers;
	char *url;
	bool (*give_up)(void *arg);
	void *arg;
	struct part parts[PARTS];
	size_t at;     /* the part that is sent */
	size_t offset; /* in it */
	char answer[ANSWER_MAX];
	size_t answer_size;
	char error[CURL_ERROR_SIZE];
};

static size_t
give(char *buffer, size_t one, size_t count, void *arg)
{
	struct tracer_post *post = arg;
	size_t room = one * count;
	size_t used = 0;

	while (post->at < PARTS && used < room) {
		const struct part *part = &post->parts[post->at];
		size_t n = part->size - post->offset;

		if (n > room - used)
			n = room - used;
		memcpy(buffer + used, part->data + post->offset, n);
		used += n;
		post->offset += n;
		if (post->offset == part->size) {
			post->at++;
			post->offset = 0;
		}
	}
	return used;
}

/* libcurl begins again where a kept connection turns out to be dead. */
static int
rewind_to(void *arg, curl_off_t offset, int origin)
{
	struct tracer_post *post = arg;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	post->at = 0;
	post->offset = 0;
	return CURL_SEEKFUNC_OK;
}

/* Keeps the beginning of the answer. */
static size_t
keep(char *data, size_t one, size_t count, void *arg)
{
	struct tracer_post *post = arg;
	size_t size = one * count;
	size_t room = ANSWER_MAX - post->answer_size;

	memcpy(post->answer + post->answer_size, data,
	       size < room ? size : room);
	post->answer_size += size < room ? size : room;
	return size;
}

static int
progress(void *arg, curl_off_t all_down, curl_off_t down, curl_off_t all_up,
	 curl_off_t up)
{
	const struct tracer_post *post = arg;

	(void)all_down;
	(void)down;
	(void)all_up;
	(void)up;
	return post->give_up(post->arg);
}

static void
set_options(struct tracer_post *post)
{
	CURL *curl = post->curl;

	curl_easy_setopt(curl, CURLOPT_URL, post->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, post->error);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "osapi/" OSAPI_VERSION);
	/* a collector on this machine is no business of a proxy */
	if (!getenv("no_proxy") && !getenv("NO_PROXY"))
		curl_easy_setopt(curl, CURLOPT_NOPROXY,
				 "localhost,127.0.0.1,::1");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, post->headers);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
	curl_easy_setopt(curl, CURLOPT_READDATA, post);
	curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_to);
	curl_easy_setopt(curl, CURLOPT_SEEKDATA, post);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, post);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, post);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
}

static bool
add_header(struct tracer_post *post, const char *line)
{
	struct curl_slist *more = curl_slist_append(post->headers, line);

	if (more)
		post->headers = more;
	return more != NULL;
}

enum err
tracer_post_new(const char *endpoint, bool (*give_up)(void *arg), void *arg,
		struct tracer_post **post)
{
	struct tracer_post *p = calloc(1, sizeof(*p));
	size_t size = strlen(endpoint);

	if (!p)
		return ERR_NO_MEMORY;
	p->give_up = give_up;
	p->arg = arg;
	while (size && endpoint[size - 1] == '/')
		size--;
	if (asprintf(&p->url, "%.*s" PATH, (int)size, endpoint) < 0)
		p->url = NULL;
	p->curl = curl_easy_init();
	if (!p->url || !p->curl ||
	    !add_header(p, "Content-Type: application/json") ||
	    !add_header(p, "Expect:")) {
		tracer_post_free(p);
		return ERR_NO_MEMORY;
	}
	set_options(p);
	*post = p;
	return ERR_OK;
}

void
tracer_post_free(struct tracer_post *post)
{
	if (!post)
		return;
	curl_easy_cleanup(post->curl);
	curl_slist_free_all(post->headers);
	free(post->url);
	free(post);
}

static enum err
no_answer(const struct tracer_post *post, CURLcode failed,
	  struct err_info *info)
{
	const char *text =
	    *post->error ? post->error : curl_easy_strerror(failed);

	return err_set(info,
		       failed == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT
							  : ERR_UNAVAILABLE,
		       "%s: %s", post->url, text);
}

/* {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "..."}} */
static void
read_rejected(const struct tracer_post *post, size_t *rejected,
	      struct err_info *info)
{
	json_t *root = NULL;
	const json_t *partial, *number;
	const char *words;

	if (json_parse(post->answer, post->answer_size, &root, NULL))
		return;
	partial = json_object_get(root, "partialSuccess");
	number = json_object_get(partial, "rejectedSpans");
	words = json_member_string(partial, "errorMessage");
	if (json_is_string(number))
		*rejected = strtoul(json_string_value(number), NULL, 10);
	else if (json_is_integer(number) && json_integer_value(number) > 0)
		*rejected = (size_t)json_integer_value(number);
	if (*rejected)
		err_set(info, ERR_INVALID, "%s: %zu spans rejected: %.200s",
			post->url, *rejected,
			words ? words : "no reason given");
	json_decref(root);
}

static enum err
judge(const struct tracer_post *post, size_t *rejected, struct err_info *info)
{
	static const long later[] = {429, 502, 503, 504};
	long status = 0;

	curl_easy_getinfo(post->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300) {
		read_rejected(post, rejected, info);
		return ERR_OK;
	}
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if (later[i] == status)
			return err_set(info, ERR_BUSY, "%s: HTTP %ld",
				       post->url, status);
	return err_set(info, ERR_INVALID, "%s: HTTP %ld", post->url, status);
}

enum err
tracer_post_send(struct tracer_post *post, const char *prefix,
		 size_t prefix_size, const char *text, size_t size,
		 int64_t timeout_ms, size_t *rejected, struct err_info *info)
{
	const struct part parts[PARTS] = {
	    {prefix, prefix_size},
	    {text, size},
	    {SPAN_SUFFIX, sizeof(SPAN_SUFFIX) - 1},
	};
	CURLcode failed;

	memcpy(post->parts, parts, sizeof(parts));
	post->at = post->offset = post->answer_size = 0;
	post->error[0] = '\0';
	curl_easy_setopt(post->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	curl_easy_setopt(
	    post->curl, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)(prefix_size + size + sizeof(SPAN_SUFFIX) - 1));
	failed = curl_easy_perform(post->curl);
	return failed ? no_answer(post, failed, info)
		      : judge(post, rejected, info);
}
