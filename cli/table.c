/*
 * cli/table.c: tables by libsmartcols, which knows the terminal's width and
 * breaks long lists and errors; what still does not fit is decided here.
 */
#include "cli/table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cell.h"
#include "cli/column.h"
#include "cli/output.h"
#include "cli/render.h"
#include "cli/terminal.h"

#define COLUMNS_MAX     32
#define KEPT            3  /* columns that a table has at least */
#define WRAP_WIDTH      16 /* of a column that wraps, at least */
#define SEPARATOR_WIDTH 2
#define TITLE_SIZE      64

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
	bool repeat = column_lists(columns, count) > 1;
	struct libscols_line *line = scols_table_new_line(table, NULL);
	int failed = line ? 0 : -1;
	size_t i;

	for (i = 0; i < count && !failed; i++) {
		char *text = column_cell(&columns[i], row, number, repeat);

		failed = text ? set_cell(line, i, text, columns[i].format) : -1;
		free(text);
	}
	return failed;
}

static int
add_row(struct libscols_table *table, const struct spec_column *columns,
	size_t count, const json_t *row)
{
	size_t lines = column_lines(columns, count, row);
	int failed = 0;
	size_t n;

	for (n = 0; n < lines && !failed; n++)
		failed = add_line(table, columns, count, row, n);
	return failed;
}

/* A title as it stands above its column. */
static void
upper(const char *title, char *out, size_t size)
{
	size_t i;

	for (i = 0; title[i] && i < size - 1; i++)
		out[i] = title[i] >= 'a' && title[i] <= 'z'
			     ? (char)(title[i] - 'a' + 'A')
			     : title[i];
	out[i] = '\0';
}

/* Whether its text may go on in a second line. */
static bool
wraps(const struct spec_column *column)
{
	return strcmp(column->format, "list") == 0 ||
	       strcmp(column->format, "labels") == 0 ||
	       strcmp(column->path, "error") == 0;
}

static int
add_column(struct libscols_table *table, const struct spec_column *column)
{
	char title[TITLE_SIZE];
	int flags = cell_right(column->format) ? SCOLS_FL_RIGHT : 0;

	upper(column->title, title, sizeof(title));
	if (wraps(column))
		flags |= SCOLS_FL_WRAP;
	return scols_table_new_column(table, title, 0, flags) ? 0 : -1;
}

/* ---- what fits ---- */

struct fit {
	size_t count; /* columns that are shown */
	struct spec_column columns[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];
	size_t hidden_count;
	const char *hidden[COLUMNS_MAX]; /* titles */
};

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How wide a column is, or at least must be where it wraps. */
static size_t
column_width(const struct fit *fit, const struct spec_column *column,
	     const json_t *rows)
{
	bool repeat = column_lists(fit->columns, fit->count) > 1;
	size_t width = terminal_columns(column->title);
	size_t i;
	size_t n;

	for (i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		size_t lines = column_lines(column, 1, row);

		for (n = 0; n < lines; n++) {
			char *text = column_cell(column, row, n, repeat);
			size_t own = text ? terminal_columns(text) : 0;

			width = own > width ? own : width;
			free(text);
		}
	}
	return wraps(column) ? least(width, WRAP_WIDTH) : width;
}

static size_t
total_width(const struct fit *fit)
{
	size_t total = 0;
	size_t i;

	for (i = 0; i < fit->count; i++)
		total += fit->widths[i] + (i ? SEPARATOR_WIDTH : 0);
	return total;
}

/* Takes out the last column that does not wrap: those tell what went wrong. */
static bool
hide_one(struct fit *fit)
{
	size_t i = fit->count;

	while (i > KEPT && wraps(&fit->columns[i - 1]))
		i--;
	if (i <= KEPT)
		return false;
	i--;
	fit->hidden[fit->hidden_count++] = fit->columns[i].title;
	fit->count--;
	memmove(&fit->columns[i], &fit->columns[i + 1],
		(fit->count - i) * sizeof(*fit->columns));
	memmove(&fit->widths[i], &fit->widths[i + 1],
		(fit->count - i) * sizeof(*fit->widths));
	return true;
}

/* Makes the columns fit into `width`: shorter times, then fewer columns.
 * False: they do not. */
static bool
make_fit(struct fit *fit, const json_t *rows, size_t width)
{
	size_t i;

	for (i = 0; i < fit->count; i++)
		fit->widths[i] = column_width(fit, &fit->columns[i], rows);
	if (total_width(fit) <= width)
		return true;
	for (i = 0; i < fit->count; i++) {
		if (strcmp(fit->columns[i].format, "time") != 0)
			continue;
		fit->columns[i].format = "clock";
		fit->widths[i] = column_width(fit, &fit->columns[i], rows);
	}
	while (total_width(fit) > width)
		if (!hide_one(fit))
			return false;
	return true;
}

static void
tell_hidden(const struct fit *fit)
{
	char title[TITLE_SIZE];
	size_t i = fit->hidden_count;

	if (!i)
		return;
	output_flush();
	fputs("not shown in a terminal of this width:", stderr);
	while (i-- > 0) {
		upper(fit->hidden[i], title, sizeof(title));
		fprintf(stderr, " %s%s", title, i ? "," : "\n");
	}
}

/* ---- the whole ---- */

static enum err
print_table(FILE *out, const struct fit *fit, const json_t *rows)
{
	struct libscols_table *table = scols_new_table();
	int failed = 0;
	size_t i;

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
	for (i = 0; i < fit->count && !failed; i++)
		failed = add_column(table, &fit->columns[i]);
	for (i = 0; i < json_array_size(rows) && !failed; i++)
		failed = add_row(table, fit->columns, fit->count,
				 json_array_get(rows, i));
	if (!failed)
		failed = scols_print_table(table);
	scols_unref_table(table);
	return failed ? ERR_NO_MEMORY : ERR_OK;
}

enum err
table_print(FILE *out, const struct spec_column *columns, size_t count,
	    const json_t *rows)
{
	struct fit fit = {.count = least(count, COLUMNS_MAX)};
	enum err code = ERR_OK;
	size_t i;

	if (json_array_size(rows) == 0) {
		fputs("(none)\n", out);
		return ERR_OK;
	}
	memcpy(fit.columns, columns, fit.count * sizeof(*columns));
	if (!isatty(fileno(out)) || make_fit(&fit, rows, terminal_width(out))) {
		code = print_table(out, &fit, rows);
		tell_hidden(&fit);
		return code;
	}
	for (i = 0; i < json_array_size(rows) && !code; i++) {
		if (i)
			fputc('\n', out);
		code =
		    render_record(out, columns, count, json_array_get(rows, i));
	}
	return code;
}
