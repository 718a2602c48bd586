/* worker/record.c: checksummed lines; see the header. */
#include "worker/record.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/json.h"
#include "lib/log.h"

#define SUM_SIZE 16 /* hex digits in front of a line */

static void
checksum(const char *text, size_t size, char out[static SUM_SIZE + 1])
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	unsigned digest_size = 0;
	size_t i;

	if (EVP_Digest(text, size, digest, &digest_size, EVP_sha256(), NULL) !=
	    1)
		abort();
	for (i = 0; i < SUM_SIZE / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static char *
line_make(json_t *json, size_t *size)
{
	char *text = json ? json_text(json, NULL) : NULL;
	char sum[SUM_SIZE + 1];
	char *line = NULL;
	int length = -1;

	json_decref(json);
	if (text) {
		checksum(text, strlen(text), sum);
		length = asprintf(&line, "%s %s\n", sum, text);
	}
	free(text);
	if (length < 0)
		return NULL;
	*size = (size_t)length;
	return line;
}

static json_t *
line_parse(const char *line, size_t size)
{
	json_t *json = NULL;
	char sum[SUM_SIZE + 1];

	if (size <= SUM_SIZE + 1 || size > RECORD_LINE_MAX ||
	    line[SUM_SIZE] != ' ')
		return NULL;
	checksum(line + SUM_SIZE + 1, size - SUM_SIZE - 1, sum);
	if (memcmp(sum, line, SUM_SIZE) != 0 ||
	    json_parse(line + SUM_SIZE + 1, size - SUM_SIZE - 1, &json, NULL))
		return NULL;
	return json;
}

static enum err
take_lock(struct record_file *file, struct err_info *info)
{
	char path[RECORD_PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s.lock", file->path);
	file->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->lock_fd < 0)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
	if (flock(file->lock_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK
			   ? err_set(info, ERR_BUSY,
				     "%s: another process has it", path)
			   : err_set(info, ERR_IO, "%s: flock: %s", path,
				     strerror(errno));
	return ERR_OK;
}

enum err
record_open(struct record_file *file, const char *directory, const char *name,
	    struct err_info *info)
{
	int length;

	*file = (struct record_file){.lock_fd = -1, .fd = -1, .broken = true};
	length =
	    snprintf(file->path, sizeof(file->path), "%s/%s", directory, name);
	if (length < 0 || (size_t)length >= sizeof(file->path))
		return err_set(info, ERR_INVALID, "%.64s...: path too long",
			       directory);
	if (mkdir(directory, 0700) && errno != EEXIST)
		return err_set(info, ERR_IO, "%s: %s", directory,
			       strerror(errno));
	return take_lock(file, info);
}

void
record_close(struct record_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	if (file->lock_fd >= 0)
		close(file->lock_fd);
	file->fd = file->lock_fd = -1;
}

static enum err
open_read(const struct record_file *file, FILE **in, struct err_info *info)
{
	struct stat st;

	*in = fopen(file->path, "re");
	if (!*in)
		return errno == ENOENT ? ERR_OK
				       : err_set(info, ERR_IO, "%s: %s",
						 file->path, strerror(errno));
	if (fstat(fileno(*in), &st) == 0 && st.st_size <= RECORD_FILE_MAX)
		return ERR_OK;
	fclose(*in);
	return err_set(info, ERR_TOO_LARGE, "%s: over %d octets", file->path,
		       RECORD_FILE_MAX);
}

enum err
record_read(const struct record_file *file,
	    bool (*each)(const json_t *record, void *arg), void *arg,
	    size_t *damaged, struct err_info *info)
{
	FILE *in = NULL;
	char *line = NULL;
	size_t room = 0;
	int64_t number = 0;
	size_t bad = 0;
	ssize_t n;
	enum err err = open_read(file, &in, info);

	if (err != ERR_OK || !in) {
		if (err == ERR_OK)
			*damaged = 0;
		return err;
	}
	while ((n = getline(&line, &room, in)) > 0 && line[n - 1] == '\n') {
		json_auto_t *json = line_parse(line, (size_t)n - 1);

		number++;
		if (json && each(json, arg))
			continue;
		bad++;
		log_error("damaged line", LOG_S("path", file->path),
			  LOG_I("line", number));
	}
	if (ferror(in))
		err = err_set(info, ERR_IO, "%s: cannot be read", file->path);
	else
		*damaged = bad;
	free(line);
	fclose(in);
	return err;
}

static enum err
write_all(int fd, const char *data, size_t size, struct err_info *info)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, data + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(info, ERR_IO, "write: %s",
				       n ? strerror(errno) : "nothing taken");
		done += (size_t)n;
	}
	return ERR_OK;
}

enum err
record_append(struct record_file *file, json_t *json, bool durable,
	      struct err_info *info)
{
	size_t size = 0;
	char *line = line_make(json, &size);
	enum err err;

	if (!line)
		return err_set(info, ERR_NO_MEMORY, "%s: out of memory",
			       file->path);
	err = file->broken ? err_set(info, ERR_IO, "an earlier write failed")
			   : write_all(file->fd, line, size, info);
	free(line);
	if (err == ERR_OK && durable && fdatasync(file->fd))
		err = err_set(info, ERR_IO, "fdatasync: %s", strerror(errno));
	if (err == ERR_OK) {
		file->size += (off_t)size;
		return ERR_OK;
	}
	file->broken = true;
	return err_prefix(info, err, "%s", file->path);
}

bool
record_print(FILE *out, json_t *json)
{
	size_t size = 0;
	char *line = line_make(json, &size);
	bool done = line && fwrite(line, 1, size, out) == size;

	free(line);
	return done;
}

enum err
record_replace(struct record_file *file, const char *text, size_t size,
	       struct err_info *info)
{
	enum err err;
	int fd;

	file->broken = true;
	err = file_write(file->path, text, size, 0600, info);
	if (err != ERR_OK)
		return err;
	fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return err_set(info, ERR_IO, "%s: %s", file->path,
			       strerror(errno));
	if (file->fd >= 0)
		close(file->fd);
	file->fd = fd;
	file->size = file->replaced = (off_t)size;
	file->broken = false;
	return ERR_OK;
}

enum err
record_keep_aside(const struct record_file *file, struct err_info *info)
{
	char aside[RECORD_PATH_MAX + 16];

	snprintf(aside, sizeof(aside), "%s.damaged", file->path);
	if ((unlink(aside) && errno != ENOENT) || link(file->path, aside))
		return err_set(info, ERR_IO, "%s: %s", aside, strerror(errno));
	return ERR_OK;
}
