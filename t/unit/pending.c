/*
 * t/unit/pending.c: requests under way, found by their token.
 */
#include "lib/pending.h"

#include <stdlib.h>
#include <string.h>

#include "t/unit/unit.h"

#define GUARD_MS 30000 /* a guard against a hang, not a measure */

static natsMsg *
message(const char *subject)
{
	natsMsg *made = NULL;

	/* Without a connection nobody else has begun the library. */
	if (nats_Open(-1) != NATS_OK ||
	    natsMsg_Create(&made, subject, NULL, "x", 1) != NATS_OK)
		abort();
	return made;
}

static void
gives_each_reply_to_its_place(void)
{
	struct pending *pending = NULL;
	struct pending_call call;
	natsMsg *asked[2] = {message("a"), message("b")};
	natsMsg *replies[2];
	char tokens[2][PENDING_TOKEN_SIZE];

	IS_INT("made", pending_new(4, &pending), ERR_OK);
	IS_INT("begun", pending_begin(pending, &call, asked, 2, replies),
	       ERR_OK);
	for (size_t i = 0; i < 2; i++)
		(void)pending_token(pending, &call, i, tokens[i]);
	pending_reply(pending, tokens[1], message("second"));
	pending_reply(pending, tokens[1], message("second again"));
	pending_reply(pending, tokens[0], message("first"));
	IS_INT("complete", pending_end(pending, &call, GUARD_MS, NULL), ERR_OK);
	IS_TEXT("the first", natsMsg_GetSubject(replies[0]), "first");
	IS_TEXT("the second, not its double", natsMsg_GetSubject(replies[1]),
		"second");
	for (size_t i = 0; i < 2; i++) {
		natsMsg_Destroy(asked[i]);
		natsMsg_Destroy(replies[i]);
	}
	pending_free(pending);
}

static void
drops_what_comes_too_late(void)
{
	static const char *const nonsense[] = {
	    "", "-", "0", "0-", "x-0", "0-x", "99-0", "0-0-0", "0-99", "-1-0"};
	struct pending *pending = NULL;
	struct pending_call call;
	struct err_info info = {.text = ""};
	natsMsg *asked = message("a");
	natsMsg *reply = NULL;
	char old[PENDING_TOKEN_SIZE];
	char token[PENDING_TOKEN_SIZE];

	IS_INT("made", pending_new(1, &pending), ERR_OK);
	(void)pending_begin(pending, &call, &asked, 1, &reply);
	(void)pending_token(pending, &call, 0, old);
	IS_INT("no reply in time", pending_end(pending, &call, 1, &info),
	       ERR_TIMEOUT);
	HAS_TEXT("in words", info.text, "did not answer");
	pending_reply(pending, old, message("late"));
	(void)pending_begin(pending, &call, &asked, 1, &reply);
	pending_reply(pending, old, message("later"));
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		pending_reply(pending, nonsense[i],
			      message(nonsense[i][0] ? nonsense[i] : "empty"));
	OK("the slot's next use does not get it", reply == NULL);
	(void)pending_token(pending, &call, 0, token);
	OK("as the token is another", strcmp(old, token) != 0);
	pending_reply(pending, token, message("right"));
	IS_INT("the right one is taken",
	       pending_end(pending, &call, GUARD_MS, NULL), ERR_OK);
	natsMsg_Destroy(reply);
	natsMsg_Destroy(asked);
	pending_free(pending);
}

static void
is_bounded(void)
{
	struct pending *pending = NULL;
	struct pending_call call;
	struct pending_call more;
	natsMsg *asked[3] = {message("a"), message("b"), message("c")};
	natsMsg *replies[3];
	natsMsg *one = NULL;

	IS_INT("made", pending_new(3, &pending), ERR_OK);
	IS_INT("none", pending_begin(pending, &call, asked, 0, replies),
	       ERR_INVALID);
	IS_INT("two of three", pending_begin(pending, &call, asked, 2, replies),
	       ERR_OK);
	IS_INT("two more", pending_begin(pending, &more, asked, 2, replies),
	       ERR_BUSY);
	IS_INT("one more", pending_begin(pending, &more, asked, 1, &one),
	       ERR_OK);
	pending_sent(pending, &more, 0);
	IS_INT("nothing was sent: nothing is awaited",
	       pending_end(pending, &more, GUARD_MS, NULL), ERR_OK);
	IS_INT("ends without replies", pending_end(pending, &call, 1, NULL),
	       ERR_TIMEOUT);
	IS_INT("all three are free again",
	       pending_begin(pending, &call, asked, 3, replies), ERR_OK);
	pending_lost(pending);
	IS_INT("a lost connection ends it",
	       pending_end(pending, &call, GUARD_MS, NULL), ERR_ABORTED);
	for (size_t i = 0; i < 3; i++)
		natsMsg_Destroy(asked[i]);
	pending_free(pending);
}

static void
ends_only_what_was_denied(void)
{
	static const struct {
		const char *why;
		const char *words;
		enum err result;
	} rows[] = {
	    {"its own subject", "Permissions Violation for Publish to \"a.b\"",
	     ERR_INTERNAL},
	    {"a longer one", "Permissions Violation for Publish to \"a.b.c\"",
	     ERR_TIMEOUT},
	    {"a shorter one", "Permissions Violation for Publish to \"a\"",
	     ERR_TIMEOUT},
	    {"no subject", "Permissions Violation", ERR_TIMEOUT},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pending *pending = NULL;
		struct pending_call call;
		natsMsg *asked = message("a.b");
		natsMsg *reply = NULL;

		IS_INT("made", pending_new(1, &pending), ERR_OK);
		(void)pending_begin(pending, &call, &asked, 1, &reply);
		pending_denied(pending, rows[i].words);
		IS_INT(rows[i].why, pending_end(pending, &call, 1, NULL),
		       rows[i].result);
		natsMsg_Destroy(asked);
		pending_free(pending);
	}
}

const struct unit_case unit_cases[] = {
    {"gives each reply to its place", gives_each_reply_to_its_place},
    {"drops what comes too late", drops_what_comes_too_late},
    {"is bounded", is_bounded},
    {"ends only what was denied", ends_only_what_was_denied},
    {NULL, NULL},
};

const char unit_name[] = "pending";
