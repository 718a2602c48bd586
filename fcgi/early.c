/* fcgi/early.c: see early.h. */
#include "fcgi/early.h"

bool
early_put(struct early *early, natsMsg *message, uint64_t sequence)
{
	if (early->count == EARLY_MAX)
		return false;
	early->items[early->count].sequence = sequence;
	early->items[early->count++].message = message;
	return true;
}

natsMsg *
early_take(struct early *early, uint64_t sequence)
{
	for (size_t i = 0; i < early->count; i++) {
		natsMsg *message = early->items[i].message;

		if (early->items[i].sequence != sequence)
			continue;
		early->items[i] = early->items[--early->count];
		return message;
	}
	return NULL;
}

void
early_clear(struct early *early)
{
	while (early->count)
		natsMsg_Destroy(early->items[--early->count].message);
}
