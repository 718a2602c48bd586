/*
 * cli/program.h: where the other programs are.
 */
#ifndef OSAPI_CLI_PROGRAM_H
#define OSAPI_CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* The path of this program; false where /proc does not tell. */
bool program_self(char path[static PATH_MAX]);

/* A program of ours: beside this one, else in ../sbin, else in PATH. */
bool program_ours(const char *name, char path[static PATH_MAX]);

/* A program of the system: in PATH, else in /usr/sbin or /usr/local/sbin. */
bool program_system(const char *name, char path[static PATH_MAX]);

#endif
