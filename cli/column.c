/* cli/column.c: paths through lists, and cells. */
#include "cli/column.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/terminal.h"
#include "lib/json.h"

struct column_path
column_split(const char *path)
{
	struct column_path split = {.rest = path};
	const char *mark = strstr(path, "[]");

	if (!mark || (size_t)(mark - path) >= sizeof(split.list))
		return split;
	split.is_list = true;
	memcpy(split.list, path, (size_t)(mark - path));
	split.rest = mark + 2 + (mark[2] == '.');
	return split;
}

size_t
column_lists(const struct spec_column *columns, size_t count)
{
	size_t lists = 0;
	size_t i;

	for (i = 0; i < count; i++)
		lists += column_split(columns[i].path).is_list;
	return lists;
}

size_t
column_lines(const struct spec_column *columns, size_t count, const json_t *row)
{
	size_t lines = 1;
	size_t i;

	for (i = 0; i < count; i++) {
		struct column_path path = column_split(columns[i].path);
		size_t items =
		    path.is_list ? json_array_size(cell_member(row, path.list))
				 : 0;

		if (items > lines)
			lines = items;
	}
	return lines;
}

char *
column_cell(const struct spec_column *column, const json_t *row, size_t line,
	    bool repeat)
{
	struct column_path path = column_split(column->path);
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
