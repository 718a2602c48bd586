/*
 * t/unit/privilege.c: worker/privilege.c.
 *
 * Capabilities belong to a thread: each case gives those of a new thread away.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <netinet/in.h>
#include <unistd.h>

#include "lib/file.h"
#include "t/unit/unit.h"
#include "worker/privilege.h"

/* A line of this thread's status file: "CapEff:\t0000000000002000". */
static void
has_status(const char *why, const char *line)
{
	char *text = NULL;
	size_t size = 0;

	IS_INT(why,
	       file_read("/proc/thread-self/status", 65536, &text, &size, NULL),
	       ERR_OK);
	HAS_TEXT(why, text, line);
	free(text);
}

static void *
drop_as_root(void *arg)
{
	struct err_info info = {.text = ""};
	int fd;

	(void)arg;
	IS_INT("drop", privilege_drop(NULL, &info), ERR_OK);
	has_status("effective", "CapEff:\t0000000000002000\n");
	has_status("permitted", "CapPrm:\t0000000000002000\n");
	has_status("inheritable", "CapInh:\t0000000000000000\n");
	has_status("ambient", "CapAmb:\t0000000000000000\n");
	has_status("bounding", "CapBnd:\t0000000000002000\n");
	has_status("no new ones", "NoNewPrivs:\t1\n");
	IS_INT("still root", geteuid(), 0);
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	OK("a raw socket", fd >= 0);
	close(fd);
	IS_INT("no administration of the host",
	       sethostname("x", 1) < 0 ? errno : 0, EPERM);
	return NULL;
}

static void *
drop_as_user(void *arg)
{
	struct err_info info = {.text = ""};

	(void)arg;
	OK("setresuid", syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
	IS_INT("drop", privilege_drop(NULL, &info), ERR_OK);
	has_status("effective", "CapEff:\t0000000000000000\n");
	has_status("no new ones", "NoNewPrivs:\t1\n");
	return NULL;
}

/* `arg` is a directory of root's within a closed one of another user. */
static void *
drop_with_closed_parent(void *arg)
{
	struct err_info info = {.text = ""};
	char path[4400];
	int fd;

	IS_INT("drop", privilege_drop(arg, &info), ERR_OK);
	IS_TEXT("no complaint", info.text, "");
	has_status("the right to pass is kept", "CapEff:\t0000000000002004\n");
	snprintf(path, sizeof(path), "%s/file", (const char *)arg);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	OK("writes there", fd >= 0);
	close(fd);
	return NULL;
}

static void *
drop_with_foreign_directory(void *arg)
{
	struct err_info info = {.text = ""};

	IS_INT("drop", privilege_drop(arg, &info), ERR_FORBIDDEN);
	HAS_TEXT("names call and directory", info.text, arg);
	HAS_TEXT("and errno", info.text, "Permission denied");
	return NULL;
}

static void *
drop_with_missing_directory(void *arg)
{
	struct err_info info = {.text = ""};

	IS_INT("drop", privilege_drop(arg, &info), ERR_IO);
	IS_TEXT("names call and errno", info.text,
		"access(/nonexistent/dir): No such file or directory");
	return NULL;
}

static void
in_thread(void *(*run)(void *), const char *argument)
{
	pthread_t thread;

	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return;
	}
	OK("thread", pthread_create(&thread, NULL, run,
				    (void *)(uintptr_t)argument) == 0);
	pthread_join(thread, NULL);
}

static void
as_root(void)
{
	in_thread(drop_as_root, NULL);
}

static void
as_user(void)
{
	in_thread(drop_as_user, NULL);
}

static void
with_directories(void)
{
	char home[4300];
	char state[4400];

	chmod(unit_directory(), 0755);
	snprintf(home, sizeof(home), "%s/home", unit_directory());
	snprintf(state, sizeof(state), "%s/state", home);
	mkdir(home, 0700);
	mkdir(state, 0755);
	if (geteuid() == 0) {
		OK("chown", chown(home, 65534, 65534) == 0);
		in_thread(drop_with_closed_parent, state);
		in_thread(drop_with_foreign_directory, home);
	}
	in_thread(drop_with_missing_directory, "/nonexistent/dir");
}

const char unit_name[] = "privilege";
const struct unit_case unit_cases[] = {
    {"keeps CAP_NET_RAW alone, as root", as_root},
    {"has nothing to keep, as another user", as_user},
    {"still reaches the directory that it must write", with_directories},
    {NULL, NULL},
};
