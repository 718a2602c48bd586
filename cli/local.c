/* cli/local.c: the table of the commands that need no API. */
#include "cli/local.h"

#include <stdio.h>

static int
version(const struct cli *cli, const struct arguments *arguments)
{
	(void)arguments;
	printf(cli->json ? "{\"version\":\"%s\"}\n" : "osapi %s\n",
	       OSAPI_VERSION);
	return 0;
}

static const struct argument up_flags[] = {
    {"dir", 0, "DIR", false, "Where everything is kept (./run).", NULL},
    {"port", 0, "N", false, "Port of the API on 127.0.0.1 (8080).", NULL},
    {"demo", 0, NULL, false, "End after the first job.", NULL},
    {"quiet", 0, NULL, false, "Do not show what the programs log.", NULL},
    ARGUMENTS_END,
};

static const struct argument init_flags[] = {
    {"dir", 0, "DIR", false, "Where it goes (/etc/osapi).", NULL},
    {"host", 0, "NAME", false,
     "This host's name for its worker (the system's).", NULL},
    ARGUMENTS_END,
};

static const struct argument worker_add_flags[] = {
    {"label", 0, "KEY:VALUE", true, "A label by which jobs may reach it.",
     NULL},
    {"nats-host", 0, "NAME", false,
     "How it reaches nats-server (this host's name).", NULL},
    {"dir", 0, "DIR", false,
     "Where its files are written (hosts/HOST beside osapi.yaml).", NULL},
    {"at", 0, "DIR", false, "Where they will be on that host (/etc/osapi).",
     NULL},
    ARGUMENTS_END,
};

static const struct argument nginx_flags[] = {
    {"snippet", 0, "http|server", false,
     "Only the part for that context of a site which is there already.", NULL},
    {"standalone", 0, NULL, false,
     "The whole configuration of an nginx in the foreground.", NULL},
    {"dir", 0, "DIR", false, "The only directory it writes to.", NULL},
    ARGUMENTS_END,
};

static const struct argument nats_flags[] = {
    {"config-dir", 0, "DIR", false,
     "Where nats-server.conf is written (nats.server.store_dir).", NULL},
    {"print", 0, NULL, false, "Print the configuration instead.", NULL},
    ARGUMENTS_END,
};

static const struct argument token_flags[] = {
    {"role", 0, "read|write|admin", false, "What the token allows.", NULL},
    {"subject", 0, "NAME", false, "Whose it is; jobs name it.", NULL},
    {"expires", 0, "DURATION", false, "How long it is valid (90d).", NULL},
    ARGUMENTS_END,
};

const struct command command_local[] = {
    {"up",
     "",
     0,
     "Run the whole stack in the foreground",
     "Starts nats-server, osapi-fcgi, osapi-worker and nginx on 127.0.0.1, "
     "runs one job\nand stays until Ctrl-C.  All state and random secrets are "
     "in DIR,\nthe logs of the programs too; with --demo they are not "
     "shown.\n",
     "  osapi up --dir /tmp/osapi --port 8081\n",
     {up_flags},
     up_run},
    {"init",
     "",
     0,
     "Make a configuration with random secrets",
     "Writes DIR/osapi.yaml, DIR/workers with this host in it, and DIR/keys. "
     "Files that\nare there already are never written over.\n",
     "  osapi init --dir /etc/osapi\n",
     {init_flags},
     init_run},
    {"config check",
     "",
     0,
     "Read osapi.yaml and say what is wrong with it",
     "",
     "  osapi -f /etc/osapi/osapi.yaml config check\n",
     {NULL},
     settings_check},
    {"config dump",
     "",
     0,
     "Print all settings, secrets masked",
     "",
     "  osapi config dump\n",
     {NULL},
     settings_dump},
    {"nginx config",
     "",
     0,
     "Print the nginx site for osapi.yaml",
     "With --standalone it needs --dir. A site that is there already gets "
     "both snippets,\nand in its server block: include "
     "snippets/osapi.conf;\n",
     "  osapi nginx config >/etc/nginx/sites-enabled/osapi\n"
     "  osapi nginx config --snippet http >/etc/nginx/conf.d/osapi.conf\n"
     "  osapi nginx config --snippet server >/etc/nginx/snippets/osapi.conf\n",
     {nginx_flags},
     nginx_config},
    {"api server start",
     "",
     0,
     "Run osapi-fcgi",
     "",
     "  osapi -f /etc/osapi/osapi.yaml api server start\n",
     {NULL},
     program_api_start},
    {"job worker start",
     "",
     0,
     "Run osapi-worker",
     "",
     "  osapi -f /etc/osapi/osapi.yaml job worker start\n",
     {NULL},
     program_worker_start},
    {"nats server start",
     "",
     0,
     "Run nats-server with the users of osapi.yaml",
     "Stays and watches over it: one that answers nothing for "
     "nats.server.mute_after is\nkilled and started again. SIGHUP reloads "
     "osapi.yaml. The configuration that it\nwrites is readable by its owner "
     "only.\n",
     "  osapi nats server start --config-dir /run/osapi-nats\n",
     {nats_flags},
     nats_run},
    {"nats worker add",
     "HOST",
     1,
     "Let the worker of another host in",
     "Adds a line to the file nats.server.workers and writes what that host "
     "needs: an\nosapi.yaml with a NATS password of its own, and the key that "
     "it trusts. A host\nthat has a line, and files that are there, are left "
     "as they are.\n",
     "  osapi nats worker add web-1 --label group:web.dev\n",
     {worker_add_flags},
     nats_worker_add},
    {"token generate",
     "--role ROLE --subject NAME",
     0,
     "Print a new access token",
     "",
     "  osapi token generate --role read --subject alice --expires 30d\n",
     {token_flags},
     token_generate},
    {"token validate",
     "[TOKEN|-]",
     1,
     "Say what a token allows",
     "Without TOKEN, or with -, it is read from standard input.\n",
     "  osapi token validate <token\n",
     {NULL},
     token_validate},
    {"completion",
     "bash|zsh",
     1,
     "Print the completion of a shell",
     "",
     "  osapi completion bash >/etc/bash_completion.d/osapi\n"
     "  source <(osapi completion bash)\n"
     "  osapi completion zsh >~/.zfunc/_osapi\n",
     {NULL},
     completion_run},
    {"version",
     "",
     0,
     "Print the version",
     "",
     "  osapi version\n",
     {NULL},
     version},
    {NULL, NULL, 0, NULL, NULL, NULL, {NULL}, NULL},
};
