/*
 * lib/log.c: one event a line.
 *
 * A line is built on the stack of the caller and leaves in one write(2), so
 * lines of several threads and processes do not mix and no lock is held.  The
 * settings are written once, before other threads start.
 */
#include "lib/log.h"

#include "lib/clock.h"
#include "lib/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CUT_TEXT   ",\"cut\":true"
/* kept free for what must follow a field: its closing quote, the mark that the
 * line was cut, "}\n" */
#define TAIL       (sizeof(CUT_TEXT) + 3)
#define NUMBER_MAX 64

struct line {
	char text[LOG_LINE_MAX];
	size_t used;
	bool json;
	bool cut; /* something did not fit; nothing is added any more */
};

static struct {
	const char *program;
	enum log_level level;
	bool decided; /* json and journal hold */
	bool json;
	bool brief;
	bool journal;
} settings = {.program = "osapi", .level = LOG_LEVEL_INFO};

static _Thread_local struct log_context context;

/* Whether JOURNAL_STREAM ("device:inode") names our stderr
 * (systemd.exec(5)). */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

static void
decide(enum log_format format)
{
	settings.json = format == LOG_FORMAT_JSON ||
			(format == LOG_FORMAT_AUTO && !isatty(STDERR_FILENO));
	settings.brief = format == LOG_FORMAT_BRIEF;
	settings.journal = stderr_is_journal();
	settings.decided = true;
}

void
log_init(const char *program, enum log_format format, enum log_level level)
{
	settings.program = program;
	settings.level = level;
	decide(format);
}

bool
log_enabled(enum log_level level)
{
	return level <= settings.level;
}

struct log_context *
log_context(void)
{
	return &context;
}

/* Adds octets as they are, all or nothing. */
static bool
add(struct line *line, const char *text, size_t size)
{
	if (line->cut || line->used + size > sizeof(line->text) - TAIL) {
		line->cut = true;
		return false;
	}
	memcpy(line->text + line->used, text, size);
	line->used += size;
	return true;
}

static bool
add_text(struct line *line, const char *text)
{
	return add(line, text, strlen(text));
}

/* What stands for one octet that must not go out as it is; NULL: nothing. */
static const char *
escape(const unsigned char *s, size_t length, bool json, char buf[static 8])
{
	static const char letters[] = "\"\"\\\\\nn\rr\tt";
	const char *pair;

	if (length == 0) {
		/* not UTF-8: JSON has no escape for an octet, so it becomes
		 * the replacement character */
		snprintf(buf, 8, json ? "\\ufffd" : "\\x%02x", *s);
		return buf;
	}
	for (pair = letters; *pair; pair += 2)
		if (*s == (unsigned char)pair[0]) {
			snprintf(buf, 8, "\\%c", pair[1]);
			return buf;
		}
	if (*s < 0x20 || *s == 0x7f)
		snprintf(buf, 8, json ? "\\u%04x" : "\\x%02x", *s);
	else if (s[0] == 0xc2 && s[1] < 0xa0) /* C1 controls: U+0080..U+009F */
		snprintf(buf, 8, "\\u%04x", s[1]);
	else if (utf8_misleading((const char *)s))
		snprintf(buf, 8, "\\u%04x", utf8_misleading((const char *)s));
	else
		return NULL;
	return buf;
}

/* How many octets from here on are ASCII that needs no escape. */
static size_t
as_it_is(const char *s)
{
	size_t n = 0;

	while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

/* Adds as many of these octets as fit. */
static void
add_part(struct line *line, const char *text, size_t size)
{
	size_t room = sizeof(line->text) - TAIL - line->used;

	if (!line->cut && size > room) {
		add(line, text, room);
		line->cut = true;
		return;
	}
	add(line, text, size);
}

/* Adds text from outside, escaped, as far as it fits. */
static void
add_escaped(struct line *line, const char *text)
{
	const char *instead;
	char buf[8];
	size_t length;

	while (*text && !line->cut) {
		length = as_it_is(text);
		if (length) { /* most of it, at once */
			add_part(line, text, length);
			text += length;
			continue;
		}
		length = utf8_length(text);
		instead = escape((const unsigned char *)text, length,
				 line->json, buf);
		if (instead)
			add_text(line, instead);
		else
			add(line, text, length);
		text += length ? length : 1;
	}
}

/* Whether a text form value can be read without quotes. */
static bool
plain(const char *text)
{
	const unsigned char *s;

	for (s = (const unsigned char *)text; *s; s++)
		if (*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' ||
		    *s >= 0x7f)
			return false;
	return *text != '\0';
}

/* Begins a field if its key and `room` octets more fit. */
static bool
add_key(struct line *line, const char *key, size_t room)
{
	const char *before = line->json ? ",\"" : " ";
	const char *after = line->json ? "\":" : "=";

	if (line->used + strlen(key) + 4 + room > sizeof(line->text) - TAIL)
		line->cut = true;
	return add_text(line, before) && add_text(line, key) &&
	       add_text(line, after);
}

static void
add_string(struct line *line, const char *key, const char *value)
{
	if (!value || !add_key(line, key, 2))
		return;
	if (!line->json && plain(value) &&
	    line->used + strlen(value) <= sizeof(line->text) - TAIL) {
		add_text(line, value);
		return;
	}
	add_text(line, "\"");
	add_escaped(line, value);
	line->text[line->used++] = '"'; /* TAIL has room for it */
}

static void
add_number(struct line *line, const struct log_field *field)
{
	char text[NUMBER_MAX];

	if (field->type == LOG_FIELD_INT)
		snprintf(text, sizeof(text), "%" PRId64, field->integer);
	else if (isfinite(field->real))
		snprintf(text, sizeof(text), "%.10g", field->real);
	else
		snprintf(text, sizeof(text), "null");
	if (add_key(line, field->key, NUMBER_MAX))
		add_text(line, text);
}

static const struct {
	enum log_level level;
	const char *text;
} level_texts[] = {
    {LOG_LEVEL_ERROR, "error"},
    {LOG_LEVEL_WARNING, "warning"},
    {LOG_LEVEL_INFO, "info"},
    {LOG_LEVEL_DEBUG, "debug"},
};

static const char *
level_text(enum log_level level)
{
	size_t i;

	for (i = 0; i < sizeof(level_texts) / sizeof(level_texts[0]); i++)
		if (level_texts[i].level == level)
			return level_texts[i].text;
	return "info";
}

static void
add_head(struct line *line, enum log_level level, const char *message)
{
	char text[96];
	char now[CLOCK_RFC3339_SIZE];

	if (settings.journal) {
		snprintf(text, sizeof(text), "<%d>", (int)level);
		add_text(line, text);
	}
	if (settings.brief) {
		snprintf(text, sizeof(text), "%.32s: %s: ", settings.program,
			 level_text(level));
		add_text(line, text);
		add_text(line, message);
		return;
	}
	clock_rfc3339(clock_wall_ns(), now);
	snprintf(text, sizeof(text),
		 line->json ? "{\"time\":\"%s\",\"level\":\"%s\""
			    : "time=%s level=%s",
		 now, level_text(level));
	add_text(line, text);
	add_string(line, "program", settings.program);
	add_string(line, "msg", message);
}

/* One member of the context, unless the line has a field of that name. */
static void
add_context(struct line *line, const char *key, const char *value,
	    const struct log_field *fields)
{
	for (; fields && fields->key; fields++)
		if (strcmp(fields->key, key) == 0)
			return;
	if (*value)
		add_string(line, key, value);
}

static void
add_tail(struct line *line)
{
	const char *tail = line->json ? "}\n" : "\n";

	if (line->cut) {
		const char *mark = line->json ? CUT_TEXT : " cut=true";

		memcpy(line->text + line->used, mark, strlen(mark));
		line->used += strlen(mark);
	}
	memcpy(line->text + line->used, tail, strlen(tail));
	line->used += strlen(tail);
}

void
log_write(enum log_level level, const char *message,
	  const struct log_field *fields)
{
	struct line line = {.used = 0};
	int saved = errno; /* a caller may log before it looks at errno */
	ssize_t n;

	if (!settings.decided)
		decide(LOG_FORMAT_AUTO);
	line.json = settings.json;
	add_head(&line, level, message);
	add_context(&line, "request_id", context.request_id, fields);
	add_context(&line, "job_id", context.job_id, fields);
	add_context(&line, "trace_id", context.trace_id, fields);
	for (; fields && fields->key; fields++)
		if (fields->type == LOG_FIELD_STRING)
			add_string(&line, fields->key, fields->string);
		else
			add_number(&line, fields);
	add_tail(&line);
	do
		n = write(STDERR_FILENO, line.text, line.used);
	while (n < 0 && errno == EINTR);
	errno = saved;
}
