/*
 * cli/init_text.h: the lines of a new osapi.yaml.
 */
#ifndef OSAPI_CLI_INIT_TEXT_H
#define OSAPI_CLI_INIT_TEXT_H

#include <stdio.h>

/* "    name: "value"", indented by `depth` levels; nothing for NULL. */
void init_text_member(int depth, const char *name, const char *value,
		      FILE *out);

#endif
