/*
 * lib/config.c: loads, dumps and frees the configuration.
 *
 * Each source in turn (default, file, environment, flag) writes over the one
 * before; a key remembers where its value came from, for messages.
 */
#include "lib/config_key.h"

#include "lib/file.h"
#include "lib/log.h"
#include "lib/nearest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE_PREFIX "OSAPI_"
#define FILE_VARIABLE   "OSAPI_FILE"
#define FILE_SUFFIX     "_file"
#define VARIABLE_NEAR   3 /* edits, at most, of a variable that was meant */

extern char **environ;

/* The field of row i.  The state is our own, made by calloc. */
static void *
field_of(const struct config_state *state, size_t i)
{
	char *base = (char *)(uintptr_t)&state->config;

	return base + config_keys[i].offset;
}

/* "OSAPI_API_SERVER_PORT"; returns buf. */
static char *
variable_of(const char *name, char buf[static CONFIG_NAME_SIZE])
{
	size_t i;

	snprintf(buf, CONFIG_NAME_SIZE, VARIABLE_PREFIX "%s", name);
	for (i = 0; buf[i]; i++)
		buf[i] =
		    buf[i] == '.' ? '_' : (char)toupper((unsigned char)buf[i]);
	return buf;
}

char *
config_origin_text(const struct config_state *state,
		   const struct config_origin *origin, const char *name,
		   char buf[static 512])
{
	char variable[CONFIG_NAME_SIZE];

	switch (origin->source) {
	case CONFIG_FILE:
		snprintf(buf, 512, "%s:%d: %s", state->path, origin->line,
			 name);
		break;
	case CONFIG_ENV:
		snprintf(buf, 512, "%s", variable_of(name, variable));
		break;
	case CONFIG_FLAG:
		snprintf(buf, 512, "%s (flag)", name);
		break;
	case CONFIG_DEFAULT:
		if (*state->path)
			snprintf(buf, 512, "%s: %s", state->path, name);
		else
			snprintf(buf, 512, "%s", name);
		break;
	}
	return buf;
}

/* Puts "osapi.yaml:12: key" in front of what was wrong with a value. */
static enum err
at_origin(const struct config_state *state, const struct config_origin *origin,
	  const char *name, enum err code, struct err_info *info)
{
	char where[512];

	if (code == ERR_OK)
		return ERR_OK;
	config_origin_text(state, origin, name, where);
	return err_prefix(info, code, "%s", where);
}

/* The row whose secret `name` gives as a file, or the number of rows. */
static size_t
secret_of(const char *name)
{
	size_t length = strlen(name);
	size_t suffix = strlen(FILE_SUFFIX);
	size_t i;

	if (length <= suffix ||
	    strcmp(name + length - suffix, FILE_SUFFIX) != 0)
		return config_key_count;
	length -= suffix;
	for (i = 0; i < config_key_count; i++)
		if ((config_keys[i].flags & CONFIG_SECRET) &&
		    strlen(config_keys[i].name) == length &&
		    strncmp(config_keys[i].name, name, length) == 0)
			return i;
	return config_key_count;
}

static enum err
set_secret_file(struct config_state *state, size_t i, const char *path,
		struct config_origin origin, struct err_info *info)
{
	char *copy;

	if (!*path || strlen(path) > 1024)
		return err_set(info, ERR_INVALID,
			       "expected the path of a file");
	copy = strdup(path);
	if (!copy)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	free(state->secret_files[i]);
	state->secret_files[i] = copy;
	state->secret_origins[i] = origin;
	return ERR_OK;
}

/* ---- the file ---- */

static bool
is_section(const char *name)
{
	size_t length = strlen(name);
	size_t i;

	for (i = 0; i < config_key_count; i++)
		if (strncmp(config_keys[i].name, name, length) == 0 &&
		    config_keys[i].name[length] == '.')
			return true;
	return false;
}

/* The known key that is nearest to an unknown one, or NULL. */
static const char *
suggestion(const char *name)
{
	const char *best = NULL;
	size_t least = nearest_limit(name) + 1;
	size_t i;

	for (i = 0; i < config_key_count; i++) {
		size_t distance = nearest_distance(name, config_keys[i].name);

		if (distance >= least)
			continue;
		least = distance;
		best = config_keys[i].name;
	}
	return best;
}

static enum err
unknown(const struct config_state *state, const char *name, int line,
	struct err_info *info)
{
	const char *near = suggestion(name);

	return err_set(info, ERR_INVALID, "%s:%d: %s: unknown key%s%s%s",
		       state->path, line, name, near ? ", did you mean " : "",
		       near ? near : "", near ? "?" : "");
}

/* One member of the file whose whole name is `name`, a key. */
static enum err
take_key(struct config_state *state, const struct config_key *key, int line,
	 const struct yaml_node *value, struct err_info *info)
{
	size_t i = (size_t)(key - config_keys);
	struct config_origin origin = {CONFIG_FILE, line};
	enum err code;

	if (value->type == YAML_NULL)
		return ERR_OK; /* "key:" alone: as if it were not there */
	code = config_value_node(key, field_of(state, i), value, info);
	if (code == ERR_OK)
		state->origins[i] = origin;
	return at_origin(state, &origin, key->name, code, info);
}

static enum err take_section(struct config_state *state, const char *prefix,
			     const struct yaml_node *node,
			     struct err_info *info);

static enum err
take_member(struct config_state *state, const char *name, int line,
	    const struct yaml_node *value, struct err_info *info)
{
	const struct config_key *key = config_key_find(name);
	struct config_origin origin = {CONFIG_FILE, line};
	size_t secret = secret_of(name);

	if (key)
		return take_key(state, key, line, value, info);
	if (secret < config_key_count) {
		enum err code = value->type == YAML_SCALAR
				    ? set_secret_file(state, secret,
						      value->text, origin, info)
				    : err_set(info, ERR_INVALID,
					      "expected the path of a file");

		return at_origin(state, &origin, name, code, info);
	}
	if (!is_section(name))
		return unknown(state, name, line, info);
	if (value->type == YAML_NULL)
		return ERR_OK;
	if (value->type != YAML_MAPPING)
		return err_set(info, ERR_INVALID,
			       "%s:%d: %s: expected a section with keys below",
			       state->path, line, name);
	return take_section(state, name, value, info);
}

/* The depth is that of the tree, which yaml_parse has bounded. */
static enum err
take_section(struct config_state *state, const char *prefix,
	     const struct yaml_node *node, struct err_info *info)
{
	char name[CONFIG_NAME_SIZE];
	enum err code = ERR_OK;
	size_t i;
	int n;

	for (i = 0; i < node->count && code == ERR_OK; i++) {
		n = snprintf(name, sizeof(name), "%s%s%s", prefix,
			     *prefix ? "." : "", node->keys[i]);
		if (n < 0 || (size_t)n >= sizeof(name))
			code = err_set(info, ERR_INVALID,
				       "%s:%d: %.64s...: unknown key",
				       state->path, node->key_lines[i], name);
		else
			code = take_member(state, name, node->key_lines[i],
					   node->values[i], info);
	}
	return code;
}

static enum err
take_file(struct config_state *state, struct err_info *info)
{
	struct yaml_node *root = NULL;
	char *text = NULL;
	size_t size = 0;
	enum err code;

	code = file_read(state->path, YAML_SIZE_MAX, &text, &size, info);
	if (code != ERR_OK)
		return code;
	code = yaml_parse(text, size, YAML_SIZE_MAX, &root, info);
	if (code != ERR_OK)
		err_prefix(info, code, "%s", state->path);
	else if (root && root->type == YAML_MAPPING)
		code = take_section(state, "", root, info);
	else if (root && root->type != YAML_NULL)
		code = err_set(info, ERR_INVALID,
			       "%s:%d: expected a section with keys below",
			       state->path, root->line);
	yaml_tree_free(root);
	explicit_bzero(text, size); /* there may be secrets in it */
	free(text);
	return code;
}

/* ---- the environment and the flags ---- */

static enum err
take_text(struct config_state *state, const char *name, const char *text,
	  enum config_source source, struct err_info *info)
{
	const struct config_key *key = config_key_find(name);
	struct config_origin origin = {source, 0};
	size_t i = key ? (size_t)(key - config_keys) : secret_of(name);
	enum err code;

	if (!key && i == config_key_count)
		return err_set(info, ERR_INVALID, "%s: unknown key", name);
	if (!key) {
		code = set_secret_file(state, i, text, origin, info);
		return at_origin(state, &origin, name, code, info);
	}
	code = config_value_text(key, field_of(state, i), text, info);
	if (code == ERR_OK)
		state->origins[i] = origin;
	return at_origin(state, &origin, name, code, info);
}

static enum err
take_environment(struct config_state *state, struct err_info *info)
{
	char variable[CONFIG_NAME_SIZE];
	char name[CONFIG_NAME_SIZE + sizeof(FILE_SUFFIX)];
	enum err code = ERR_OK;
	const char *text;
	size_t i;

	for (i = 0; i < config_key_count && code == ERR_OK; i++) {
		text = getenv(variable_of(config_keys[i].name, variable));
		if (text)
			code = take_text(state, config_keys[i].name, text,
					 CONFIG_ENV, info);
		if (code != ERR_OK || !(config_keys[i].flags & CONFIG_SECRET))
			continue;
		snprintf(name, sizeof(name), "%s" FILE_SUFFIX,
			 config_keys[i].name);
		text = getenv(variable_of(name, variable));
		if (text)
			code = take_text(state, name, text, CONFIG_ENV, info);
	}
	return code;
}

static bool
variable_known(const char *variable)
{
	char known[CONFIG_NAME_SIZE];
	size_t i;
	size_t n;

	if (strcmp(variable, FILE_VARIABLE) == 0)
		return true;
	for (i = 0; i < config_key_count; i++) {
		variable_of(config_keys[i].name, known);
		n = strlen(known);
		if (strncmp(variable, known, n) != 0)
			continue;
		if (!variable[n] || ((config_keys[i].flags & CONFIG_SECRET) &&
				     strcmp(variable + n, "_FILE") == 0))
			return true;
	}
	return false;
}

/* The variable that was probably meant, "" for none; made in `near`. */
static const char *
variable_near(const char *variable, char near[static CONFIG_NAME_SIZE])
{
	char known[CONFIG_NAME_SIZE];
	size_t least = VARIABLE_NEAR + 1;
	size_t i;

	*near = '\0';
	for (i = 0; i < config_key_count; i++) {
		size_t distance = nearest_distance(
		    variable, variable_of(config_keys[i].name, known));

		if (distance >= least)
			continue;
		least = distance;
		snprintf(near, CONFIG_NAME_SIZE, "%s", known);
	}
	return near;
}

/* A variable that looks as if it were ours and is not would be ignored
 * silently: its owner has probably mistyped it. */
static void
warn_unknown_variables(void)
{
	char name[CONFIG_NAME_SIZE];
	char near[CONFIG_NAME_SIZE];
	char **variable;
	size_t length;

	for (variable = environ; variable && *variable; variable++) {
		length = strcspn(*variable, "=");
		if (strncmp(*variable, VARIABLE_PREFIX,
			    strlen(VARIABLE_PREFIX)) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)length, *variable);
		if (variable_known(name))
			continue;
		variable_near(name, near);
		log_warning("environment variable is no key of the "
			    "configuration, ignored",
			    LOG_S("variable", name),
			    LOG_S("did_you_mean", *near ? near : NULL));
	}
}

/* ---- secrets in files ---- */

/* A person's token is for that person; a service's secrets may be for its
 * group. */
static void
warn_readable(const struct config_key *key, const char *path)
{
	mode_t others = key->parts & CONFIG_CLIENT ? 077 : 007;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & others))
		log_warning("a file with a secret may be read by others; "
			    "chmod 600 it",
			    LOG_S("file", path));
}

static enum err
read_secret(struct config_state *state, size_t i, struct err_info *info)
{
	char name[CONFIG_NAME_SIZE + sizeof(FILE_SUFFIX)];
	const struct config_origin *origin = &state->secret_origins[i];
	char *text = NULL;
	size_t size = 0;
	enum err code;

	snprintf(name, sizeof(name), "%s" FILE_SUFFIX, config_keys[i].name);
	code = file_read(state->secret_files[i], CONFIG_SECRET_MAX, &text,
			 &size, info);
	if (code != ERR_OK)
		return at_origin(state, origin, name, code, info);
	warn_readable(&config_keys[i], state->secret_files[i]);
	while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		text[--size] = '\0';
	if (size == 0 || memchr(text, '\0', size))
		code =
		    err_set(info, ERR_INVALID, "%s: %s", state->secret_files[i],
			    size ? "has a NUL in it" : "is empty");
	else
		code = config_value_text(&config_keys[i], field_of(state, i),
					 text, info);
	explicit_bzero(text, size);
	free(text);
	if (code == ERR_OK)
		state->origins[i] = *origin;
	return at_origin(state, origin, name, code, info);
}

/* A file counts where its source goes before the value's own. */
static enum err
take_secrets(struct config_state *state, unsigned parts, struct err_info *info)
{
	enum err code = ERR_OK;
	size_t i;

	for (i = 0; i < config_key_count && code == ERR_OK; i++) {
		const struct config_key *key = &config_keys[i];
		enum config_source value = state->origins[i].source;
		enum config_source file = state->secret_origins[i].source;

		if (!state->secret_files[i])
			continue;
		if (value == file)
			return at_origin(
			    state, &state->origins[i], key->name,
			    err_set(info, ERR_INVALID,
				    "is given twice, as it is and as a file"),
			    info);
		if (value > file) {
			free(state->secret_files[i]);
			state->secret_files[i] = NULL;
		} else if (key->parts & parts) {
			code = read_secret(state, i, info);
		}
	}
	return code;
}

/* ---- all together ---- */

static enum err
choose_path(const char *path, struct config_state *state, struct err_info *info)
{
	static const char *const usual[] = {"./osapi.yaml",
					    "/etc/osapi/osapi.yaml"};
	const char *named = path ? path : getenv(FILE_VARIABLE);
	size_t i;

	if (!path && named && !*named)
		named = NULL; /* OSAPI_FILE= names none */
	for (i = 0; !named && i < sizeof(usual) / sizeof(usual[0]); i++)
		if (access(usual[i], F_OK) == 0)
			named = usual[i];
	if (named && strncmp(named, "./", 2) == 0)
		named += 2; /* as a person would name it in a message */
	state->path = strdup(named ? named : "");
	return state->path ? ERR_OK
			   : err_set(info, ERR_NO_MEMORY, "out of memory");
}

static enum err
take_defaults(struct config_state *state, struct err_info *info)
{
	enum err code = ERR_OK;
	size_t i;

	for (i = 0; i < config_key_count && code == ERR_OK; i++) {
		struct config_key key = config_keys[i];

		key.min = key.type == CONFIG_STRING ? 0 : key.min;
		code = config_value_text(&key, field_of(state, i), key.fallback,
					 info);
		if (code != ERR_OK)
			err_prefix(info, code, "default of %s", key.name);
	}
	return code;
}

enum err
config_load(const char *path, unsigned parts,
	    const struct config_override *overrides, struct config **config,
	    struct err_info *info)
{
	struct config_state *state;
	enum err code;

	if (path && !*path)
		return err_set(info, ERR_INVALID,
			       "the configuration's file name (-f) is empty");
	state = calloc(1, sizeof(*state));
	if (!state)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	code = choose_path(path, state, info);
	if (code == ERR_OK)
		code = take_defaults(state, info);
	if (code == ERR_OK && *state->path)
		code = take_file(state, info);
	if (code == ERR_OK)
		code = take_environment(state, info);
	for (; code == ERR_OK && overrides && overrides->key; overrides++)
		code = take_text(state, overrides->key, overrides->value,
				 CONFIG_FLAG, info);
	if (code == ERR_OK)
		code = take_secrets(state, parts, info);
	if (code == ERR_OK)
		code = config_check(state, parts, info);
	if (code != ERR_OK) {
		config_free(&state->config);
		return code;
	}
	warn_unknown_variables();
	*config = &state->config;
	return ERR_OK;
}

static struct config_state *
state_of(const struct config *config)
{
	return (struct config_state *)(uintptr_t)config;
}

void
config_free(struct config *config)
{
	struct config_state *state = state_of(config);
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config_key_count; i++) {
		config_value_release(&config_keys[i], field_of(state, i));
		free(state->secret_files[i]);
	}
	free(state->path);
	free(state);
}

const char *
config_path(const struct config *config)
{
	return state_of(config)->path;
}

/* ---- dump ---- */

/* How many octets of two names are the same sections, with the last dot. */
static size_t
shared_sections(const char *a, const char *b)
{
	size_t shared = 0;
	size_t i;

	for (i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '.')
			shared = i + 1;
	return shared;
}

static void
indent(const char *name, size_t used, FILE *out)
{
	size_t i;

	for (i = 0; i < used; i++)
		if (name[i] == '.')
			fputs("  ", out);
}

/* Writes the section lines that are new since `before`, then the last name. */
static void
print_name(const char *before, const char *name, FILE *out)
{
	size_t at = shared_sections(before, name);
	size_t length;

	for (;;) {
		indent(name, at, out);
		length = strcspn(name + at, ".");
		fprintf(out, "%.*s", (int)length, name + at);
		at += length;
		if (!name[at])
			return;
		fputs(":\n", out);
		at++;
	}
}

void
config_dump(const struct config *config, FILE *out)
{
	static const struct config_key file = {.type = CONFIG_PATH};
	const struct config_state *state = state_of(config);
	const char *before = "";
	size_t i;

	for (i = 0; i < config_key_count; i++) {
		const char *name = config_keys[i].name;

		print_name(before, name, out);
		before = name;
		fputs(state->secret_files[i] ? FILE_SUFFIX ": " : ": ", out);
		if (state->secret_files[i])
			config_value_print(&file, &state->secret_files[i], out);
		else
			config_value_print(&config_keys[i], field_of(state, i),
					   out);
		putc('\n', out);
	}
}

void
config_each_key(void (*each)(const char *key, const char *type,
			     const char *fallback, const char *range,
			     const char *help, bool secret, void *arg),
		void *arg)
{
	char range[128];
	size_t i;

	for (i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		each(key->name, config_type_text(key->type), key->fallback,
		     config_value_range(key, range), key->help,
		     (key->flags & CONFIG_SECRET) != 0, arg);
	}
}
