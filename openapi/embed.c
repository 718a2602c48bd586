/*
 * openapi/embed.c: build tool, writes a text as a C array on stdout.
 *
 *	embed SYMBOL FILE >out.c
 *
 * A FILE that ends in .yaml becomes compact JSON first.  SYMBOL is
 * NUL-terminated, SYMBOL_size does not count the NUL.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/yaml.h"

#define EMBED_MAX (1024 * 1024)

static bool
is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && strcmp(dot, ".yaml") == 0;
}

static bool
is_symbol(const char *text)
{
	const char *p;

	for (p = text; *p; p++)
		if (!isalpha((unsigned char)*p) && *p != '_' &&
		    (p == text || !isdigit((unsigned char)*p)))
			return false;
	return p != text;
}

/* Replaces *data by its JSON text. */
static enum err
convert(char **data, size_t *size, struct err_info *info)
{
	struct yaml_node *root = NULL;
	json_t *value = NULL;
	char *text = NULL;
	enum err code;

	code = yaml_parse(*data, *size, EMBED_MAX, &root, info);
	if (code)
		goto out;
	value = yaml_to_json(root);
	if (value)
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text) {
		code = err_set(info, ERR_NO_MEMORY, "out of memory");
		goto out;
	}
	free(*data);
	*data = text;
	*size = strlen(text);
out:
	json_decref(value);
	yaml_tree_free(root);
	return code;
}

static int
write_array(const char *symbol, const char *data, size_t size)
{
	size_t i;

	printf("#include <stddef.h>\n\n"
	       "extern const char %s[];\nextern const size_t %s_size;\n\n"
	       "const size_t %s_size = %zu;\nconst char %s[] = {",
	       symbol, symbol, symbol, size, symbol);
	for (i = 0; i < size; i++)
		printf("%s%d,", i % 20 ? "" : "\n", (signed char)data[i]);
	printf("\n0};\n");
	return ferror(stdout) || fflush(stdout) ? -1 : 0;
}

int
main(int argc, char **argv)
{
	struct err_info info = {{0}};
	char *data = NULL;
	size_t size = 0;
	enum err code;
	int status = 1;

	if (argc != 3 || !is_symbol(argv[1])) {
		fprintf(stderr, "usage: embed SYMBOL FILE >out.c\n");
		return 2;
	}
	code = file_read(argv[2], EMBED_MAX, &data, &size, &info);
	if (!code && is_yaml(argv[2]))
		code = convert(&data, &size, &info);
	if (code) {
		fprintf(stderr, "embed: %s: %s\n", argv[2], info.text);
		goto out;
	}
	if (write_array(argv[1], data, size) < 0) {
		perror("embed: stdout");
		goto out;
	}
	status = 0;
out:
	free(data);
	return status;
}
