/*
 * fcgi/handler.c: what runs for an endpoint, found by its operationId.
 */
#include "fcgi/handler.h"

#include <string.h>

static const struct handler handlers[] = {
    {.id = "health", .run = health, .store = false},
    {.id = "health_ready", .run = health_ready, .store = true},
    {.id = "health_status", .run = health_status, .store = true},
    {.id = "metrics", .run = metrics, .store = false},
    {.id = "version", .run = meta_version, .store = false},
    {.id = "openapi", .run = meta_openapi, .store = false},
    {.id = "jobs_create",
     .run = jobs_create,
     .store = true,
     .check = jobs_create_check},
    {.id = "jobs_list", .run = jobs_list, .store = true},
    {.id = "jobs_status", .run = jobs_status, .store = true},
    {.id = "jobs_workers", .run = jobs_workers, .store = false},
    {.id = "jobs_get", .run = jobs_get, .store = true},
    {.id = "jobs_delete", .run = jobs_delete, .store = true},
    {.id = "jobs_retry", .run = jobs_retry, .store = true},
};

static const struct handler typed_handler = {
    .id = "(typed)", .run = typed, .store = true};

#define HANDLER_COUNT (sizeof(handlers) / sizeof(handlers[0]))

const struct handler *
handler_find(const struct spec_endpoint *endpoint)
{
	if (endpoint->operation)
		return &typed_handler;
	for (size_t i = 0; i < HANDLER_COUNT; i++)
		if (!strcmp(handlers[i].id, endpoint->id))
			return &handlers[i];
	return NULL;
}

enum err
handler_check(const struct spec *spec, struct err_info *info)
{
	bool used[HANDLER_COUNT] = {false};
	const struct spec_endpoint *endpoints;
	const struct handler *handler;
	size_t count;

	endpoints = spec_endpoints(spec, &count);
	for (size_t i = 0; i < count; i++) {
		handler = handler_find(&endpoints[i]);
		if (!handler)
			return err_set(info, ERR_INTERNAL,
				       "the description has \"%s\" (%s %s), "
				       "for which there is no handler",
				       endpoints[i].id, endpoints[i].method,
				       endpoints[i].path);
		if (handler != &typed_handler)
			used[handler - handlers] = true;
	}
	for (size_t i = 0; i < HANDLER_COUNT; i++)
		if (!used[i])
			return err_set(info, ERR_INTERNAL,
				       "the handler \"%s\" is not in the "
				       "description",
				       handlers[i].id);
	return ERR_OK;
}
