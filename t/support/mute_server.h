/*
 * t/support/mute_server.h: what takes connections to NATS and goes silent.
 *
 * No real nats-server can be made to do that at the wanted point of a
 * handshake, so this stands for one that is frozen or whose host vanishes just
 * then.  Its own thread; what goes wrong here ends the program.
 */
#ifndef OSAPI_T_SUPPORT_MUTE_SERVER_H
#define OSAPI_T_SUPPORT_MUTE_SERVER_H

struct mute_server;

enum mute_point {
	MUTE_BEFORE_GREETING,
	MUTE_AFTER_GREETING,
	MUTE_BEFORE_TLS, /* greets, and says that TLS is required */
	MUTE_AFTER_TLS,
};

/* Listens on `port` of 127.0.0.1.  The two files are for MUTE_AFTER_TLS. */
struct mute_server *mute_server_start(int port, enum mute_point point,
				      const char *certificate_path,
				      const char *key_path);

/* Ends the connections that are left; NULL is accepted. */
void mute_server_free(struct mute_server *server);

/* Connections that have come to that point so far, and how many of these the
 * client has ended. */
int mute_server_taken(struct mute_server *server);
int mute_server_left(struct mute_server *server);

#endif
