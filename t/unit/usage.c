/*
 * t/unit/usage.c: worker/providers/usage.c.
 *
 * The filesystem that does not answer is a real one: FUSE whose server, this
 * test, never reads a request.  It needs root and /dev/fuse; a thread of this
 * program has the mounts in a mount namespace of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "t/support/await.h"
#include "t/unit/unit.h"
#include "worker/providers/mounts.h"
#include "worker/providers/usage.h"

#define GUARD_MS 60000

static int
mount_id(const char *path)
{
	struct statx st;

	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) < 0)
		return -1;
	return (int)st.stx_mnt_id;
}

/* ThreadSanitizer has one of its own from the first thread on. */
#ifdef __SANITIZE_THREAD__
#define SANITIZERS_THREADS 1
#else
#define SANITIZERS_THREADS 0
#endif

static int threads_before; /* any question */

static int
count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int count = 0;

	while (tasks && readdir(tasks))
		count++;
	if (tasks)
		closedir(tasks);
	return count;
}

static void
tells_sizes(void)
{
	struct err_info info = {.text = ""};
	struct usage usage = {0, 0, 0};
	struct statvfs before;
	struct statvfs fs;

	threads_before = count_threads() + SANITIZERS_THREADS;
	do { /* until nobody has made or removed a node in between */
		IS_INT("statvfs", statvfs("/dev", &before), 0);
		IS_INT("usage_ask",
		       usage_ask("/dev", mount_id("/dev"), GUARD_MS, &usage,
				 &info),
		       ERR_OK);
		IS_INT("statvfs", statvfs("/dev", &fs), 0);
	} while (before.f_bfree != fs.f_bfree ||
		 before.f_bavail != fs.f_bavail);
	IS_INT("total", usage.total, fs.f_blocks * fs.f_frsize);
	IS_INT("used", usage.used, (fs.f_blocks - fs.f_bfree) * fs.f_frsize);
	IS_INT("available", usage.avail, fs.f_bavail * fs.f_frsize);
}

static void
names_the_call(void)
{
	struct err_info info = {.text = ""};
	struct usage usage = {1, 1, 1};

	IS_INT("missing", usage_ask("/nonexistent", 1, GUARD_MS, &usage, &info),
	       ERR_IO);
	IS_TEXT("call, path and errno", info.text,
		"open(/nonexistent): No such file or directory");
	IS_INT("untouched on failure", usage.total, 1);
}

static void
notices_a_hidden_mount(void)
{
	struct err_info info = {.text = ""};
	struct usage usage;

	IS_INT("another mount's id",
	       usage_ask("/dev", mount_id("/dev") + 100000, GUARD_MS, &usage,
			 &info),
	       ERR_GONE);
	HAS_TEXT("says so", info.text, "hidden");
}

/* A directory on which a FUSE filesystem is mounted that nobody serves. */
static int
mount_mute(const char *directory)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0 || (mkdir(directory, 0755) < 0 && errno != EEXIST)) {
		perror(directory);
		return -1;
	}
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("mute", directory, "fuse", 0, options) < 0) {
		perror("mount");
		close(fd);
		return -1;
	}
	return fd;
}

/* Each question that was left behind has a thread, which comes back when the
 * filesystem is gone; waits for those that have their answer to end. */
static void
expect_stuck(const char *why, int wanted)
{
	(void)AWAIT(count_threads() == threads_before + wanted);
	IS_INT(why, count_threads() - threads_before, wanted);
}

/* Its id by the mount table, as the filesystem itself would not say it. */
static int
mute_id(const char *directory)
{
	struct libmnt_table *table = NULL;
	struct libmnt_fs *fs;
	int id = -1;

	if (mounts_read(&table, NULL))
		return -1;
	fs = mnt_table_find_target(table, directory, MNT_ITER_BACKWARD);
	if (fs)
		id = mnt_fs_get_id(fs);
	mnt_unref_table(table);
	return id;
}

static void
ask_mute(const char *directory)
{
	struct err_info info = {.text = ""};
	struct usage usage;
	int id = mute_id(directory);

	IS_INT("no answer", usage_ask(directory, id, 50, &usage, &info),
	       ERR_TIMEOUT);
	HAS_TEXT("says how long", info.text, "no answer in 50 ms");
	expect_stuck("left behind", 1);
	IS_INT("again", usage_ask(directory, id, GUARD_MS, &usage, &info),
	       ERR_TIMEOUT);
	HAS_TEXT("at once", info.text, "still hangs");
	expect_stuck("not one more", 1);
	IS_INT("others are answered",
	       usage_ask("/dev", mount_id("/dev"), GUARD_MS, &usage, &info),
	       ERR_OK);
}

/* The same filesystem at other places counts as other mounts. */
static void
bound_the_stuck(const char *directory)
{
	struct err_info info = {.text = ""};
	struct usage usage;
	char other[4300];
	int i;

	for (i = 1; i < USAGE_STUCK_MAX; i++) {
		snprintf(other, sizeof(other), "%s%d", directory, i);
		mkdir(other, 0755);
		IS_INT("bound", mount(directory, other, NULL, MS_BIND, NULL),
		       0);
		IS_INT("no answer",
		       usage_ask(other, mute_id(other), 20, &usage, &info),
		       ERR_TIMEOUT);
	}
	expect_stuck("as many as may be", USAGE_STUCK_MAX);
	IS_INT("one more",
	       usage_ask("/dev", mount_id("/dev"), GUARD_MS, &usage, &info),
	       ERR_BUSY);
	HAS_TEXT("says why", info.text, "calls to other filesystems hang");
}

static void
unmount(const char *directory)
{
	char other[4300];
	int i;

	for (i = 1; i < USAGE_STUCK_MAX; i++) {
		snprintf(other, sizeof(other), "%s%d", directory, i);
		umount2(other, MNT_DETACH);
	}
	umount2(directory, MNT_DETACH);
}

static bool
may_mount(void)
{
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0) {
		printf("skipped: needs root and /dev/fuse\n");
		return false;
	}
	if (unshare(CLONE_FS | CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		printf("skipped: no mount namespace: %s\n", strerror(errno));
		return false;
	}
	return true;
}

static void
leaves_a_mute_filesystem_behind(void)
{
	char directory[4200];
	struct err_info info = {.text = ""};
	struct usage usage;
	int fd;

	if (!may_mount())
		return;
	snprintf(directory, sizeof(directory), "%s/mute", unit_directory());
	fd = mount_mute(directory);
	OK("mounted", fd >= 0);
	if (fd < 0)
		return;
	ask_mute(directory);
	bound_the_stuck(directory);
	close(fd); /* the kernel now answers for it: ENOTCONN */
	expect_stuck("all came back", 0);
	IS_INT(
	    "asked again",
	    usage_ask(directory, mute_id(directory), GUARD_MS, &usage, &info),
	    ERR_IO);
	HAS_TEXT("what it says now", info.text, strerror(ENOTCONN));
	unmount(directory);
}

const char unit_name[] = "usage";
const struct unit_case unit_cases[] = {
    {"tells what statvfs(3) tells", tells_sizes},
    {"names call, path and errno", names_the_call},
    {"notices a mount that another one hides", notices_a_hidden_mount},
    {"leaves a filesystem behind that does not answer",
     leaves_a_mute_filesystem_behind},
    {NULL, NULL},
};
