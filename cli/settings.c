/* cli/settings.c: `config check` and `config dump`. */
#include <stdio.h>

#include "cli/local.h"
#include "cli/nats_workers.h"

/* What a machine uses cannot be known; a part is checked as far as the file
 * sets its required keys. */
static unsigned
parts_of(const struct config *config)
{
	unsigned parts = CONFIG_CLIENT;

	if (*config->nats.server.workers)
		parts |= CONFIG_NATS_SERVER;
	if (*config->api.server.security.job_signing_key_file)
		parts |= CONFIG_SERVER;
	if (config->job.worker.trusted_keys.count > 0)
		parts |= CONFIG_WORKER;
	return parts;
}

static int
load(const struct cli *cli, unsigned parts, struct config **config)
{
	struct err_info info = {""};
	enum err code;

	code = config_load(cli->config_path, parts, NULL, config, &info);
	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	return 0;
}

/* What the file of another program's part says. */
static int
check_workers(const struct config *config)
{
	struct nats_workers workers;
	struct err_info info = {""};
	enum err code =
	    nats_workers_read(config->nats.server.workers, &workers, &info);

	if (code != ERR_OK)
		return command_fail(code, "%s", info.text);
	nats_workers_release(&workers);
	return 0;
}

int
settings_check(const struct cli *cli, const struct arguments *arguments)
{
	struct config *config = NULL;
	unsigned parts;
	int status;

	(void)arguments;
	status = load(cli, 0, &config);
	if (status != 0)
		return status;
	parts = parts_of(config);
	config_free(config);
	config = NULL;
	status = load(cli, parts, &config);
	if (status == 0 && (parts & CONFIG_NATS_SERVER))
		status = check_workers(config);
	if (status == 0)
		printf("%s: good for the client%s%s%s\n",
		       *config_path(config)
			   ? config_path(config)
			   : "no file (defaults and environment)",
		       parts & CONFIG_NATS_SERVER ? ", nats-server" : "",
		       parts & CONFIG_SERVER ? ", the API" : "",
		       parts & CONFIG_WORKER ? ", the worker" : "");
	config_free(config);
	return status;
}

int
settings_dump(const struct cli *cli, const struct arguments *arguments)
{
	struct config *config = NULL;
	int status;

	(void)arguments;
	status = load(cli, 0, &config);
	if (status != 0)
		return status;
	config_dump(config, stdout);
	config_free(config);
	return 0;
}
