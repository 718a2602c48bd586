/* worker/handover.c: see the header. */
#include "worker/handover.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_SIZE ((size_t)HANDOVER_SLOTS * HANDOVER_SIZE)
#define PREFIX    "$JS.ACK."

/* The first octet is written last, and is 0 in a free slot. */
struct slot {
	char reply[HANDOVER_SIZE];
};

enum state { FREE, TAKEN, LEFT };

struct handover {
	struct slot *slots;   /* mapped */
	pthread_mutex_t lock; /* all below, and what is in the slots */
	unsigned char state[HANDOVER_SLOTS]; /* enum state */
	int next;     /* where a free one is looked for */
	int returned; /* the slot of the last handover_left, -1 none */
};

static void
empty(struct handover *handover, int slot)
{
	__atomic_store_n(&handover->slots[slot].reply[0], '\0',
			 __ATOMIC_RELEASE);
	handover->state[slot] = FREE;
}

/* The file is ours, but a torn write or another version may have been there:
 * only what looks like an answer's subject is one. */
static bool
is_reply(const struct slot *slot)
{
	size_t size = strnlen(slot->reply, HANDOVER_SIZE);

	if (size == HANDOVER_SIZE ||
	    strncmp(slot->reply, PREFIX, strlen(PREFIX)) != 0)
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isgraph((unsigned char)slot->reply[i]) ||
		    slot->reply[i] == '*' || slot->reply[i] == '>')
			return false;
	return true;
}

static enum err
map(struct handover *handover, const char *path, struct err_info *info)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	void *slots = MAP_FAILED;
	int error;

	if (fd < 0)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(errno));
	/* Blocks of its own, as a full disk would be a SIGBUS later. */
	error = posix_fallocate(fd, 0, (off_t)FILE_SIZE);
	if (error == 0) {
		slots = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, fd, 0);
		error = errno;
	}
	close(fd);
	if (slots == MAP_FAILED)
		return err_set(info, ERR_IO, "%s: %s", path, strerror(error));
	handover->slots = slots;
	return ERR_OK;
}

enum err
handover_open(const char *directory, struct handover **handover,
	      struct err_info *info)
{
	struct handover *h = calloc(1, sizeof(*h));
	char path[4096];
	enum err err;

	if (!h)
		return err_set(info, ERR_NO_MEMORY, "out of memory");
	pthread_mutex_init(&h->lock, NULL);
	h->returned = -1;
	snprintf(path, sizeof(path), "%s/%s", directory, HANDOVER_FILE);
	err = map(h, path, info);
	if (err != ERR_OK) {
		handover_close(h);
		return err;
	}
	for (int i = 0; i < HANDOVER_SLOTS; i++) {
		if (!h->slots[i].reply[0])
			continue;
		if (is_reply(&h->slots[i]))
			h->state[i] = LEFT;
		else
			empty(h, i);
	}
	*handover = h;
	return ERR_OK;
}

void
handover_close(struct handover *handover)
{
	if (!handover)
		return;
	if (handover->slots)
		munmap(handover->slots, FILE_SIZE);
	pthread_mutex_destroy(&handover->lock);
	free(handover);
}

static int
find_free(struct handover *handover)
{
	for (int i = 0; i < HANDOVER_SLOTS; i++) {
		int slot = (handover->next + i) % HANDOVER_SLOTS;

		if (handover->state[slot] == FREE) {
			handover->next = (slot + 1) % HANDOVER_SLOTS;
			return slot;
		}
	}
	return -1;
}

int
handover_note(struct handover *handover, const char *reply)
{
	size_t size = strlen(reply) + 1;
	int slot;

	if (size > HANDOVER_SIZE || size == 1)
		return -1;
	pthread_mutex_lock(&handover->lock);
	slot = find_free(handover);
	if (slot >= 0) {
		char *at = handover->slots[slot].reply;

		handover->state[slot] = TAKEN;
		memcpy(at + 1, reply + 1, size - 1);
		__atomic_store_n(at, reply[0], __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&handover->lock);
	return slot;
}

void
handover_forget(struct handover *handover, int slot)
{
	if (slot < 0)
		return;
	pthread_mutex_lock(&handover->lock);
	empty(handover, slot);
	pthread_mutex_unlock(&handover->lock);
}

bool
handover_left(struct handover *handover, char reply[static HANDOVER_SIZE])
{
	bool found = false;

	pthread_mutex_lock(&handover->lock);
	if (handover->returned >= 0)
		empty(handover, handover->returned);
	handover->returned = -1;
	for (int i = 0; i < HANDOVER_SLOTS && !found; i++) {
		if (handover->state[i] != LEFT)
			continue;
		memcpy(reply, handover->slots[i].reply, HANDOVER_SIZE);
		handover->returned = i;
		found = true;
	}
	pthread_mutex_unlock(&handover->lock);
	return found;
}
