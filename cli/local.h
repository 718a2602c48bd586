/*
 * cli/local.h: the commands that need no API; their rows stand in cli/local.c.
 * Each is a struct command's `run`.
 */
#ifndef OSAPI_CLI_LOCAL_H
#define OSAPI_CLI_LOCAL_H

#include "cli/command.h"

int token_generate(const struct cli *cli, const struct arguments *arguments);
int token_validate(const struct cli *cli, const struct arguments *arguments);
int settings_check(const struct cli *cli, const struct arguments *arguments);
int settings_dump(const struct cli *cli, const struct arguments *arguments);
int init_run(const struct cli *cli, const struct arguments *arguments);
int nginx_config(const struct cli *cli, const struct arguments *arguments);
int nats_run(const struct cli *cli, const struct arguments *arguments);
int nats_worker_add(const struct cli *cli, const struct arguments *arguments);
int program_api_start(const struct cli *cli, const struct arguments *arguments);
int program_worker_start(const struct cli *cli,
			 const struct arguments *arguments);
int completion_run(const struct cli *cli, const struct arguments *arguments);
int up_run(const struct cli *cli, const struct arguments *arguments);

#endif
