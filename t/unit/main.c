/* t/unit/main.c: runs the cases of one unit test file under CUnit. */
#include "t/unit/unit.h"

#include <CUnit/Basic.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[4096];

void
unit_is_int(const char *file, int line, const char *why, intmax_t got,
	    intmax_t wanted)
{
	if (got != wanted)
		printf("\n%s:%d: %s: got %" PRIdMAX ", wanted %" PRIdMAX "\n",
		       file, line, why, got, wanted);
	CU_assertImplementation(got == wanted, (unsigned)line, why, file, "",
				CU_FALSE);
}

void
unit_is_text(const char *file, int line, const char *why, const char *got,
	     const char *wanted)
{
	bool same = got && wanted ? strcmp(got, wanted) == 0 : got == wanted;

	if (!same)
		printf("\n%s:%d: %s:\n  got    %s\n  wanted %s\n", file, line,
		       why, got ? got : "(null)", wanted ? wanted : "(null)");
	CU_assertImplementation(same, (unsigned)line, why, file, "", CU_FALSE);
}

void
unit_has_text(const char *file, int line, const char *why, const char *got,
	      const char *part)
{
	bool has = got && strstr(got, part);

	if (!has)
		printf(
		    "\n%s:%d: %s:\n  got            %s\n  wanted in it   %s\n",
		    file, line, why, got ? got : "(null)", part);
	CU_assertImplementation(has, (unsigned)line, why, file, "", CU_FALSE);
}

void
unit_ok(const char *file, int line, const char *why, bool got)
{
	if (!got)
		printf("\n%s:%d: not so: %s\n", file, line, why);
	CU_assertImplementation(got, (unsigned)line, why, file, "", CU_FALSE);
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
remove_directory(void)
{
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
unit_directory(void)
{
	const char *top = getenv("TMPDIR");

	if (directory[0])
		return directory;
	snprintf(directory, sizeof(directory), "%s/osapi-unit-XXXXXX",
		 top && *top ? top : "/tmp");
	if (!mkdtemp(directory)) {
		perror(directory);
		exit(2);
	}
	atexit(remove_directory);
	return directory;
}

int
main(void)
{
	CU_pSuite suite;
	const struct unit_case *c;
	unsigned failed;
	unsigned ran;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	suite = CU_add_suite(unit_name, NULL, NULL);
	for (c = unit_cases; suite && c->name; c++)
		if (!CU_add_test(suite, c->name, c->run))
			return 2;
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failed = CU_get_number_of_tests_failed();
	ran = CU_get_number_of_tests_run();
	printf("unit %s: %u passed, %u failed\n", unit_name, ran - failed,
	       failed);
	CU_cleanup_registry();
	return failed || !ran;
}
