/*
 * t/unit/unit.h: what a unit test file gives to t/unit/main.c.
 *
 * One file, one program, named as the file under test:
 *
 *	static void refuses_empty(void) { CU_ASSERT_...; }
 *	const struct unit_case unit_cases[] = {
 *		{"refuses an empty text", refuses_empty}, {NULL, NULL}};
 *	const char unit_name[] = "token";
 *
 * The helpers print what they got and what was wanted.
 */
#ifndef OSAPI_T_UNIT_UNIT_H
#define OSAPI_T_UNIT_UNIT_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdint.h>

struct unit_case {
	const char *name; /* a behaviour in words */
	void (*run)(void);
};

extern const struct unit_case unit_cases[]; /* ended by a NULL name */
extern const char unit_name[];

/* `why` is the row's reason, printed when it fails. */
void unit_is_int(const char *file, int line, const char *why, intmax_t got,
		 intmax_t wanted);
void unit_is_text(const char *file, int line, const char *why, const char *got,
		  const char *wanted);
void unit_has_text(const char *file, int line, const char *why, const char *got,
		   const char *part);
void unit_ok(const char *file, int line, const char *why, bool got);

#define IS_INT(why, got, wanted)                                \
	unit_is_int(__FILE__, __LINE__, (why), (intmax_t)(got), \
		    (intmax_t)(wanted))
#define IS_TEXT(why, got, wanted) \
	unit_is_text(__FILE__, __LINE__, (why), (got), (wanted))
#define HAS_TEXT(why, got, part) \
	unit_has_text(__FILE__, __LINE__, (why), (got), (part))
#define OK(why, got) unit_ok(__FILE__, __LINE__, (why), (got))

/* A new empty directory, removed with all in it when the program ends;
 * static storage, the same for each call. */
const char *unit_directory(void);

#endif
