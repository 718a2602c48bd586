/*
 * fcgi/index_view.c: see index.h; the index's readers.
 *
 * A view is copied under the mutex into one piece of memory (arrays first,
 * texts behind them), so that it costs one allocation whatever the job holds.
 */
#include "fcgi/index.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi/index_table.h"

#define PAGE_BATCH 128 /* views made in one hold of the mutex */

/* ---- one view ---- */

/* Room for all that an entry's view holds; hosts' names are needed thrice at
 * most (host, response, each event). */
static size_t
view_size(const struct entry *entry)
{
	size_t size = entry->doc->size + 1;

	size += entry->event_count * sizeof(struct index_event);
	size += entry->host_count *
		(sizeof(struct index_host) + sizeof(struct index_response));
	for (uint32_t i = 0; i < entry->host_count; i++) {
		const struct entry_host *host = entry->hosts[i];

		size += 2 * (strlen(host->name) + 1);
		size += host->error ? strlen(host->error) + 1 : 1;
		if (host->reply)
			size += 2 * host->reply->error_size +
				host->reply->data_size;
	}
	for (unsigned i = 0; i < entry->event_count; i++) {
		const char *text = entry->events[i].text;

		size += strlen(entry->events[i].host->name) + 1;
		size += text ? strlen(text) + 1 : 0;
		size += text ? strlen(text + strlen(text) + 1) + 1 : 0;
	}
	return size + 2 * (entry->given_up_error
			       ? strlen(entry->given_up_error) + 1
			       : 1);
}

static const char *
pack(char **at, const char *text)
{
	size_t size;
	char *copy;

	if (!text || !*text)
		return "";
	size = strlen(text) + 1;
	copy = memcpy(*at, text, size);
	*at += size;
	return copy;
}

static void
fill_responses(struct index_view *view, const struct entry *entry,
	       struct index_response *responses, char **at)
{
	size_t n = 0;

	view->responses = responses;
	for (uint32_t i = 0; i < entry->host_count; i++) {
		const struct reply *reply = entry->hosts[i]->reply;

		if (!reply)
			continue;
		responses[n++] = (struct index_response){
		    .hostname = pack(at, entry->hosts[i]->name),
		    .failed = reply->failed,
		    .missing = reply->missing,
		    .error = pack(at, reply->error),
		    .data = reply->data ? pack(at, reply->data) : NULL,
		    .timestamp_ns = reply->timestamp_ns,
		};
		if (reply->timestamp_ns > view->updated_ns)
			view->updated_ns = reply->timestamp_ns;
	}
	view->response_count = n;
}

static struct index_host
make_host(const struct index_view *view, const struct entry *entry,
	  const struct entry_host *from, char **at)
{
	struct index_host host = {
	    .expected = from->expected,
	    .begun_ns =
		from->started_ns ? from->started_ns : from->acknowledged_ns,
	    .error = "",
	};
	const char *error = "";

	switch (entry_host_word(from, &host.ended_ns, &error)) {
	case WORD_COMPLETED:
		host.status = JOB_COMPLETED;
		break;
	case WORD_FAILED:
		host.status = JOB_FAILED;
		host.error = pack(at, error);
		break;
	case WORD_NONE:
		host.status = host.begun_ns ? JOB_PROCESSING : JOB_SUBMITTED;
		if (entry->given_up_ns) {
			host.status = JOB_FAILED;
			host.given_up = true;
			host.ended_ns = entry->given_up_ns;
			host.error = view->error;
		}
		break;
	}
	return host;
}

static void
fill_hosts(struct index_view *view, const struct entry *entry,
	   struct index_host *hosts, char **at)
{
	const struct index_response *response = view->responses;
	size_t n = 0;

	view->hosts = hosts;
	for (uint32_t i = 0; i < entry->host_count; i++) {
		const struct entry_host *from = entry->hosts[i];
		bool mute = !from->reply && !from->acknowledged_ns &&
			    !from->started_ns && !from->ended_ns;

		if (mute && !from->expected)
			continue;
		hosts[n] = make_host(view, entry, from, at);
		hosts[n].response = from->reply ? response++ : NULL;
		hosts[n].hostname = hosts[n].response
					? hosts[n].response->hostname
					: pack(at, from->name);
		n++;
	}
	view->host_count = n;
}

static void
fill_events(struct index_view *view, const struct entry *entry,
	    struct index_event *events, char **at)
{
	view->events = events;
	view->event_count = entry->event_count;
	if (entry->event_kinds > entry->event_count)
		view->events_left_out = entry->event_kinds - entry->event_count;
	for (unsigned i = 0; i < entry->event_count; i++) {
		const struct entry_event *from = &entry->events[i];
		const char *text = from->text;

		events[i] = (struct index_event){
		    .event = from->event,
		    .unix_nano = from->unix_nano,
		    .hostname = pack(at, from->host->name),
		    .message = pack(at, text),
		    .error = pack(at, text ? text + strlen(text) + 1 : NULL),
		};
	}
}

static void
make_view(const struct entry *entry, struct index_view *out)
{
	const struct entry_doc *doc = entry->doc;
	struct index_event *events = entry_must(malloc(view_size(entry)));
	void *behind = events + entry->event_count;
	struct index_response *responses = behind;
	struct index_host *hosts;
	char *at;

	behind = responses + entry->host_count;
	hosts = behind;
	at = (char *)(hosts + entry->host_count);
	*out = (struct index_view){
	    .status = entry_status(entry),
	    .progress = entry_progress(entry),
	    .one_answer = entry_one_answer(entry),
	    .type = pack(&at, doc->type),
	    .data = doc->data ? pack(&at, doc->data) : NULL,
	    .target = pack(&at, doc->target),
	    .submitted_by = pack(&at, doc->submitted_by),
	    .retry_of = pack(&at, doc->retry_of),
	    .error = pack(&at, entry->given_up_error),
	    .revision = entry->revision,
	    .created_ns = entry->created_ns,
	    .updated_ns = entry->updated_ns > entry->created_ns
			      ? entry->updated_ns
			      : entry->created_ns,
	    .expires_ns = entry->expires_ns,
	    .expected_count = doc->expected_count,
	    .memory = events,
	};
	entry_key_text(&entry->key, out->id);
	fill_responses(out, entry, responses, &at);
	fill_hosts(out, entry, hosts, &at);
	fill_events(out, entry, events, &at);
}

void
index_view_release(struct index_view *view)
{
	free(view->memory);
	*view = (struct index_view){.memory = NULL};
}

enum err
index_view(struct index *index, const char *id, struct index_view *view)
{
	const struct entry *entry;
	struct entry_key key;
	enum err err = ERR_OK;

	if (!entry_key_make(id, &key))
		return ERR_NOT_FOUND;
	pthread_mutex_lock(&index->mutex);
	entry = index_find(index, &key);
	if (entry && entry_known(entry))
		make_view(entry, view);
	else
		err = entry && entry->deleted ? ERR_GONE : ERR_NOT_FOUND;
	pthread_mutex_unlock(&index->mutex);
	return err;
}

enum index_progress
index_progress(struct index *index, const char *id)
{
	enum index_progress progress = INDEX_OPEN;
	const struct entry *entry;
	struct entry_key key;

	if (!entry_key_make(id, &key))
		return progress;
	pthread_mutex_lock(&index->mutex);
	entry = index_find(index, &key);
	if (entry)
		progress = entry_progress(entry);
	pthread_mutex_unlock(&index->mutex);
	return progress;
}

/* ---- pages ---- */

static const struct index_list *
choose_list(const struct index *index, int status)
{
	return status < 0 || status >= JOB_STATUS_COUNT
		   ? &index->all
		   : &index->status[status];
}

/* Copies up to `max` views, from the position `below` downwards. */
static size_t
copy_views(const struct index_list *list, size_t below,
	   struct index_view *views, size_t max)
{
	size_t n;

	for (n = 0; n < max && n < below; n++)
		make_view(index_list_at(list, below - n - 1), &views[n]);
	return n;
}

static struct index_view *
more_views(struct index_view *views, size_t *room, size_t wanted)
{
	if (*room >= wanted)
		return views;
	*room = *room * 2 > wanted ? *room * 2 : wanted;
	return entry_must(reallocarray(views, *room, sizeof(*views)));
}

enum err
index_page(struct index *index, int status, size_t offset, size_t limit,
	   struct index_view **views, size_t *count, size_t *total)
{
	const struct index_list *list = choose_list(index, status);
	struct index_view *page = NULL;
	struct entry_key last;
	size_t room = 0;
	size_t n = 0;
	size_t below;
	size_t got;
	size_t max;

	if (limit == 0)
		limit = SIZE_MAX;
	do {
		max = limit - n < PAGE_BATCH ? limit - n : PAGE_BATCH;
		page = more_views(page, &room, n + max);
		pthread_mutex_lock(&index->mutex);
		if (n == 0) {
			*total = list->count;
			below = offset < list->count ? list->count - offset : 0;
		} else { /* the list may have changed: below the last id */
			below = index_list_rank(list, &last);
		}
		got = copy_views(list, below, page + n, max);
		pthread_mutex_unlock(&index->mutex);
		n += got;
		if (got)
			entry_key_make(page[n - 1].id, &last);
	} while (got == PAGE_BATCH && n < limit);
	*views = page;
	*count = n;
	return ERR_OK;
}

/* ---- duties and statistics ---- */

size_t
index_scan(struct index *index, enum job_status status, const char *after,
	   struct index_brief *briefs, size_t max)
{
	const struct index_list *list = choose_list(index, (int)status);
	struct entry_key key = {0};
	size_t from = 0;
	size_t n;

	if (*after && !entry_key_make(after, &key))
		return 0;
	pthread_mutex_lock(&index->mutex);
	if (*after) {
		const struct entry *same;

		from = index_list_rank(list, &key);
		same = index_list_at(list, from);
		if (same && entry_key_compare(&same->key, &key) == 0)
			from++;
	}
	for (n = 0; n < max; n++) {
		const struct entry *entry = index_list_at(list, from + n);

		if (!entry)
			break;
		entry_key_text(&entry->key, briefs[n].id);
		briefs[n].created_ns = entry->created_ns;
		briefs[n].expires_ns = entry->expires_ns;
	}
	pthread_mutex_unlock(&index->mutex);
	return n;
}

void
index_counts(struct index *index, struct index_counts *counts)
{
	pthread_mutex_lock(&index->mutex);
	*counts = index->counts;
	for (unsigned i = 0; i < JOB_STATUS_COUNT; i++) {
		const struct entry *oldest =
		    index_list_at(&index->status[i], 0);

		counts->by_status[i] = index->status[i].count;
		counts->oldest_ns[i] = oldest ? oldest->created_ns : 0;
	}
	pthread_mutex_unlock(&index->mutex);
}

size_t
index_open_hosts(struct index *index)
{
	size_t hosts;

	pthread_mutex_lock(&index->mutex);
	hosts = index->open_hosts;
	pthread_mutex_unlock(&index->mutex);
	return hosts;
}
