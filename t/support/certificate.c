/*
 * t/support/certificate.c: a self-signed certificate for one test.
 */
#include "t/support/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static void
add(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1)
		abort();
	X509_EXTENSION_free(extension);
}

static X509 *
make(EVP_PKEY *key, const char *names)
{
	X509 *made = X509_new();
	X509_NAME *name;

	if (made == NULL || X509_set_version(made, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(made), 1) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(made), -60) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(made), 3600) == NULL ||
	    X509_set_pubkey(made, key) != 1)
		abort();
	name = X509_get_subject_name(made);
	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				       (const unsigned char *)names, -1, -1,
				       0) != 1 ||
	    X509_set_issuer_name(made, name) != 1)
		abort();
	add(made, NID_basic_constraints, "critical,CA:TRUE");
	add(made, NID_subject_alt_name, names);
	if (X509_sign(made, key, EVP_sha256()) == 0)
		abort();
	return made;
}

void
certificate_make(const char *names, const char *certificate_path,
		 const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *certificate_file = fopen(certificate_path, "w");
	FILE *key_file = fopen(key_path, "w");
	X509 *certificate;

	if (key == NULL || certificate_file == NULL || key_file == NULL)
		abort();
	certificate = make(key, names);
	if (PEM_write_X509(certificate_file, certificate) != 1 ||
	    PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) !=
		1 ||
	    fclose(certificate_file) != 0 || fclose(key_file) != 0)
		abort();
	X509_free(certificate);
	EVP_PKEY_free(key);
}
