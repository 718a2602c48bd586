/* t/unit/file.c: lib/file.h. */
#include "lib/file.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/unit.h"

static char *
path_of(const char *name, char buf[static 512])
{
	snprintf(buf, 512, "%s/%s", unit_directory(), name);
	return buf;
}

static void
reads_what_was_written(void)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 100000};
	static char wanted[100000];
	struct err_info info;
	char path[512];
	char *data;
	size_t size;
	size_t i;

	for (i = 0; i < sizeof(wanted); i++)
		wanted[i] = (char)(i * 31);
	path_of("octets", path);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		data = NULL;
		size = 12345;
		IS_INT("writes",
		       file_write(path, wanted, sizes[i], 0600, &info), ERR_OK);
		IS_INT("reads with its size as the limit",
		       file_read(path, sizes[i], &data, &size, &info), ERR_OK);
		IS_INT("all of it", size, sizes[i]);
		OK("the same octets",
		   data && memcmp(data, wanted, sizes[i]) == 0);
		OK("NUL behind", data && data[size] == '\0');
		free(data);
	}
}

static void
refuses_more_than_the_limit(void)
{
	static const size_t sizes[] = {1, 4096, 4097, 20000};
	static const char zeros[20000];
	struct err_info info;
	char path[512];
	char *data = NULL;
	size_t size = 7;
	size_t i;

	path_of("large", path);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		file_write(path, zeros, sizes[i], 0600, &info);
		IS_INT("one octet too many",
		       file_read(path, sizes[i] - 1, &data, &size, &info),
		       ERR_TOO_LARGE);
		HAS_TEXT("says which file", info.text, "/large: larger than");
	}
	OK("untouched", !data && size == 7);
}

static void
names_what_is_missing(void)
{
	struct err_info info;
	char path[512];
	char *data = NULL;
	size_t size;

	IS_INT("no such file",
	       file_read(path_of("none", path), 10, &data, &size, &info),
	       ERR_NOT_FOUND);
	HAS_TEXT("names the file and the error", info.text,
		 "/none: No such file or directory");
	IS_INT("a directory", file_read("/", 10, &data, &size, &info), ERR_IO);
	IS_INT("no directory to write in",
	       file_write(path_of("none/file", path), "x", 1, 0600, &info),
	       ERR_NOT_FOUND);
	IS_INT("words not wanted",
	       file_read("/nonexistent", 10, &data, &size, NULL),
	       ERR_NOT_FOUND);
	OK("untouched", !data);
}

static void
reads_proc(void)
{
	struct err_info info;
	char *data = NULL;
	size_t size = 0;

	IS_INT("size unknown to stat",
	       file_read("/proc/self/status", 65536, &data, &size, &info),
	       ERR_OK);
	HAS_TEXT("its text", data, "Name:");
	free(data);
}

static void
does_not_hang_on_a_fifo(void)
{
	struct err_info info;
	char path[512];
	char *data = NULL;
	size_t size = 0;

	mkfifo(path_of("fifo", path), 0600);
	IS_INT("nobody writes", file_read(path, 10, &data, &size, &info),
	       ERR_IO);
	HAS_TEXT("is said", info.text, "fifo: a pipe that nobody has open");
	OK("untouched", !data);
}

/* As of `osapi -f <(true)`. */
static void
takes_a_pipe_of_nothing(void)
{
	struct err_info info = {""};
	char path[64];
	char *data = NULL;
	size_t size = 1;
	int ends[2];

	IS_INT("a pipe", pipe(ends), 0);
	close(ends[1]);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	IS_INT("its writer has gone", file_read(path, 10, &data, &size, &info),
	       ERR_OK);
	IS_INT("empty", size, 0);
	free(data);
	close(ends[0]);
}

/* Names in the test's directory that begin with `prefix`. */
static int
count(const char *prefix)
{
	DIR *directory = opendir(unit_directory());
	const struct dirent *entry;
	int n = 0;

	while (directory && (entry = readdir(directory)))
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	if (directory)
		closedir(directory);
	return n;
}

static void
replaces_in_one_step(void)
{
	struct err_info info;
	struct stat first;
	struct stat second;
	char path[512];
	char *data = NULL;
	size_t size = 0;
	mode_t mask = umask(077);

	path_of("mode", path);
	IS_INT("first", file_write(path, "old", 3, 0640, &info), ERR_OK);
	stat(path, &first);
	umask(mask);
	IS_INT("mode as asked, not as umask says", first.st_mode & 07777, 0640);
	IS_INT("second", file_write(path, "new!", 4, 0600, &info), ERR_OK);
	stat(path, &second);
	OK("a new file took its name", first.st_ino != second.st_ino);
	IS_INT("new mode", second.st_mode & 07777, 0600);
	file_read(path, 100, &data, &size, &info);
	IS_TEXT("new text", data, "new!");
	free(data);
	IS_INT("no temporary file left", count("mode"), 1);
}

static void
leaves_nothing_when_it_cannot_rename(void)
{
	struct err_info info;
	char path[512];

	mkdir(path_of("taken", path), 0700);
	IS_INT("a directory in its place",
	       file_write(path, "x", 1, 0600, &info), ERR_IO);
	IS_INT("no temporary file left", count("taken"), 1);
}

/* A pipe, what is read from it, and how that ended. */
struct reading {
	int ends[2];
	char *data;
	size_t size;
	enum err code;
	struct err_info info;
};

static void *
read_pipe(void *context)
{
	struct reading *r = context;
	char path[64];

	snprintf(path, sizeof(path), "/dev/fd/%d", r->ends[0]);
	r->code = file_read(path, 100, &r->data, &r->size, &r->info);
	return NULL;
}

/* As of `osapi -f <(decrypt osapi.yaml)`. */
static void
waits_for_who_writes_into_a_pipe(void)
{
	struct reading r = {.info = {""}};
	pthread_t thread;
	int waiting = 1;

	IS_INT("a pipe", pipe(r.ends), 0);
	IS_INT("first part", write(r.ends[1], "one, ", 5), 5);
	IS_INT("a reader", pthread_create(&thread, NULL, read_pipe, &r), 0);
	while (waiting)
		if (ioctl(r.ends[0], FIONREAD, &waiting) < 0)
			break;
	IS_INT("second part", write(r.ends[1], "two", 3), 3);
	close(r.ends[1]);
	pthread_join(thread, NULL);
	close(r.ends[0]);
	IS_INT("is read", r.code, ERR_OK);
	if (r.code == ERR_OK)
		IS_TEXT("whole", r.data, "one, two");
	free(r.data);
}

const char unit_name[] = "file";
const struct unit_case unit_cases[] = {
    {"reads what was written", reads_what_was_written},
    {"refuses more than the limit", refuses_more_than_the_limit},
    {"names what is missing", names_what_is_missing},
    {"reads files of /proc", reads_proc},
    {"does not hang on a FIFO", does_not_hang_on_a_fifo},
    {"takes a pipe into which nothing was written", takes_a_pipe_of_nothing},
    {"waits for who writes into a pipe", waits_for_who_writes_into_a_pipe},
    {"replaces in one step", replaces_in_one_step},
    {"leaves nothing behind when it cannot rename",
     leaves_nothing_when_it_cannot_rename},
    {NULL, NULL},
};
