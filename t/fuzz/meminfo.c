/*
 * t/fuzz/meminfo.c: the small texts of /proc and of control groups.  Numbers
 * that are taken fit together and into JSON; what is refused leaves no trace.
 */
#include <stdint.h>
#include <stdlib.h>

#include "worker/providers/cgroup.h"
#include "worker/providers/memory.h"
#include "worker/providers/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int truth)
{
	if (!truth)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	static struct cgroup_paths paths;
	struct memory memory = {.total = 1};
	struct proc_load load = {1, 1, 1};
	uint64_t number = 1;

	if (memory_parse(text, size, &memory, NULL))
		require(memory.total == 1);
	else
		require(memory.total <= INT64_MAX &&
			memory.free <= memory.total &&
			memory.used == memory.total - memory.available);
	if (proc_parse_uptime(text, size, &number, NULL))
		require(number == 1);
	else
		require(number < UINT64_C(1000000000000000));
	if (!proc_parse_load(text, size, &load, NULL))
		require(load.min1 >= 0 && load.min5 >= 0 && load.min15 < 1e15);
	number = 1;
	if (cgroup_parse_limit(text, size, &number, NULL))
		require(number == 1);
	cgroup_parse(text, size, &paths);
	require(!paths.unified[0] || paths.unified[0] == '/');
	require(!paths.memory[0] || paths.memory[0] == '/');
	return 0;
}
