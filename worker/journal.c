/*
 * worker/journal.c: the claims and results of this host, a record each in
 * worker/record.c's file, and in memory a tree of the ids in it.
 *
 * The file is written first, memory changes after that.
 */
#include "worker/journal.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "worker/record.h"

#define COMPACT_MIN      (1024 * 1024) /* octets; below it never compacted */
#define REMEMBER_MORE_NS (3600 * CLOCK_NS_PER_S) /* for a clock set back */

struct mark {
	char id[UUID_SIZE];
	enum journal_state state;
	int64_t until_ns; /* remembered that long, wall clock */
	char *result;     /* JSON text while JOURNAL_RESULT */
};

struct journal {
	pthread_mutex_t lock; /* all below */
	struct record_file file;
	void *tree; /* of struct mark, tsearch(3) */
	size_t count;
	int64_t floor_ns; /* jobs created before it: outcome unknown */
	char instance[UUID_SIZE];
};

static const char *const state_words[JOURNAL_STATE_COUNT] = {
    [JOURNAL_UNKNOWN] = "",
    [JOURNAL_CLAIMED] = "claim",
    [JOURNAL_RESULT] = "result",
    [JOURNAL_DELIVERED] = "delivered",
};

static const bool allowed[JOURNAL_STATE_COUNT][JOURNAL_STATE_COUNT] = {
    [JOURNAL_UNKNOWN] = {[JOURNAL_CLAIMED] = true,
			 [JOURNAL_DELIVERED] = true}, /* when read back */
    [JOURNAL_CLAIMED] = {[JOURNAL_RESULT] = true},
    [JOURNAL_RESULT] = {[JOURNAL_DELIVERED] = true},
    [JOURNAL_DELIVERED] = {false},
};

static int
compare(const void *a, const void *b)
{
	return strcmp(((const struct mark *)a)->id,
		      ((const struct mark *)b)->id);
}

static struct mark *
find(const struct journal *journal, const char *id)
{
	struct mark key = {.state = JOURNAL_UNKNOWN};
	struct mark **found;

	if (strlen(id) >= sizeof(key.id))
		return NULL;
	memcpy(key.id, id, strlen(id) + 1);
	found = tfind(&key, &journal->tree, compare);
	return found ? *found : NULL;
}

static struct mark *
add(struct journal *journal, const char *id)
{
	struct mark *mark = calloc(1, sizeof(*mark));

	if (!mark)
		return NULL;
	snprintf(mark->id, sizeof(mark->id), "%s", id);
	if (!tsearch(mark, &journal->tree, compare)) {
		free(mark);
		return NULL;
	}
	journal->count++;
	return mark;
}

static void
mark_free(void *node)
{
	struct mark *mark = node;

	free(mark->result);
	free(mark);
}

/* The only writer of an entry's state; owns `result`. */
static void
move(struct mark *mark, enum journal_state to, char *result)
{
	if (!allowed[mark->state][to])
		abort();
	free(mark->result);
	mark->result = result;
	mark->state = to;
}

static json_t *
mark_record(const struct mark *mark, enum journal_state state,
	    const char *result)
{
	json_t *record =
	    json_pack("{s:s, s:s, s:I}", "record", state_words[state], "id",
		      mark->id, "until", (json_int_t)mark->until_ns);

	if (record && result &&
	    json_object_set_new(record, "result", json_string(result))) {
		json_decref(record);
		return NULL;
	}
	return record;
}

/* ---- writing ---- */

struct compaction {
	FILE *out;
	bool failed;
};

static void
compact_line(struct compaction *c, json_t *record)
{
	if (!record_print(c->out, record))
		c->failed = true;
}

static void
compact_mark(const void *node, VISIT which, void *arg)
{
	const struct mark *mark = *(struct mark *const *)node;
	struct compaction *c = arg;

	if (which != postorder && which != leaf)
		return;
	if (mark->state == JOURNAL_RESULT)
		compact_line(c, mark_record(mark, JOURNAL_CLAIMED, NULL));
	compact_line(c, mark_record(mark, mark->state, mark->result));
}

struct collection {
	struct mark **items;
	size_t count;
	int64_t before_ns;
};

static void
collect_old(const void *node, VISIT which, void *arg)
{
	struct mark *mark = *(struct mark *const *)node;
	struct collection *c = arg;

	if ((which == postorder || which == leaf) &&
	    mark->state == JOURNAL_DELIVERED && mark->until_ns < c->before_ns)
		c->items[c->count++] = mark;
}

/* Forgets jobs that their own deadline refuses by now. */
static void
forget_old(struct journal *journal, int64_t now_ns)
{
	struct collection c = {.before_ns = now_ns};
	size_t i;

	c.items = calloc(journal->count + 1, sizeof(struct mark *));
	if (!c.items)
		return;
	twalk_r(journal->tree, collect_old, &c);
	for (i = 0; i < c.count; i++) {
		tdelete(c.items[i], &journal->tree, compare);
		mark_free(c.items[i]);
		journal->count--;
	}
	free(c.items);
}

/* Writes the file anew from memory. */
static enum err
compact(struct journal *journal, int64_t now_ns, struct err_info *info)
{
	struct compaction c = {0};
	char *text = NULL;
	size_t size = 0;
	enum err err;

	forget_old(journal, now_ns);
	c.out = open_memstream(&text, &size);
	if (!c.out)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	compact_line(&c, json_pack("{s:s, s:I}", "record", "floor", "at",
				   (json_int_t)journal->floor_ns));
	compact_line(&c, json_pack("{s:s, s:s}", "record", "instance", "id",
				   journal->instance));
	twalk_r(journal->tree, compact_mark, &c);
	if (fclose(c.out) || c.failed)
		err = err_set(info, ERR_NO_MEMORY, "out of memory");
	else
		err = record_replace(&journal->file, text, size, info);
	free(text);
	return err;
}

static enum err
append(struct journal *journal, json_t *record, bool durable,
       struct err_info *info)
{
	if (journal->file.broken) {
		enum err err = compact(journal, clock_wall_ns(), info);

		if (err != ERR_OK) {
			json_decref(record);
			return err;
		}
	}
	return record_append(&journal->file, record, durable, info);
}

static void
compact_if_large(struct journal *journal, int64_t now_ns)
{
	struct err_info info = {""};
	enum err err;

	if (journal->file.size < COMPACT_MIN ||
	    journal->file.size < 2 * journal->file.replaced)
		return;
	err = compact(journal, now_ns, &info);
	if (err != ERR_OK)
		log_error("journal not compacted", LOG_S("error", info.text),
			  LOG_S("code", err_name(err)));
}

/* ---- reading back ---- */

static bool
apply_mark(struct journal *journal, const json_t *record,
	   enum journal_state state)
{
	const char *id = json_member_string(record, "id");
	const char *text = json_member_string(record, "result");
	struct mark *mark;
	char *result = NULL;

	if (!id || !uuid_valid(id) || (state == JOURNAL_RESULT) != !!text)
		return false;
	mark = find(journal, id);
	if (!allowed[mark ? mark->state : JOURNAL_UNKNOWN][state])
		return false;
	if (text && !(result = strdup(text)))
		return false;
	if (!mark)
		mark = add(journal, id);
	if (!mark) {
		free(result);
		return false;
	}
	mark->until_ns = json_member_int(record, "until", 0);
	move(mark, state, result);
	return true;
}

static bool
apply(const json_t *record, void *arg)
{
	struct journal *journal = arg;
	const char *word = json_member_string(record, "record");
	const char *id = json_member_string(record, "id");
	int state;

	if (word && strcmp(word, "floor") == 0) {
		journal->floor_ns = json_member_int(record, "at", 0);
		return true;
	}
	if (word && strcmp(word, "instance") == 0 && id) {
		snprintf(journal->instance, sizeof(journal->instance), "%s",
			 id);
		return true;
	}
	for (state = JOURNAL_CLAIMED; word && state < JOURNAL_STATE_COUNT;
	     state++)
		if (strcmp(word, state_words[state]) == 0)
			return apply_mark(journal, record,
					  (enum journal_state)state);
	return false;
}

static enum err
load(struct journal *journal, int64_t now_ns, struct err_info *info)
{
	size_t damaged = 0;
	enum err err =
	    record_read(&journal->file, apply, journal, &damaged, info);

	if (err != ERR_OK || !damaged)
		return err;
	journal->floor_ns = now_ns;
	log_error("the journal was damaged: no change is begun that was "
		  "ordered before now",
		  LOG_S("path", journal->file.path),
		  LOG_I("lines", (int64_t)damaged));
	return record_keep_aside(&journal->file, info);
}

enum err
journal_open(const char *directory, int64_t now_ns, struct journal **journal,
	     struct err_info *info)
{
	struct journal *j = calloc(1, sizeof(*j));
	enum err err;

	if (!j)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	pthread_mutex_init(&j->lock, NULL);
	err = record_open(&j->file, directory, JOURNAL_FILE, info);
	if (err == ERR_OK)
		err = load(j, now_ns, info);
	/* Anew at each start: then the file's directory entry is on disk too,
	 * and its size is bounded by what is alive. */
	if (err == ERR_OK)
		err = compact(j, now_ns, info);
	if (err == ERR_OK)
		*journal = j;
	else
		journal_close(j);
	return err;
}

void
journal_close(struct journal *journal)
{
	if (!journal)
		return;
	record_close(&journal->file);
	tdestroy(journal->tree, mark_free);
	pthread_mutex_destroy(&journal->lock);
	free(journal);
}

/* ---- the life of one job ---- */

enum journal_state
journal_find(struct journal *journal, const char *id)
{
	const struct mark *mark;
	enum journal_state state;

	pthread_mutex_lock(&journal->lock);
	mark = find(journal, id);
	state = mark ? mark->state : JOURNAL_UNKNOWN;
	pthread_mutex_unlock(&journal->lock);
	return state;
}

static enum err
claim(struct journal *journal, const struct job *job, int64_t now_ns,
      struct err_info *info)
{
	struct mark key = {.until_ns = job->expires_ns + REMEMBER_MORE_NS};
	struct mark *mark = find(journal, job->id);
	enum err err;

	if (mark)
		return err_set(info, ERR_EXISTS,
			       "this host has begun it "
			       "before");
	if (job->created_ns <= journal->floor_ns)
		return err_set(info, ERR_UNKNOWN_OUTCOME,
			       "unknown outcome: this host's journal was "
			       "damaged after the job was made");
	if (journal->count >= JOURNAL_IDS_MAX)
		forget_old(journal, now_ns);
	if (journal->count >= JOURNAL_IDS_MAX)
		return err_set(info, ERR_BUSY,
			       "%s: %d jobs are remembered, no room for more",
			       journal->file.path, JOURNAL_IDS_MAX);
	snprintf(key.id, sizeof(key.id), "%s", job->id);
	err = append(journal, mark_record(&key, JOURNAL_CLAIMED, NULL), true,
		     info);
	if (err != ERR_OK)
		return err;
	mark = add(journal, job->id);
	if (!mark) /* on disk, not in memory: it must not begin */
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	mark->until_ns = key.until_ns;
	move(mark, JOURNAL_CLAIMED, NULL);
	compact_if_large(journal, now_ns);
	return ERR_OK;
}

enum err
journal_claim(struct journal *journal, const struct job *job, int64_t now_ns,
	      struct err_info *info)
{
	enum err err;

	pthread_mutex_lock(&journal->lock);
	err = claim(journal, job, now_ns, info);
	pthread_mutex_unlock(&journal->lock);
	return err;
}

/* Both documents as one text. */
static char *
result_text(const struct response *response, const struct event *event)
{
	json_auto_t *both = NULL;
	char *texts[2] = {NULL, NULL};
	size_t sizes[2];
	char *text = NULL;

	if (response_encode(response, &texts[0], &sizes[0]) == ERR_OK &&
	    event_encode(event, &texts[1], &sizes[1]) == ERR_OK)
		both = json_pack("[s, s]", texts[0], texts[1]);
	if (both)
		text = json_text(both, NULL);
	free(texts[0]);
	free(texts[1]);
	return text;
}

enum err
journal_result(struct journal *journal, const struct response *response,
	       const struct event *event, struct err_info *info)
{
	char *text = result_text(response, event);
	struct mark *mark;
	enum err err;

	if (!text)
		return err_set(info, ERR_INTERNAL,
			       "result cannot be written "
			       "as JSON");
	pthread_mutex_lock(&journal->lock);
	mark = find(journal, response->job_id);
	if (mark && allowed[mark->state][JOURNAL_RESULT]) {
		err = append(journal, mark_record(mark, JOURNAL_RESULT, text),
			     true, info);
		move(mark, JOURNAL_RESULT, text);
		text = NULL;
	} else {
		err = err_set(info, ERR_NOT_FOUND, "not claimed");
	}
	pthread_mutex_unlock(&journal->lock);
	free(text);
	return err;
}

enum err
journal_delivered(struct journal *journal, const char *id,
		  struct err_info *info)
{
	struct mark *mark;
	enum err err;

	pthread_mutex_lock(&journal->lock);
	mark = find(journal, id);
	if (mark && allowed[mark->state][JOURNAL_DELIVERED]) {
		err =
		    append(journal, mark_record(mark, JOURNAL_DELIVERED, NULL),
			   false, info);
		move(mark, JOURNAL_DELIVERED, NULL);
	} else {
		err = err_set(info, ERR_NOT_FOUND, "no result to deliver");
	}
	pthread_mutex_unlock(&journal->lock);
	return err;
}

enum err
journal_read(struct journal *journal, const char *id, struct response *response,
	     struct event *event, struct err_info *info)
{
	json_auto_t *both = NULL;
	const struct mark *mark;
	const char *first;
	const char *second;
	char *text = NULL;
	enum err err;

	pthread_mutex_lock(&journal->lock);
	mark = find(journal, id);
	if (mark && mark->result)
		text = strdup(mark->result);
	pthread_mutex_unlock(&journal->lock);
	if (!text)
		return err_set(info, ERR_NOT_FOUND, "no result to deliver");
	err = json_parse(text, strlen(text), &both, info);
	free(text);
	if (err != ERR_OK)
		return err;
	first = json_string_value(json_array_get(both, 0));
	second = json_string_value(json_array_get(both, 1));
	if (!first || !second)
		return err_set(info, ERR_INTERNAL, "not a result");
	err = event_decode(second, strlen(second), event, info);
	if (err == ERR_OK)
		err = response_decode(first, strlen(first), response, info);
	return err;
}

struct listing {
	char (*ids)[UUID_SIZE];
	size_t count;
	enum journal_state state;
};

static void
list_mark(const void *node, VISIT which, void *arg)
{
	const struct mark *mark = *(struct mark *const *)node;
	struct listing *l = arg;

	if ((which == postorder || which == leaf) && mark->state == l->state)
		memcpy(l->ids[l->count++], mark->id, UUID_SIZE);
}

enum err
journal_list(struct journal *journal, enum journal_state state,
	     char (**ids)[UUID_SIZE], size_t *count)
{
	struct listing l = {.state = state};

	pthread_mutex_lock(&journal->lock);
	l.ids = calloc(journal->count + 1, UUID_SIZE);
	if (l.ids)
		twalk_r(journal->tree, list_mark, &l);
	pthread_mutex_unlock(&journal->lock);
	if (!l.ids)
		return ERR_NO_MEMORY;
	*ids = l.ids;
	*count = l.count;
	return ERR_OK;
}

char *
journal_instance(struct journal *journal, char buf[static UUID_SIZE])
{
	pthread_mutex_lock(&journal->lock);
	memcpy(buf, journal->instance, UUID_SIZE);
	pthread_mutex_unlock(&journal->lock);
	return buf;
}

enum err
journal_set_instance(struct journal *journal, const char *instance,
		     struct err_info *info)
{
	enum err err;

	pthread_mutex_lock(&journal->lock);
	err = append(
	    journal,
	    json_pack("{s:s, s:s}", "record", "instance", "id", instance), true,
	    info);
	if (err == ERR_OK)
		snprintf(journal->instance, sizeof(journal->instance), "%s",
			 instance);
	pthread_mutex_unlock(&journal->lock);
	return err;
}
