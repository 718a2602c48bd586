/*
 * lib/printout.h: the end of a program that only prints something.
 */
#ifndef OSAPI_LIB_PRINTOUT_H
#define OSAPI_LIB_PRINTOUT_H

/* 0 once all that was printed on standard output has arrived; else that of
 * ERR_IO, after a line on stderr that begins with `program`. */
int printout_end(const char *program);

#endif
