/*
 * lib/trace.c: W3C Trace Context.
 *
 * Of the flags only "sampled" has a meaning here; the others are passed on as
 * 0, as the Recommendation wants of those who do not know them.
 */
#include "lib/trace.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FLAG_SAMPLED 1
#define ID_OCTETS    16
#define SPAN_OCTETS  8
#define DRAWN_OCTETS 256

/* in a traceparent */
enum { AT_ID = 3, AT_SPAN = 36, AT_FLAGS = 53, LENGTH = 55 };

#define STATE_MEMBERS_MAX 32
#define STATE_KEY_MAX     256
#define STATE_TENANT_MAX  241 /* before "@" */
#define STATE_SYSTEM_MAX  14  /* behind it */
#define STATE_VALUE_MAX   256
#define STATE_LONG        128 /* a member that goes first where room is short */

static const char hex[] = "0123456789abcdef";

/* ---- traceparent ---- */

static int
digit(char c)
{
	const char *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

static bool
is_hex(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (digit(text[i]) < 0)
			return false;
	return true;
}

static bool
is_zero(const char *text, size_t size)
{
	return strspn(text, "0") >= size;
}

/* Whether it begins as version 00 does, whatever its version says. */
static bool
is_parent(const char *text)
{
	return strnlen(text, LENGTH) == LENGTH && is_hex(text, 2) &&
	       text[2] == '-' && is_hex(text + AT_ID, 32) &&
	       !is_zero(text + AT_ID, 32) && text[AT_SPAN - 1] == '-' &&
	       is_hex(text + AT_SPAN, 16) && !is_zero(text + AT_SPAN, 16) &&
	       text[AT_FLAGS - 1] == '-' && is_hex(text + AT_FLAGS, 2);
}

bool
trace_parent_valid(const char *text)
{
	return is_parent(text) && strncmp(text, "00", 2) == 0 &&
	       text[LENGTH] == '\0';
}

static bool
can_be_used(const char *text)
{
	if (!is_parent(text) || strncmp(text, "ff", 2) == 0)
		return false;
	if (strncmp(text, "00", 2) == 0)
		return text[LENGTH] == '\0';
	return text[LENGTH] == '\0' || text[LENGTH] == '-';
}

/* ---- tracestate ---- */

struct member {
	const char *text;
	size_t size;
	size_t key_size;
};

struct state {
	size_t count;
	struct member members[STATE_MEMBERS_MAX];
};

static bool
is_key_rest(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-' || c == '*' || c == '/';
}

static bool
is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

/* All of what may stand in a key, and no more than `max` of it. */
static bool
is_word(const char *text, size_t size, size_t max)
{
	if (size == 0 || size > max)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!is_key_rest(text[i]))
			return false;
	return true;
}

/* "name", or "tenant@system" where the tenant may begin with a digit */
static bool
is_key(const char *text, size_t size)
{
	const char *at = memchr(text, '@', size);
	size_t tenant = at ? (size_t)(at - text) : 0;

	if (!at)
		return is_word(text, size, STATE_KEY_MAX) && is_letter(*text);
	return is_word(text, tenant, STATE_TENANT_MAX) &&
	       (is_letter(*text) || (*text >= '0' && *text <= '9')) &&
	       is_word(at + 1, size - tenant - 1, STATE_SYSTEM_MAX) &&
	       is_letter(at[1]);
}

static bool
is_value(const char *text, size_t size)
{
	if (size == 0 || size > STATE_VALUE_MAX || text[size - 1] == ' ')
		return false;
	for (size_t i = 0; i < size; i++)
		if (text[i] < 0x20 || text[i] > 0x7e || text[i] == ',' ||
		    text[i] == '=')
			return false;
	return true;
}

static bool
add_member(struct state *state, const char *text, size_t size)
{
	const char *equals = memchr(text, '=', size);
	size_t key = equals ? (size_t)(equals - text) : 0;

	if (!equals || state->count == STATE_MEMBERS_MAX ||
	    !is_key(text, key) || !is_value(equals + 1, size - key - 1))
		return false;
	for (size_t i = 0; i < state->count; i++)
		if (state->members[i].key_size == key &&
		    memcmp(state->members[i].text, text, key) == 0)
			return false;
	state->members[state->count++] = (struct member){text, size, key};
	return true;
}

/* Members of a list with white space around them, empty ones left out. */
static bool
read_state(struct state *state, const char *text)
{
	state->count = 0;
	for (;;) {
		size_t size = strcspn(text, ",");
		const char *next = text + size;

		while (size && (*text == ' ' || *text == '\t')) {
			text++;
			size--;
		}
		while (size &&
		       (text[size - 1] == ' ' || text[size - 1] == '\t'))
			size--;
		if (size && !add_member(state, text, size))
			return false;
		if (!*next)
			return true;
		text = next + 1;
	}
}

/* Members of up to `longest` octets, the first ones, as many as fit; false:
 * some are missing. */
static bool
write_state(const struct state *state, size_t longest,
	    char out[static TRACE_STATE_SIZE])
{
	bool all = true;
	size_t used = 0;

	for (size_t i = 0; i < state->count; i++) {
		const struct member *m = &state->members[i];

		if (m->size > longest) {
			all = false;
			continue;
		}
		if (used + 1 + m->size > TRACE_STATE_SIZE - 1) {
			all = false;
			break;
		}
		if (used)
			out[used++] = ',';
		memcpy(out + used, m->text, m->size);
		used += m->size;
	}
	out[used] = '\0';
	return all;
}

bool
trace_state_valid(const char *text)
{
	struct state state;

	return strlen(text) < TRACE_STATE_SIZE && read_state(&state, text);
}

/* ---- what others call ---- */

bool
trace_read(struct trace *trace, const char *traceparent, const char *tracestate)
{
	struct state state;

	if (!traceparent || !can_be_used(traceparent))
		return false;
	memcpy(trace->id, traceparent + AT_ID, TRACE_ID_SIZE - 1);
	trace->id[TRACE_ID_SIZE - 1] = '\0';
	memcpy(trace->span, traceparent + AT_SPAN, TRACE_SPAN_SIZE - 1);
	trace->span[TRACE_SPAN_SIZE - 1] = '\0';
	trace->sampled = digit(traceparent[AT_FLAGS + 1]) & FLAG_SAMPLED;
	trace->state[0] = '\0';
	if (tracestate && read_state(&state, tracestate) &&
	    !write_state(&state, SIZE_MAX, trace->state))
		write_state(&state, STATE_LONG, trace->state);
	return true;
}

/* Random octets, taken from the kernel for many ids at once.  A thread that
 * forks has made none before: its child would make the same. */
static void
draw_octets(unsigned char *out, size_t size)
{
	static _Thread_local struct {
		unsigned char octets[DRAWN_OCTETS];
		size_t left;
	} pool;

	if (pool.left < size) {
		/* Up to 256 octets come whole. */
		if (getrandom(pool.octets, DRAWN_OCTETS, 0) != DRAWN_OCTETS) {
			perror("getrandom");
			abort();
		}
		pool.left = DRAWN_OCTETS;
	}
	pool.left -= size;
	memcpy(out, pool.octets + pool.left, size);
}

/* Random digits, not all of them 0. */
static void
draw(char *out, size_t octets)
{
	unsigned char raw[ID_OCTETS];
	unsigned char any = 0;

	do {
		draw_octets(raw, octets);
		for (size_t i = 0; i < octets; i++) {
			any |= raw[i];
			out[2 * i] = hex[raw[i] >> 4];
			out[2 * i + 1] = hex[raw[i] & 15];
		}
	} while (!any);
	out[2 * octets] = '\0';
}

void
trace_start(struct trace *trace, bool sampled)
{
	draw(trace->id, ID_OCTETS);
	draw(trace->span, SPAN_OCTETS);
	trace->sampled = sampled;
	trace->state[0] = '\0';
}

void
trace_child(const struct trace *parent, struct trace *child)
{
	*child = *parent;
	draw(child->span, SPAN_OCTETS);
}

char *
trace_parent_text(const struct trace *trace, char buf[static TRACE_PARENT_SIZE])
{
	snprintf(buf, TRACE_PARENT_SIZE, "00-%s-%s-%02x", trace->id,
		 trace->span, trace->sampled ? FLAG_SAMPLED : 0);
	return buf;
}
