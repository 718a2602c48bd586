/*
 * cli/render.c: rows and columns.  A table goes through libsmartcols, which
 * knows the terminal's width; a record is written line by line.
 */
#include "cli/render.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cell.h"
#include "cli/terminal.h"
#include "lib/json.h"

/* A path with a list in it, "disks[].name": "disks" and "name". */
struct list_path {
	bool is_list;
	char list[64];
	const char *rest;
};

static struct list_path
split_path(const char *path)
{
	struct list_path split = {.rest = path};
	const char *mark = strstr(path, "[]");

	if (!mark || (size_t)(mark - path) >= sizeof(split.list))
		return split;
	split.is_list = true;
	memcpy(split.list, path, (size_t)(mark - path));
	split.rest = mark + 2 + (mark[2] == '.');
	return split;
}

static size_t
list_columns(const struct spec_column *columns, size_t count)
{
	size_t lists = 0;
	size_t i;

	for (i = 0; i < count; i++)
		lists += split_path(columns[i].path).is_list;
	return lists;
}

/* ---- tables ---- */

/* How many lines a row takes: as many as its longest list has items. */
static size_t
lines_of(const struct spec_column *columns, size_t count, const json_t *row)
{
	size_t lines = 1;
	size_t i;

	for (i = 0; i < count; i++) {
		struct list_path path = split_path(columns[i].path);
		size_t items =
		    path.is_list ? json_array_size(cell_member(row, path.list))
				 : 0;

		if (items > lines)
			lines = items;
	}
	return lines;
}

/* The text of a cell; `repeat`: what belongs to the whole row stands on each
 * of its lines.  The caller frees it. */
static char *
table_cell(const struct spec_column *column, const json_t *row, size_t line,
	   bool repeat)
{
	struct list_path path = split_path(column->path);
	const json_t *item;
	const char *name;
	char *text;
	char *named;

	if (!path.is_list)
		return line == 0 || repeat
			   ? cell_text(column->format,
				       cell_member(row, column->path))
			   : strdup("");
	item = json_array_get(cell_member(row, path.list), line);
	if (!item)
		return strdup(line == 0 ? "-" : "");
	text = cell_text(column->format, cell_member(item, path.rest));
	name = json_member_string(item, "name");
	/* a whole item in one cell: with its name in front, unless that stands
	 * in a column of its own */
	if (!text || *path.rest || !name || repeat)
		return text;
	if (asprintf(&named, "%s %s", name, text) < 0)
		named = NULL;
	free(text);
	text = named ? terminal_safe(named) : NULL;
	free(named);
	return text;
}

static int
set_cell(struct libscols_line *line, size_t number, const char *text,
	 const char *format)
{
	struct libscols_cell *cell = scols_line_get_cell(line, number);
	const char *colour =
	    strcmp(format, "state") == 0 ? terminal_state_colour(text) : NULL;

	if (!cell || (colour && scols_cell_set_color(cell, colour)))
		return -1;
	return scols_cell_set_data(cell, text);
}

static int
add_line(struct libscols_table *table, const struct spec_column *columns,
	 size_t count, const json_t *row, size_t number)
{
	bool repeat = list_columns(columns, count) > 1;
	struct libscols_line *line = scols_table_new_line(table, NULL);
	int failed = line ? 0 : -1;
	size_t i;

	for (i = 0; i < count && !failed; i++) {
		char *text = table_cell(&columns[i], row, number, repeat);

		failed = text ? set_cell(line, i, text, columns[i].format) : -1;
		free(text);
	}
	return failed;
}

static int
add_row(struct libscols_table *table, const struct spec_column *columns,
	size_t count, const json_t *row)
{
	size_t lines = lines_of(columns, count, row);
	int failed = 0;
	size_t n;

	for (n = 0; n < lines && !failed; n++)
		failed = add_line(table, columns, count, row, n);
	return failed;
}

static int
add_column(struct libscols_table *table, const struct spec_column *column)
{
	char title[64];
	size_t i;
	int flags = cell_right(column->format) ? SCOLS_FL_RIGHT : 0;

	for (i = 0; column->title[i] && i < sizeof(title) - 1; i++)
		title[i] = column->title[i] >= 'a' && column->title[i] <= 'z'
			       ? (char)(column->title[i] - 'a' + 'A')
			       : column->title[i];
	title[i] = '\0';
	if (strcmp(column->format, "list") == 0 ||
	    strcmp(column->format, "labels") == 0 ||
	    strcmp(column->path, "error") == 0)
		flags |= SCOLS_FL_WRAP;
	return scols_table_new_column(table, title, 0, flags) ? 0 : -1;
}

enum err
render_table(FILE *out, const struct spec_column *columns, size_t count,
	     const json_t *rows)
{
	struct libscols_table *table;
	int failed = 0;
	size_t i;

	if (json_array_size(rows) == 0) {
		fputs("(none)\n", out);
		return ERR_OK;
	}
	table = scols_new_table();
	if (!table)
		return ERR_NO_MEMORY;
	scols_table_set_stream(table, out);
	scols_table_set_column_separator(table, "  ");
	/* cells are safe already; it would escape our escapes */
	scols_table_enable_noencoding(table, 1);
	/* without a terminal nothing is cut or wrapped */
	if (!isatty(fileno(out)))
		scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_enable_colors(table, terminal_colours(out));
	for (i = 0; i < count && !failed; i++)
		failed = add_column(table, &columns[i]);
	for (i = 0; i < json_array_size(rows) && !failed; i++)
		failed =
		    add_row(table, columns, count, json_array_get(rows, i));
	if (!failed)
		failed = scols_print_table(table);
	scols_unref_table(table);
	return failed ? ERR_NO_MEMORY : ERR_OK;
}

/* ---- records ---- */

void
render_line(FILE *out, int width, const char *title, const char *format,
	    const json_t *value)
{
	char *text = cell_text(format, value);
	const char *colour =
	    text && strcmp(format, "state") == 0 && terminal_colours(out)
		? terminal_state_colour(text)
		: NULL;

	fprintf(out, "%-*s  %s%s%s\n", width, title,
		terminal_colour_code(colour), text ? text : "?",
		colour ? TERMINAL_RESET : "");
	free(text);
}

/* Calls `each` for every line of a record, so that the width is known before
 * the first is written. */
typedef void (*line_visit)(const char *title, const char *format,
			   const json_t *value, void *arg);

static void
visit_list(const struct spec_column *column, const struct list_path *path,
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
			each(safe, "", member, arg);
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
		struct list_path path = split_path(columns[i].path);
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

	render_line(record->out, record->width, title, format, value);
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
	    list_columns(endpoint->columns, endpoint->column_count) <= 1)
		code = render_record(out, endpoint->columns,
				     endpoint->column_count,
				     json_array_get(done, 0));
	else if (json_array_size(done) || !json_array_size(failed))
		code = render_table(out, endpoint->columns,
				    endpoint->column_count, done);
	if (!code && json_array_size(failed)) {
		if (json_array_size(done))
			fputc('\n', out);
		code = render_table(out, failure_columns, 3, failed);
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
	return render_table(out, endpoint->columns, endpoint->column_count,
			    rows);
}
