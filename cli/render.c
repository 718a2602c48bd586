/* cli/render.c: records, line by line, and whole answers. */
#include "cli/render.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cell.h"
#include "cli/column.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "lib/json.h"

/* ---- records ---- */

/* What stands between a title and its value: a new line where the value then
 * fits into the terminal, so that an id stays whole. */
static const char *
between(FILE *out, int width, const char *text)
{
	size_t columns = terminal_columns(text);
	size_t room;

	if (!isatty(fileno(out)))
		return "  ";
	room = terminal_width(out);
	return (size_t)width + 2 + columns > room && columns + 2 <= room
		   ? "\n  "
		   : "  ";
}

/* "{title}  {value}", the title padded to `width`. */
static void
print_line(FILE *out, int width, const char *title, const char *format,
	   const json_t *value)
{
	char *text = cell_text(format, value);
	bool colours = terminal_colours(out);
	const char *colour = NULL; /* of the value */
	const char *name = NULL;   /* of the title */

	if (colours && text && strcmp(format, "state") == 0)
		colour = terminal_state_colour(text);
	/* how many are in a state: in its colour where there are any */
	if (colours && strcmp(format, "count") == 0 &&
	    json_integer_value(value) > 0)
		name = terminal_state_colour(title);
	fprintf(out, "%s%-*s%s%s%s%s%s\n", terminal_colour_code(name), width,
		title, name ? TERMINAL_RESET : "",
		text ? between(out, width, text) : "  ",
		terminal_colour_code(colour), text ? text : "?",
		colour ? TERMINAL_RESET : "");
	free(text);
}

/* Calls `each` for every line of a record, so that the width is known before
 * the first is written. */
typedef void (*line_visit)(const char *title, const char *format,
			   const json_t *value, void *arg);

static void
visit_list(const struct spec_column *column, const struct column_path *path,
	   const json_t *row, line_visit each, void *arg)
{
	const json_t *list = cell_member(row, path->list);
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_member_string(item, "name");
		char title[256];
		char *safe;

		snprintf(title, sizeof(title), "%s%s%s", column->title,
			 name ? " " : "", name ? name : "");
		safe = terminal_safe(title);
		each(safe ? safe : column->title, column->format,
		     cell_member(item, path->rest), arg);
		free(safe);
	}
}

static void
visit_members(const json_t *object, line_visit each, void *arg)
{
	json_t *copy = json_deep_copy(object);
	const char *name;
	json_t *member;

	json_object_foreach (copy, name, member) {
		char *safe = terminal_safe(name);

		if (safe)
			each(safe, "count", member, arg);
		free(safe);
	}
	json_decref(copy);
}

static void
visit_record(const struct spec_column *columns, size_t count, const json_t *row,
	     line_visit each, void *arg)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct column_path path = column_split(columns[i].path);
		const json_t *value = cell_member(row, columns[i].path);

		if (path.is_list)
			visit_list(&columns[i], &path, row, each, arg);
		else if (strcmp(columns[i].format, "counts") == 0 &&
			 json_is_object(value))
			visit_members(value, each, arg);
		else if (value)
			each(columns[i].title, columns[i].format, value, arg);
	}
}

#define TITLE_WIDTH_MAX 40

static void
measure(const char *title, const char *format, const json_t *value, void *arg)
{
	int *width = arg;
	int own = (int)strlen(title);

	(void)format;
	(void)value;
	if (own > *width && own <= TITLE_WIDTH_MAX)
		*width = own;
}

struct record {
	FILE *out;
	int width;
};

static void
write_line(const char *title, const char *format, const json_t *value,
	   void *arg)
{
	const struct record *record = arg;

	print_line(record->out, record->width, title, format, value);
}

enum err
render_record(FILE *out, const struct spec_column *columns, size_t count,
	      const json_t *row)
{
	struct record record = {.out = out};

	visit_record(columns, count, row, measure, &record.width);
	visit_record(columns, count, row, write_line, &record);
	return ERR_OK;
}

/* ---- answers ---- */

static bool
is_failure(const json_t *result)
{
	const char *status = json_member_string(result, "status");

	return status && (strcmp(status, "failed") == 0 ||
			  strcmp(status, "timeout") == 0);
}

size_t
render_failures(const json_t *results)
{
	size_t failures = 0;
	size_t i;

	for (i = 0; i < json_array_size(results); i++)
		failures += is_failure(json_array_get(results, i));
	return failures;
}

/* The results that are failures, or those that are none. */
static json_t *
pick(const json_t *results, bool failures)
{
	json_t *picked = json_array();
	size_t i;

	for (i = 0; i < json_array_size(results); i++) {
		json_t *result = json_array_get(results, i);

		if (is_failure(result) == failures)
			json_array_append(picked, result);
	}
	return picked;
}

static enum err
render_results(FILE *out, const struct spec_endpoint *endpoint,
	       const json_t *results)
{
	static const struct spec_column failure_columns[] = {
	    {"Hostname", "hostname", ""},
	    {"Status", "status", "state"},
	    {"Error", "error", ""}};
	json_t *done = pick(results, false);
	json_t *failed = pick(results, true);
	enum err code = ERR_OK;

	if (json_array_size(done) == 1 &&
	    column_lists(endpoint->columns, endpoint->column_count) <= 1)
		code = render_record(out, endpoint->columns,
				     endpoint->column_count,
				     json_array_get(done, 0));
	else if (json_array_size(done) || !json_array_size(failed))
		code = table_print(out, endpoint->columns,
				   endpoint->column_count, done);
	if (!code && json_array_size(failed)) {
		if (json_array_size(done))
			fputc('\n', out);
		code = table_print(out, failure_columns, 3, failed);
	}
	json_decref(done);
	json_decref(failed);
	return code;
}

enum err
render_answer(FILE *out, const struct spec_endpoint *endpoint,
	      const json_t *answer)
{
	const json_t *rows = json_object_get(answer, endpoint->rows);

	if (!*endpoint->rows)
		return render_record(out, endpoint->columns,
				     endpoint->column_count, answer);
	if (endpoint->operation)
		return render_results(out, endpoint, rows);
	return table_print(out, endpoint->columns, endpoint->column_count,
			   rows);
}
