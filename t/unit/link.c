/*
 * t/unit/link.c: lib/link.h: which server of several a program believes.
 */
#include "lib/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/broker.h"
#include "lib/file.h"
#include "t/support/await.h"
#include "t/support/certificate.h"
#include "t/support/must.h"
#include "t/support/nats_server.h"
#include "t/support/port.h"
#include "t/unit/unit.h"

#define REFUSED   "TLS handshake error"
#define REFUSALS  3 /* that show that it is never believed */
#define PATH_SIZE 256

static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
static char hosts[] = "127.0.0.1,127.0.0.2";
static char certificates[2][PATH_SIZE];
static char keys[2][PATH_SIZE];
static char authorities[PATH_SIZE]; /* both */

static void
make_certificates(void)
{
	struct err_info info = {""};
	char both[16384] = "";

	for (int i = 0; i < 2; i++) {
		char name[32];
		char *text = NULL;
		size_t size;

		snprintf(name, sizeof(name), "IP:%s", addresses[i]);
		snprintf(certificates[i], PATH_SIZE, "%s/server-%d.pem",
			 unit_directory(), i);
		snprintf(keys[i], PATH_SIZE, "%s/server-%d.key",
			 unit_directory(), i);
		certificate_make(name, certificates[i], keys[i]);
		must(file_read(certificates[i], sizeof(both) / 2, &text, &size,
			       &info),
		     "certificate", &info);
		strncat(both, text, sizeof(both) - strlen(both) - 1);
		free(text);
	}
	snprintf(authorities, sizeof(authorities), "%s/authorities.pem",
		 unit_directory());
	must(file_write(authorities, both, strlen(both), 0600, &info),
	     "authorities", &info);
}

/* What a server of this address with that certificate is told. */
static void
settings(char out[static 1024], int address, int certificate)
{
	snprintf(out, 1024,
		 "host: \"%s\"\ntls {cert_file: \"%s\", key_file: \"%s\"}\n",
		 addresses[address], certificates[certificate],
		 keys[certificate]);
}

static void
believes_each_server_by_its_own_name(void)
{
	static const struct {
		const char *why;
		int address;
		int certificate;
		bool believed;
	} rows[] = {
	    {"the first by its own name", 0, 0, true},
	    {"the second by its own, not the first one's", 1, 1, true},
	    {"the first not by the second one's name", 0, 1, false},
	    {"the second not by the first one's name", 1, 0, false},
	};
	int port = port_hold();

	make_certificates();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nats_server *server;
		struct broker *broker = NULL;
		struct config_nats config;
		struct err_info info = {""};
		char name[16];
		char extra[1024];

		snprintf(name, sizeof(name), "server-%zu", i);
		settings(extra, rows[i].address, rows[i].certificate);
		server = nats_server_spawn(unit_directory(), name, extra, port);
		config = *nats_server_config(server, "");
		config.host = hosts;
		config.tls.ca = authorities;
		must(broker_new(&config, "unit", &broker, &info), "broker",
		     &info);
		OK(rows[i].why,
		   AWAIT(broker_connected(broker) ||
			 nats_server_logged(server, REFUSED) >= REFUSALS));
		OK(rows[i].why, broker_connected(broker) == rows[i].believed);
		broker_free(broker);
		nats_server_free(server);
	}
}

const struct unit_case unit_cases[] = {
    {"each server of a list is believed by its own name only",
     believes_each_server_by_its_own_name},
    {NULL, NULL},
};
const char unit_name[] = "link";
