/*
 * cli/described.h: the commands that the description makes: words by
 * x-osapi-cli, flags from parameters and members of the body.
 */
#ifndef OSAPI_CLI_DESCRIBED_H
#define OSAPI_CLI_DESCRIBED_H

#include "cli/arguments.h"
#include "cli/command.h"
#include "lib/spec.h"

/* The endpoint whose words begin argv, the longest first; *used is their
 * number; NULL: none. */
const struct spec_endpoint *described_find(const struct spec *spec, int argc,
					   char **argv, int *used);

/* Runs it; argv[0] is the first word behind the command.  The exit code. */
int described_run(const struct cli *cli, const struct spec *spec,
		  const struct spec_endpoint *endpoint, int argc, char **argv);

/* Adds the flags of its command to what is known, and prints a command line as
 * an example. */
void described_flags(const struct spec *spec,
		     const struct spec_endpoint *endpoint,
		     struct arguments *arguments);
void described_show_example(const struct spec *spec,
			    const struct spec_endpoint *endpoint);

/* The placeholder of a value of this schema: "HOST", "N". */
const char *described_placeholder(const struct spec *spec,
				  const json_t *schema);

#endif
