/* cli/nats_text.c: the words of nats-server's configuration. */
#include "cli/nats_text.h"

#include <string.h>

#include "lib/inbox.h"
#include "lib/quoted.h"

void
nats_text_item(const char *subject, FILE *out)
{
	fputs("          ", out);
	quoted_print(subject, out);
	putc('\n', out);
}

void
nats_text_inbox(const char *user, FILE *out)
{
	char text[INBOX_PREFIX_SIZE + 2];

	inbox_prefix(user, text);
	memcpy(text + strlen(text), ".>", 3);
	nats_text_item(text, out);
}

void
nats_text_login(const char *user, const char *password, FILE *out)
{
	fputs("user: ", out);
	quoted_print(user, out);
	fputs("\n        password: ", out);
	quoted_print(password, out);
}
