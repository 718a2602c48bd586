/*
 * cli/nats_text.h: the words of nats-server's configuration.
 */
#ifndef OSAPI_CLI_NATS_TEXT_H
#define OSAPI_CLI_NATS_TEXT_H

#include <stdio.h>

/* A subject on a line of its own in a list of permissions. */
void nats_text_item(const char *subject, FILE *out);

/* Such a line for all inboxes of a user, as lib/broker.h names them. */
void nats_text_inbox(const char *user, FILE *out);

/* "user: ..." and "password: ...". */
void nats_text_login(const char *user, const char *password, FILE *out);

#endif
