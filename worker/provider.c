/*
 * worker/provider.c: which provider of an operation this host uses.
 *
 * `chosen` is written once, before provider_choose returns, and only read
 * after that.
 */
#include "worker/provider.h"

#include <pthread.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

#define CHOICES_MAX 64

static const struct provider *const domains[] = {
    provider_system,
    provider_dns,
    provider_ping,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct provider *chosen[CHOICES_MAX];
static size_t chosen_count;

static const struct provider *
look_up(const char *operation)
{
	size_t i;

	for (i = 0; i < chosen_count; i++)
		if (strcmp(chosen[i]->operation, operation) == 0)
			return chosen[i];
	return NULL;
}

static void
choose(void)
{
	const struct provider *row;
	size_t i;

	for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		for (row = domains[i]; row->operation; row++) {
			if (look_up(row->operation) ||
			    chosen_count == CHOICES_MAX ||
			    (row->available && !row->available()))
				continue;
			chosen[chosen_count++] = row;
			log_info("provider chosen",
				 LOG_S("operation", row->operation),
				 LOG_S("provider", row->name));
		}
}

void
provider_choose(void)
{
	pthread_once(&once, choose);
}

const struct provider *
provider_find(const char *operation)
{
	provider_choose();
	return look_up(operation);
}

json_t *
provider_choices(void)
{
	json_t *choices = json_object();
	size_t i;

	provider_choose();
	for (i = 0; choices && i < chosen_count; i++)
		json_object_set_new(choices, chosen[i]->operation,
				    json_string(chosen[i]->name));
	return choices;
}

bool
provider_expired(const struct provider_call *call)
{
	return (call->cancelled &&
		__atomic_load_n(call->cancelled, __ATOMIC_RELAXED)) ||
	       clock_mono_ms() >= call->deadline_ms;
}
