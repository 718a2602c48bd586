/*
 * lib/yaml.c: libyaml's events as a tree.
 *
 * The size is checked before libyaml sees the text, the depth at each event:
 * libyaml reads ahead no further than one simple key (1,024 octets), so its
 * quadratic cost for nested flow is never reached.  Nodes are linked into the
 * tree as soon as they exist, so that freeing the root frees all in any state.
 */
#include "lib/yaml.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define CORE_TAG "tag:yaml.org,2002:"

struct builder {
	struct yaml_node *root;
	struct yaml_node *in; /* the open collection; NULL: the document */
	size_t depth;         /* collections that are open */
	char *key;            /* read, its value is still to come; owned */
	int key_line;
	int documents;
	struct err_info *info;
};

static enum err
no_memory(struct builder *b)
{
	return err_set(b->info, ERR_NO_MEMORY, "YAML: out of memory");
}

static enum err
refuse(struct builder *b, int line, const char *what)
{
	return err_set(b->info, ERR_INVALID, "line %d: %s", line, what);
}

void
yaml_tree_free(struct yaml_node *root)
{
	size_t i;

	if (!root)
		return;
	for (i = 0; i < root->count; i++) {
		if (root->keys)
			free(root->keys[i]);
		yaml_tree_free(root->values[i]);
	}
	free(root->keys);
	free(root->key_lines);
	free(root->values);
	free(root->text);
	free(root);
}

/* Room for one more element, or NULL; arrays have a power of two of them. */
static void *
grow(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return reallocarray(array, count ? count * 2 : 1, size);
}

static bool
grow_collection(struct yaml_node *in)
{
	void *values = grow(in->values, in->count, sizeof(void *));
	void *keys;
	void *lines;

	if (!values)
		return false;
	in->values = values;
	if (in->type != YAML_MAPPING)
		return true;
	keys = grow(in->keys, in->count, sizeof(void *));
	if (!keys)
		return false;
	in->keys = keys;
	lines = grow(in->key_lines, in->count, sizeof(*in->key_lines));
	if (!lines)
		return false;
	in->key_lines = lines;
	return true;
}

/* Takes `node` into the innermost open collection, or as the root; frees it
 * where it cannot. */
static enum err
attach(struct builder *b, struct yaml_node *node)
{
	struct yaml_node *in = b->in;

	if (!in) {
		assert(!b->root); /* one document, and so one root */
		b->root = node;
		return ERR_OK;
	}
	if (!grow_collection(in)) {
		yaml_tree_free(node);
		(void)no_memory(b);
		return ERR_NO_MEMORY;
	}
	if (in->type == YAML_MAPPING) {
		in->keys[in->count] = b->key;
		in->key_lines[in->count] = b->key_line;
		b->key = NULL;
	}
	in->values[in->count++] = node;
	return ERR_OK;
}

static int
line_of(const yaml_event_t *event)
{
	return (int)event->start_mark.line + 1;
}

/* Whether the next scalar is a key. */
static bool
wants_key(const struct builder *b)
{
	return b->in && b->in->type == YAML_MAPPING && !b->key;
}

static bool
tag_is(const yaml_char_t *tag, const char *const *names)
{
	const char *text = (const char *)tag;

	if (strncmp(text, CORE_TAG, strlen(CORE_TAG)) != 0)
		return false;
	text += strlen(CORE_TAG);
	for (; *names; names++)
		if (strcmp(text, *names) == 0)
			return true;
	return false;
}

static bool
is_null(const char *text)
{
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
	       strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static enum err
on_scalar(struct builder *b, const yaml_event_t *event)
{
	static const char *const tags[] = {"str",  "int",  "float",
					   "bool", "null", NULL};
	static const char *const string_tag[] = {"str", NULL};
	const yaml_char_t *tag = event->data.scalar.tag;
	const char *value = (const char *)event->data.scalar.value;
	struct yaml_node *node;

	if (event->data.scalar.anchor)
		return refuse(b, line_of(event), "anchors are not supported");
	if (tag && !tag_is(tag, tags))
		return refuse(b, line_of(event), "unsupported tag");
	if (memchr(value, '\0', event->data.scalar.length))
		return refuse(b, line_of(event), "NUL in a string");
	if (wants_key(b)) {
		b->key = strdup(value);
		b->key_line = line_of(event);
		return b->key ? ERR_OK : no_memory(b);
	}
	node = calloc(1, sizeof(*node));
	if (!node || !(node->text = strdup(value))) {
		free(node);
		return no_memory(b);
	}
	node->line = line_of(event);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
		       (tag && tag_is(tag, string_tag));
	node->type = !node->quoted && is_null(value) ? YAML_NULL : YAML_SCALAR;
	return attach(b, node);
}

static enum err
open_collection(struct builder *b, enum yaml_type type, int line,
		const yaml_char_t *anchor, const yaml_char_t *tag)
{
	const char *const tags[] = {type == YAML_MAPPING ? "map" : "seq", NULL};
	struct yaml_node *node;
	enum err code;

	if (anchor)
		return refuse(b, line, "anchors are not supported");
	if (tag && !tag_is(tag, tags))
		return refuse(b, line, "unsupported tag");
	if (wants_key(b))
		return refuse(b, line, "a key must be a scalar");
	if (b->depth == YAML_DEPTH_MAX)
		return refuse(b, line, "nested too deep");
	node = calloc(1, sizeof(*node));
	if (!node)
		return no_memory(b);
	node->type = type;
	node->line = line;
	node->parent = b->in;
	code = attach(b, node);
	if (code == ERR_OK) {
		b->in = node;
		b->depth++;
	}
	return code;
}

static int
compare_keys(const void *a, const void *b, void *keys)
{
	char *const *names = keys;
	size_t i = *(const size_t *)a;
	size_t k = *(const size_t *)b;
	int order = strcmp(names[i], names[k]);

	/* equal keys in the order of the file, so that the
	 * later one is named */
	return order ? order : (i > k) - (i < k);
}

/* Sorted, not each against each: the text may hold thousands of keys. */
static enum err
refuse_duplicates(struct builder *b, const struct yaml_node *mapping)
{
	enum err code = ERR_OK;
	size_t *order;
	size_t i;

	if (mapping->count < 2)
		return ERR_OK;
	order = calloc(mapping->count, sizeof(*order));
	if (!order)
		return no_memory(b);
	for (i = 0; i < mapping->count; i++)
		order[i] = i;
	qsort_r(order, mapping->count, sizeof(*order), compare_keys,
		mapping->keys);
	for (i = 1; i < mapping->count && code == ERR_OK; i++)
		if (strcmp(mapping->keys[order[i - 1]],
			   mapping->keys[order[i]]) == 0)
			code =
			    err_set(b->info, ERR_INVALID,
				    "line %d: duplicate key \"%.64s\", first "
				    "on line %d",
				    mapping->key_lines[order[i]],
				    mapping->keys[order[i]],
				    mapping->key_lines[order[i - 1]]);
	free(order);
	return code;
}

/* Back to the collection around it; libyaml ends only what it began. */
static enum err
end_collection(struct builder *b)
{
	const struct yaml_node *ended = b->in;

	assert(ended && b->depth);
	b->in = ended->parent;
	b->depth--;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): its parent owns it */
	return ended->type == YAML_MAPPING ? refuse_duplicates(b, ended)
					   : ERR_OK;
}

static enum err
on_event(struct builder *b, const yaml_event_t *event)
{
	switch ((int)event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->documents++)
			return refuse(b, line_of(event), "a second document");
		return ERR_OK;
	case YAML_ALIAS_EVENT:
		return refuse(b, line_of(event), "aliases are not supported");
	case YAML_SCALAR_EVENT:
		return on_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(b, YAML_SEQUENCE, line_of(event),
				       event->data.sequence_start.anchor,
				       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_collection(b, YAML_MAPPING, line_of(event),
				       event->data.mapping_start.anchor,
				       event->data.mapping_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return end_collection(b);
	default: /* stream start and end, document end */
		return ERR_OK;
	}
}

static enum err
parser_error(struct builder *b, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "not YAML";

	if (parser->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	return err_set(b->info, ERR_INVALID, "line %zu: %s",
		       parser->problem_mark.line + 1, problem);
}

enum err
yaml_parse(const char *text, size_t size, size_t max, struct yaml_node **root,
	   struct err_info *info)
{
	struct builder b = {.info = info};
	yaml_parser_t parser;
	yaml_event_t event;
	enum err code = ERR_OK;
	bool end = false;

	if (size > max)
		return err_set(info, ERR_TOO_LARGE,
			       "%zu octets of YAML, at most %zu are taken",
			       size, max);
	if (!yaml_parser_initialize(&parser))
		return no_memory(&b);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
				     size);
	while (!end && code == ERR_OK) {
		if (!yaml_parser_parse(&parser, &event)) {
			code = parser_error(&b, &parser);
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		code = on_event(&b, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	free(b.key);
	if (code != ERR_OK)
		yaml_tree_free(b.root);
	else
		*root = b.root;
	return code;
}

static bool
one_of(const char *text, const char *a, const char *b, const char *c)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0 ||
	       strcmp(text, c) == 0;
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ */
static json_t *
integer(const char *text)
{
	const char *digits = text;
	long long value;
	char *end;
	int base = 10;

	if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
		base = text[1] == 'o' ? 8 : 16;
		digits = text + 2;
	} else if (*digits == '-' || *digits == '+') {
		digits++;
	}
	/* strtoll(3) would also take blanks, a sign and "0x" of its own */
	if (!*digits ||
	    strspn(digits, base == 16  ? "0123456789abcdefABCDEF"
			   : base == 8 ? "01234567"
				       : "0123456789") != strlen(digits))
		return NULL;
	errno = 0;
	value = strtoll(base == 10 ? text : digits, &end, base);
	return errno || *end ? NULL : json_integer(value);
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static json_t *
real(const char *text)
{
	const char *at = text + (*text == '-' || *text == '+');
	size_t whole = strspn(at, "0123456789");
	size_t part = 0;
	double value;

	at += whole;
	if (*at == '.') {
		part = strspn(++at, "0123456789");
		at += part;
	}
	if (whole + part == 0)
		return NULL;
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '-' || *at == '+';
		if (!strspn(at, "0123456789"))
			return NULL;
		at += strspn(at, "0123456789");
	}
	if (*at)
		return NULL;
	value = strtod(text, NULL);
	return isfinite(value) ? json_real(value) : NULL;
}

static json_t *
scalar(const struct yaml_node *node)
{
	json_t *value;

	if (node->quoted)
		return json_string(node->text);
	if (one_of(node->text, "true", "True", "TRUE"))
		return json_true();
	if (one_of(node->text, "false", "False", "FALSE"))
		return json_false();
	value = integer(node->text);
	if (!value)
		value = real(node->text);
	return value ? value : json_string(node->text);
}

static json_t *
collection(const struct yaml_node *node)
{
	bool mapping = node->type == YAML_MAPPING;
	json_t *value = mapping ? json_object() : json_array();
	size_t i;
	int failed = 0;

	for (i = 0; value && !failed && i < node->count; i++) {
		json_t *child = yaml_to_json(node->values[i]);

		failed = mapping
			     ? json_object_set_new(value, node->keys[i], child)
			     : json_array_append_new(value, child);
	}
	if (failed) {
		json_decref(value);
		return NULL;
	}
	return value;
}

json_t *
yaml_to_json(const struct yaml_node *root)
{
	if (!root || root->type == YAML_NULL)
		return json_null();
	return root->type == YAML_SCALAR ? scalar(root) : collection(root);
}
