/*
 * t/unit/handover.c: worker/handover.h: what one process leaves to the next.
 */
#include "worker/handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/unit/unit.h"

#define REPLY "$JS.ACK.JOBS.worker-1.1.2.3.1700000000000000000.0"

static struct handover *handover;

static void
open_it(void)
{
	struct err_info info = {""};

	handover_close(handover);
	handover = NULL;
	IS_INT("opened", handover_open(unit_directory(), &handover, &info),
	       ERR_OK);
}

static void
end(void)
{
	char path[512];

	handover_close(handover);
	handover = NULL;
	snprintf(path, sizeof(path), "%s/%s", unit_directory(), HANDOVER_FILE);
	unlink(path);
}

static int
left(void)
{
	char reply[HANDOVER_SIZE];
	int count = 0;

	while (handover_left(handover, reply))
		count++;
	return count;
}

static void
leaves_what_was_not_forgotten(void)
{
	char reply[HANDOVER_SIZE] = "";
	int first;
	int second;

	open_it();
	first = handover_note(handover, REPLY ".a");
	second = handover_note(handover, REPLY ".b");
	handover_forget(handover, first);
	OK("each has a slot", first >= 0 && second >= 0 && first != second);
	OK("its own are not left to itself", !handover_left(handover, reply));
	open_it();
	OK("one is left", handover_left(handover, reply));
	IS_TEXT("the one that was not forgotten", reply, REPLY ".b");
	OK("no other", !handover_left(handover, reply));
	open_it();
	IS_INT("and it is left once", left(), 0);
	end();
}

static void
keeps_what_was_left_until_it_is_taken(void)
{
	char reply[HANDOVER_SIZE];

	open_it();
	handover_note(handover, REPLY ".a");
	handover_note(handover, REPLY ".b");
	open_it();
	handover_note(handover, REPLY ".c");
	OK("one is taken", handover_left(handover, reply));
	open_it();
	IS_INT("a process that dies meanwhile leaves all", left(), 3);
	end();
}

static void
is_bounded(void)
{
	char long_reply[2 * HANDOVER_SIZE];
	int noted = 0;
	int last = -1;
	int slot;

	memset(long_reply, 'x', sizeof(long_reply));
	long_reply[sizeof(long_reply) - 1] = '\0';
	open_it();
	IS_INT("too long a subject is not noted",
	       handover_note(handover, long_reply), -1);
	IS_INT("an empty one neither", handover_note(handover, ""), -1);
	while ((slot = handover_note(handover, REPLY)) >= 0) {
		noted++;
		last = slot;
	}
	IS_INT("as many as there are slots", noted, HANDOVER_SLOTS);
	handover_forget(handover, -1);
	handover_forget(handover, last);
	IS_INT("a slot that was given back is used again",
	       handover_note(handover, REPLY), last);
	end();
}

static void
passes_over_what_is_no_answer(void)
{
	static const struct {
		const char *why;
		const char *text;
	} rows[] = {
	    {"another subject", "jobs.query._any"},
	    {"everything", "$JS.ACK.>"},
	    {"a wildcard", "$JS.ACK.*.x"},
	    {"a second line", "$JS.ACK.a\r\nPUB x 0"},
	    {"a blank", "$JS.ACK.a b"},
	};
	char text[HANDOVER_SIZE];
	char path[512];
	size_t count = sizeof(rows) / sizeof(rows[0]);
	ssize_t written = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", unit_directory(), HANDOVER_FILE);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	for (size_t i = 0; i < count; i++) {
		memset(text, 0, sizeof(text));
		snprintf(text, sizeof(text), "%s", rows[i].text);
		written += write(fd, text, sizeof(text));
	}
	memset(text, 'x', sizeof(text));
	memcpy(text, "$JS.ACK.", 8);
	written += write(fd, text, sizeof(text));
	close(fd);
	IS_INT("written", written, (count + 1) * HANDOVER_SIZE);
	open_it();
	IS_INT("none of them is left", left(), 0);
	end();
}

static void
says_where_it_cannot(void)
{
	struct err_info info = {""};

	IS_INT("no directory", handover_open("/nonexistent", &handover, &info),
	       ERR_IO);
	HAS_TEXT("named", info.text, "/nonexistent/" HANDOVER_FILE);
}

const struct unit_case unit_cases[] = {
    {"what was not answered is left to the next process",
     leaves_what_was_not_forgotten},
    {"nothing is lost when that dies too",
     keeps_what_was_left_until_it_is_taken},
    {"subjects and slots are bounded", is_bounded},
    {"what is no answer's subject is passed over",
     passes_over_what_is_no_answer},
    {"a file that cannot be made is named", says_where_it_cannot},
    {NULL, NULL},
};
const char unit_name[] = "handover";
