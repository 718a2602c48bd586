/*
 * lib/log.h: one event a line on stderr.
 *
 * key=value on a terminal, JSON (RFC 8259) otherwise; under journald
 * (JOURNAL_STREAM names our stderr) a line begins with its priority, "<6>".
 * Text from outside is escaped in either form.  A line is one write(2), at most
 * LOG_LINE_MAX octets; a longer one is cut and says so.
 *
 * All functions may be called from every thread, none from a signal handler.
 */
#ifndef OSAPI_LIB_LOG_H
#define OSAPI_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LINE_MAX 8192

/* The numbers are those of syslog (RFC 5424). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_format {
	LOG_FORMAT_AUTO, /* text on a terminal, else JSON */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_BRIEF, /* for a person who typed a command: without time */
};

struct log_field {
	const char *key; /* NULL ends a list */
	enum { LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_REAL } type;
	const char *string; /* NULL: the field is left out */
	int64_t integer;
	double real;
};

#define LOG_S(k, v)                                                 \
	{                                                           \
		.key = (k), .type = LOG_FIELD_STRING, .string = (v) \
	}
#define LOG_I(k, v)                                               \
	{                                                         \
		.key = (k), .type = LOG_FIELD_INT, .integer = (v) \
	}
#define LOG_R(k, v)                                             \
	{                                                       \
		.key = (k), .type = LOG_FIELD_REAL, .real = (v) \
	}

/* Fields that every line of this thread carries until they are set again. */
struct log_context {
	char request_id[129];
	char job_id[37];
	char trace_id[33];
};

/*
 * Names the program in each line and chooses form and level.  Call once before
 * other threads start; without it lines go out as LOG_FORMAT_AUTO at info.
 * `program` must be static storage.
 */
void log_init(const char *program, enum log_format format,
	      enum log_level level);

/* Whether a line of this level would be written. */
bool log_enabled(enum log_level level);

/* The calling thread's context; write its members, "" leaves one out. */
struct log_context *log_context(void);

/* Writes one line; use the macros below. */
void log_write(enum log_level level, const char *message,
	       const struct log_field *fields);

#define log_at(level, message, ...)                                           \
	do {                                                                  \
		if (log_enabled(level))                                       \
			log_write((level), (message),                         \
				  (const struct log_field[]){                 \
				      __VA_ARGS__ __VA_OPT__(, ){.key = 0}}); \
	} while (0)
/* log_info("job stored", LOG_S("job_id", id), LOG_I("size", n)); */
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
