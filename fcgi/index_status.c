/*
 * fcgi/index_status.c: see index_entry.h; ids as numbers, and what follows
 * from an entry's tallies.
 */
#include "fcgi/index_entry.h"

#include <inttypes.h>
#include <stdio.h>

static int
hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

bool
entry_key_make(const char *id, struct entry_key *key)
{
	uint64_t words[2] = {0, 0};
	unsigned digits = 0;

	if (!uuid_valid(id) || uuid_time_ms(id) < 0)
		return false;
	for (; *id; id++) {
		if (*id == '-')
			continue;
		words[digits / 16] =
		    words[digits / 16] << 4 | (uint64_t)hex_digit(*id);
		digits++;
	}
	*key = (struct entry_key){.high = words[0], .low = words[1]};
	return true;
}

int
entry_key_compare(const struct entry_key *a, const struct entry_key *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return 0;
}

char *
entry_key_text(const struct entry_key *key, char buf[static UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	for (unsigned i = 0; i < 32; i++) {
		uint64_t word = i < 16 ? key->high : key->low;

		if (i == 8 || i == 12 || i == 16 || i == 20)
			buf[at++] = '-';
		buf[at++] = digits[word >> (60 - 4 * (i % 16)) & 15];
	}
	buf[at] = '\0';
	return buf;
}

int64_t
entry_key_time_ms(const struct entry_key *key)
{
	return (int64_t)(key->high >> 16);
}

bool
entry_known(const struct entry *entry)
{
	return entry->doc;
}

bool
entry_one_answer(const struct entry *entry)
{
	return entry->doc && entry->doc->expected_count == 0;
}

enum job_status
entry_status(const struct entry *entry)
{
	size_t expected = entry->doc ? entry->doc->expected_count : 0;
	bool given_up = entry->given_up_ns != 0;
	const struct entry_tally *tally = &entry->expected;
	bool good;

	if (expected == 0) {
		tally = &entry->all;
		good = tally->completed > 0;
		return job_status_compute(1, tally->begun > 0, good,
					  !good &&
					      (tally->failed > 0 || given_up));
	}
	return job_status_compute(expected, tally->begun, tally->completed,
				  given_up ? expected - tally->completed
					   : tally->failed);
}

bool
entry_told(const struct entry *entry)
{
	if (!entry->doc || entry->given_up_ns)
		return entry->doc != NULL;
	if (entry->doc->expected_count == 0)
		return entry->all.told > 0;
	return entry->expected.told == entry->doc->expected_count;
}

enum index_progress
entry_progress(const struct entry *entry)
{
	size_t expected = entry->doc ? entry->doc->expected_count : 0;
	bool answered = expected == 0 ? entry->all.answered > 0
				      : entry->expected.answered == expected;

	if (!entry->doc)
		return entry->deleted ? INDEX_TOLD : INDEX_OPEN;
	if (!answered && !entry->given_up_ns)
		return INDEX_OPEN;
	return entry_told(entry) ? INDEX_TOLD : INDEX_ANSWERED;
}
