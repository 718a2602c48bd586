/*
 * cli/completion.c: `osapi completion`: a script that carries all words, flags
 * and values of flags as tables, and a walk along the command line.
 *
 * The tables are keyed by the words so far: "osapi client job" has the next
 * words in _osapi_next and the flags in _osapi_flags, "osapi client job list
 * --status" the values in _osapi_values ("@file", "@dir": names of files).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/api.h"
#include "cli/catalog.h"
#include "cli/local.h"
#include "lib/json.h"

#define KEY_SIZE  192
#define NODES_MAX 256

enum shell { BASH, ZSH };

/* A beginning of commands: "osapi client job". */
struct node {
	char words[KEY_SIZE];
	const struct catalog_entry *entry; /* NULL: more words are needed */
};

struct script {
	const struct catalog *catalog;
	enum shell shell;
	size_t count;
	struct node *nodes; /* in the order of the catalog */
};

/* ---- nodes ---- */

static struct node *
node_of(struct script *script, const char *words)
{
	size_t i;

	for (i = 0; i < script->count; i++)
		if (strcmp(script->nodes[i].words, words) == 0)
			return &script->nodes[i];
	if (script->count == NODES_MAX)
		return NULL;
	snprintf(script->nodes[script->count].words, KEY_SIZE, "%s", words);
	return &script->nodes[script->count++];
}

static void
find_nodes(struct script *script)
{
	size_t i;

	node_of(script, "osapi");
	for (i = 0; i < script->catalog->count; i++) {
		const struct catalog_entry *entry =
		    &script->catalog->entries[i];
		char words[KEY_SIZE];
		char *end = words;
		struct node *node;

		snprintf(words, sizeof(words), "osapi %s", entry->words);
		while ((end = strchr(end + 1, ' '))) {
			*end = '\0';
			node_of(script, words);
			*end = ' ';
		}
		node = node_of(script, words);
		if (node)
			node->entry = entry;
	}
}

/* ---- writing ---- */

static void
put_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	putchar('\'');
}

static void
begin_table(const struct script *script, const char *name)
{
	printf(script->shell == BASH ? "declare -gA %s=(\n"
				     : "typeset -gA %s=(\n",
	       name);
}

static void
put_row(const struct script *script, const char *key, const char *value)
{
	fputs(script->shell == BASH ? "\t[" : "\t", stdout);
	put_quoted(key);
	fputs(script->shell == BASH ? "]=" : " ", stdout);
	put_quoted(value);
	putchar('\n');
}

/* ---- next words ---- */

/* "bash|zsh" of a usage line are words, "[TOKEN|-]" is not. */
static bool
are_words(const char *text)
{
	for (; *text; text++)
		if (!islower((unsigned char)*text) && *text != '|')
			return false;
	return true;
}

static void
write_alternatives(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc(*text == '|' ? ' ' : *text, out);
}

/* What `client request` may get: methods and paths. */
static void
write_requests(FILE *out, const struct spec *spec)
{
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);
	size_t i;

	fputs("GET POST PUT DELETE HEAD", out);
	for (i = 0; i < count; i++)
		if (!strchr(list[i].path, '{') &&
		    (i == 0 || strcmp(list[i].path, list[i - 1].path) != 0))
			fprintf(out, " %s", list[i].path);
}

static void
write_next(FILE *out, const struct script *script, const struct node *node)
{
	size_t length = strlen(node->words);
	const char *between = "";
	size_t i;

	for (i = 0; i < script->count; i++) {
		const char *words = script->nodes[i].words;

		if (strncmp(words, node->words, length) != 0 ||
		    words[length] != ' ' || strchr(words + length + 1, ' '))
			continue;
		fprintf(out, "%s%s", between, words + length + 1);
		between = " ";
	}
	if (!node->entry || !node->entry->command)
		return;
	if (are_words(node->entry->command->arguments))
		write_alternatives(out, node->entry->command->arguments);
	else if (strcmp(node->entry->command->words, "request") == 0)
		write_requests(out, script->catalog->spec);
}

/* ---- flags ---- */

/* "--idempotency-key" or "-T"; false: it has no letter. */
static bool
flag_word(const struct argument *flag, bool letter, char *out, size_t size)
{
	char *p;

	if (letter) {
		snprintf(out, size, "-%c", flag->letter);
		return flag->letter != 0;
	}
	snprintf(out, size, "--%s", flag->name);
	for (p = out; *p; p++)
		if (*p == '_')
			*p = '-';
	return true;
}

/* The flags of a node: its command's, or those that may stand before the rest
 * of its words. */
static void
flags_of(const struct node *node, struct arguments *arguments)
{
	static const struct argument target[] = {
	    {"target", 'T', "HOST", false, "", NULL}, ARGUMENTS_END};

	if (node->entry) {
		*arguments = node->entry->arguments;
		return;
	}
	*arguments = (struct arguments){0};
	if (strcmp(node->words, "osapi client") == 0)
		arguments_know(arguments, target);
	arguments_know(arguments, strncmp(node->words, "osapi client", 12) == 0
				      ? api_arguments
				      : command_arguments);
}

static void
write_flags(FILE *out, const struct script *script, const struct node *node)
{
	struct arguments arguments;
	char word[KEY_SIZE];
	const char *between = "";
	size_t i;
	int letter;

	(void)script;
	flags_of(node, &arguments);
	for (i = 0; i < arguments.known_count; i++)
		for (letter = 0; letter < 2; letter++) {
			if (!flag_word(&arguments.known[i], letter == 1, word,
				       sizeof(word)))
				continue;
			fprintf(out, "%s%s", between, word);
			between = " ";
		}
}

static void
write_operations(FILE *out, const struct spec *spec)
{
	size_t count;
	const struct spec_operation *list = spec_operations(spec, &count);
	size_t i;

	for (i = 0; i < count; i++)
		fprintf(out, "%s%s", i ? " " : "", list[i].type);
}

/* What may stand behind a flag. */
static void
write_values(FILE *out, const struct spec *spec, const struct argument *flag)
{
	const json_t *words = json_object_get(flag->schema, "enum");
	size_t i;

	for (i = 0; i < json_array_size(words); i++)
		fprintf(out, "%s%s", i ? " " : "",
			json_string_value(json_array_get(words, i)));
	if (words)
		return;
	if (strcmp(flag->value, "FILE") == 0)
		fputs("@file", out);
	else if (strcmp(flag->value, "DIR") == 0)
		fputs("@dir", out);
	else if (strcmp(flag->value, "HOST") == 0)
		fputs("_any _all", out);
	else if (strcmp(flag->value, "TYPE") == 0)
		write_operations(out, spec);
	else if (are_words(flag->value))
		write_alternatives(out, flag->value);
}

static void
put_values(const struct script *script, const struct node *node)
{
	struct arguments arguments;
	char key[2 * KEY_SIZE];
	char word[KEY_SIZE];
	char *text;
	size_t size;
	FILE *out;
	size_t i;
	int letter;

	flags_of(node, &arguments);
	for (i = 0; i < arguments.known_count; i++) {
		const struct argument *flag = &arguments.known[i];

		out = flag->value ? open_memstream(&text, &size) : NULL;
		if (!out)
			continue;
		write_values(out, script->catalog->spec, flag);
		fclose(out);
		for (letter = 0; letter < 2; letter++) {
			if (!flag_word(flag, letter == 1, word, sizeof(word)))
				continue;
			snprintf(key, sizeof(key), "%s %s", node->words, word);
			put_row(script, key, text);
		}
		free(text);
	}
}

/* ---- the whole ---- */

typedef void (*row_writer)(FILE *out, const struct script *script,
			   const struct node *node);

static void
put_table(const struct script *script, const char *name, row_writer write)
{
	size_t i;

	begin_table(script, name);
	for (i = 0; i < script->count; i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		if (!out)
			continue;
		write(out, script, &script->nodes[i]);
		fclose(out);
		put_row(script, script->nodes[i].words, text);
		free(text);
	}
	puts(")");
}

static void
write_summary(FILE *out, const struct script *script, const struct node *node)
{
	(void)script;
	fputs(node->entry ? node->entry->summary : "...", out);
}

static const char bash_walk[] =
    "_osapi() {\n"
    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} at=osapi flag= values word i\n"
    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
    "\t\tword=${COMP_WORDS[i]}\n"
    "\t\tif [[ $flag ]]; then\n"
    "\t\t\t[[ $word == = ]] || flag=\n"
    "\t\telif [[ $word == -* ]]; then\n"
    "\t\t\t[[ ${_osapi_values[$at $word]+is} ]] && flag=$word\n"
    "\t\telif [[ ${_osapi_flags[$at $word]+is} ]]; then\n"
    "\t\t\tat+=\" $word\"\n"
    "\t\tfi\n"
    "\tdone\n"
    "\tCOMPREPLY=()\n"
    "\tif [[ $flag ]]; then\n"
    "\t\t[[ $cur == = ]] && cur=\n"
    "\t\tvalues=${_osapi_values[$at $flag]}\n"
    "\telif [[ $cur == -* ]]; then\n"
    "\t\tvalues=${_osapi_flags[$at]}\n"
    "\telse\n"
    "\t\tvalues=${_osapi_next[$at]}\n"
    "\tfi\n"
    "\tcase $values in\n"
    "\t@file)\n"
    "\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "\t\t;;\n"
    "\t@dir)\n"
    "\t\tcompopt -o filenames 2>/dev/null\n"
    "\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "\t\t;;\n"
    "\t*) mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$cur\") ;;\n"
    "\tesac\n"
    "}\n"
    "complete -F _osapi osapi\n";

static const char zsh_walk[] =
    "_osapi() {\n"
    "\tlocal at=osapi flag= word i values\n"
    "\tlocal -a described\n"
    "\tfor ((i = 2; i < CURRENT; i++)); do\n"
    "\t\tword=$words[i]\n"
    "\t\tif [[ -n $flag ]]; then\n"
    "\t\t\tflag=\n"
    "\t\telif [[ $word == -* ]]; then\n"
    "\t\t\t(( ${+_osapi_values[$at $word]} )) && flag=$word\n"
    "\t\telif (( ${+_osapi_flags[$at $word]} )); then\n"
    "\t\t\tat+=\" $word\"\n"
    "\t\tfi\n"
    "\tdone\n"
    "\tword=$words[CURRENT]\n"
    "\tif [[ -z $flag && $word == --*=* ]]; then\n"
    "\t\tflag=${word%%=*}\n"
    "\t\tcompset -P '*='\n"
    "\tfi\n"
    "\tif [[ -n $flag ]]; then\n"
    "\t\tvalues=${_osapi_values[$at $flag]}\n"
    "\t\tcase $values in\n"
    "\t\t@file) _files ;;\n"
    "\t\t@dir) _files -/ ;;\n"
    "\t\t*) compadd -- ${=values} ;;\n"
    "\t\tesac\n"
    "\telif [[ $word == -* ]]; then\n"
    "\t\tcompadd -- ${=_osapi_flags[$at]}\n"
    "\telse\n"
    "\t\tfor word in ${=_osapi_next[$at]}; do\n"
    "\t\t\tdescribed+=(\"$word:${_osapi_summary[$at $word]}\")\n"
    "\t\tdone\n"
    "\t\t_describe osapi described\n"
    "\tfi\n"
    "}\n"
    "if [[ $funcstack[1] == _osapi ]]; then\n"
    "\t_osapi \"$@\"\n"
    "else\n"
    "\tcompdef _osapi osapi\n"
    "fi\n";

static void
write_script(const struct script *script)
{
	size_t i;

	puts(script->shell == BASH ? "# bash completion of osapi(1)"
				   : "#compdef osapi");
	put_table(script, "_osapi_next", write_next);
	put_table(script, "_osapi_flags", write_flags);
	if (script->shell == ZSH)
		put_table(script, "_osapi_summary", write_summary);
	begin_table(script, "_osapi_values");
	for (i = 0; i < script->count; i++)
		put_values(script, &script->nodes[i]);
	puts(")");
	fputs(script->shell == BASH ? bash_walk : zsh_walk, stdout);
}

int
completion_run(const struct cli *cli, const struct arguments *arguments)
{
	struct script script = {.shell = BASH};
	struct catalog *catalog;
	struct err_info info = {"out of memory"};
	const char *shell = arguments->word_count ? arguments->words[0] : "";

	(void)cli;
	if (strcmp(shell, "zsh") == 0)
		script.shell = ZSH;
	else if (strcmp(shell, "bash") != 0)
		return command_fail(ERR_INVALID,
				    "completion needs a shell: bash or zsh");
	catalog = catalog_new(&info);
	script.catalog = catalog;
	script.nodes = calloc(NODES_MAX, sizeof(*script.nodes));
	if (!catalog || !script.nodes) {
		catalog_free(catalog);
		free(script.nodes);
		return command_fail(ERR_INTERNAL, "%s", info.text);
	}
	find_nodes(&script);
	write_script(&script);
	free(script.nodes);
	catalog_free(catalog);
	return 0;
}
