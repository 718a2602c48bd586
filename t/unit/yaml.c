/* t/unit/yaml.c: lib/yaml.h. */
#include "lib/yaml.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "t/unit/unit.h"

static enum err
parse(const char *text, struct yaml_node **root, struct err_info *info)
{
	return yaml_parse(text, strlen(text), YAML_SIZE_MAX, root, info);
}

static void
becomes_json(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *json;
	} rows[] = {
	    {"nothing", "", "null"},
	    {"only a comment", "# x\n", "null"},
	    {"block and flow", "a: {b: [1, two]}\nc:\n- x\n- y: z\n",
	     "{\"a\":{\"b\":[1,\"two\"]},\"c\":[\"x\",{\"y\":\"z\"}]}"},
	    {"nulls", "[~, null, Null, '', \"null\"]",
	     "[null,null,null,\"\",\"null\"]"},
	    {"a key without a value", "a:\n", "{\"a\":null}"},
	    {"booleans of the core schema only", "[true, False, TRUE, yes, on]",
	     "[true,false,true,\"yes\",\"on\"]"},
	    {"integers", "[0, -1, +2, 0o17, 0x1F, 007]", "[0,-1,2,15,31,7]"},
	    {"no integers", "[0x, 1_000, 12e, --1, '5', 0b1]",
	     "[\"0x\",\"1_000\",\"12e\",\"--1\",\"5\",\"0b1\"]"},
	    {"reals", "[1.5, .5, 2., 1e3]", "[1.5,0.5,2.0,1000.0]"},
	    {"no JSON numbers stay strings", "[.inf, .nan, 1e999]",
	     "[\".inf\",\".nan\",\"1e999\"]"},
	    {"too large for 64 bits", "9223372036854775808",
	     "9.22337203685478e18"},
	    {"keys are strings", "200: x\ntrue: y\n",
	     "{\"200\":\"x\",\"true\":\"y\"}"},
	    {"a block is a string", "a: |\n  1\n", "{\"a\":\"1\\n\"}"},
	    {"core tags", "[!!str 5, !!int 5, !!map {}, !!seq []]",
	     "[\"5\",5,{},[]]"},
	    {"UTF-8", "a: \xc3\xa4", "{\"a\":\"\xc3\xa4\"}"},
	    {"a document marker", "---\na: 1\n...\n", "{\"a\":1}"},
	};
	struct err_info info;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct yaml_node *root = NULL;
		json_t *value;
		char *text;

		info.text[0] = '\0';
		IS_INT(rows[i].why, parse(rows[i].text, &root, &info), ERR_OK);
		value = yaml_to_json(root);
		text = json_text(value, NULL);
		IS_TEXT(rows[i].why, text, rows[i].json);
		free(text);
		json_decref(value);
		yaml_tree_free(root);
	}
}

static void
refuses_with_the_line(void)
{
	static const struct {
		const char *why;
		const char *text;
		const char *message;
	} rows[] = {
	    {"a tab", "a:\n\tb: 1\n", "line 2: "},
	    {"an open bracket", "a: [1,\n", "line 2: "},
	    {"a duplicate key", "a: 1\nb: 2\na: 3\n",
	     "line 3: duplicate key \"a\", first on line 1"},
	    {"a duplicate below", "x:\n  a: 1\n  \"a\": 2\n",
	     "line 3: duplicate key \"a\""},
	    {"an alias", "a: &x 1\nb: *x\n", "line 1: anchors"},
	    {"an alias of nothing", "a: 1\nb: *x\n", "line 2: "},
	    {"an anchored list", "a: &x [1]\n", "line 1: anchors"},
	    {"a second document", "a: 1\n---\nb: 2\n",
	     "line 2: a second document"},
	    {"a tag of its own", "a: !secret x\n", "line 1: unsupported tag"},
	    {"a tag of another type", "a: !!binary x\n",
	     "line 1: unsupported tag"},
	    {"a tag that does not fit", "a: !!seq {}\n",
	     "line 1: unsupported tag"},
	    {"a list as key", "? [a]\n: 1\n", "line 1: a key must be a scalar"},
	    {"NUL", "a: \"x\\0y\"\n", "line 1: NUL in a string"},
	    {"not UTF-8", "a: \xff\n", "line 1: "},
	};
	struct err_info info;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct yaml_node *root = NULL;

		info.text[0] = '\0';
		IS_INT(rows[i].why, parse(rows[i].text, &root, &info),
		       ERR_INVALID);
		HAS_TEXT(rows[i].why, info.text, rows[i].message);
		OK("untouched", !root);
	}
}

static void
knows_its_lines(void)
{
	struct err_info info;
	struct yaml_node *root = NULL;
	const struct yaml_node *below;

	IS_INT("parses", parse("a:\n  b: 1\n  c:\n    - 'x'\n", &root, &info),
	       ERR_OK);
	IS_TEXT("a key", root->keys[0], "a");
	below = root->values[0];
	IS_TEXT("the second key below it", below->keys[1], "c");
	IS_INT("line of a key", below->key_lines[1], 3);
	IS_INT("line of a value", below->values[1]->values[0]->line, 4);
	OK("in quotes", below->values[1]->values[0]->quoted);
	yaml_tree_free(root);
}

static enum err
parse_nested(const char *level, size_t depth, struct err_info *info)
{
	struct yaml_node *root = NULL;
	size_t step = strlen(level);
	char *text = malloc(step * depth + 1);
	enum err code;
	size_t i;

	for (i = 0; i < depth; i++)
		memcpy(text + i * step, level, step);
	code = yaml_parse(text, step * depth, YAML_SIZE_MAX, &root, info);
	free(text);
	yaml_tree_free(root);
	return code;
}

static void
bounds_size_and_depth(void)
{
	struct err_info info;
	struct yaml_node *root = NULL;

	IS_INT("deepest block", parse_nested("- ", YAML_DEPTH_MAX, &info),
	       ERR_OK);
	IS_INT("one deeper", parse_nested("- ", YAML_DEPTH_MAX + 1, &info),
	       ERR_INVALID);
	IS_TEXT("says so", info.text, "line 1: nested too deep");
	/* libyaml alone takes seconds for these */
	IS_INT("flow lists", parse_nested("[", YAML_SIZE_MAX, &info),
	       ERR_INVALID);
	IS_TEXT("refused by depth", info.text, "line 1: nested too deep");
	IS_INT("flow maps", parse_nested("{a: ", YAML_SIZE_MAX / 4, &info),
	       ERR_INVALID);
	IS_TEXT("refused by depth", info.text, "line 1: nested too deep");
	IS_INT("too long", yaml_parse("a: 1", 4, 3, &root, &info),
	       ERR_TOO_LARGE);
}

static void
takes_many_keys(void)
{
	struct err_info info;
	struct yaml_node *root = NULL;
	char *text = malloc(YAML_SIZE_MAX);
	size_t used = 0;
	int n = 0;

	while (used < YAML_SIZE_MAX - 16)
		used += (size_t)snprintf(text + used, 16, "k%d: \n", n++);
	IS_INT("thousands", yaml_parse(text, used, YAML_SIZE_MAX, &root, &info),
	       ERR_OK);
	IS_INT("all of them", root ? root->count : 0, n);
	free(text);
	yaml_tree_free(root);
}

const char unit_name[] = "yaml";
const struct unit_case unit_cases[] = {
    {"becomes JSON by the core schema", becomes_json},
    {"refuses with the line", refuses_with_the_line},
    {"knows its lines", knows_its_lines},
    {"bounds size and depth", bounds_size_and_depth},
    {"takes many keys", takes_many_keys},
    {NULL, NULL},
};
