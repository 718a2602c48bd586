/* cli/confirm.c: how many hosts a target means, and the question. */
#include "cli/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fleet.h"
#include "cli/terminal.h"
#include "lib/subject.h"

enum { EXIT_REFUSED = 1 };

const struct argument confirm_arguments[] = {
    {"yes", 'y', NULL, true, "Do not ask before changing many hosts.", NULL},
    ARGUMENTS_END,
};

int
confirm_change(const struct api *api, const struct spec_operation *operation,
	       const char *target_text, bool yes)
{
	struct target target;
	char question[256];
	size_t hosts = 0;
	int status;

	if (yes || !operation || operation->kind != JOB_MODIFY ||
	    !target_text ||
	    target_parse(target_text, &target, NULL) != ERR_OK ||
	    (target.kind != TARGET_ALL && target.kind != TARGET_LABEL))
		return 0;
	if (!terminal_interactive())
		return command_fail(ERR_INVALID,
				    "this will %s on every host that %s "
				    "means: say --yes to do it without being "
				    "asked",
				    operation->change, target_text);
	status = fleet_count(api, &target, &hosts);
	/* of one host nobody needs to be asked, of none the API says so */
	if (status || hosts <= 1)
		return status;
	snprintf(question, sizeof(question),
		 "This will %s on %zu hosts. Continue?", operation->change,
		 hosts);
	if (terminal_confirm(question))
		return 0;
	fputs("osapi: nothing was changed\n", stderr);
	return EXIT_REFUSED;
}
