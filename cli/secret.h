/*
 * cli/secret.h: a random secret as text.
 */
#ifndef OSAPI_CLI_SECRET_H
#define OSAPI_CLI_SECRET_H

#include "lib/error.h"

#define SECRET_OCTETS 32
#define SECRET_SIZE   (2 * SECRET_OCTETS + 1)

/* Writes SECRET_OCTETS octets of getrandom(2) as hexadecimal digits. */
enum err secret_make(char out[static SECRET_SIZE], struct err_info *info);

#endif
