/*
 * lib/config_key.h: what lib/config*.c share; nothing else includes it.
 *
 * config_table.c has the one row per key; config_value.c turns texts and YAML
 * into a key's field and back; config_check.c looks at what keys mean together;
 * config.c loads, dumps and frees.
 */
#ifndef OSAPI_LIB_CONFIG_KEY_H
#define OSAPI_LIB_CONFIG_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/yaml.h"

#define CONFIG_KEYS_MAX   128
#define CONFIG_NAME_SIZE  128  /* room for a key's or a variable's name */
#define CONFIG_SECRET_MAX 4096 /* octets of a secret's file */

enum config_type {
	CONFIG_STRING,
	CONFIG_PATH,
	CONFIG_INTEGER,
	CONFIG_BOOL,
	CONFIG_DURATION,
	CONFIG_OCTETS,
	CONFIG_ENUM,
	CONFIG_LIST,
	CONFIG_DURATIONS,
	CONFIG_MAP
};

enum config_flag {
	CONFIG_SECRET = 1,   /* masked, wiped; may be given as {name}_file */
	CONFIG_REQUIRED = 2, /* must not be empty for its parts */
	CONFIG_TOKEN = 4, /* letters, digits, "_" and "-" only: names in NATS */
	CONFIG_URL = 8    /* http:// or https:// */
};

struct config_key {
	const char *name; /* "api.server.port" */
	enum config_type type;
	size_t offset;        /* of the field in struct config */
	const char *fallback; /* the default as text */
	/* of integers the value, of durations ms, of octets octets, of
	 * strings the length, of lists and maps the number of entries */
	int64_t min;
	int64_t max;
	const char *const *words; /* of an enum, by value, NULL at the end */
	unsigned flags;           /* enum config_flag */
	unsigned required_by;     /* enum config_part, with CONFIG_REQUIRED */
	unsigned parts;           /* enum config_part: who uses it */
	const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* Where a value came from. */
enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENV, CONFIG_FLAG };

struct config_origin {
	enum config_source source;
	int line; /* in the file */
};

/* A struct config as config_load makes it. */
struct config_state {
	struct config config; /* first: a struct config * is one of these */
	char *path;
	struct config_origin origins[CONFIG_KEYS_MAX];
	/* of secrets: the value of {name}_file, NULL for none */
	char *secret_files[CONFIG_KEYS_MAX];
	struct config_origin secret_origins[CONFIG_KEYS_MAX];
};

/* The row of a key, or NULL. */
const struct config_key *config_key_find(const char *name);

/* "osapi.yaml:12: api.server.port", "OSAPI_API_SERVER_PORT" or the name alone;
 * returns buf. */
char *config_origin_text(const struct config_state *state,
			 const struct config_origin *origin, const char *name,
			 char buf[static 512]);

/* Reads a value of the file, the environment, a flag or the default and puts
 * it in the place of the field's former one.  `info` says what was expected. */
enum err config_value_text(const struct config_key *key, void *field,
			   const char *text, struct err_info *info);
enum err config_value_node(const struct config_key *key, void *field,
			   const struct yaml_node *node, struct err_info *info);
/* Wipes a secret and frees; the field is then empty. */
void config_value_release(const struct config_key *key, void *field);
/* Writes the value as YAML flow; secrets masked. */
void config_value_print(const struct config_key *key, const void *field,
			FILE *out);
bool config_value_empty(const struct config_key *key, const void *field);
/* "1 to 1024", "process or power"; returns buf. */
char *config_value_range(const struct config_key *key, char buf[static 128]);
/* "string", "duration", ... */
const char *config_type_text(enum config_type type);

/* What keys mean together and beyond their form, for the given parts. */
enum err config_check(const struct config_state *state, unsigned parts,
		      struct err_info *info);

#endif
