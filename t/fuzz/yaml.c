/* t/fuzz/yaml.c: yaml_parse takes or refuses any octets; what it took has a
 * JSON form. */
#include "lib/yaml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err_info info;
	struct yaml_node *root = NULL;

	if (yaml_parse((const char *)data, size, YAML_SIZE_MAX, &root, &info) !=
	    ERR_OK) {
		if (root)
			abort();
		return 0;
	}
	json_decref(yaml_to_json(root));
	yaml_tree_free(root);
	return 0;
}
