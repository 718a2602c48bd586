/* cli/secret.c: a random secret as text. */
#include "cli/secret.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

enum err
secret_make(char out[static SECRET_SIZE], struct err_info *info)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char random[SECRET_OCTETS];
	size_t i;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(info, ERR_INTERNAL, "getrandom: %s",
			       strerror(errno));
	for (i = 0; i < sizeof(random); i++) {
		out[2 * i] = hex[random[i] >> 4];
		out[2 * i + 1] = hex[random[i] & 15];
	}
	out[SECRET_SIZE - 1] = '\0';
	explicit_bzero(random, sizeof(random));
	return ERR_OK;
}
