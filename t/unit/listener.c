/* t/unit/listener.c: the listening socket and what stands in its place. */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi/listener.h"

static char path[90];

static const char *
fresh_path(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", unit_directory(), name);
	return path;
}

static bool
connects(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ok = connect(fd, (const struct sockaddr *)&address, sizeof(address)) ==
	     0;
	close(fd);
	return ok;
}

static void
opens_with_a_mode(void)
{
	static const struct {
		mode_t mask, mode;
		const char *why;
	} rows[] = {
	    {0022, 0666, "the web server is another user"},
	    {0027, 0660, "a umask that shuts others out"},
	    {0077, 0660, "a umask that shuts all out"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mode_t old = umask(rows[i].mask);
		struct err_info info = {""};
		struct stat st = {0};
		bool passed = true;
		int fd = -1;

		IS_INT(rows[i].why,
		       listener_open(fresh_path("mode"), &fd, &passed, &info),
		       ERR_OK);
		umask(old);
		IS_INT("is there", stat(path, &st), 0);
		IS_INT(rows[i].why, st.st_mode & 0777, rows[i].mode);
		OK("is our own", !passed);
		OK("does not block", fcntl(fd, F_GETFL) & O_NONBLOCK);
		OK("is not inherited", fcntl(fd, F_GETFD) & FD_CLOEXEC);
		OK("listens", connects());
		listener_close(fd, path, passed);
		OK("is gone", access(path, F_OK) < 0);
	}
}

static void
takes_over_only_what_is_dead(void)
{
	struct err_info info = {""};
	int first = -1, second = -1;
	bool passed;

	IS_INT("the first",
	       listener_open(fresh_path("taken"), &first, &passed, &info),
	       ERR_OK);
	IS_INT("a second one beside it",
	       listener_open(path, &second, &passed, &info), ERR_EXISTS);
	HAS_TEXT("says why", info.text, "another program listens");
	OK("the first still listens", connects());
	close(first);
	OK("nobody listens any more", !connects());
	IS_INT("what it left is taken over",
	       listener_open(path, &second, &passed, &info), ERR_OK);
	OK("and listens", connects());
	listener_close(second, path, passed);
}

static void
spares_other_files(void)
{
	struct err_info info = {""};
	bool passed;
	int fd = -1, made;

	made = open(fresh_path("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(made);
	IS_INT("a file", listener_open(path, &fd, &passed, &info), ERR_EXISTS);
	HAS_TEXT("says why", info.text, "is no socket");
	IS_INT("is left alone", access(path, F_OK), 0);
}

static void
refuses_bad_paths(void)
{
	char longest[200];
	struct err_info info = {""};
	bool passed;
	int fd = -1;

	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	IS_INT("none", listener_open("", &fd, &passed, &info), ERR_INVALID);
	IS_INT("too long", listener_open(longest, &fd, &passed, &info),
	       ERR_INVALID);
	HAS_TEXT("names the key", info.text, "api.server.fcgi.socket");
	IS_INT("no such directory",
	       listener_open("/no/such/directory/s", &fd, &passed, &info),
	       ERR_IO);
}

const struct unit_case unit_cases[] = {
    {"opens with a mode that fits the umask", opens_with_a_mode},
    {"takes over only what is dead", takes_over_only_what_is_dead},
    {"spares other files", spares_other_files},
    {"refuses bad paths", refuses_bad_paths},
    {NULL, NULL},
};
const char unit_name[] = "listener";
