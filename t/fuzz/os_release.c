/*
 * t/fuzz/os_release.c: whatever the text, os_release_parse gives two terminated
 * texts that JSON can hold, and a distribution.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "worker/providers/os_release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct os_release os;
	json_t *pair;

	memset(&os, 'x', sizeof(os));
	os_release_parse((const char *)data, size, &os);
	if (strnlen(os.distribution, sizeof(os.distribution)) ==
		sizeof(os.distribution) ||
	    strnlen(os.version, sizeof(os.version)) == sizeof(os.version) ||
	    !os.distribution[0])
		abort();
	pair = json_pack("[s,s]", os.distribution, os.version);
	if (!pair)
		abort();
	json_decref(pair);
	return 0;
}
