/*
 * t/fuzz/resolv_conf.c: whatever the text, what resolv_conf_parse reads is
 * valid, and what resolv_conf_render writes is read back as it was meant; the
 * second time it changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/providers/resolv_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

static void
check_domains(const json_t *list)
{
	const json_t *item;
	char normal[256];
	size_t i;

	json_array_foreach (list, i, item) {
		require(dns_domain_check(json_string_value(item), normal));
		require(strcmp(json_string_value(item), normal) == 0);
	}
}

static void
check_written(const char *text, size_t size, const struct dns_settings *change)
{
	struct dns_settings read = {NULL, NULL};
	char *again = NULL;
	size_t again_size = 0;

	require(resolv_conf_parse(text, size, &read) == ERR_OK);
	require(dns_list_equal(read.servers, change->servers));
	require(dns_list_equal(read.search_domains, change->search_domains));
	require(resolv_conf_render(text, size, change, &again, &again_size) ==
		ERR_OK);
	require(again_size == size && memcmp(again, text, size) == 0);
	free(again);
	dns_settings_release(&read);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct dns_settings found = {NULL, NULL};
	struct dns_settings change = {
	    json_pack("[s,s]", "192.0.2.1", "2001::1"),
	    json_pack("[s,s]", "a.example", "b")};
	char *out = NULL;
	size_t out_size = 0;

	require(resolv_conf_parse(text, size, &found) == ERR_OK);
	check_domains(found.search_domains);
	(void)resolv_conf_manager("/etc/resolv.conf", text, size);
	require(resolv_conf_render(text, size, &change, &out, &out_size) ==
		ERR_OK);
	check_written(out, out_size, &change);
	free(out);
	dns_settings_release(&change);
	dns_settings_release(&found);
	return 0;
}
