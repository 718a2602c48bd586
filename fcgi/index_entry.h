/*
 * fcgi/index_entry.h: the facts known of one job, and what follows from them.
 *
 * An entry may exist before its job's document (events or responses came
 * first) and after its delete (so that late facts find it deleted).
 * What it tells depends on the set of facts only; index.h has the rules.
 * The caller holds the index's mutex.
 */
#ifndef OSAPI_FCGI_INDEX_ENTRY_H
#define OSAPI_FCGI_INDEX_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/index.h"
#include "lib/job.h"

/* An id as 128 bits; the order of keys is the order of the texts. */
struct entry_key {
	uint64_t high;
	uint64_t low;
};

/* False unless `id` is a version 7 id in its canonical form. */
bool entry_key_make(const char *id, struct entry_key *key);
int entry_key_compare(const struct entry_key *a, const struct entry_key *b);
/* The canonical text; returns buf. */
char *entry_key_text(const struct entry_key *key, char buf[static UUID_SIZE]);
/* Milliseconds since 1970, the time part of a version 7 id. */
int64_t entry_key_time_ms(const struct entry_key *key);

struct reply { /* one allocation with its texts */
	uint64_t revision;
	int64_t timestamp_ns;
	bool failed;
	bool missing;
	const char *error; /* "" none */
	const char *data;  /* NULL none or missing */
	size_t error_size; /* with their NULs, 0 for NULL */
	size_t data_size;
};

struct entry_host {              /* what one host did */
	int64_t acknowledged_ns; /* the earliest; 0 none */
	int64_t started_ns;
	int64_t ended_ns; /* the latest completed or failed event; 0 none */
	bool ended_failed;
	bool expected;
	unsigned seen; /* bit per enum job_event */
	char *error;   /* of the failed event, NULL none */
	struct reply *reply;
	char name[];
};

struct entry_event { /* one line of the timeline */
	enum job_event event;
	int64_t unix_nano;
	const struct entry_host *host; /* stays where it is */
	char *text; /* message, NUL, error, NUL; NULL: both are "" */
};

struct entry_doc { /* one allocation with its texts */
	const char *type;
	const char *target;
	const char *submitted_by;
	const char *retry_of;
	const char *data; /* NULL: too large */
	size_t size;      /* octets of all the texts */
	size_t expected_count;
};

struct entry_tally { /* hosts by how they stand */
	size_t begun;
	size_t completed;
	size_t failed;
	size_t answered; /* failed, or completed with the response here */
	size_t told;     /* whose completed or failed event is here */
};

struct entry {
	struct entry *next; /* in its hash bucket */
	struct entry_key key;
	uint64_t revision; /* of the document, 0 none */
	uint64_t deleted;  /* revision of the delete, 0 none */
	int64_t created_ns;
	int64_t expires_ns;
	int64_t updated_ns;  /* the latest fact */
	int64_t given_up_ns; /* the API's failed event, the earliest; 0 none */
	char *given_up_error;
	struct entry_doc *doc;
	int operation; /* its number in the spec, -1 unknown */
	int list;      /* the status list that it is in, -1 none */
	uint16_t event_count;
	uint16_t event_room;
	uint32_t host_count;
	uint32_t host_room;
	uint32_t open_hosts;        /* counted in the index, while it is open */
	uint32_t event_kinds;       /* sum of the bits in hosts' `seen` */
	struct entry_event *events; /* by time, host, event */
	struct entry_host **hosts;  /* by name */
	struct entry_tally expected;
	struct entry_tally all;
};

/* Ends the process when `memory` is NULL; returns it. */
void *entry_must(void *memory) __attribute__((returns_nonnull));

/* Frees what an entry owns and itself. */
void entry_free(struct entry *entry);

/* Each returns whether something changed. */
bool entry_put_job(struct entry *entry, const struct job *job, size_t size,
		   uint64_t revision);
bool entry_put_event(struct entry *entry, const struct event *event,
		     uint64_t revision, struct index_step *step);
bool entry_put_response(struct entry *entry, const struct response *response,
			size_t size, uint64_t revision);
bool entry_delete(struct entry *entry, uint64_t revision);

/* Forgets what came from one bucket; returns whether anything is left. */
bool entry_reset(struct entry *entry, enum index_part part);

/* Whether it is a job: has its document and is not deleted. */
bool entry_known(const struct entry *entry);
bool entry_one_answer(const struct entry *entry);
enum job_status entry_status(const struct entry *entry);
enum index_progress entry_progress(const struct entry *entry);
/* Whether it has ended by its events alone. */
bool entry_told(const struct entry *entry);

/* How one host ended by its latest word. */
enum entry_word { WORD_NONE, WORD_COMPLETED, WORD_FAILED };
enum entry_word entry_host_word(const struct entry_host *host,
				int64_t *ended_ns, const char **error);

#endif
