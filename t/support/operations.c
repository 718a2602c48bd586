/* t/support/operations.c: see the header. */
#include "t/support/operations.h"

#include <pthread.h>
#include <string.h>

#include "lib/clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all below */
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static enum operations_mode mode;
static int mode_count;
static bool closed;
static bool polite;
static int runs;
static int waiting;

/* With the lock. */
static void
stand_at_gate(const struct provider_call *call)
{
	waiting++;
	while (closed && !(polite && provider_expired(call))) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 10 * CLOCK_NS_PER_MS;
		if (until.tv_nsec >= CLOCK_NS_PER_S) {
			until.tv_nsec -= CLOCK_NS_PER_S;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&moved, &lock, &until);
	}
	waiting--;
}

static enum err
run(const struct provider_call *call, json_t **result, struct err_info *info)
{
	enum operations_mode now;

	pthread_mutex_lock(&lock);
	runs++;
	now = mode_count > 0 ? mode : OPERATIONS_WORK;
	mode_count--;
	stand_at_gate(call);
	pthread_mutex_unlock(&lock);
	if (now == OPERATIONS_FAIL)
		return err_set(info, ERR_INVALID, "no such interface");
	if (now == OPERATIONS_TRANSIENT)
		return err_set(info, ERR_TIMEOUT, "the bus does not answer");
	if (provider_expired(call))
		return err_set(info, ERR_ABORTED, "told to stop");
	*result = json_pack("{s:O}", "labels", call->labels);
	return ERR_OK;
}

const struct provider *
operations_find(const char *operation)
{
	static const struct provider rows[] = {
	    {"system.hostname.get", "test", run, NULL},
	    {"network.dns.update", "test", run, NULL},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].operation, operation) == 0)
			return &rows[i];
	return NULL;
}

void
operations_reset(enum operations_mode new_mode, int count)
{
	pthread_mutex_lock(&lock);
	mode = new_mode;
	mode_count = count;
	closed = false;
	runs = 0;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

void
operations_close(bool is_polite)
{
	pthread_mutex_lock(&lock);
	closed = true;
	polite = is_polite;
	pthread_mutex_unlock(&lock);
}

void
operations_open(void)
{
	pthread_mutex_lock(&lock);
	closed = false;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

static int
read_count(const int *count)
{
	int value;

	pthread_mutex_lock(&lock);
	value = *count;
	pthread_mutex_unlock(&lock);
	return value;
}

int
operations_runs(void)
{
	return read_count(&runs);
}

int
operations_waiting(void)
{
	return read_count(&waiting);
}
