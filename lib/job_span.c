/*
 * lib/job_span.c: names and attributes as OpenTelemetry's semantic conventions
 * for messaging have them.
 */
#include "lib/job_span.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 128

/* "publish jobs.live.query": the target behind it would make as many names as
 * there are hosts. */
static void
make_name(const char *verb, const char *subject, char name[static NAME_SIZE])
{
	static const char *const kinds[] = {".query.", ".modify."};
	size_t size = strlen(subject);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *at = strstr(subject, kinds[i]);

		if (at)
			size = (size_t)(at - subject) + strlen(kinds[i]) - 1;
	}
	snprintf(name, NAME_SIZE, "%s %.*s", verb, (int)size, subject);
}

void
job_span_end(struct tracer *tracer, const struct job_span *s)
{
	const char *verb = s->processed ? "process" : "publish";
	const struct span_attribute attributes[] = {
	    SPAN_T("messaging.system", "nats"),
	    SPAN_T("messaging.destination.name", s->subject),
	    SPAN_T("messaging.operation", verb),
	    SPAN_T("messaging.operation.type",
		   s->processed ? "process" : "send"),
	    SPAN_T("osapi.job.id", s->job_id),
	    SPAN_T("osapi.operation", s->operation),
	    {.key = NULL},
	};
	char name[NAME_SIZE];

	if (!tracer_wants(tracer, s->trace))
		return;
	make_name(verb, s->subject, name);
	tracer_end(tracer,
		   &(struct span){
		       .trace = s->trace,
		       .parent = s->parent,
		       .remote = s->processed,
		       .kind = s->processed ? SPAN_CONSUMER : SPAN_PRODUCER,
		       .name = name,
		       .start_ns = s->start_ns,
		       .end_ns = s->end_ns,
		       .failed = s->failed,
		       .error = s->error,
		       .attributes = attributes,
		   });
}
