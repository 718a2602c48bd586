/*
 * t/unit/execution.c: worker/execution.h, with a real nats-server and a worker
 * that hears it.  The forger has full credentials of the broker.
 */
#include "worker/execution.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/jetstream.h"
#include "t/support/fleet.h"
#include "t/support/operations.h"
#include "t/unit/unit.h"

#define HOST           "web-01"
#define ELSEWHERE      "web-02"
#define SUBJECT        "jobs.query.host." HOST
#define CHANGE_SUBJECT "jobs.modify.host." HOST
#define QUERY          "system.hostname.get"
#define CHANGE         "network.dns.update"

static const char settings[] = "  consumer:\n"
			       "    max_deliver: 3\n"
			       "    ack_wait: 5s\n"
			       "    back_off: [1s]\n";
static const struct fleet_host host = {.name = HOST, .find = operations_find};
static struct fleet fleet;
static struct worker *worker;
static int stderr_before = -1;

/* ---- the log, in a file ---- */

static const char *
log_path(void)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/log", fleet.directory);
	return path;
}

static void
log_to_file(void)
{
	int fd =
	    open(log_path(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || stderr_before < 0 || dup2(fd, STDERR_FILENO) < 0)
		exit(2);
	close(fd);
}

/* Lines that hold both. */
static int
log_lines(const char *first, const char *second)
{
	char *text = NULL;
	char *save = NULL;
	char *line;
	size_t size = 0;
	int count = 0;

	if (file_read(log_path(), 64 << 20, &text, &size, NULL))
		return -1;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (strstr(line, first) && strstr(line, second))
			count++;
	free(text);
	return count;
}

static void
begin(void)
{
	if (worker)
		return;
	fleet_start(&fleet, unit_directory(), settings);
	log_to_file();
	worker = fleet_worker(&fleet, &host);
}

static void
end(void)
{
	fleet_worker_stop(worker);
	fleet_stop(&fleet);
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	OK("all was taken apart", true);
}

/* ---- forgeries ---- */

struct forgery {
	struct job job; /* genuine */
	char *text;
	size_t size;
	char signature[SIGNATURE_SIZE];
};

static void
sign(struct forgery *f)
{
	free(f->text);
	f->text = NULL;
	job_encode(&f->job, &f->text, &f->size, NULL);
	signer_sign(fleet.signer, f->text, f->size, f->signature);
}

static void
put(const struct forgery *f)
{
	fleet_put_job(&fleet, f->job.id, f->text, f->size, f->signature);
	fleet_notify(&fleet, SUBJECT, f->job.id);
}

static void
unsigned_job(struct forgery *f)
{
	fleet_put_job(&fleet, f->job.id, f->text, f->size, NULL);
	fleet_notify(&fleet, SUBJECT, f->job.id);
}

static void
flipped_bit(struct forgery *f)
{
	f->text[f->size / 2] ^= 1;
	put(f);
}

static void
unknown_key(struct forgery *f)
{
	struct signer *forger = NULL;
	char private[600];
	char public[600];

	snprintf(private, sizeof(private), "%s/forger.pem", fleet.directory);
	snprintf(public, sizeof(public), "%s/forger-pub.pem", fleet.directory);
	signature_generate(private, public, NULL);
	signer_load(private, &forger, NULL);
	signer_sign(forger, f->text, f->size, f->signature);
	signer_free(forger);
	put(f);
}

static void
garbage_signature(struct forgery *f)
{
	snprintf(f->signature, sizeof(f->signature), "eyJhbGciOiJub25lIn0..");
	put(f);
}

static void
other_signature(struct forgery *f)
{
	char kept[SIGNATURE_SIZE];

	memcpy(kept, f->signature, sizeof(kept));
	uuid_make(f->job.id);
	sign(f);
	memcpy(f->signature, kept, sizeof(kept));
	put(f);
}

static void
swapped_operation(struct forgery *f)
{
	char kept[SIGNATURE_SIZE];

	memcpy(kept, f->signature, sizeof(kept));
	snprintf(f->job.type, sizeof(f->job.type), "system.status.get");
	sign(f);
	memcpy(f->signature, kept, sizeof(kept));
	put(f);
}

static void
rewritten_target(struct forgery *f)
{
	char kept[SIGNATURE_SIZE];

	target_parse(ELSEWHERE, &f->job.target, NULL);
	sign(f);
	memcpy(kept, f->signature, sizeof(kept));
	target_parse(HOST, &f->job.target, NULL);
	sign(f);
	memcpy(f->signature, kept, sizeof(kept));
	put(f);
}

/* Genuine text and signature, under another id. */
static void
borrowed_job(struct forgery *f)
{
	uuid_make(f->job.id);
	put(f);
}

static void
sent_astray(struct forgery *f)
{
	target_parse(ELSEWHERE, &f->job.target, NULL);
	sign(f);
	put(f);
}

static void
other_lane(struct forgery *f)
{
	f->job.lane = JOB_LIVE;
	sign(f);
	put(f);
}

static void
not_a_document(struct forgery *f)
{
	free(f->text);
	f->text = strdup("{\"id\": 1}");
	f->size = strlen(f->text);
	signer_sign(fleet.signer, f->text, f->size, f->signature);
	put(f);
}

static void
expired(struct forgery *f)
{
	f->job.created_ns -= 20 * CLOCK_NS_PER_S;
	f->job.expires_ns = f->job.created_ns + 10 * CLOCK_NS_PER_S;
	sign(f);
	put(f);
}

static void
refuses_forgeries(void)
{
	static const struct {
		void (*forge)(struct forgery *f);
		enum job_event event; /* failed: the job ends here */
		const char *reason;
		const char *why;
	} rows[] = {
	    {unsigned_job, JOB_EVENT_FAILED, "not signed", "unsigned"},
	    {flipped_bit, JOB_EVENT_FAILED, "signature", "a bit flipped"},
	    {unknown_key, JOB_EVENT_FAILED, "unknown key", "a forger's key"},
	    {garbage_signature, JOB_EVENT_FAILED, "signature", "alg none"},
	    {other_signature, JOB_EVENT_FAILED, "signature",
	     "another job's signature"},
	    {swapped_operation, JOB_EVENT_FAILED, "signature",
	     "operation swapped"},
	    {rewritten_target, JOB_EVENT_FAILED, "signature",
	     "target rewritten"},
	    {borrowed_job, JOB_EVENT_FAILED, "another one",
	     "a genuine job under another id"},
	    {not_a_document, JOB_EVENT_FAILED, "refused", "signed, but no job"},
	    {expired, JOB_EVENT_FAILED, "expired", "genuine, but too late"},
	    {sent_astray, JOB_EVENT_ACKNOWLEDGED, "not its target",
	     "genuine, for another host: must not end there"},
	    {other_lane, JOB_EVENT_ACKNOWLEDGED, "subject",
	     "genuine, in the other lane"},
	};
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct forgery f = {.job = fleet_job(QUERY, HOST, JOB_BATCH)};
		struct event event;

		operations_reset(OPERATIONS_WORK, 0);
		sign(&f);
		rows[i].forge(&f);
		OK(rows[i].why,
		   fleet_event(&fleet, f.job.id, HOST, rows[i].event, &event));
		HAS_TEXT(rows[i].why,
			 rows[i].event == JOB_EVENT_FAILED ? event.error
							   : event.message,
			 rows[i].reason);
		OK("settled", fleet_settled(&fleet));
		IS_INT("one line of log", log_lines("job refused", f.job.id),
		       1);
		IS_INT("it did not run", operations_runs(), 0);
		IS_INT("never said to have started",
		       fleet_count_events(&fleet, f.job.id, JOB_EVENT_STARTED),
		       0);
		free(f.text);
		job_release(&f.job);
	}
}

static void
refuses_notifications(void)
{
	static const struct {
		const char *data;
		const char *part;
		const char *why;
	} rows[] = {
	    {"", "not a job id", "empty"},
	    {"jobs.>", "not a job id", "no id"},
	    {"01890A5D-AC96-774B-BCCE-B302099A8057", "not a job id",
	     "not in the canonical form"},
	    {"01890a5d-ac96-774b-bcce-b302099a8057\n", "not a job id",
	     "something behind it"},
	};
	char gone[UUID_SIZE];
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int before = log_lines(rows[i].part, "warning");

		fleet_notify(&fleet, SUBJECT, rows[i].data);
		OK(rows[i].why, fleet_settled(&fleet));
		IS_INT(rows[i].why, log_lines(rows[i].part, "warning"),
		       before + 1);
	}
	uuid_make(gone);
	fleet_notify(&fleet, SUBJECT, gone);
	OK("settled", fleet_settled(&fleet));
	IS_INT("a job that never was", log_lines("no such job", gone), 1);
}

/* ---- replays ---- */

static void
run_once(const struct job *job)
{
	struct response response;

	fleet_submit(&fleet, job);
	OK("it ran", fleet_response(&fleet, job->id, HOST, &response));
	response_release(&response);
	OK("settled", fleet_settled(&fleet));
	IS_INT("once", operations_runs(), 1);
}

static void
delete_responses(void)
{
	json_auto_t *reply = NULL;
	char what[128];

	snprintf(what, sizeof(what), "STREAM.PURGE.KV_%.64s",
		 fleet.config->job.kv_response_bucket);
	IS_INT("deleted",
	       jetstream_api(fleet.broker, what, NULL, JETSTREAM_TIMEOUT_MS,
			     &reply, NULL),
	       ERR_OK);
}

static void
refuses_replays(void)
{
	enum how { AGAIN, WITHOUT_RESPONSE, AFTER_RESTART };
	static const struct {
		const char *type;
		enum how how;
		const char *subject;
		const char *why;
	} rows[] = {
	    {QUERY, AGAIN, SUBJECT, "a query's notification again"},
	    {CHANGE, AGAIN, CHANGE_SUBJECT, "a change's notification again"},
	    {CHANGE, WITHOUT_RESPONSE, CHANGE_SUBJECT,
	     "the response deleted before"},
	    {CHANGE, AFTER_RESTART, CHANGE_SUBJECT,
	     "the response deleted, the worker restarted"},
	};
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = fleet_job(rows[i].type, HOST, JOB_BATCH);
		struct event event;

		operations_reset(OPERATIONS_WORK, 0);
		run_once(&job);
		if (rows[i].how == AFTER_RESTART) {
			fleet_worker_stop(worker);
			worker = fleet_worker(&fleet, &host);
		}
		if (rows[i].how != AGAIN)
			delete_responses();
		fleet_notify(&fleet, rows[i].subject, job.id);
		OK("settled", fleet_settled(&fleet));
		IS_INT(rows[i].why, operations_runs(), 1);
		IS_INT("not said to have started again",
		       fleet_count_events(&fleet, job.id, JOB_EVENT_STARTED),
		       1);
		IS_INT("one line of log", log_lines("job refused", job.id), 1);
		OK("and an event", fleet_event(&fleet, job.id, HOST,
					       JOB_EVENT_ACKNOWLEDGED, &event));
		HAS_TEXT("that says why", event.message, "replayed");
		IS_INT("which does not make it fail",
		       fleet_count_events(&fleet, job.id, JOB_EVENT_FAILED), 0);
		job_release(&job);
	}
}

/* ---- a result whose event is missing ---- */

static void
delete_end(const char *id)
{
	json_auto_t *reply = NULL;
	json_auto_t *body =
	    json_pack("{s:o}", "filter",
		      json_sprintf("$KV.%s.status.%s.completed.>",
				   fleet.config->job.kv_bucket, id));
	char what[128];

	snprintf(what, sizeof(what), "STREAM.PURGE.KV_%.64s",
		 fleet.config->job.kv_bucket);
	IS_INT("deleted",
	       jetstream_api(fleet.broker, what, body, JETSTREAM_TIMEOUT_MS,
			     &reply, NULL),
	       ERR_OK);
	IS_INT("no end", fleet_count_events(&fleet, id, JOB_EVENT_COMPLETED),
	       0);
}

/* The worker before it died after it had written the one. */
static void
tells_the_end_of_what_was_answered(void)
{
	struct job job = fleet_job(QUERY, HOST, JOB_BATCH);
	struct event started, ended;

	begin();
	operations_reset(OPERATIONS_WORK, 0);
	run_once(&job);
	delete_end(job.id);
	fleet_notify(&fleet, SUBJECT, job.id);
	OK("settled", fleet_settled(&fleet));
	IS_INT("not run again", operations_runs(), 1);
	OK("started",
	   fleet_event(&fleet, job.id, HOST, JOB_EVENT_STARTED, &started));
	OK("ended",
	   fleet_event(&fleet, job.id, HOST, JOB_EVENT_COMPLETED, &ended));
	OK("in this order", ended.unix_nano >= started.unix_nano);
	fleet_notify(&fleet, SUBJECT, job.id);
	OK("settled again", fleet_settled(&fleet));
	IS_INT("one end only",
	       fleet_count_events(&fleet, job.id, JOB_EVENT_COMPLETED), 1);
	job_release(&job);
}

/* ---- what is genuine ---- */

static void
tells_the_story(void)
{
	static const enum job_event kinds[] = {
	    JOB_EVENT_ACKNOWLEDGED, JOB_EVENT_STARTED, JOB_EVENT_COMPLETED};
	struct job job = fleet_job(QUERY, HOST, JOB_LIVE);
	struct response response;
	struct event event;
	int64_t last_ns = 0;
	size_t i;

	begin();
	operations_reset(OPERATIONS_WORK, 0);
	fleet_submit(&fleet, &job);
	OK("answers", fleet_response(&fleet, job.id, HOST, &response));
	OK("completed", !response.failed);
	IS_TEXT("the host's name is in it",
		json_string_value(json_object_get(response.data, "hostname")),
		HOST);
	OK("and what the provider said",
	   json_object_get(response.data, "labels"));
	response_release(&response);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		OK(job_event_text(kinds[i]),
		   fleet_event(&fleet, job.id, HOST, kinds[i], &event));
		OK("in order", event.unix_nano >= last_ns);
		last_ns = event.unix_nano;
	}
	OK("acknowledged to the server", fleet_settled(&fleet));
	IS_INT("ran once", operations_runs(), 1);
	job_release(&job);
}

static void
tries_again_what_may_pass(void)
{
	static const struct {
		const char *type;
		enum operations_mode mode;
		int times;
		int runs;
		bool failed;
		const char *error;
		const char *why;
	} rows[] = {
	    {QUERY, OPERATIONS_FAIL, 1, 1, true, "no such interface",
	     "a permanent failure is a result"},
	    {QUERY, OPERATIONS_TRANSIENT, 2, 3, false, "",
	     "a transient one is tried again"},
	    {QUERY, OPERATIONS_TRANSIENT, 9, 3, true, "given up after 3 of 3",
	     "until the last delivery"},
	    {CHANGE, OPERATIONS_TRANSIENT, 9, 1, true, "never tried twice",
	     "a change never"},
	};
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = fleet_job(rows[i].type, HOST, JOB_BATCH);
		struct response response;

		operations_reset(rows[i].mode, rows[i].times);
		fleet_submit(&fleet, &job);
		OK(rows[i].why,
		   fleet_response(&fleet, job.id, HOST, &response));
		IS_INT(rows[i].why, response.failed, rows[i].failed);
		HAS_TEXT(rows[i].why, response.error, rows[i].error);
		OK("settled", fleet_settled(&fleet));
		IS_INT(rows[i].why, operations_runs(), rows[i].runs);
		response_release(&response);
		job_release(&job);
	}
}

/* Signed by the API, yet not to be run. */
static void
checks_what_it_runs(void)
{
	static const struct {
		const char *type;
		const char *data;
		const char *error;
		const char *why;
	} rows[] = {
	    {"system.reboot.do", "{}", "unknown operation",
	     "an API that knows more"},
	    {"system.disk.get", "{}", "no provider", "a host that can do less"},
	    {CHANGE, "{\"interface_name\": \"eth0\", \"servers\": [\"x\"]}",
	     "operation.data.servers[0]", "data against the schema"},
	    {QUERY, "{\"surplus\": 1}", "operation.data",
	     "data that it does not take"},
	};
	size_t i;

	begin();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct job job = fleet_job(rows[i].type, HOST, JOB_BATCH);
		struct response response;

		operations_reset(OPERATIONS_WORK, 0);
		json_decref(job.data);
		job.data = json_loads(rows[i].data, 0, NULL);
		fleet_submit(&fleet, &job);
		OK(rows[i].why,
		   fleet_response(&fleet, job.id, HOST, &response));
		HAS_TEXT(rows[i].why, response.error, rows[i].error);
		IS_INT("did not run", operations_runs(), 0);
		response_release(&response);
		job_release(&job);
	}
}

/* ---- a deadline that passes meanwhile ---- */

static int64_t late_ns; /* wall clock: no provider is found before */

static const struct provider *
find_late(const char *operation)
{
	const struct timespec until = {.tv_sec = late_ns / CLOCK_NS_PER_S,
				       .tv_nsec = late_ns % CLOCK_NS_PER_S};

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL))
		;
	return operations_find(operation);
}

/* In time when it came, too late when all was ready for it. */
static void
begins_nothing_after_the_deadline(void)
{
	static const struct fleet_host slow = {.name = ELSEWHERE,
					       .find = find_late};
	struct job job = fleet_job(CHANGE, ELSEWHERE, JOB_BATCH);
	struct worker *second;
	struct response response;

	begin();
	operations_reset(OPERATIONS_WORK, 0);
	second = fleet_worker(&fleet, &slow);
	job.created_ns = clock_wall_ns();
	job.expires_ns = late_ns = job.created_ns + CLOCK_NS_PER_S;
	fleet_submit(&fleet, &job);
	OK("it is answered",
	   fleet_response(&fleet, job.id, ELSEWHERE, &response));
	HAS_TEXT("with why", response.error, "not begun before its deadline");
	OK("settled", fleet_settled(&fleet));
	IS_INT("it did not run", operations_runs(), 0);
	response_release(&response);
	job_release(&job);
	fleet_worker_stop(second);
}

static bool
one_waits(void *arg)
{
	(void)arg;
	return operations_waiting() == 1;
}

static void
drops_a_deleted_job(void)
{
	struct job job = fleet_job(QUERY, HOST, JOB_BATCH);
	struct job running = fleet_job(QUERY, HOST, JOB_BATCH);
	struct response response;

	begin();
	operations_reset(OPERATIONS_WORK, 0);
	operations_close(true);
	fleet_submit(&fleet, &running);
	OK("runs", fleet_wait(&fleet, one_waits, NULL));
	IS_INT("deleted while it runs",
	       store_job_delete(fleet.store, running.id, NULL), ERR_OK);
	fleet_worker_stop(worker);
	fleet_submit(&fleet, &job);
	IS_INT("deleted before it began",
	       store_job_delete(fleet.store, job.id, NULL), ERR_OK);
	operations_reset(OPERATIONS_WORK, 0);
	worker = fleet_worker(&fleet, &host);
	OK("both are answered", fleet_settled(&fleet));
	IS_INT("the one did not run", operations_runs(), 0);
	IS_INT("it has no response",
	       store_response_read(fleet.store, job.id, HOST, &response, NULL),
	       ERR_NOT_FOUND);
	job_release(&job);
	job_release(&running);
}

/* ---- a change whose end nobody knows ---- */

static void
says_unknown_outcome(void)
{
	struct job job = fleet_job(CHANGE, HOST, JOB_BATCH);
	struct journal *journal = NULL;
	struct response response;
	struct event event;
	char dir[600];

	begin();
	operations_reset(OPERATIONS_WORK, 0);
	fleet_worker_stop(worker);
	fleet_submit(&fleet, &job);
	/* The worker before it died here. */
	snprintf(dir, sizeof(dir), "%s/journal-" HOST, fleet.directory);
	IS_INT("journal", journal_open(dir, clock_wall_ns(), &journal, NULL),
	       ERR_OK);
	IS_INT("claim", journal_claim(journal, &job, clock_wall_ns(), NULL),
	       ERR_OK);
	journal_close(journal);

	worker = fleet_worker(&fleet, &host);
	OK("answers", fleet_response(&fleet, job.id, HOST, &response));
	HAS_TEXT("response", response.error, "unknown outcome");
	OK("event",
	   fleet_event(&fleet, job.id, HOST, JOB_EVENT_FAILED, &event));
	HAS_TEXT("event", event.error, "unknown outcome");
	OK("settled", fleet_settled(&fleet));
	IS_INT("never run", operations_runs(), 0);
	response_release(&response);
	job_release(&job);
}

/* Killed after the result was on disk and before it was in the store. */
static void
delivers_what_the_journal_kept(void)
{
	struct job job = fleet_job(CHANGE, HOST, JOB_BATCH);
	struct response response = {.timestamp_ns = clock_wall_ns()};
	struct event event = {.event = JOB_EVENT_COMPLETED,
			      .unix_nano = response.timestamp_ns};
	struct journal *journal = NULL;
	char dir[600];

	begin();
	operations_reset(OPERATIONS_WORK, 0);
	fleet_worker_stop(worker);
	fleet_submit(&fleet, &job);
	snprintf(dir, sizeof(dir), "%s/journal-" HOST, fleet.directory);
	memcpy(response.job_id, job.id, UUID_SIZE);
	memcpy(event.job_id, job.id, UUID_SIZE);
	snprintf(response.hostname, sizeof(response.hostname), HOST);
	snprintf(event.hostname, sizeof(event.hostname), HOST);
	response.data = json_pack("{s:s}", "hostname", HOST);
	journal_open(dir, clock_wall_ns(), &journal, NULL);
	journal_claim(journal, &job, clock_wall_ns(), NULL);
	IS_INT("result", journal_result(journal, &response, &event, NULL),
	       ERR_OK);
	journal_close(journal);
	response_release(&response);

	worker = fleet_worker(&fleet, &host);
	OK("delivered", fleet_response(&fleet, job.id, HOST, &response));
	OK("as completed", !response.failed);
	OK("settled", fleet_settled(&fleet));
	IS_INT("not run again", operations_runs(), 0);
	IS_INT("one end only",
	       fleet_count_events(&fleet, job.id, JOB_EVENT_COMPLETED), 1);
	response_release(&response);
	job_release(&job);
}

/* The result is stored, what was said before it is not yet: the store refuses
 * an event without the name of a job. */
static void
answers_once(void)
{
	struct job job = fleet_job(QUERY, ELSEWHERE, JOB_BATCH);
	struct err_info info = {""};
	struct response response;
	struct work *work;

	begin();
	fleet_submit(&fleet, &job);
	work = work_recovered(job.id);
	work->claimed = false;
	work_result(work, HOST, NULL, json_object());
	work->early_count = 1;
	work->early[0] = work_event(worker, work, JOB_EVENT_STARTED);
	work->early[0].job_id[0] = '\0';
	trail_enter(work);
	for (int i = 0; i < 2; i++)
		IS_INT("not all is stored", work_deliver(worker, work, &info),
		       ERR_INVALID);
	work->early[0] = work_event(worker, work, JOB_EVENT_STARTED);
	IS_INT("now it is", work_deliver(worker, work, &info), ERR_OK);
	trail_leave();
	OK("the result is there",
	   fleet_response(&fleet, job.id, HOST, &response));
	IS_INT("what was said before it too",
	       fleet_count_events(&fleet, job.id, JOB_EVENT_STARTED), 1);
	IS_INT("one line of log says so", log_lines("job answered", job.id), 1);
	response_release(&response);
	work_free(work);
	job_release(&job);
}

const struct unit_case unit_cases[] = {
    {"a genuine job runs and its story can be read", tells_the_story},
    {"forgeries are refused: one log line, one event", refuses_forgeries},
    {"notifications that make no sense are terminated", refuses_notifications},
    {"a change is never run twice by a replay", refuses_replays},
    {"the end of what was answered is told once",
     tells_the_end_of_what_was_answered},
    {"what may pass is tried again, within bounds", tries_again_what_may_pass},
    {"a signed job is still checked", checks_what_it_runs},
    {"a change does not begin after its deadline",
     begins_nothing_after_the_deadline},
    {"a deleted job is dropped", drops_a_deleted_job},
    {"a claim without a result ends as unknown outcome", says_unknown_outcome},
    {"a result that was kept is delivered", delivers_what_the_journal_kept},
    {"a result that is stored in two goes is told once", answers_once},
    {"and stops", end},
    {NULL, NULL},
};
const char unit_name[] = "execution";
