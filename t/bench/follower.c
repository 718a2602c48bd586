/*
 * t/bench/follower.c: how long after a put a follower tells of it, and how
 * fast it fills.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi/follower.h"
#include "lib/clock.h"
#include "lib/jetstream.h"
#include "t/support/job_store.h"

#define SAMPLES  5000
#define FILL     50000
#define GUARD_MS 60000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* the three below */
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static uint64_t last;
static int64_t last_at_ns;

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

static void
apply(const struct follower_change *change, void *arg)
{
	int64_t at_ns = now_ns();

	(void)arg;
	pthread_mutex_lock(&mutex);
	last = change->revision;
	last_at_ns = at_ns;
	pthread_cond_signal(&told);
	pthread_mutex_unlock(&mutex);
}

/* Waits for a revision; when it was told. */
static int64_t
await(uint64_t revision)
{
	struct timespec deadline;
	int64_t at_ns;
	int error = 0;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += GUARD_MS / 1000;
	pthread_mutex_lock(&mutex);
	while (last < revision && error == 0)
		error = pthread_cond_timedwait(&told, &mutex, &deadline);
	at_ns = last_at_ns;
	pthread_mutex_unlock(&mutex);
	if (error) {
		fprintf(stderr, "revision %llu never came\n",
			(unsigned long long)revision);
		exit(1);
	}
	return at_ns;
}

static natsMsg *
make_put(const struct job_store *on, unsigned key)
{
	static char value[400];
	natsMsg *message = NULL;
	char subject[160];

	memset(value, 'x', sizeof(value));
	snprintf(subject, sizeof(subject), "$KV.%s.key.%u",
		 on->config->job.kv_bucket, key);
	if (natsMsg_Create(&message, subject, NULL, value, sizeof(value)) !=
	    NATS_OK)
		abort();
	return message;
}

static uint64_t
put(struct job_store *on, unsigned key)
{
	struct jetstream_ack ack = {.sequence = 0};
	natsMsg *message = make_put(on, key);
	enum err one;

	if (jetstream_publish(on->broker, &message, 1, GUARD_MS, &ack, &one,
			      NULL) != ERR_OK) {
		fprintf(stderr, "put refused\n");
		exit(1);
	}
	natsMsg_Destroy(message);
	return ack.sequence;
}

static struct follower *
follow(struct job_store *on)
{
	struct follower *follower = NULL;

	if (follower_new(on->broker, on->config->job.kv_bucket, apply, NULL,
			 &follower, NULL) != ERR_OK)
		abort();
	return follower;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
print(const char *name, int64_t *samples)
{
	qsort(samples, SAMPLES, sizeof(*samples), compare);
	printf("%-34s %8.0f %8.0f %8.0f\n", name,
	       (double)samples[SAMPLES / 2] / 1000,
	       (double)samples[SAMPLES * 99 / 100] / 1000,
	       (double)samples[SAMPLES - 1] / 1000);
}

static void
measure_latency(struct job_store *writer, struct job_store *reader)
{
	static int64_t to_ack[SAMPLES];
	static int64_t to_told[SAMPLES];
	struct follower *follower = follow(reader);

	await(put(writer, 0));
	for (unsigned i = 0; i < SAMPLES; i++) {
		int64_t begun_ns = now_ns();
		uint64_t revision = put(writer, i % 100);

		to_ack[i] = now_ns() - begun_ns;
		to_told[i] = await(revision) - begun_ns;
	}
	follower_free(follower);
	printf("%-34s %8s %8s %8s\n", "us", "median", "99 %", "worst");
	print("put, until it is acknowledged", to_ack);
	print("put, until the follower tells it", to_told);
}

static void
measure_fill(struct job_store *writer, struct job_store *reader)
{
	struct follower *follower;
	int64_t begun_ns;
	uint64_t end;
	double seconds;

	for (unsigned i = 0; i < FILL; i++) {
		natsMsg *message = make_put(writer, i);

		broker_publish(writer->broker, message, NULL);
		natsMsg_Destroy(message);
	}
	end = put(writer, 0);
	pthread_mutex_lock(&mutex);
	last = 0;
	pthread_mutex_unlock(&mutex);
	begun_ns = now_ns();
	follower = follow(reader);
	seconds = (double)(await(end) - begun_ns) / 1e9;
	follower_free(follower);
	printf("first fill: %d keys of 400 octets in %.2f s, %.0f a second\n",
	       FILL, seconds, FILL / seconds);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int
main(void)
{
	char directory[] = "/tmp/osapi-bench-XXXXXX";
	struct job_store writer;
	struct job_store reader;

	if (!mkdtemp(directory)) {
		perror(directory);
		return 1;
	}
	job_store_open(&writer, directory, NULL);
	job_store_provision(&writer);
	job_store_join(&reader, &writer, NULL);
	measure_latency(&writer, &reader);
	measure_fill(&writer, &reader);
	job_store_close(&reader);
	job_store_close(&writer);
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
