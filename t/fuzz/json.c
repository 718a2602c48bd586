/* t/fuzz/json.c: json_parse takes or refuses any octets; what it took it can
 * write and take again. */
#include "lib/json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err_info info;
	json_t *value = NULL;
	json_t *again = NULL;
	char *text;

	if (json_parse((const char *)data, size, &value, &info) != ERR_OK)
		return 0;
	text = json_text(value, &size);
	if (!text || json_parse(text, size, &again, &info) != ERR_OK)
		abort();
	json_decref(again);
	free(text);
	json_decref(value);
	return 0;
}
