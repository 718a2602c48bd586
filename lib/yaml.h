/*
 * lib/yaml.h: YAML 1.1 (libyaml) as a tree that knows its line numbers.
 *
 * Bounded before libyaml sees the text: its size, and the depth of nesting
 * while it is read.  One document; duplicate keys, aliases and tags other than
 * the core ones are refused, with "line N: ..." in `info`.
 */
#ifndef OSAPI_LIB_YAML_H
#define OSAPI_LIB_YAML_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/error.h"

#define YAML_SIZE_MAX  65536 /* for files that an operator writes */
#define YAML_DEPTH_MAX 32

enum yaml_type { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_type type;
	int line;       /* from 1 */
	char *text;     /* of a scalar, NUL-terminated */
	bool quoted;    /* a scalar in quotes or a block: always a string */
	size_t count;   /* children of a sequence or mapping */
	char **keys;    /* of a mapping, count of them */
	int *key_lines; /* of a mapping */
	struct yaml_node *parent; /* of a sequence or mapping; NULL: the root */
	struct yaml_node **values; /* count of them */
};

/*
 * Parses `size` octets, at most `max`.  *root is NULL for an empty document.
 * ERR_TOO_LARGE, ERR_INVALID.  The caller frees *root.  From every thread.
 */
enum err yaml_parse(const char *text, size_t size, size_t max,
		    struct yaml_node **root, struct err_info *info);

/* Frees a tree; NULL is accepted.  (libyaml exports a yaml_free of its own.) */
void yaml_tree_free(struct yaml_node *root);

/* The tree as JSON, plain scalars by the YAML 1.2 core schema (null, true, 12,
 * 1.5, else string).  The caller owns the result; NULL when out of memory. */
json_t *yaml_to_json(const struct yaml_node *root);

#endif
