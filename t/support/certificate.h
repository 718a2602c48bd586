/*
 * t/support/certificate.h: a self-signed certificate for one test.
 */
#ifndef OSAPI_T_SUPPORT_CERTIFICATE_H
#define OSAPI_T_SUPPORT_CERTIFICATE_H

/* Writes a new key and its certificate, good for `names` ("IP:127.0.0.1",
 * "DNS:localhost,IP:127.0.0.1") for an hour, as PEM files.
 * Aborts on failure. */
void certificate_make(const char *names, const char *certificate_path,
		      const char *key_path);

#endif
