/* cli/terminal.c: text from outside is data for a terminal, never a command. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "lib/utf8.h"

/* The code point at `text` and its octets; 0 octets: not UTF-8, the point is
 * the one octet. */
static size_t
code_point(const char *text, unsigned long *point)
{
	size_t octets = utf8_length(text);

	*point = (unsigned char)text[0];
	if (octets > 1)
		*point &= 0xffU >> (octets + 1);
	for (size_t i = 1; i < octets; i++)
		*point = *point << 6 | (text[i] & 0x3fU);
	return octets;
}

static bool
is_obeyed(unsigned long point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) ||
	       point == 0x061c || point == 0x200e || point == 0x200f ||
	       (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

static void
write_escaped(FILE *out, unsigned long point)
{
	if (point == '\n')
		fputs("\\n", out);
	else if (point == '\t')
		fputs("\\t", out);
	else if (point < 0x100)
		fprintf(out, "\\x%02lx", point);
	else
		fprintf(out, "\\u%04lx", point);
}

void
terminal_print(FILE *out, const char *text)
{
	while (*text) {
		unsigned long point;
		size_t octets = code_point(text, &point);

		if (octets == 0 || is_obeyed(point))
			write_escaped(out, point);
		else
			fwrite(text, 1, octets, out);
		text += octets ? octets : 1;
	}
}

char *
terminal_safe(const char *text)
{
	char *safe = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&safe, &size);

	if (!out)
		return NULL;
	terminal_print(out, text);
	if (fclose(out) == 0)
		return safe;
	free(safe);
	return NULL;
}

/* ---- how wide it is ---- */

static struct winsize
size_of(FILE *out)
{
	struct winsize size = {0};

	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0)
		size = (struct winsize){0};
	return size;
}

size_t
terminal_width(FILE *out)
{
	size_t width = size_of(out).ws_col;

	return width ? width : 80;
}

size_t
terminal_height(FILE *out)
{
	size_t height = size_of(out).ws_row;

	return height ? height : 24;
}

/* Octets and columns of the character or colour at `text`, which is not its
 * end. */
static size_t
one(const char *text, size_t *columns)
{
	const char *p = text;
	unsigned long point;
	size_t octets;
	int width;

	*columns = 0;
	if (p[0] == '\033' && p[1] == '[') {
		for (p += 2; *p && *p != 'm'; p++)
			continue;
		return (size_t)(p - text) + (*p == 'm');
	}
	octets = code_point(p, &point);
	width = octets ? wcwidth((wchar_t)point) : 1;
	/* without a locale wcwidth(3) knows ASCII only */
	*columns = width < 0 ? 1 : (size_t)width;
	return octets ? octets : 1;
}

size_t
terminal_columns(const char *text)
{
	size_t all = 0;
	size_t columns;

	while (*text) {
		text += one(text, &columns);
		all += columns;
	}
	return all;
}

void
terminal_print_cut(FILE *out, const char *text, size_t columns)
{
	size_t used = 0;
	size_t width;
	size_t octets;

	for (; *text; text += octets) {
		octets = one(text, &width);
		used += width;
		if (used <= columns || *text == '\033')
			fwrite(text, 1, octets, out);
	}
}

/* ---- colours ---- */

static FILE *stand_in; /* as it were `stands_for` */
static FILE *stands_for;

void
terminal_stand_in(FILE *memory, FILE *out)
{
	stand_in = memory;
	stands_for = out;
}

bool
terminal_colours(FILE *out)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (out == stand_in && stands_for)
		out = stands_for;
	return isatty(fileno(out)) && !(no_colour && *no_colour) && term &&
	       *term && strcmp(term, "dumb") != 0;
}

const char *
terminal_state_colour(const char *state)
{
	static const struct {
		const char *state;
		const char *colour;
	} colours[] = {{"ok", "green"},
		       {"ready", "green"},
		       {"completed", "green"},
		       {"created", "green"},
		       {"submitted", "yellow"},
		       {"acknowledged", "yellow"},
		       {"started", "yellow"},
		       {"processing", "yellow"},
		       {"retried", "yellow"},
		       {"degraded", "red"},
		       {"not_ready", "red"},
		       {"error", "red"},
		       {"failed", "red"},
		       {"timeout", "red"},
		       {"partial_failure", "red"},
		       {"warning", "yellow"}};
	size_t i;

	for (i = 0; i < sizeof(colours) / sizeof(*colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return NULL;
}

const char *
terminal_colour_code(const char *colour)
{
	if (!colour)
		return "";
	if (strcmp(colour, "green") == 0)
		return "\033[32m";
	return strcmp(colour, "yellow") == 0 ? "\033[33m" : "\033[31m";
}

bool
terminal_interactive(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool
terminal_confirm(const char *question)
{
	char answer[16] = "";

	fprintf(stderr, "%s [y/N] ", question);
	fflush(stderr);
	if (!fgets(answer, sizeof(answer), stdin)) {
		fputc('\n', stderr);
		return false;
	}
	answer[strcspn(answer, "\r\n")] = '\0';
	return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
