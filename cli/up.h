/*
 * cli/up.h: what cli/up*.c share; nothing else includes it.
 *
 * cli/up_prepare.c makes the directory and looks at what may be in the way;
 * cli/up.c starts the programs, waits until they are ready, runs a job and
 * stays.
 */
#ifndef OSAPI_CLI_UP_H
#define OSAPI_CLI_UP_H

#include <limits.h>
#include <stdbool.h>

#include "cli/command.h"
#include "lib/config.h"
#include "lib/error.h"

struct up {
	bool demo;
	bool verbose;
	int port; /* --port, 0: as osapi.yaml says */
	char dir[PATH_MAX - 128];
	char config_path[PATH_MAX];
	char token_path[PATH_MAX];
	char log_dir[PATH_MAX];
	char nginx_dir[PATH_MAX];
	char nginx_conf[PATH_MAX];
	char socket_dir[32]; /* below /tmp, "": the socket is in dir */
	int lock;            /* held as long as this runs, -1: not */
	struct config *config;
	/* where the programs are */
	char self[PATH_MAX];
	char nats_server[PATH_MAX];
	char fcgi[PATH_MAX];
	char worker[PATH_MAX];
	char nginx[PATH_MAX];
};

/*
 * Everything before the first program starts: finds the programs, makes and
 * locks `dir` (the name as given), writes what is missing there, chooses ports,
 * sets the environment for the programs, loads up->config.  Nothing runs
 * after a failure; up_release is due in any case.
 */
enum err up_prepare(struct up *up, const char *dir, struct err_info *info);

void up_release(struct up *up);

#endif
