/* cli/init_worker.c: the worker's part of osapi.yaml. */
#include "cli/init_worker.h"

#include <inttypes.h>
#include <string.h>

#include "cli/init_text.h"
#include "cli/nats_account.h"
#include "cli/nats_workers.h"
#include "lib/quoted.h"

static void
render_keys(const char *paths, FILE *out)
{
	char path[1024];
	size_t length;

	fputs("    trusted_keys:\n", out);
	for (; *paths; paths += length + (paths[length] == '\n')) {
		length = strcspn(paths, "\n");
		snprintf(path, sizeof(path), "%.*s", (int)length, paths);
		fputs("    - ", out);
		quoted_print(path, out);
		putc('\n', out);
	}
}

static void
render_labels(const struct config_map *labels, FILE *out)
{
	size_t i;

	if (!labels || !labels->count)
		return;
	fputs("    # nats-server knows them, too: they are in its list of "
	      "workers\n"
	      "    labels:\n",
	      out);
	for (i = 0; i < labels->count; i++)
		init_text_member(3, labels->keys[i], labels->values[i], out);
}

void
init_render_worker(const struct init_worker *worker, FILE *out)
{
	char user[NATS_WORKER_USER_SIZE];

	fputs("job:\n  worker:\n", out);
	render_keys(worker->public_keys, out);
	if (worker->named)
		init_text_member(2, "hostname", worker->host, out);
	init_text_member(2, "journal_dir", worker->journal_dir, out);
	render_labels(worker->labels, out);
	fputs("    nats:\n", out);
	init_text_member(3, "host", worker->nats_host, out);
	if (worker->nats_host)
		fprintf(out, "      port: %" PRId64 "\n", worker->nats_port);
	init_text_member(3, "user", nats_worker_user(worker->host, user), out);
	init_text_member(3, "password", worker->password, out);
	init_text_member(3, "js_prefix", NATS_JS_PREFIX, out);
	if (!worker->ca)
		return;
	fputs("      tls:\n", out);
	init_text_member(4, "ca", worker->ca, out);
}
