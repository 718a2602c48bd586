/* fcgi/reserve.c: see reserve.h. */
#include "fcgi/reserve.h"

#include <inttypes.h>

enum err
reserve_check(struct feed *feed, struct index *index,
	      const struct config *config, size_t size, size_t hosts,
	      struct err_info *info)
{
	const uint64_t max = (uint64_t)config->job.kv.max_bytes;
	const uint64_t open = index_open_hosts(index) + (hosts ? hosts : 1);
	struct follower_state states[2];
	/* In feed_states' order. */
	const struct {
		const char *bucket;
		uint64_t wanted;
	} buckets[] = {
	    {config->job.kv_bucket, size + open * RESERVE_EVENTS},
	    {config->job.kv_response_bucket, open * RESERVE_RESULT},
	};

	feed_states(feed, states);
	for (size_t i = 0; i < 2; i++)
		if (states[i].bytes + buckets[i].wanted + RESERVE_SLACK > max)
			return err_set(
			    info, ERR_BUSY,
			    "the job store is full: of the %" PRIu64
			    " octets of %s (job.kv.max_bytes) %" PRIu64
			    " are used, and the rest is kept for jobs that "
			    "have not ended",
			    max, buckets[i].bucket, states[i].bytes);
	return ERR_OK;
}
