/* t/unit/schema.c: values against schemas, all errors with their place. */
#include "t/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/schema.h"
#include "lib/schema_format.h"

const char unit_name[] = "schema";

static const char document_text[] =
    "{\"s\":{\"name\":{\"type\":\"string\",\"maxLength\":3},"
    "\"a~b/c\":{\"type\":\"boolean\"},"
    "\"again\":{\"$ref\":\"#/s/name\"},"
    "\"loop\":{\"$ref\":\"#/s/loop\"},"
    "\"tree\":{\"type\":\"object\",\"properties\":{\"in\":{\"$ref\":"
    "\"#/s/tree\"}}}}}";

static json_t *
json(const char *text)
{
	json_error_t error;
	json_t *value =
	    json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

	if (!value)
		printf("\n%s: %s\n", error.text, text);
	return value;
}

/* "field: detail; field: detail" */
static char *
joined(const struct schema_errors *errors)
{
	size_t kept = errors->count < SCHEMA_ERRORS_MAX ? errors->count
							: SCHEMA_ERRORS_MAX;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	size_t i;

	for (i = 0; i < kept; i++)
		fprintf(out, "%s%s: %s", i ? "; " : "", errors->items[i].field,
			errors->items[i].detail);
	fclose(out);
	return text;
}

static void
expect(const char *why, const char *schema_text, const char *value_text,
       const char *wanted)
{
	struct schema_errors errors = {0};
	json_t *document = json(document_text);
	json_t *schema = json(schema_text);
	json_t *value = json(value_text);
	enum err code = schema_check(document, schema, value, &errors);
	char *got = joined(&errors);

	IS_TEXT(why, got, wanted);
	IS_INT(why, code, *wanted ? ERR_INVALID : ERR_OK);
	free(got);
	json_decref(document);
	json_decref(schema);
	json_decref(value);
}

struct row {
	const char *why;
	const char *schema;
	const char *value;
	const char *wanted; /* errors, "" none */
};

static void
run_rows(const struct row *row)
{
	for (; row->why; row++)
		expect(row->why, row->schema, row->value, row->wanted);
}

static void
checks_types(void)
{
	static const struct row rows[] = {
	    {"a string", "{\"type\":\"string\"}", "\"a\"", ""},
	    {"a number is no string", "{\"type\":\"string\"}", "1",
	     ": must be a string"},
	    {"an integer is a number", "{\"type\":\"number\"}", "1", ""},
	    {"1.0 has a fraction", "{\"type\":\"integer\"}", "1.0",
	     ": must be an integer"},
	    {"true is no integer", "{\"type\":\"integer\"}", "true",
	     ": must be an integer"},
	    {"null is not nothing", "{\"type\":\"object\"}", "null",
	     ": must be an object"},
	    {"one of two types", "{\"type\":[\"string\",\"null\"]}", "null",
	     ""},
	    {"none of two types", "{\"type\":[\"string\",\"null\"]}", "[]",
	     ": must be a string or null"},
	    {"a wrong type hides what follows from it",
	     "{\"type\":\"string\",\"enum\":[\"a\"]}", "1",
	     ": must be a string"},
	    {"no type takes all", "{}", "[1,{\"a\":null}]", ""},
	    {"false takes nothing", "false", "1", ": is not allowed"},
	    {"true takes all", "true", "1", ""},
	    {NULL, NULL, NULL, NULL}};

	run_rows(rows);
}

static void
checks_values(void)
{
	static const struct row rows[] = {
	    {"enum", "{\"enum\":[\"a\",\"b\"]}", "\"c\"",
	     ": must be one of: a, b"},
	    {"enum has it", "{\"enum\":[\"a\",1]}", "1", ""},
	    {"const", "{\"const\":\"ok\"}", "\"no\"", ": must be ok"},
	    {"characters, not octets", "{\"maxLength\":2}",
	     "\"\\u00e4\\u00f6\"", ""},
	    {"one character too many", "{\"maxLength\":2}",
	     "\"\\ud83d\\ude00bc\"", ": must have at most 2 characters, has 3"},
	    {"empty", "{\"minLength\":1}", "\"\"", ": must not be empty"},
	    {"pattern is searched for", "{\"pattern\":\"^[a-z]+$\"}", "\"ab1\"",
	     ": must match ^[a-z]+$"},
	    {"a NUL does not end a checked text", "{\"pattern\":\"^a$\"}",
	     "\"a\\u0000;rm\"", ": must not hold a NUL character"},
	    {"nor an address", "{\"format\":\"ip\"}", "\"192.0.2.1\\u0000x\"",
	     ": must not hold a NUL character"},
	    {"minimum", "{\"minimum\":1}", "0", ": must be at least 1"},
	    {"maximum", "{\"maximum\":20}", "21", ": must be at most 20"},
	    {"bounds are inside", "{\"minimum\":1,\"maximum\":1}", "1", ""},
	    {"a bound with a fraction", "{\"maximum\":1.5}", "1.75",
	     ": must be at most 1.5"},
	    {"large integers keep their digits",
	     "{\"maximum\":9007199254740992}", "9007199254740993",
	     ": must be at most 9.00719925474099e+15"},
	    {"too long a wait",
	     "{\"format\":\"timespan\",\"x-osapi-max-duration\":\"300s\"}",
	     "\"6m\"", ": must be at most 300s"},
	    {"just long enough",
	     "{\"format\":\"timespan\",\"x-osapi-max-duration\":\"300s\"}",
	     "\"5m\"", ""},
	    {"too short a wait", "{\"x-osapi-min-duration\":\"1ms\"}", "\"0s\"",
	     ": must be at least 1ms"},
	    {NULL, NULL, NULL, NULL}};

	run_rows(rows);
}

static void
names_the_place(void)
{
	static const char dns[] =
	    "{\"type\":\"object\",\"required\":[\"name\"],"
	    "\"additionalProperties\":false,"
	    "\"anyOf\":[{\"required\":[\"servers\"]},{\"required\":["
	    "\"domains\"]}],"
	    "\"properties\":{\"name\":{\"$ref\":\"#/s/name\"},"
	    "\"domains\":{\"type\":\"array\"},"
	    "\"servers\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,"
	    "\"uniqueItems\":true,\"items\":{\"type\":\"string\","
	    "\"format\":\"ip\"}}}}";
	const struct row rows[] = {
	    {"right", dns, "{\"name\":\"a\",\"servers\":[\"::1\"]}", ""},
	    {"all errors at once", dns,
	     "{\"servers\":[\"192.0.2.1\",\"x\",7],\"other\":1}",
	     "name: is required; servers[1]: not an IP address; "
	     "servers[2]: must be a string; other: is not known"},
	    {"one of two members", dns, "{\"name\":\"a\"}",
	     ": needs at least one of: servers, domains"},
	    {"too few items", dns, "{\"name\":\"a\",\"servers\":[]}",
	     "servers: must have at least 1 item, has 0"},
	    {"items behind the limit are not looked at", dns,
	     "{\"name\":\"a\",\"servers\":[\"::1\",\"::2\",\"::3\",\"x\"]}",
	     "servers: must have at most 3 items, has 4"},
	    {"the same twice", dns,
	     "{\"name\":\"a\",\"servers\":[\"::1\",\"::1\"]}",
	     "servers[1]: is the same as item 0"},
	    {"through $ref", dns, "{\"name\":\"abcd\",\"domains\":[]}",
	     "name: must have at most 3 characters, has 4"},
	    {"deep",
	     "{\"properties\":{\"a\":{\"items\":{\"properties\":{\"b\":{"
	     "\"type\":\"null\"}}}}}}",
	     "{\"a\":[{},{\"b\":1}]}", "a[1].b: must be null"},
	    {"other members by their schema",
	     "{\"additionalProperties\":{\"type\":\"string\"}}",
	     "{\"a\":\"x\",\"b\":2}", "b: must be a string"},
	    {"minProperties", "{\"minProperties\":1}", "{}",
	     ": must have at least 1 members"},
	    {NULL, NULL, NULL, NULL}};

	run_rows(rows);
}

static void
combines(void)
{
	static const struct row rows[] = {
	    {"anyOf: one is enough",
	     "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "\"a\"",
	     ""},
	    {"anyOf: none",
	     "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "1",
	     ": has none of the 2 forms that are allowed"},
	    {"oneOf: exactly one",
	     "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "1", ""},
	    {"oneOf: two", "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "2",
	     ": has 2 of the forms that are allowed, must have 1"},
	    {"allOf: each", "{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}",
	     "3", ": must be at most 2"},
	    {"$ref with escapes", "{\"$ref\":\"#/s/a~0b~1c\"}", "1",
	     ": must be true or false"},
	    {"$ref to $ref", "{\"$ref\":\"#/s/again\"}", "\"abcd\"",
	     ": must have at most 3 characters, has 4"},
	    {"beside $ref", "{\"$ref\":\"#/s/name\",\"minLength\":2}", "\"a\"",
	     ": must have at least 2 characters, has 1"},
	    {NULL, NULL, NULL, NULL}};

	run_rows(rows);
}

static void
bounds_the_recursion(void)
{
	struct schema_errors errors = {0};
	json_t *document = json(document_text);
	json_t *loop = json("{\"$ref\":\"#/s/loop\"}");
	json_t *missing = json("{\"$ref\":\"#/s/none\"}");
	json_t *tree = json("{\"$ref\":\"#/s/tree\"}");
	json_t *value = json_object();
	int i;

	for (i = 0; i < 200; i++)
		value = json_pack("{s:o}", "in", value);
	IS_INT("a $ref that leads to itself ends",
	       schema_check(document, loop, value, &errors), ERR_INTERNAL);
	IS_INT("a $ref that leads nowhere ends",
	       schema_check(document, missing, value, &errors), ERR_INTERNAL);
	IS_INT("a value nested 200 times is refused",
	       schema_check(document, tree, value, &errors), ERR_INVALID);
	IS_INT("with one error", errors.count, 1);
	IS_TEXT("that says so", errors.items[0].detail, "is nested too deep");
	OK("at a place that fits its field",
	   strlen(errors.items[0].field) < sizeof(errors.items[0].field));
	json_decref(value);
	json_decref(tree);
	json_decref(missing);
	json_decref(loop);
	json_decref(document);
}

static void
counts_more_errors_than_it_keeps(void)
{
	struct schema_errors errors = {0};
	json_t *schema = json("{\"items\":{\"type\":\"string\"}}");
	json_t *value = json_array();
	int i;

	for (i = 0; i < 100; i++)
		json_array_append_new(value, json_integer(i));
	schema_check(NULL, schema, value, &errors);
	IS_INT("all are counted", errors.count, 100);
	IS_TEXT("the last that is kept",
		errors.items[SCHEMA_ERRORS_MAX - 1].field, "[31]");
	json_decref(value);
	json_decref(schema);
}

static void
cuts_between_characters(void)
{
	struct schema_errors errors = {0};
	json_t *schema = json("{\"additionalProperties\":false}");
	json_t *value = json_object();
	char name[402];
	json_t *text;
	int shift;

	/* two octets a character, shifted by one: both parities of the cut */
	for (shift = 0; shift < 2; shift++) {
		size_t i;

		memset(name, 'x', sizeof(name));
		for (i = (size_t)shift; i + 2 < sizeof(name); i += 2)
			memcpy(name + i, "\xc3\xa4", 2);
		name[sizeof(name) - 2] = '\0';
		json_object_clear(value);
		json_object_set_new(value, name, json_true());
		errors.count = 0;
		schema_check(NULL, schema, value, &errors);
		text = json_string(errors.items[0].field);
		OK("a long member name stays UTF-8", text != NULL);
		json_decref(text);
	}
	json_decref(value);
	json_decref(schema);
}

static void
knows_formats(void)
{
	static const struct {
		const char *why, *format, *text;
		bool wanted;
	} rows[] = {
	    {"uuid", "uuid", "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f01", true},
	    {"upper case", "uuid", "019365A0-4C1E-7D2B-8F3A-5B6C7D8E9F01",
	     false},
	    {"too short", "uuid", "019365a0-4c1e-7d2b-8f3a-5b6c7d8e9f0", false},
	    {"ipv4", "ipv4", "192.0.2.1", true},
	    {"octal or short", "ipv4", "192.0.2", false},
	    {"ipv6", "ipv6", "2001:db8::1", true},
	    {"a zone", "ipv6", "fe80::1%eth0", false},
	    {"either", "ip", "::ffff:192.0.2.1", true},
	    {"a name", "ip", "example.com", false},
	    {"hostname", "hostname", "web-01.example.com", true},
	    {"underscore", "hostname", "web_01", false},
	    {"empty", "hostname", "", false},
	    {"domain", "domain", "_srv.example.com.", true},
	    {"empty label", "domain", "example..com", false},
	    {"only a dot", "domain", ".", false},
	    {"a routing domain", "domain", "~example.com", true},
	    {"the routing domain of all names", "domain", "~.", true},
	    {"only the mark", "domain", "~", false},
	    {"the mark twice", "domain", "~~example.com", false},
	    {"the mark behind", "domain", "example.com~", false},
	    {"a blank", "domain", "example.com evil", false},
	    {"a line end", "domain", "example.com\nnameserver", false},
	    {"target any", "target", "_any", true},
	    {"target label", "target", "group:web.dev", true},
	    {"a wildcard", "target", "*", false},
	    {"a label without value", "target", "group:", false},
	    {"date-time", "date-time", "2026-01-31T23:59:59.123Z", true},
	    {"a day only", "date-time", "2026-01-31", false},
	    {"timespan", "timespan", "250ms", true},
	    {"no unit", "timespan", "30", false},
	    {"vlan", "interface", "eth0.100", true},
	    {"bridge", "interface", "br-lan", true},
	    {"fifteen octets", "interface", "abcdefghijklmno", true},
	    {"sixteen octets", "interface", "abcdefghijklmnop", false},
	    {"a directory", "interface", "..", false},
	    {"a path", "interface", "a/b", false},
	    {"a blank", "interface", "eth 0", false},
	    {"an alias", "interface", "eth0:1", false},
	    {"empty", "interface", "", false},
	};
	char detail[SCHEMA_DETAIL_SIZE];
	char why[128];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(why, sizeof(why), "%s: %s", rows[i].format,
			 rows[i].why);
		detail[0] = '\0';
		IS_INT(
		    why,
		    schema_format_check(rows[i].format, rows[i].text, detail),
		    rows[i].wanted);
		OK(why, rows[i].wanted || detail[0]);
	}
}

static void
parses_parameters(void)
{
	static const struct {
		const char *why, *schema, *text;
		const char *wanted; /* JSON, or the error */
	} rows[] = {
	    {"integer", "{\"type\":\"integer\"}", "-3", "-3"},
	    {"no sign in front", "{\"type\":\"integer\"}", "+3",
	     "p: must be an integer"},
	    {"no blanks", "{\"type\":\"integer\"}", " 3",
	     "p: must be an integer"},
	    {"no zeros in front", "{\"type\":\"integer\"}", "010",
	     "p: must be an integer"},
	    {"no number", "{\"type\":\"integer\"}", "",
	     "p: must be an integer"},
	    {"too many digits", "{\"type\":\"integer\"}",
	     "99999999999999999999", "p: must be an integer"},
	    {"the bounds count", "{\"type\":\"integer\",\"maximum\":20}", "21",
	     "p: must be at most 20"},
	    {"number", "{\"type\":\"number\"}", "1.5", "1.5"},
	    {"infinite", "{\"type\":\"number\"}", "inf", "p: must be a number"},
	    {"boolean", "{\"type\":\"boolean\"}", "true", "true"},
	    {"not a boolean", "{\"type\":\"boolean\"}", "yes",
	     "p: must be true or false"},
	    {"string", "{}", "a,b", "\"a,b\""},
	    {"broken UTF-8", "{}", "a\xff", "p: must be UTF-8 text"},
	    {"a list", "{\"type\":\"array\"}", "a,b", "[\"a\",\"b\"]"},
	    {"an empty list", "{\"type\":\"array\"}", "", "[]"},
	    {"a list of numbers",
	     "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", "1,2",
	     "[1,2]"},
	    {"a place within the list",
	     "{\"type\":\"array\",\"items\":{\"format\":\"ip\"}}", "::1,x",
	     "p[1]: not an IP address"},
	    {"an object", "{\"type\":\"object\"}", "{\"a\":1}", "{\"a\":1}"},
	    {"not an object", "{\"type\":\"object\"}", "[1]",
	     "p: must be a JSON object"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct schema_errors errors = {0};
		json_t *schema = json(rows[i].schema);
		json_t *value = NULL;
		char *got;

		if (schema_parse(NULL, schema, "p", rows[i].text, &value,
				 &errors) == ERR_OK)
			got = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		else
			got = joined(&errors);
		IS_TEXT(rows[i].why, got, rows[i].wanted);
		free(got);
		json_decref(value);
		json_decref(schema);
	}
}

static void
writes_defaults(void)
{
	json_t *schema =
	    json("{\"properties\":{\"count\":{\"default\":3},\"name\":{},"
		 "\"op\":{\"properties\":{\"data\":{\"default\":{}}}}}}");
	json_t *value = json("{\"op\":{}}");
	json_t *given = json("{\"count\":7}");
	char *text;

	schema_defaults(NULL, schema, value);
	text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	IS_TEXT("missing members, nested ones too", text,
		"{\"count\":3,\"op\":{\"data\":{}}}");
	schema_defaults(NULL, schema, given);
	IS_INT("a given member stays",
	       json_integer_value(json_object_get(given, "count")), 7);
	json_object_set_new(
	    json_object_get(json_object_get(value, "op"), "data"), "x",
	    json_true());
	json_decref(given);
	given = json("{\"op\":{}}");
	schema_defaults(NULL, schema, given);
	IS_INT("who changes a default changes his own",
	       json_object_size(
		   json_object_get(json_object_get(given, "op"), "data")),
	       0);
	free(text);
	json_decref(given);
	json_decref(value);
	json_decref(schema);
}

const struct unit_case unit_cases[] = {
    {"checks types", checks_types},
    {"checks values", checks_values},
    {"names the place of each error, all at once", names_the_place},
    {"combines schemas and follows $ref", combines},
    {"bounds its recursion", bounds_the_recursion},
    {"counts more errors than it keeps", counts_more_errors_than_it_keeps},
    {"cuts text only between characters", cuts_between_characters},
    {"knows the formats", knows_formats},
    {"parses parameters from text", parses_parameters},
    {"writes defaults", writes_defaults},
    {NULL, NULL}};
