/* lib/readdress.c: a NATS message for another subject. */
#include "lib/readdress.h"

#include <stdlib.h>

static natsStatus
copy_values(natsMsg *from, natsMsg *to, const char *key)
{
	const char **values = NULL;
	int count = 0;
	natsStatus s = natsMsgHeader_Values(from, key, &values, &count);

	for (int i = 0; s == NATS_OK && i < count; i++)
		s = natsMsgHeader_Add(to, key, values[i]);
	free(values);
	return s;
}

natsStatus
readdress(natsMsg *from, const char *subject, const char *reply, natsMsg **to)
{
	const char **keys = NULL;
	natsMsg *made = NULL;
	int count = 0;
	natsStatus s =
	    natsMsg_Create(&made, subject, reply, natsMsg_GetData(from),
			   natsMsg_GetDataLength(from));

	if (s == NATS_OK) {
		s = natsMsgHeader_Keys(from, &keys, &count);
		if (s == NATS_NOT_FOUND)
			s = NATS_OK;
	}
	for (int i = 0; s == NATS_OK && i < count; i++)
		s = copy_values(from, made, keys[i]);
	free(keys);
	if (s != NATS_OK)
		natsMsg_Destroy(made);
	else
		*to = made;
	return s;
}
