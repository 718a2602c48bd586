/* t/unit/log.c: lib/log.h. */
#include "lib/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/json.h"
#include "t/unit/unit.h"

static int real_stderr = -1;
static char path[512];

/* From here to captured(), stderr is a file. */
static void
capture(void)
{
	int fd;

	snprintf(path, sizeof(path), "%s/stderr", unit_directory());
	real_stderr = dup(STDERR_FILENO);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* What was written meanwhile; the caller frees it. */
static char *
captured(size_t *size)
{
	struct err_info info;
	char *text = NULL;

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	*size = 0;
	file_read(path, 10000000, &text, size, &info);
	return text;
}

static const char hostile[] =
    "a\"b\\c\n\r\t\x01\x1b[31m\x7f \xc3\xa4 \xff\xc3 \xed\xa0\x80 \xc2\x85"
    "\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xe2\x82\xac";

static void
writes_json_lines(void)
{
	struct err_info info;
	json_t *line = NULL;
	char *text;
	size_t size;

	capture();
	log_init("unit", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_info("job stored", LOG_S("who", hostile), LOG_I("n", -5),
		 LOG_R("ratio", 0.5), LOG_S("none", NULL));
	text = captured(&size);
	OK("one line", size > 0 && strchr(text, '\n') == text + size - 1);
	IS_INT("is JSON", json_parse(text, size, &line, &info), ERR_OK);
	IS_TEXT("level", json_member_string(line, "level"), "info");
	IS_TEXT("program", json_member_string(line, "program"), "unit");
	IS_TEXT("message", json_member_string(line, "msg"), "job stored");
	IS_INT("integer", json_member_int(line, "n", 0), -5);
	OK("real", json_real_value(json_object_get(line, "ratio")) > 0.49);
	OK("NULL is left out", !json_object_get(line, "none"));
	IS_TEXT("text comes back, what is no UTF-8 replaced",
		json_member_string(line, "who"),
		"a\"b\\c\n\r\t\x01\x1b[31m\x7f \xc3\xa4 "
		"\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd "
		"\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xe2\x82\xac");
	OK("no escape character goes out", !strchr(text, 0x1b));
	HAS_TEXT("what ends or turns lines is escaped, a euro sign is not",
		 text, "\\u2028\\u202e\\u2066\xe2\x82\xac\"");
	json_decref(line);
	free(text);
}

static void
writes_text_lines(void)
{
	char *text;
	size_t size;

	capture();
	log_init("unit", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_warning("two words", LOG_S("plain", "abc"), LOG_S("empty", ""),
		    LOG_S("pair", "a=b"), LOG_S("who", hostile));
	text = captured(&size);
	HAS_TEXT("level and message", text,
		 " level=warning program=unit msg=\"two words\" plain=abc "
		 "empty=\"\" pair=\"a=b\" ");
	HAS_TEXT("escaped", text,
		 "who=\"a\\\"b\\\\c\\n\\r\\t\\x01\\x1b[31m\\x7f \xc3\xa4 "
		 "\\xff\\xc3 \\xed\\xa0\\x80 \\u0085"
		 "\\u2028\\u202e\\u2066\xe2\x82\xac\"\n");
	OK("one line", strchr(text, '\n') == text + size - 1);
	free(text);
}

static void
leaves_out_lower_levels(void)
{
	char *text;
	size_t size;

	capture();
	log_init("unit", LOG_FORMAT_TEXT, LOG_LEVEL_WARNING);
	log_info("quiet");
	log_debug("quiet");
	log_error("loud");
	text = captured(&size);
	OK("info is off", !log_enabled(LOG_LEVEL_INFO));
	OK("only the error", !strstr(text, "quiet") && strstr(text, "loud"));
	free(text);
}

static void
carries_the_context(void)
{
	struct log_context *context = log_context();
	char *text;
	size_t size;

	capture();
	log_init("unit", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	snprintf(context->request_id, sizeof(context->request_id), "r-1");
	snprintf(context->job_id, sizeof(context->job_id), "j-1");
	log_info("one");
	log_info("two", LOG_S("job_id", "j-2"));
	*context = (struct log_context){0};
	log_info("three");
	text = captured(&size);
	HAS_TEXT("both", text,
		 "\"msg\":\"one\",\"request_id\":\"r-1\",\"job_id\":\"j-1\"}");
	HAS_TEXT("a field of that name replaces it", text,
		 "\"msg\":\"two\",\"request_id\":\"r-1\",\"job_id\":\"j-2\"}");
	HAS_TEXT("set back", text, "\"msg\":\"three\"}");
	free(text);
}

/* Every length around the limit, so that the cut falls everywhere. */
static void
cuts_a_long_line(void)
{
	struct err_info info;
	char *value = calloc(1, LOG_LINE_MAX + 100);
	int broken = 0;
	int cut = 0;
	size_t length;
	size_t i;

	log_init("unit", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	for (length = LOG_LINE_MAX - 300; length < LOG_LINE_MAX + 50;
	     length++) {
		json_t *line = NULL;
		char *text;
		size_t size;

		for (i = 0; i < length; i++)
			value[i] = i % 7 ? 'a' : '\n';
		value[length] = '\0';
		capture();
		log_info("long", LOG_S("value", value + length / 7),
			 LOG_S("second", value + length - 200),
			 LOG_I("n", 1234567890), LOG_S("last", "x"));
		text = captured(&size);
		if (size > LOG_LINE_MAX || text[size - 1] != '\n' ||
		    json_parse(text, size, &line, &info) != ERR_OK)
			broken++;
		cut += json_is_true(json_object_get(line, "cut"));
		json_decref(line);
		free(text);
	}
	free(value);
	IS_INT("every line is JSON and not too long", broken, 0);
	OK("some were cut", cut > 0);
}

static void
marks_priorities_for_the_journal(void)
{
	char stream[64];
	char *text;
	struct stat st;
	size_t size;

	capture();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("unit", LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
	log_error("bad");
	log_info("good");
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_init("unit", LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
	log_info("elsewhere");
	unsetenv("JOURNAL_STREAM");
	text = captured(&size);
	OK("an error is 3", strncmp(text, "<3>{", 4) == 0);
	HAS_TEXT("an information is 6", text, "\n<6>{");
	HAS_TEXT("not another's journal", text, "\n{");
	free(text);
}

static void *
write_lines(void *arg)
{
	int i;

	for (i = 0; i < 500; i++)
		log_info("line", LOG_S("thread", arg), LOG_I("i", i));
	return NULL;
}

static void
keeps_lines_of_threads_apart(void)
{
	static char names[4][8] = {"one", "two", "three", "four"};
	struct err_info info;
	pthread_t threads[4];
	char *text;
	char *at;
	char *end;
	int good = 0;
	size_t size;
	size_t i;

	capture();
	log_init("unit", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_lines, names[i]);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	text = captured(&size);
	for (at = text; at && (end = strchr(at, '\n')); at = end + 1) {
		json_t *line = NULL;

		good +=
		    json_parse(at, (size_t)(end - at), &line, &info) == ERR_OK;
		json_decref(line);
	}
	IS_INT("each line whole", good, 2000);
	free(text);
}

const char unit_name[] = "log";
const struct unit_case unit_cases[] = {
    {"writes JSON lines with outside text escaped", writes_json_lines},
    {"writes text lines with outside text escaped", writes_text_lines},
    {"leaves out lower levels", leaves_out_lower_levels},
    {"carries the context", carries_the_context},
    {"cuts a long line and stays JSON", cuts_a_long_line},
    {"marks priorities for the journal", marks_priorities_for_the_journal},
    {"keeps lines of threads apart", keeps_lines_of_threads_apart},
    {NULL, NULL},
};
