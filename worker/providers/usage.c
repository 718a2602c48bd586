/*
 * worker/providers/usage.c: bounded questions to filesystems.
 *
 * A question is shared by the one who asks and by the thread that finds out;
 * the later of the two frees it.  `lock` guards the list of questions that were
 * left behind and every question's `done` and `left`; it is held for no call
 * that may block.
 */
#include "worker/providers/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/clock.h"

#define STACK_SIZE (256 * 1024)

struct question {
	struct question *next; /* of those left behind */
	char *target;
	int mount_id;
	bool done; /* the answer is there */
	bool left; /* nobody waits for it any more */
	pthread_cond_t changed;
	enum err err;
	struct usage usage;
	struct err_info info;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct question *stuck;
static size_t stuck_count;

static void
free_question(struct question *question)
{
	if (!question)
		return;
	pthread_cond_destroy(&question->changed);
	free(question->target);
	free(question);
}

static struct question *
new_question(const char *target, int mount_id)
{
	struct question *question = calloc(1, sizeof(*question));
	pthread_condattr_t attr;

	if (!question)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&question->changed, &attr);
	pthread_condattr_destroy(&attr);
	question->mount_id = mount_id;
	question->target = strdup(target);
	if (!question->target) {
		free_question(question);
		return NULL;
	}
	return question;
}

/* Kernels before 5.8 do not tell the mount's id; they are believed. */
static enum err
check_mount(int fd, const struct question *question, struct err_info *info)
{
	struct statx st = {.stx_mask = 0};

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return err_set(info, ERR_IO, "statx(%s): %s", question->target,
			       strerror(errno));
	if ((st.stx_mask & STATX_MNT_ID) &&
	    st.stx_mnt_id != (uint64_t)question->mount_id)
		return err_set(info, ERR_GONE, "%s: hidden by another mount",
			       question->target);
	return ERR_OK;
}

static enum err
fill(const struct statvfs *fs, const char *target, struct usage *usage,
     struct err_info *info)
{
	uint64_t unit = fs->f_frsize;
	struct usage octets;

	if (fs->f_bfree > fs->f_blocks ||
	    __builtin_mul_overflow(fs->f_blocks, unit, &octets.total) ||
	    __builtin_mul_overflow(fs->f_bavail, unit, &octets.avail) ||
	    octets.total > INT64_MAX || octets.avail > INT64_MAX)
		return err_set(info, ERR_IO,
			       "statvfs(%s): sizes that cannot be", target);
	octets.used = octets.total - fs->f_bfree * unit;
	*usage = octets;
	return ERR_OK;
}

static enum err
find_out(struct question *question)
{
	struct err_info *info = &question->info;
	const char *target = question->target;
	struct statvfs fs;
	enum err err;
	/* O_PATH asks no device and needs no right to read */
	int fd = open(target, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return err_set(info, errno == EACCES ? ERR_FORBIDDEN : ERR_IO,
			       "open(%s): %s", target, strerror(errno));
	err = check_mount(fd, question, info);
	if (!err && fstatvfs(fd, &fs) < 0)
		err = err_set(info, ERR_IO, "statvfs(%s): %s", target,
			      strerror(errno));
	else if (!err)
		err = fill(&fs, target, &question->usage, info);
	close(fd);
	return err;
}

static void
unlink_stuck(const struct question *question)
{
	struct question **at = &stuck;

	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
	stuck_count--;
}

static void *
answer(void *arg)
{
	struct question *question = arg;
	bool left;

	question->err = find_out(question);
	pthread_mutex_lock(&lock);
	question->done = true;
	left = question->left;
	if (left)
		unlink_stuck(question);
	else
		pthread_cond_signal(&question->changed);
	pthread_mutex_unlock(&lock);
	if (left)
		free_question(question);
	return NULL;
}

static enum err
start(struct question *question, struct err_info *info)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&thread, &attr, answer, question);
	pthread_attr_destroy(&attr);
	if (rc)
		return err_set(info, ERR_BUSY, "pthread_create: %s",
			       strerror(rc));
	return ERR_OK;
}

/* Whether the question may be asked: the bounds that usage.h promises. */
static enum err
admit(const char *target, int mount_id, struct err_info *info)
{
	const struct question *q;
	enum err err = ERR_OK;

	pthread_mutex_lock(&lock);
	for (q = stuck; q && !err; q = q->next)
		if (q->mount_id == mount_id && strcmp(q->target, target) == 0)
			err = err_set(info, ERR_TIMEOUT,
				      "statvfs(%s): an earlier call still "
				      "hangs",
				      target);
	if (!err && stuck_count >= USAGE_STUCK_MAX)
		err = err_set(info, ERR_BUSY,
			      "statvfs(%s): not called, as %zu calls to other "
			      "filesystems hang",
			      target, stuck_count);
	pthread_mutex_unlock(&lock);
	return err;
}

/* Takes the answer, or leaves the question to its thread; true: it is done. */
static bool
wait_for(struct question *question, int64_t timeout_ms)
{
	struct timespec until = clock_mono_deadline(timeout_ms);
	bool done;
	int rc = 0;

	pthread_mutex_lock(&lock);
	while (!question->done && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&question->changed, &lock, &until);
	done = question->done;
	if (!done) {
		question->left = true;
		question->next = stuck;
		stuck = question;
		stuck_count++;
	}
	pthread_mutex_unlock(&lock);
	return done;
}

enum err
usage_ask(const char *target, int mount_id, int64_t timeout_ms,
	  struct usage *usage, struct err_info *info)
{
	struct question *question;
	enum err err = admit(target, mount_id, info);

	if (err)
		return err;
	question = new_question(target, mount_id);
	if (!question)
		return err_set(info, ERR_NO_MEMORY, "calloc: no memory");
	err = start(question, info);
	if (err) {
		free_question(question);
		return err;
	}
	if (!wait_for(question, timeout_ms))
		return err_set(info, ERR_TIMEOUT,
			       "statvfs(%s): no answer in %lld ms", target,
			       (long long)timeout_ms);
	err = question->err;
	if (err)
		err_set(info, err, "%s", question->info.text);
	else
		*usage = question->usage;
	free_question(question);
	return err;
}
