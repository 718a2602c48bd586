/* cli/log_line.c: from JSON to something that fits between other lines. */
#include "cli/log_line.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/terminal.h"
#include "lib/json.h"

/* Members that stand in front, or that the prefix of the line tells. */
static bool
is_head(const char *name)
{
	static const char *const head[] = {"time", "level", "program", "msg"};
	size_t i;

	for (i = 0; i < sizeof(head) / sizeof(*head); i++)
		if (strcmp(head[i], name) == 0)
			return true;
	return false;
}

static void
print_level(FILE *out, const char *level)
{
	bool colours = terminal_colours(out);

	if (!level || strcmp(level, "info") == 0)
		return;
	fprintf(out, "%s%s%s: ",
		colours ? terminal_colour_code(terminal_state_colour(level))
			: "",
		level, colours ? TERMINAL_RESET : "");
}

static void
print_fields(FILE *out, json_t *entry)
{
	const char *name;
	json_t *value;
	char *text;

	json_object_foreach (entry, name, value) {
		if (is_head(name))
			continue;
		text = cell_text("", value);
		fputc(' ', out);
		terminal_print(out, name);
		fprintf(out, "=%s", text ? text : "?");
		free(text);
	}
}

static void
print_entry(FILE *out, json_t *entry, const char *message)
{
	char *clock = cell_text("clock", json_object_get(entry, "time"));

	fprintf(out, "%s ", clock ? clock : "-");
	print_level(out, json_member_string(entry, "level"));
	terminal_print(out, message);
	print_fields(out, entry);
	free(clock);
}

void
log_line_print(FILE *out, const char *line, size_t size)
{
	json_t *entry = NULL;
	const char *message = NULL;
	char *copy;

	if (size && *line == '{' &&
	    json_parse(line, size, &entry, NULL) == ERR_OK)
		message = json_member_string(entry, "msg");
	if (message) {
		print_entry(out, entry, message);
	} else {
		copy = strndup(line, size);
		terminal_print(out, copy ? copy : "?");
		free(copy);
	}
	json_decref(entry);
}
