/*
 * t/fuzz/trace.c: the two headers of W3C Trace Context, split by a line feed.
 * What is read is what we would write, and a span of it is JSON that fits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/span.h"
#include "lib/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_span(const struct trace *trace, const char *text)
{
	const struct span_attribute attributes[] = {SPAN_T("text", text),
						    {.key = NULL}};
	const struct span span = {.trace = trace,
				  .parent = trace->span,
				  .kind = SPAN_SERVER,
				  .name = text,
				  .failed = true,
				  .error = text,
				  .attributes = attributes};
	char out[SPAN_SIZE];
	json_t *json = NULL;
	size_t used = span_write(&span, out);

	if (used > SPAN_SIZE || memchr(out, '\n', used) ||
	    json_parse(out, used, &json, NULL) != ERR_OK)
		abort();
	json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char parent[TRACE_PARENT_SIZE];
	char *text = malloc(size + 1);
	struct trace trace = {.sampled = false};
	char *state;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	state = strchr(text, '\n');
	if (state)
		*state++ = '\0';
	if (!trace_read(&trace, text, state))
		trace_read(&trace,
			   "00-0af7651916cd43dd8448eb211c80319c-"
			   "b7ad6b7169203331-01",
			   state ? state : text);
	if (!trace_parent_valid(trace_parent_text(&trace, parent)) ||
	    !trace_state_valid(trace.state))
		abort();
	check_span(&trace, state ? state : text);
	free(text);
	return 0;
}
