/*
 * lib/tracer.c: see the header.
 *
 * Two buffers: the one that tracer_end fills, guarded by `lock`, and the one
 * that the thread hands on, which is the thread's alone.  They change places.
 * Spans are separated by ",\n"; a span's text has no line feed, so that a
 * buffer is both the inside of a JSON array and one line a span.
 */
#include "lib/tracer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/tracer_post.h"

#define RETRY_MS 1000 /* doubled with each try */
#define LOOK_MS  50   /* between two looks whether the process ends */

struct batch {
	size_t count;
	size_t used;
	char *text; /* TRACER_BUFFER octets */
};

struct tracer {
	enum config_exporter exporter;
	int fd;
	struct tracer_post *post; /* of "otlp" */
	void (*counted)(size_t exported, size_t dropped, void *arg);
	void *arg;
	char prefix[SPAN_PREFIX_SIZE];
	size_t prefix_size;
	pthread_t thread;
	struct batch out;     /* of the thread */
	bool outage;          /* of the thread: not all of the last went */
	size_t lost;          /* of the thread: spans since then */
	size_t late;          /* of the thread: found no room beside it */
	pthread_mutex_t lock; /* all below */
	pthread_cond_t wake;
	struct batch in;
	size_t missed; /* spans that found no room, not told yet */
	bool stopping;
	int64_t until_ms; /* monotonic: nothing goes after it, once stopping */
};

/* ---- from everywhere ---- */

bool
tracer_wants(const struct tracer *tracer, const struct trace *trace)
{
	return tracer && trace->sampled && trace->id[0];
}

void
tracer_begin(const struct tracer *tracer, const struct trace *parent,
	     struct trace *own)
{
	if (!parent)
		trace_start(own, tracer != NULL);
	else if (tracer)
		trace_child(parent, own);
	else
		*own = *parent;
}

static bool
put(struct batch *batch, const char *text, size_t size)
{
	if (batch->used + size + 2 > TRACER_BUFFER)
		return false;
	if (batch->count) {
		batch->text[batch->used++] = ',';
		batch->text[batch->used++] = '\n';
	}
	memcpy(batch->text + batch->used, text, size);
	batch->used += size;
	batch->count++;
	return true;
}

void
tracer_end(struct tracer *tracer, const struct span *span)
{
	char text[SPAN_SIZE];
	bool half;
	size_t size;
	bool kept;

	if (!tracer_wants(tracer, span->trace))
		return;
	size = span_write(span, text);
	pthread_mutex_lock(&tracer->lock);
	half = tracer->in.used < TRACER_BUFFER / 2;
	kept = put(&tracer->in, text, size);
	half = half && tracer->in.used >= TRACER_BUFFER / 2;
	if (!kept)
		tracer->missed++;
	if (tracer->in.count == 1 || half)
		pthread_cond_signal(&tracer->wake);
	pthread_mutex_unlock(&tracer->lock);
	if (!kept && tracer->counted)
		tracer->counted(0, 1, tracer->arg);
}

/* ---- the thread: handing on ---- */

static int64_t
left_ms(struct tracer *t)
{
	int64_t left = INT64_MAX;

	pthread_mutex_lock(&t->lock);
	if (t->stopping)
		left = t->until_ms - clock_mono_ms();
	pthread_mutex_unlock(&t->lock);
	return left > 0 ? left : 0;
}

static bool
give_up(void *arg)
{
	return left_ms(arg) == 0;
}

/* Sleeps before another try; false: the process ends, there is none. */
static bool
rest(struct tracer *t, int64_t ms)
{
	struct timespec at = clock_mono_deadline(ms);
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	while (!t->stopping && rc == 0)
		rc = pthread_cond_timedwait(&t->wake, &t->lock, &at);
	rc = t->stopping;
	pthread_mutex_unlock(&t->lock);
	return !rc;
}

/* One line, in one piece where it is a pipe: others write there too. */
static enum err
write_line(struct tracer *t, const char *line, size_t size)
{
	struct pollfd pfd = {.fd = t->fd, .events = POLLOUT};
	int64_t until_ms = clock_mono_ms() + TRACER_POST_MS;

	while (size) {
		ssize_t n;

		if (left_ms(t) == 0 || clock_mono_ms() >= until_ms)
			return ERR_TIMEOUT;
		if (poll(&pfd, 1, LOOK_MS) <= 0)
			continue;
		n = send(t->fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK)
			n = write(t->fd, line, size);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return ERR_IO;
		if (n > 0) {
			line += n;
			size -= (size_t)n;
		}
	}
	return ERR_OK;
}

/* What was not written is rejected: a second try would write the rest twice. */
static void
write_lines(struct tracer *t, size_t *rejected, struct err_info *info)
{
	char line[SPAN_PREFIX_SIZE + SPAN_SIZE + sizeof(SPAN_SUFFIX) + 1];
	const char *at = t->out.text, *end = t->out.text + t->out.used;
	enum err err = ERR_OK;

	memcpy(line, t->prefix, t->prefix_size);
	*rejected = t->out.count;
	while (at < end && !err) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((feed ? feed - 1 : end) - at);
		size_t used = t->prefix_size;

		memcpy(line + used, at, size);
		used += size;
		memcpy(line + used, SPAN_SUFFIX "\n", sizeof(SPAN_SUFFIX));
		used += sizeof(SPAN_SUFFIX);
		err = write_line(t, line, used);
		*rejected -= !err;
		at = feed ? feed + 1 : end;
	}
	if (err)
		err_set(info, err, "standard output: %s",
			err == ERR_IO ? strerror(errno) : "nobody reads it");
}

static enum err
hand_on(struct tracer *t, size_t *rejected, struct err_info *info)
{
	int64_t limit_ms = left_ms(t);

	if (t->exporter == CONFIG_EXPORTER_STDOUT) {
		write_lines(t, rejected, info);
		return ERR_OK;
	}
	if (limit_ms == 0)
		return err_set(info, ERR_ABORTED, "no time left");
	return tracer_post_send(
	    t->post, t->prefix, t->prefix_size, t->out.text, t->out.used,
	    limit_ms < TRACER_POST_MS ? limit_ms : TRACER_POST_MS, rejected,
	    info);
}

/* ---- the thread: what is told ---- */

static void
complain(struct tracer *t, const char *what, const char *error)
{
	if (!t->outage)
		log_warning(what, LOG_S("error", error));
	t->outage = true;
}

static void
tell(struct tracer *t, enum err err, size_t rejected,
     const struct err_info *info)
{
	size_t dropped =
	    err || rejected > t->out.count ? t->out.count : rejected;

	if (t->counted)
		t->counted(t->out.count - dropped, dropped, t->arg);
	t->lost += dropped + t->late;
	if (dropped)
		complain(t, "spans cannot be exported", info->text);
	else if (t->late)
		complain(t, "spans are lost", "they come too fast");
	if (dropped || t->late || !t->outage)
		return;
	log_info("spans are exported again",
		 LOG_I("dropped", (int64_t)t->lost));
	t->outage = false;
	t->lost = 0;
}

static void
hand_on_batch(struct tracer *t)
{
	struct err_info info = {""};
	int64_t delay_ms = RETRY_MS;
	size_t rejected = 0;
	enum err err;

	for (int i = 1;; i++) {
		err = hand_on(t, &rejected, &info);
		if (!err || !err_retryable(err) || i == TRACER_TRIES)
			break;
		complain(t, "spans cannot be exported, trying again",
			 info.text);
		if (!rest(t, delay_ms))
			break;
		delay_ms *= 2;
	}
	tell(t, err, rejected, &info);
}

/* Waits for spans and takes them; false: there are none and none will come. */
static bool
take(struct tracer *t)
{
	struct batch empty = {.text = t->out.text};
	int rc = 0;

	pthread_mutex_lock(&t->lock);
	while (!t->in.count && !t->stopping)
		pthread_cond_wait(&t->wake, &t->lock);
	if (t->in.count) {
		struct timespec at = clock_mono_deadline(TRACER_BATCH_MS);

		while (!t->stopping && t->in.used < TRACER_BUFFER / 2 &&
		       rc == 0)
			rc = pthread_cond_timedwait(&t->wake, &t->lock, &at);
	}
	t->out = t->in;
	t->in = empty;
	t->late = t->missed;
	t->missed = 0;
	pthread_mutex_unlock(&t->lock);
	return t->out.count > 0;
}

static void *
tracer_main(void *arg)
{
	struct tracer *t = arg;

	while (take(t))
		hand_on_batch(t);
	return NULL;
}

/* ---- life ---- */

static void
release(struct tracer *t)
{
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	tracer_post_free(t->post);
	free(t->in.text);
	free(t->out.text);
	free(t);
}

enum err
tracer_new(const struct config *config, const struct tracer_options *options,
	   struct tracer **tracer, struct err_info *info)
{
	struct tracer *t;
	pthread_condattr_t monotonic;
	enum err err = ERR_OK;

	*tracer = NULL;
	if (!config->telemetry.tracing.enabled)
		return ERR_OK;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(info, ERR_NO_MEMORY, "no memory for traces");
	t->exporter = config->telemetry.tracing.exporter;
	t->fd = options->fd;
	t->counted = options->counted;
	t->arg = options->arg;
	t->prefix_size = span_prefix(&options->resource, t->prefix);
	t->in.text = malloc(TRACER_BUFFER);
	t->out.text = malloc(TRACER_BUFFER);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!t->in.text || !t->out.text)
		err = ERR_NO_MEMORY;
	if (!err && t->exporter == CONFIG_EXPORTER_OTLP)
		err = tracer_post_new(config->telemetry.tracing.otlp_endpoint,
				      give_up, t, &t->post);
	if (!err && pthread_create(&t->thread, NULL, tracer_main, t) != 0)
		err = ERR_NO_MEMORY;
	if (err) {
		release(t);
		return err_set(info, err, "no memory for traces");
	}
	pthread_setname_np(t->thread, "tracer");
	*tracer = t;
	return ERR_OK;
}

void
tracer_free(struct tracer *t, int64_t flush_ms)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	t->until_ms = clock_mono_ms() + flush_ms;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	if (t->outage && t->lost)
		log_warning("spans were lost",
			    LOG_I("dropped", (int64_t)t->lost));
	release(t);
}
