/*
 * t/support/fastcgi.h: a FastCGI client that can also misbehave.
 *
 * Speaks to a responder's unix socket record by record.  Each read has a
 * generous limit, after which the test program ends with a message.  For one
 * thread.
 */
#ifndef OSAPI_T_SUPPORT_FASTCGI_H
#define OSAPI_T_SUPPORT_FASTCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fastcgi_type {
	FASTCGI_BEGIN = 1,
	FASTCGI_ABORT = 2,
	FASTCGI_END = 3,
	FASTCGI_PARAMS = 4,
	FASTCGI_STDIN = 5,
	FASTCGI_STDOUT = 6,
	FASTCGI_STDERR = 7,
	FASTCGI_GET_VALUES = 9,
};

/* Connects; ends the program when that fails. */
int fastcgi_connect(const char *path);

/* Octets to be sent; grows.  fastcgi_buffer_free when done. */
struct fastcgi_buffer {
	uint8_t *data;
	size_t size;
};
void fastcgi_buffer_free(struct fastcgi_buffer *buffer);
void fastcgi_append(struct fastcgi_buffer *buffer, const void *data,
		    size_t size);
/* One record with all of its header; `declared` is its content length field. */
void fastcgi_record(struct fastcgi_buffer *buffer, int version, int type,
		    int id, const void *content, size_t size, size_t declared);
void fastcgi_begin(struct fastcgi_buffer *buffer, int id, int role, bool keep);
/* One name and value, as the content of a PARAMS record. */
void fastcgi_pair(struct fastcgi_buffer *content, const char *name,
		  const char *value);

struct fastcgi_call {
	const char *method; /* "GET" */
	const char *uri;    /* "/health" */
	const char *token;  /* of Authorization: Bearer, NULL: none */
	const char *type;   /* Content-Type, NULL: none */
	const char *body;   /* NULL: none */
	size_t size;
	const char *length;        /* CONTENT_LENGTH, NULL: as `size` says */
	const char *const *params; /* more: name, value, ..., NULL */
	bool keep;
	bool open_ended; /* without the empty STDIN record that ends a body */
};

/* The records of a whole request with id 1. */
void fastcgi_request(struct fastcgi_buffer *buffer,
		     const struct fastcgi_call *call);

/* Writes all; false when the other side has closed. */
bool fastcgi_send(int fd, const struct fastcgi_buffer *buffer);

struct fastcgi_answer {
	bool ended;  /* END_REQUEST came */
	bool closed; /* the connection ended instead */
	int status;  /* of the Status header, 0: none */
	char *head;  /* headers, without the empty line */
	char *body;
	size_t size; /* of the body */
};

/* Reads one answer, to its END_REQUEST or the connection's end. */
void fastcgi_read(int fd, struct fastcgi_answer *answer);
void fastcgi_answer_free(struct fastcgi_answer *answer);

/* The value of a header of the answer, NULL: none; static storage. */
const char *fastcgi_header(const struct fastcgi_answer *answer,
			   const char *name);

/* Connects, asks once, reads the answer, closes. */
void fastcgi_ask(const char *path, const struct fastcgi_call *call,
		 struct fastcgi_answer *answer);

/* Whether the other side closes within the limit. */
bool fastcgi_closes(int fd);

#endif
