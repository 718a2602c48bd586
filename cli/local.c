/* cli/local.c: the table of the commands that need no API. */
#include "cli/local.h"

#include <stdio.h>

static int
version(const struct cli *cli, int argc, char **argv)
{
	(void)argv;
	if (argc > 0)
		return command_fail(ERR_INVALID, "version takes no argument");
	printf(cli->json ? "{\"version\":\"%s\"}\n" : "osapi %s\n",
	       OSAPI_VERSION);
	return 0;
}

const struct command command_local[] = {
    {"up", "[--dir DIR] [--port N] [--demo] [--verbose]",
     "run the whole stack in the foreground",
     "Starts nats-server, osapi-fcgi, osapi-worker and nginx on 127.0.0.1, "
     "runs one job\nand stays until Ctrl-C.  All state and random secrets are "
     "in DIR (./run).\nWith --demo it ends after the job.\n",
     up_run},
    {"init", "[--dir DIR]", "make a configuration with random secrets",
     "Writes DIR/osapi.yaml (/etc/osapi) and the keys that sign jobs. Files "
     "that\nare there already are never written over.\n",
     init_run},
    {"config check", "", "read osapi.yaml and say what is wrong with it", "",
     settings_check},
    {"config dump", "", "print all settings, secrets masked", "",
     settings_dump},
    {"nginx config", "[--standalone --dir DIR | --snippet http|server]",
     "print the nginx site for osapi.yaml",
     "Example:\n  osapi nginx config >/etc/nginx/sites-enabled/osapi\n"
     "With --standalone it is the whole configuration of an nginx in the\n"
     "foreground that writes below DIR only.\n"
     "For a site that is there already:\n"
     "  osapi nginx config --snippet http >/etc/nginx/conf.d/osapi.conf\n"
     "  osapi nginx config --snippet server >/etc/nginx/snippets/osapi.conf\n"
     "and in its server block: include snippets/osapi.conf;\n",
     nginx_config},
    {"api server start", "", "run osapi-fcgi", "", program_api_start},
    {"job worker start", "", "run osapi-worker", "", program_worker_start},
    {"nats server start", "[--config-dir DIR] [--print]",
     "run nats-server with the users of osapi.yaml",
     "The configuration is written to DIR/nats-server.conf "
     "(nats.server.store_dir),\nreadable by its owner only; --print shows it "
     "instead.\n",
     nats_run},
    {"token generate", "--role ROLE --subject NAME [--expires 90d]",
     "print a new access token",
     "ROLE is read, write or admin.\nExample:\n"
     "  osapi token generate --role read --subject alice --expires 30d\n",
     token_generate},
    {"token validate", "[TOKEN|-]", "say what a token allows",
     "Without TOKEN, or with -, it is read from standard input.\n",
     token_validate},
    {"version", "", "print the version", "", version},
    {NULL, NULL, NULL, NULL, NULL},
};
