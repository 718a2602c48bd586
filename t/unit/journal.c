/* t/unit/journal.c: worker/journal.h, and worker/record.h beneath it. */
#include "worker/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file.h"
#include "t/unit/unit.h"

#define NOW (INT64_C(1800000000) * CLOCK_NS_PER_S)

/* A directory of its own for each case. */
static const char *
directory(void)
{
	static char path[512];
	static int number;

	snprintf(path, sizeof(path), "%s/journal%d", unit_directory(),
		 number++);
	return path;
}

static const char *
file_of(const char *dir, const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct journal *
open_journal(const char *dir, int64_t now_ns)
{
	struct journal *journal = NULL;
	struct err_info info = {""};

	IS_TEXT("opens", err_name(journal_open(dir, now_ns, &journal, &info)),
		"OK");
	IS_TEXT("and says nothing", info.text, "");
	return journal;
}

static struct job
new_job(void)
{
	struct job job = {.created_ns = NOW,
			  .expires_ns = NOW + 60 * CLOCK_NS_PER_S};

	uuid_make(job.id);
	return job;
}

static void
answer(const struct job *job, struct response *response, struct event *event)
{
	*response = (struct response){
	    .data = json_pack("{s:s, s:[i, f]}", "hostname", "web-01", "values",
			      7, 0.1),
	    .timestamp_ns = NOW,
	};
	*event =
	    (struct event){.event = JOB_EVENT_COMPLETED, .unix_nano = NOW + 5};
	memcpy(response->job_id, job->id, UUID_SIZE);
	memcpy(event->job_id, job->id, UUID_SIZE);
	snprintf(response->hostname, sizeof(response->hostname), "web-01");
	snprintf(event->hostname, sizeof(event->hostname), "web-01");
}

static enum err
give_result(struct journal *journal, const struct job *job)
{
	struct response response;
	struct event event;
	enum err err;

	answer(job, &response, &event);
	err = journal_result(journal, &response, &event, NULL);
	response_release(&response);
	return err;
}

static size_t
count_of(struct journal *journal, enum journal_state state)
{
	char(*ids)[UUID_SIZE] = NULL;
	size_t count = 0;

	IS_TEXT("lists", err_name(journal_list(journal, state, &ids, &count)),
		"OK");
	free(ids);
	return count;
}

static char *
content(const char *dir, size_t *size)
{
	char *text = NULL;

	file_read(file_of(dir, JOURNAL_FILE), 100 << 20, &text, size, NULL);
	return text;
}

static void
put_content(const char *dir, const char *text, size_t size)
{
	file_write(file_of(dir, JOURNAL_FILE), text, size, 0600, NULL);
}

static void
walks_the_life_of_a_job(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct job job = new_job();

	IS_INT("new", journal_find(journal, job.id), JOURNAL_UNKNOWN);
	IS_TEXT("no result before a claim",
		err_name(give_result(journal, &job)), "NOT_FOUND");
	IS_TEXT("claims", err_name(journal_claim(journal, &job, NOW, NULL)),
		"OK");
	IS_TEXT("once", err_name(journal_claim(journal, &job, NOW, NULL)),
		"EXISTS");
	IS_TEXT("nothing to deliver yet",
		err_name(journal_delivered(journal, job.id, NULL)),
		"NOT_FOUND");
	IS_TEXT("result", err_name(give_result(journal, &job)), "OK");
	IS_TEXT("one result only", err_name(give_result(journal, &job)),
		"NOT_FOUND");
	IS_INT("waits", journal_find(journal, job.id), JOURNAL_RESULT);
	IS_TEXT("delivered", err_name(journal_delivered(journal, job.id, NULL)),
		"OK");
	IS_INT("done", journal_find(journal, job.id), JOURNAL_DELIVERED);
	IS_TEXT("never again",
		err_name(journal_claim(journal, &job, NOW, NULL)), "EXISTS");
	journal_close(journal);
}

/* What a kill -9 leaves is what a reopened file says. */
static void
remembers_over_a_kill(void)
{
	static const struct {
		enum journal_state state;
		const char *why;
	} rows[] = {
	    {JOURNAL_CLAIMED, "killed between claim and result"},
	    {JOURNAL_RESULT, "killed before the result was delivered"},
	    {JOURNAL_DELIVERED, "killed after that: a replay is known"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *dir = directory();
		struct job job = new_job();
		struct journal *journal;
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			if (journal_open(dir, NOW, &journal, NULL) ||
			    journal_claim(journal, &job, NOW, NULL))
				_exit(1);
			if (rows[i].state > JOURNAL_CLAIMED)
				give_result(journal, &job);
			if (rows[i].state > JOURNAL_RESULT)
				journal_delivered(journal, job.id, NULL);
			raise(SIGKILL);
		}
		waitpid(child, &status, 0);
		OK("the child was killed",
		   WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		journal = open_journal(dir, NOW);
		IS_INT(rows[i].why, journal_find(journal, job.id),
		       rows[i].state);
		IS_INT("it is listed", count_of(journal, rows[i].state), 1);
		IS_TEXT("it is not begun again",
			err_name(journal_claim(journal, &job, NOW, NULL)),
			"EXISTS");
		journal_close(journal);
	}
}

static void
keeps_the_very_result(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct job job = new_job();
	struct response wanted;
	struct response got;
	struct event event;
	struct event got_event;

	answer(&job, &wanted, &event);
	journal_claim(journal, &job, NOW, NULL);
	journal_result(journal, &wanted, &event, NULL);
	journal_close(journal);
	journal = open_journal(dir, NOW);
	if (journal_read(journal, job.id, &got, &got_event, NULL) == ERR_OK) {
		OK("the same data", json_equal(got.data, wanted.data));
		IS_TEXT("host", got.hostname, "web-01");
		IS_INT("time", got.timestamp_ns, NOW);
		IS_INT("the event's own time, so that it is stored once",
		       got_event.unix_nano, NOW + 5);
		response_release(&got);
	} else {
		OK("can be read", false);
	}
	response_release(&wanted);
	journal_delivered(journal, job.id, NULL);
	IS_TEXT("gone once delivered",
		err_name(journal_read(journal, job.id, &got, &event, NULL)),
		"NOT_FOUND");
	journal_close(journal);
}

static void
tolerates_a_torn_end(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct job first = new_job();
	struct job second = new_job();
	char *text;
	size_t before = 0;
	size_t size = 0;
	size_t cut;

	journal_claim(journal, &first, NOW, NULL);
	free(content(dir, &before));
	journal_claim(journal, &second, NOW, NULL);
	journal_close(journal);
	text = content(dir, &size);
	OK("the second claim is a line more", size > before);
	for (cut = before; cut < size; cut++) {
		put_content(dir, text, cut);
		journal = open_journal(dir, NOW + 1);
		IS_INT("what was whole is there",
		       journal_find(journal, first.id), JOURNAL_CLAIMED);
		IS_INT("what was torn is not", journal_find(journal, second.id),
		       JOURNAL_UNKNOWN);
		IS_TEXT("and may be claimed: its write never returned",
			err_name(journal_claim(journal, &second, NOW, NULL)),
			"OK");
		journal_close(journal);
	}
	free(text);
}

static void
distrusts_a_damaged_line(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct job first = new_job();
	struct job lost = new_job();
	struct job older = new_job();
	struct job newer = new_job();
	struct err_info info = {""};
	size_t size = 0;
	size_t before = 0;
	char *text;

	journal_claim(journal, &first, NOW, NULL);
	free(content(dir, &before));
	journal_claim(journal, &lost, NOW, NULL);
	journal_close(journal);
	text = content(dir, &size);
	text[before + 40] ^= 1;
	put_content(dir, text, size);
	free(text);
	newer.created_ns = NOW + 11;
	newer.expires_ns = NOW + 60 * CLOCK_NS_PER_S;

	journal = open_journal(dir, NOW + 10);
	IS_INT("the others are there", journal_find(journal, first.id),
	       JOURNAL_CLAIMED);
	OK("the damaged file is kept",
	   access(file_of(dir, "journal.damaged"), R_OK) == 0);
	journal_close(journal);
	journal = open_journal(dir, NOW + 20);
	IS_TEXT("the one that was lost does not run, after a restart either",
		err_name(journal_claim(journal, &lost, NOW + 20, &info)),
		"UNKNOWN_OUTCOME");
	HAS_TEXT("says so", info.text, "unknown outcome");
	IS_TEXT("nor does any that may have been in it",
		err_name(journal_claim(journal, &older, NOW + 20, NULL)),
		"UNKNOWN_OUTCOME");
	IS_TEXT("newer ones do",
		err_name(journal_claim(journal, &newer, NOW + 20, NULL)), "OK");
	journal_close(journal);
}

static void
is_for_one_process(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct journal *second = NULL;
	struct err_info info = {""};

	IS_TEXT("the second is refused",
		err_name(journal_open(dir, NOW, &second, &info)), "BUSY");
	HAS_TEXT("with the reason", info.text, "another process has it");
	journal_close(journal);
	journal = open_journal(dir, NOW);
	journal_close(journal);
}

static void
remembers_the_instance(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	char id[UUID_SIZE];
	char got[UUID_SIZE];

	uuid_make(id);
	IS_TEXT("none at first", journal_instance(journal, got), "");
	journal_set_instance(journal, id, NULL);
	journal_close(journal);
	journal = open_journal(dir, NOW);
	IS_TEXT("the last one", journal_instance(journal, got), id);
	journal_close(journal);
}

/* Delivered jobs are forgotten an hour after their deadline, not before. */
static void
forgets_in_time(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct job done = new_job();
	struct job open = new_job();
	int64_t hour_ns = 3600 * CLOCK_NS_PER_S;

	journal_claim(journal, &done, NOW, NULL);
	give_result(journal, &done);
	journal_delivered(journal, done.id, NULL);
	journal_claim(journal, &open, NOW, NULL);
	journal_close(journal);
	journal = open_journal(dir, done.expires_ns + hour_ns - 1);
	IS_INT("remembered", journal_find(journal, done.id), JOURNAL_DELIVERED);
	journal_close(journal);
	journal = open_journal(dir, done.expires_ns + hour_ns + 1);
	IS_INT("forgotten", journal_find(journal, done.id), JOURNAL_UNKNOWN);
	IS_INT("what has no result stays", journal_find(journal, open.id),
	       JOURNAL_CLAIMED);
	journal_close(journal);
}

static void
stays_small(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct stat st = {.st_size = 0};
	off_t largest = 0;
	int i;

	/* 3 MB of jobs, all over by the time the next one comes. */
	for (i = 0; i < 5000; i++) {
		struct job job = new_job();

		job.created_ns = NOW + i * INT64_C(7200) * CLOCK_NS_PER_S;
		job.expires_ns = job.created_ns + 1;
		if (journal_claim(journal, &job, job.created_ns, NULL))
			break;
		give_result(journal, &job);
		journal_delivered(journal, job.id, NULL);
		if (stat(file_of(dir, JOURNAL_FILE), &st) == 0 &&
		    st.st_size > largest)
			largest = st.st_size;
	}
	IS_INT("all ran", i, 5000);
	OK("the file was written anew on the way", largest < 2 * 1024 * 1024);
	IS_INT("one result waits for nothing",
	       count_of(journal, JOURNAL_RESULT), 0);
	journal_close(journal);
}

/* A full disk (here: a limit on the file's size) refuses the claim, loses
 * nothing, and is over when there is room again. */
static void
survives_a_full_disk(void)
{
	const char *dir = directory();
	struct journal *journal = open_journal(dir, NOW);
	struct rlimit before;
	struct rlimit full;
	struct job first = new_job();
	struct job second = new_job();
	struct err_info info = {""};
	size_t size = 0;

	signal(SIGXFSZ, SIG_IGN);
	journal_claim(journal, &first, NOW, NULL);
	free(content(dir, &size));
	getrlimit(RLIMIT_FSIZE, &before);
	full = before;
	full.rlim_cur = size + 20; /* room for a part of a line */
	setrlimit(RLIMIT_FSIZE, &full);
	IS_TEXT("no room: not begun",
		err_name(journal_claim(journal, &second, NOW, &info)), "IO");
	HAS_TEXT("says where", info.text, dir);
	IS_TEXT("the result is kept in memory",
		err_name(give_result(journal, &first)), "IO");
	IS_INT("as a result", journal_find(journal, first.id), JOURNAL_RESULT);
	setrlimit(RLIMIT_FSIZE, &before);
	IS_TEXT("room again",
		err_name(journal_claim(journal, &second, NOW, NULL)), "OK");
	journal_close(journal);
	journal = open_journal(dir, NOW);
	IS_INT("the first", journal_find(journal, first.id), JOURNAL_RESULT);
	IS_INT("the second", journal_find(journal, second.id), JOURNAL_CLAIMED);
	journal_close(journal);
}

static void
names_a_bad_directory(void)
{
	static const struct {
		const char *dir;
		const char *part;
		const char *why;
	} rows[] = {
	    {"/proc/none/x", "/proc/none/x", "cannot be made"},
	    {"/dev/null", "/dev/null", "not a directory"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct journal *journal = NULL;
		struct err_info info = {""};

		IS_TEXT(
		    rows[i].why,
		    err_name(journal_open(rows[i].dir, NOW, &journal, &info)),
		    "IO");
		HAS_TEXT(rows[i].why, info.text, rows[i].part);
	}
}

const struct unit_case unit_cases[] = {
    {"a job is claimed once and walks its states", walks_the_life_of_a_job},
    {"a kill -9 at each point is remembered", remembers_over_a_kill},
    {"a result is kept as it was", keeps_the_very_result},
    {"a torn last line is passed over", tolerates_a_torn_end},
    {"after damage nothing older is begun", distrusts_a_damaged_line},
    {"two workers cannot share a journal", is_for_one_process},
    {"the last instance is remembered", remembers_the_instance},
    {"ids are forgotten after their deadline, not before", forgets_in_time},
    {"the file stays small", stays_small},
    {"a full disk begins nothing and loses nothing", survives_a_full_disk},
    {"a directory that cannot be used is named", names_a_bad_directory},
    {NULL, NULL},
};
const char unit_name[] = "journal";
