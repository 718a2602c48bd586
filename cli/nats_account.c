/*
 * cli/nats_account.c: the account that each host's worker has in NATS.
 *
 * What it may: write its own events, results and heartbeat; read jobs by their
 * id, and whether they have ended; read its own results and its heartbeat;
 * make, ask and acknowledge the consumers by which it hears of jobs.
 * Each is an import, and the user's permissions say the same once more,
 * so that anything else is refused in words.  A request to JetStream's
 * API has the prefix NATS_JS_PREFIX here, as every account has subjects
 * below $JS.API of its own.
 */
#include "cli/nats_account.h"

#include <stdlib.h>
#include <string.h>

#include "cli/nats_text.h"
#include "lib/hearing.h"
#include "lib/quoted.h"

#define API_PREFIX   "$JS.API."
#define SUBJECT_MAX  1024
#define GRANTS_START 32
#define ANY_TAKER    "_any" /* as lib/store_claim.c has it */

/* Longer than a pull stands open: its answers come until then. */
#define PULL_THRESHOLD "60s"

/* ---- what is granted ---- */

struct grants {
	const struct config *config;
	size_t count;
	size_t room;
	char **subjects; /* as the API's account has them */
};

static enum err grant(struct grants *grants, struct err_info *info,
		      const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum err
grant(struct grants *grants, struct err_info *info, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int size;

	if (grants->count == grants->room) {
		size_t room = grants->room ? 2 * grants->room : GRANTS_START;
		char **grown = realloc(grants->subjects, room * sizeof(*grown));

		if (!grown)
			return err_set(info, ERR_NO_MEMORY, "out of memory");
		grants->subjects = grown;
		grants->room = room;
	}
	va_start(args, fmt);
	size = vasprintf(&text, fmt, args);
	va_end(args);
	if (size < 0)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	grants->subjects[grants->count++] = text;
	if (size >= SUBJECT_MAX)
		return err_set(info, ERR_TOO_LARGE, "%.64s...: too long", text);
	return ERR_OK;
}

static enum err
grant_consumer(const struct hearing *hearing, void *arg, struct err_info *info)
{
	struct grants *grants = arg;
	const char *stream = grants->config->job.stream_name;
	const char *name = hearing->consumer;
	enum err code;

	code =
	    grant(grants, info, API_PREFIX "CONSUMER.INFO.%s.%s", stream, name);
	/* with the filter: it cannot ask for more than it is to hear */
	if (code == ERR_OK && !hearing->shared)
		code =
		    grant(grants, info, API_PREFIX "CONSUMER.CREATE.%s.%s.%s",
			  stream, name, hearing->filter);
	if (code == ERR_OK)
		code = grant(grants, info, API_PREFIX "CONSUMER.MSG.NEXT.%s.%s",
			     stream, name);
	if (code == ERR_OK)
		code = grant(grants, info, "$JS.ACK.%s.%s.>", stream, name);
	return code;
}

/* `host` is the host's token. */
static enum err
grant_keys(struct grants *grants, const char *host, struct err_info *info)
{
	const char *queue = grants->config->job.kv_bucket;
	const char *responses = grants->config->job.kv_response_bucket;
	const char *registry = grants->config->job.registry_bucket;
	enum err code;

	code = grant(grants, info, "$KV.%s.status.*.*.%s.*", queue, host);
	if (code == ERR_OK)
		code = grant(grants, info,
			     "$KV.%s.status.*.acknowledged." ANY_TAKER ".0",
			     queue);
	if (code == ERR_OK)
		code = grant(grants, info, "$KV.%s.%s.*", responses, host);
	if (code == ERR_OK)
		code = grant(grants, info, "$KV.%s.%s", registry, host);
	if (code == ERR_OK)
		code = grant(grants, info,
			     API_PREFIX "DIRECT.GET.KV_%s.$KV.%s.jobs.*", queue,
			     queue);
	if (code == ERR_OK)
		code = grant(grants, info,
			     API_PREFIX "DIRECT.GET.KV_%s.$KV.%s.status.*."
					"acknowledged." ANY_TAKER ".0",
			     queue, queue);
	/* whether the host that has taken a job has ended it */
	if (code == ERR_OK)
		code = grant(grants, info,
			     API_PREFIX "DIRECT.GET.KV_%s.$KV.%s.status.*."
					"completed.*.*",
			     queue, queue);
	if (code == ERR_OK)
		code = grant(grants, info,
			     API_PREFIX "DIRECT.GET.KV_%s.$KV.%s.status.*."
					"failed.*.*",
			     queue, queue);
	if (code == ERR_OK)
		code = grant(grants, info,
			     API_PREFIX "DIRECT.GET.KV_%s.$KV.%s.%s.*",
			     responses, responses, host);
	if (code == ERR_OK)
		code =
		    grant(grants, info, API_PREFIX "DIRECT.GET.KV_%s.$KV.%s.%s",
			  registry, registry, host);
	return code;
}

static void
release(struct grants *grants)
{
	size_t i;

	for (i = 0; i < grants->count; i++)
		free(grants->subjects[i]);
	free(grants->subjects);
}

/* ---- how it is written ---- */

static bool
is_api(const char *subject)
{
	return strncmp(subject, API_PREFIX, strlen(API_PREFIX)) == 0;
}

/* What the worker's account calls it; returns buf. */
static char *
local(const char *subject, char buf[static SUBJECT_MAX + 32])
{
	bool api = is_api(subject);

	snprintf(buf, SUBJECT_MAX + 32, "%s%s", api ? NATS_JS_PREFIX "." : "",
		 subject + (api ? strlen(API_PREFIX) : 0));
	return buf;
}

/* The same with "$1", "$2" ... in place of each "*". */
static void
numbered(const char *subject, FILE *out)
{
	int number = 0;

	for (; *subject; subject++)
		if (*subject == '*')
			fprintf(out, "$%d", ++number);
		else
			putc(*subject, out);
}

static void
write_import(const char *subject, FILE *out)
{
	char buf[SUBJECT_MAX + 32];

	fputs("      { service: { account: " NATS_ACCOUNT_API ", subject: ",
	      out);
	quoted_print(subject, out);
	fputs(" }", out);
	if (is_api(subject)) {
		fputs(", to: \"", out);
		numbered(local(subject, buf), out);
		putc('"', out);
	}
	fputs(" }\n", out);
}

static void
write_account(const struct nats_worker *worker, const struct grants *grants,
	      FILE *out)
{
	char buf[SUBJECT_MAX + 32];
	char user[NATS_WORKER_USER_SIZE];
	size_t i;

	nats_worker_user(worker->host, user);
	fputs("  ", out);
	quoted_print(user, out);
	fputs(" {\n    users: [ {\n        ", out);
	nats_text_login(user, worker->password, out);
	fputs("\n        permissions {\n        publish: [\n", out);
	nats_text_inbox(user, out);
	for (i = 0; i < grants->count; i++)
		nats_text_item(local(grants->subjects[i], buf), out);
	fputs("        ]\n        subscribe: [\n", out);
	nats_text_inbox(user, out);
	fputs("        ]\n        }\n    } ]\n    imports: [\n", out);
	for (i = 0; i < grants->count; i++)
		write_import(grants->subjects[i], out);
	fputs("    ]\n  }\n", out);
}

enum err
nats_account_write(const struct config *c, const struct nats_worker *worker,
		   FILE *out, struct err_info *info)
{
	struct grants grants = {.config = c};
	char host[SUBJECT_HOST_MAX + 1];
	enum err code;

	code =
	    grant_keys(&grants, subject_host_token(worker->host, host), info);
	if (code == ERR_OK)
		code = hearing_each(c, worker->host, &worker->labels,
				    grant_consumer, &grants, info);
	if (code == ERR_OK)
		write_account(worker, &grants, out);
	else
		err_prefix(info, code, "worker %s", worker->host);
	release(&grants);
	return code;
}

static void
write_export(const char *prefix, const char *name, const char *suffix,
	     const char *more, FILE *out)
{
	char text[SUBJECT_MAX];

	snprintf(text, sizeof(text), "%s%.128s%s", prefix, name, suffix);
	fputs("      { service: ", out);
	quoted_print(text, out);
	fprintf(out, "%s }\n", more);
}

void
nats_account_exports(const struct config *c, FILE *out)
{
	static const char streamed[] =
	    ", response_type: stream, threshold: \"" PULL_THRESHOLD "\"";
	const char *jobs = c->job.stream_name;
	const char *const buckets[] = {c->job.kv_bucket,
				       c->job.kv_response_bucket,
				       c->job.registry_bucket};
	size_t i;

	fputs("    exports: [\n", out);
	for (i = 0; i < 3; i++) {
		write_export("$KV.", buckets[i], i == 0 ? ".status.>" : ".>",
			     "", out);
		write_export(API_PREFIX "DIRECT.GET.KV_", buckets[i], ".>", "",
			     out);
	}
	write_export(API_PREFIX "CONSUMER.INFO.", jobs, ".>", "", out);
	write_export(API_PREFIX "CONSUMER.CREATE.", jobs, ".>", "", out);
	write_export(API_PREFIX "CONSUMER.MSG.NEXT.", jobs, ".>", streamed,
		     out);
	write_export("$JS.ACK.", jobs, ".>", "", out);
	fputs("    ]\n", out);
}
