/*
 * fcgi/handlers/meta.c: what answers here.
 */
#include <jansson.h>

#include "fcgi/handler.h"
#include "fcgi/reply.h"
#include "lib/spec.h"

enum handled
meta_version(struct request *r)
{
	reply_json(r, 200, json_pack("{s:s}", "version", OSAPI_VERSION));
	return HANDLED;
}

enum handled
meta_openapi(struct request *r)
{
	size_t size;
	const char *text = spec_text(&size);

	reply_text(r, 200, "application/json", text, size);
	return HANDLED;
}
