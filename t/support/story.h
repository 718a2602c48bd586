/*
 * t/support/story.h: the events of one job as they are stored.
 */
#ifndef OSAPI_T_SUPPORT_STORY_H
#define OSAPI_T_SUPPORT_STORY_H

#include "lib/broker.h"
#include "lib/config.h"
#include "lib/job.h"

/* Calls `each` for every stored event of a job, in the order of storing.  What
 * cannot be read is as if it were not there: ask again. */
void story_each(struct broker *broker, const struct config *config,
		const char *id,
		void (*each)(const struct event *event, void *arg), void *arg);

#endif
