/*
 * cli/client.h: the client commands that the description does not make; their
 * rows stand in cli/client.c.  Each is a struct command's `run`.
 */
#ifndef OSAPI_CLI_CLIENT_H
#define OSAPI_CLI_CLIENT_H

#include "cli/command.h"

int client_job_add(const struct cli *cli, const struct arguments *arguments);
int client_job_get(const struct cli *cli, const struct arguments *arguments);
int client_job_run(const struct cli *cli, const struct arguments *arguments);
int client_job_retry(const struct cli *cli, const struct arguments *arguments);
int client_job_status(const struct cli *cli, const struct arguments *arguments);
int client_metrics(const struct cli *cli, const struct arguments *arguments);
int client_request(const struct cli *cli, const struct arguments *arguments);

#endif
