/*
 * install/manual.c: build tool, completes the manual page of osapi.yaml.
 *
 *	manual TEMPLATE >osapi.yaml.5
 *
 * The line "@keys@" of the template becomes an mdoc list of every key of the
 * configuration table, in its order, with a heading where the first two parts
 * of the name change.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config.h"
#include "lib/error.h"
#include "lib/file.h"

#define TEMPLATE_MAX (256 * 1024)
#define MARK         "\n@keys@\n"

/* The parts of a name that have a heading of their own: "job.worker" of
 * "job.worker.nats.host"; of short names what stands before the last dot. */
static size_t
heading_length(const char *name)
{
	const char *dot = strchr(name, '.');
	const char *second = dot ? strchr(dot + 1, '.') : NULL;

	if (second)
		return (size_t)(second - name);
	return dot ? (size_t)(dot - name) : 0;
}

/* A text as roff takes it: no macro, no escape. */
static void
print_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++)
		if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
}

static void
print_heading(const char *name, size_t length)
{
	if (length)
		printf(".Ss %.*s\n", (int)length, name);
	else
		puts(".Ss The rest");
	puts(".Bl -tag -width Ds");
}

static void
print_key(const char *key, const char *type, const char *fallback,
	  const char *range, const char *help, bool secret, void *arg)
{
	char *heading = arg;
	size_t length = heading_length(key);

	if (strlen(heading) != length || strncmp(heading, key, length) != 0 ||
	    !length) {
		if (*heading)
			puts(".El");
		print_heading(key, length);
		snprintf(heading, 128, "%.*s", (int)length, key);
	}
	printf(".It Va %s\n", key);
	putchar(toupper((unsigned char)*help));
	print_text(help + 1);
	puts(".");
	printf(".br\n%c", toupper((unsigned char)*type));
	print_text(type + 1);
	if (*range) {
		fputs(", ", stdout);
		print_text(range);
	}
	if (secret)
		fputs(", secret", stdout);
	if (*fallback) {
		fputs("; default \\(lq", stdout);
		print_text(fallback);
		fputs("\\(rq", stdout);
	}
	puts(".");
}

int
main(int argc, char **argv)
{
	char heading[128] = "";
	struct err_info info = {""};
	char *text = NULL;
	size_t size = 0;
	char *mark;

	if (argc != 2) {
		fputs("usage: manual TEMPLATE\n", stderr);
		return 2;
	}
	if (file_read(argv[1], TEMPLATE_MAX, &text, &size, &info)) {
		fprintf(stderr, "manual: %s\n", info.text);
		return EXIT_FAILURE;
	}
	mark = strstr(text, MARK);
	if (!mark) {
		fprintf(stderr, "manual: %s: no line @keys@\n", argv[1]);
		free(text);
		return EXIT_FAILURE;
	}
	fwrite(text, 1, (size_t)(mark - text) + 1, stdout);
	config_each_key(print_key, heading);
	puts(".El");
	fputs(mark + strlen(MARK), stdout);
	free(text);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
