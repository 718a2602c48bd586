/*
 * cli/catalog.h: every command of osapi(1) with its flags, from the tables and
 * the description: for help, "did you mean", completion and the test of the
 * manual pages.
 */
#ifndef OSAPI_CLI_CATALOG_H
#define OSAPI_CLI_CATALOG_H

#include "cli/command.h"
#include "lib/spec.h"

struct catalog_entry {
	char words[96]; /* "client job run" */
	const char *summary;
	const struct command *command;        /* NULL: of the description */
	const struct spec_endpoint *endpoint; /* then this */
	struct arguments arguments;           /* its flags, as known */
};

struct catalog {
	const struct spec *spec; /* owned */
	size_t count;
	struct catalog_entry *entries; /* by words */
};

/* NULL after a failure, which `info` tells; the caller frees it. */
struct catalog *catalog_new(struct err_info *info);
void catalog_free(struct catalog *catalog);

/* Lists the commands whose words begin with those of `prefix` ("": all); how
 * many. */
size_t catalog_list(const struct catalog *catalog, const char *prefix,
		    FILE *out);

/*
 * What is said where argv[0..argc-1] behind `prefix` ("", "client") begin no
 * command: help of a group, a word that is missing, a command that may have
 * been meant; the exit code.
 */
int catalog_miss(const char *prefix, int argc, char **argv);

#endif
