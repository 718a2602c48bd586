/*
 * cli/nats_workers.c: the file of the hosts whose workers may connect.
 */
#include "cli/nats_workers.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/job.h"

#define FILE_SIZE_MAX (4 << 20)
#define PASSWORD_MIN  16
#define PASSWORD_MAX  256
#define LABELS_MAX    16 /* as job.worker.labels */
#define BLANKS        " \t\r"

struct reading {
	const char *path;
	int line;
	struct nats_workers *workers;
	struct err_info *info;
};

static enum err
refuse(const struct reading *r, const char *what)
{
	return err_set(r->info, ERR_INVALID, "%s:%d: %s", r->path, r->line,
		       what);
}

char *
nats_worker_user(const char *host, char buf[static NATS_WORKER_USER_SIZE])
{
	snprintf(buf, NATS_WORKER_USER_SIZE, NATS_WORKER_USER "%s", host);
	return buf;
}

/* ---- one line ---- */

static enum err
take_host(const struct reading *r, const char *word, struct nats_worker *worker)
{
	struct err_info why = {""};
	size_t i;

	if (subject_host_check(word, worker->host, &why) != ERR_OK)
		return refuse(r, why.text);
	if (strcmp(worker->host, JOB_API_HOST) == 0)
		return refuse(r,
			      "no worker may be called \"" JOB_API_HOST "\"");
	for (i = 0; i + 1 < r->workers->count; i++)
		if (strcmp(r->workers->items[i].host, worker->host) == 0)
			return refuse(r, "this host has a line already");
	return ERR_OK;
}

static enum err
take_password(const struct reading *r, const char *word,
	      struct nats_worker *worker)
{
	size_t size = word ? strlen(word) : 0;
	size_t i;

	if (size < PASSWORD_MIN || size > PASSWORD_MAX)
		return refuse(r, "expected HOST and a password of 16 to 256 "
				 "characters");
	for (i = 0; i < size; i++)
		if (!isgraph((unsigned char)word[i]))
			return refuse(r, "the password has a character that "
					 "is not of ASCII");
	worker->password = strdup(word);
	return worker->password
		   ? ERR_OK
		   : err_set(r->info, ERR_NO_MEMORY, "out of memory");
}

static enum err
take_label(const struct reading *r, char *word, struct nats_worker *worker)
{
	struct config_map *labels = &worker->labels;
	char *colon = strchr(word, ':');
	struct err_info why = {""};
	size_t i;

	if (!colon)
		return refuse(r, "expected labels as KEY:VALUE");
	*colon = '\0';
	if (subject_label_check(word, colon + 1, &why) != ERR_OK)
		return refuse(r, why.text);
	for (i = 0; i < labels->count; i++)
		if (strcmp(labels->keys[i], word) == 0)
			return refuse(r, "a label is there twice");
	if (labels->count == LABELS_MAX)
		return refuse(r, "more than 16 labels");
	labels->keys[labels->count] = strdup(word);
	labels->values[labels->count] = strdup(colon + 1);
	labels->count++;
	if (!labels->keys[labels->count - 1] ||
	    !labels->values[labels->count - 1])
		return err_set(r->info, ERR_NO_MEMORY, "out of memory");
	return ERR_OK;
}

static struct nats_worker *
add_item(struct nats_workers *workers)
{
	struct nats_worker *grown =
	    realloc(workers->items, (workers->count + 1) * sizeof(*grown));
	struct nats_worker *worker;

	if (!grown)
		return NULL;
	workers->items = grown;
	worker = &grown[workers->count++];
	memset(worker, 0, sizeof(*worker));
	worker->labels.keys = calloc(LABELS_MAX, sizeof(char *));
	worker->labels.values = calloc(LABELS_MAX, sizeof(char *));
	return worker->labels.keys && worker->labels.values ? worker : NULL;
}

static enum err
take_line(const struct reading *r, char *line)
{
	char *rest = line + strspn(line, BLANKS);
	struct nats_worker *worker;
	const char *host;
	char *word;
	enum err code;

	if (!*rest || *rest == '#')
		return ERR_OK;
	worker = add_item(r->workers);
	if (!worker)
		return err_set(r->info, ERR_NO_MEMORY, "out of memory");
	worker->line = r->line;
	host = strtok_r(rest, BLANKS, &rest);
	code = take_host(r, host, worker);
	if (code == ERR_OK)
		code = take_password(r, strtok_r(NULL, BLANKS, &rest), worker);
	while (code == ERR_OK && (word = strtok_r(NULL, BLANKS, &rest)))
		code = take_label(r, word, worker);
	return code;
}

/* ---- the file ---- */

static enum err
take_text(const char *path, char *text, struct nats_workers *workers,
	  struct err_info *info)
{
	struct reading r = {.path = path, .workers = workers, .info = info};
	enum err code = ERR_OK;
	char *line;

	while (code == ERR_OK && (line = strsep(&text, "\n"))) {
		r.line++;
		code = take_line(&r, line);
	}
	return code;
}

enum err
nats_workers_read(const char *path, struct nats_workers *workers,
		  struct err_info *info)
{
	char *text = NULL;
	size_t size = 0;
	enum err code;

	*workers = (struct nats_workers){.count = 0};
	if (!*path)
		return ERR_OK;
	code = file_read(path, FILE_SIZE_MAX, &text, &size, info);
	if (code != ERR_OK)
		return err_prefix(info, code, "nats.server.workers");
	code = take_text(path, text, workers, info);
	explicit_bzero(text, size);
	free(text);
	if (code != ERR_OK)
		nats_workers_release(workers);
	return code;
}

void
nats_workers_release(struct nats_workers *workers)
{
	size_t i;
	size_t k;

	for (i = 0; i < workers->count; i++) {
		struct nats_worker *worker = &workers->items[i];

		if (worker->password)
			explicit_bzero(worker->password,
				       strlen(worker->password));
		free(worker->password);
		for (k = 0; k < worker->labels.count; k++) {
			free(worker->labels.keys[k]);
			free(worker->labels.values[k]);
		}
		free(worker->labels.keys);
		free(worker->labels.values);
	}
	free(workers->items);
	*workers = (struct nats_workers){.count = 0};
}

static enum err
fail(const char *path, struct err_info *info)
{
	return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
}

/* Under the lock: no other command adds the same host meanwhile. */
static enum err
append(int fd, const char *path, const char *line, const char *host,
       struct err_info *info)
{
	struct nats_workers workers;
	struct stat st;
	char last = '\n';
	enum err code = nats_workers_read(path, &workers, info);
	size_t i;

	if (code != ERR_OK)
		return code;
	for (i = 0; i < workers.count && code == ERR_OK; i++)
		if (strcmp(workers.items[i].host, host) == 0)
			code = err_set(info, ERR_EXISTS,
				       "%s:%d: %s has a line already", path,
				       workers.items[i].line, host);
	nats_workers_release(&workers);
	if (code != ERR_OK)
		return code;
	if (fstat(fd, &st) < 0 ||
	    (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
		return fail(path, info);
	if (dprintf(fd, "%s%s\n", last == '\n' ? "" : "\n", line) < 0 ||
	    fsync(fd) < 0)
		return fail(path, info);
	return ERR_OK;
}

/* "HOST PASSWORD [KEY:VALUE ...]", which the caller frees, and the host's name
 * as it is compared. */
static enum err
make_line(const char *host, const char *password, const char *labels,
	  char **line, char name[static SUBJECT_HOST_MAX + 1],
	  struct err_info *info)
{
	struct nats_workers checked = {.count = 0};
	char *text = NULL;
	char *at;
	enum err code = ERR_OK;

	if (strpbrk(host, BLANKS "\n#") ||
	    (labels && strpbrk(labels, BLANKS "\n#")))
		return err_set(info, ERR_INVALID,
			       "host and labels have no blanks and no \"#\"");
	if (asprintf(line, "%s %s%s%s", host, password, labels ? " " : "",
		     labels ? labels : "") < 0)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	for (at = strchr(*line, ' '); (at = strchr(at, ','));)
		*at = ' ';
	text = strdup(*line);
	code = text ? take_text("the new line", text, &checked, info)
		    : err_set(info, ERR_NO_MEMORY, "out of memory");
	if (code == ERR_OK && checked.count != 1)
		code = err_set(info, ERR_INVALID, "the host's name is empty");
	if (code == ERR_OK && checked.items)
		memcpy(name, checked.items[0].host, SUBJECT_HOST_MAX + 1);
	nats_workers_release(&checked);
	free(text);
	return code;
}

enum err
nats_workers_add(const char *path, mode_t mode, const char *host,
		 const char *password, const char *labels,
		 struct err_info *info)
{
	char name[SUBJECT_HOST_MAX + 1] = "";
	char *line = NULL;
	enum err code = make_line(host, password, labels, &line, name, info);
	int fd = -1;

	if (code == ERR_OK) {
		fd = open(path,
			  O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
			  mode);
		code = fd >= 0 && flock(fd, LOCK_EX) == 0 ? ERR_OK
							  : fail(path, info);
	}
	if (code == ERR_OK)
		code = append(fd, path, line, name, info);
	if (fd >= 0)
		close(fd);
	if (line)
		explicit_bzero(line, strlen(line));
	free(line);
	return code;
}
