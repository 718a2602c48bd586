/*
 * lib/uuid.c: UUID version 7.
 *
 * Layout (RFC 9562 section 5.7): 48 bits of milliseconds, version, 12 bits
 * that count within the millisecond, variant, 62 random bits.  The counter
 * begins at a random value below 2048 in each new millisecond; when it is used
 * up, or the wall clock steps back, the time part runs ahead of the clock.
 */
#include "lib/uuid.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/clock.h"

#define COUNTER_MAX   0xfffU
#define COUNTER_START 0x7ffU

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* last_*: below */
static uint64_t last_ms;
static unsigned last_counter;

static void
draw(void *octets, size_t size)
{
	/* Up to 256 octets come whole; without them no id is safe to use. */
	if (getrandom(octets, size, 0) != (ssize_t)size) {
		perror("getrandom");
		abort();
	}
}

static void
next(uint64_t now_ms, unsigned seed, uint64_t *ms, unsigned *counter)
{
	pthread_mutex_lock(&lock);
	if (now_ms > last_ms) {
		last_ms = now_ms;
		last_counter = seed & COUNTER_START;
	} else if (last_counter < COUNTER_MAX) {
		last_counter++;
	} else {
		last_ms++;
		last_counter = seed & COUNTER_START;
	}
	*ms = last_ms;
	*counter = last_counter;
	pthread_mutex_unlock(&lock);
}

void
uuid_make(char out[static UUID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char octets[16];
	unsigned counter;
	uint64_t ms;
	size_t at = 0;

	draw(octets, sizeof(octets));
	next((uint64_t)(clock_wall_ns() / CLOCK_NS_PER_MS),
	     (unsigned)octets[6] << 8 | octets[7], &ms, &counter);
	for (size_t i = 0; i < 6; i++)
		octets[i] = (unsigned char)(ms >> (40 - 8 * i));
	octets[6] = (unsigned char)(0x70 | counter >> 8);
	octets[7] = (unsigned char)counter;
	octets[8] = (octets[8] & 0x3f) | 0x80;
	for (size_t i = 0; i < sizeof(octets); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		out[at++] = digits[octets[i] >> 4];
		out[at++] = digits[octets[i] & 15];
	}
	out[at] = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool
is_hyphen_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool
uuid_valid(const char *text)
{
	size_t i;

	if (!text)
		return false;
	for (i = 0; i < UUID_SIZE - 1; i++)
		if (is_hyphen_place(i) ? text[i] != '-'
				       : hex_value(text[i]) < 0)
			return false;
	return text[i] == '\0';
}

int64_t
uuid_time_ms(const char *text)
{
	uint64_t ms = 0;

	if (!uuid_valid(text) || text[14] != '7' || !strchr("89ab", text[19]))
		return -1;
	for (size_t i = 0; i < 13; i++)
		if (!is_hyphen_place(i))
			ms = ms << 4 | (unsigned)hex_value(text[i]);
	return (int64_t)ms;
}
