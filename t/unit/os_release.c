/* t/unit/os_release.c: worker/providers/os_release.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/support/command.h"
#include "t/unit/unit.h"
#include "worker/providers/os_release.h"

struct row {
	const char *why;
	const char *text;
	const char *distribution;
	const char *version;
};

static const struct row rows[] = {
    {"Debian",
     "PRETTY_NAME=\"x\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n",
     "Debian GNU/Linux", "12"},
    {"without quotes", "NAME=Fedora\nVERSION_ID=39\n", "Fedora", "39"},
    {"single quotes", "NAME='Alpine Linux'\nVERSION_ID='3.19.1'\n",
     "Alpine Linux", "3.19.1"},
    {"no VERSION_ID", "NAME=Arch\nBUILD_ID=rolling\n", "Arch", "rolling"},
    {"VERSION before BUILD_ID", "VERSION='1 (x)'\nBUILD_ID=2\n", "Linux",
     "1 (x)"},
    {"the last one counts", "NAME=a\nNAME=b\n", "b", ""},
    {"escapes within double quotes", "NAME=\"a\\\"b\\\\c\\$d\\`e\\nf\"\n",
     "a\"b\\c$d`e\\nf", ""},
    {"no escapes within single quotes", "NAME='a\\b'\n", "a\\b", ""},
    {"escape without quotes", "NAME=a\\ b\n", "a b", ""},
    {"pieces joined as a shell does", "NAME=a'b c'\"d\"\n", "ab cd", ""},
    {"comments and blank lines", "# NAME=x\n\n  \nNAME=y # no\n", "y", ""},
    {"no newline at the end", "NAME=y", "y", ""},
    {"carriage returns", "NAME=y\r\nVERSION_ID=\"1\"\r\n", "y", "1"},
    {"empty value", "NAME=\nVERSION_ID=\"\"\n", "Linux", ""},
    {"empty file", "", "Linux", ""},
    {"open double quote", "NAME=\"x\nVERSION_ID=1\n", "Linux", "1"},
    {"open single quote", "NAME='x\nVERSION_ID=1\n", "Linux", "1"},
    {"backslash at the end", "NAME=x\\\n", "Linux", ""},
    {"words behind the value", "NAME=x y\n", "Linux", ""},
    {"another key's end", "XNAME=x\nNAMES=y\nNAME\n", "Linux", ""},
    {"not UTF-8", "NAME=\"\xff\xfe\"\nVERSION_ID=1\n", "Linux", "1"},
    {"UTF-8", "NAME=\"Gn\xc3\xbc\"\n", "Gn\xc3\xbc", ""},
    {"control characters", "NAME=\"a\x01\x1b[2J\"\n", "Linux", ""},
};

static void
reads_rows(void)
{
	struct os_release os;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		os_release_parse(row->text, strlen(row->text), &os);
		IS_TEXT(row->why, os.distribution, row->distribution);
		IS_TEXT(row->why, os.version, row->version);
	}
}

static void
passes_over_nul(void)
{
	static const char text[] = "NAME=a\0b\nVERSION_ID=2\n\0\0";
	struct os_release os;

	os_release_parse(text, sizeof(text) - 1, &os);
	IS_TEXT("a NUL is no character of a name", os.distribution, "Linux");
	IS_TEXT("the next line is read", os.version, "2");
}

static void
passes_over_long_values(void)
{
	size_t size = 1024 * 1024;
	char *text = malloc(size);
	struct os_release os;

	memset(text, 'x', size);
	memcpy(text, "NAME=", 5);
	text[OS_RELEASE_VALUE_SIZE + 4] = '\n';
	memcpy(text + OS_RELEASE_VALUE_SIZE + 5, "VERSION_ID=", 11);
	os_release_parse(text, OS_RELEASE_VALUE_SIZE + 5, &os);
	IS_INT("the longest that fits", strlen(os.distribution),
	       OS_RELEASE_VALUE_SIZE - 1);
	text[OS_RELEASE_VALUE_SIZE + 4] = 'x';
	os_release_parse(text, size, &os);
	IS_TEXT("one more", os.distribution, "Linux");
	IS_TEXT("a megabyte in one line", os.version, "");
	free(text);
}

/* What a shell makes of the file of this host. */
static void
agrees_with_a_shell(void)
{
	static const char *const script[] = {
	    "sh", "-c",
	    ". /etc/os-release && printf '%s|%s' \"$NAME\" \"$VERSION_ID\"",
	    NULL};
	char wanted[1024];
	char got[1024];
	struct os_release os;
	struct err_info info = {.text = ""};

	IS_INT("sh", command_run(script, wanted, sizeof(wanted)), 0);
	IS_INT("os_release_read", os_release_read(&os, &info), ERR_OK);
	snprintf(got, sizeof(got), "%s|%s", os.distribution, os.version);
	IS_TEXT("name and version", got, wanted);
}

const char unit_name[] = "os_release";
const struct unit_case unit_cases[] = {
    {"reads what a shell would", reads_rows},
    {"passes over NUL", passes_over_nul},
    {"passes over values that are too long", passes_over_long_values},
    {"agrees with a shell on this host", agrees_with_a_shell},
    {NULL, NULL},
};
