/*
 * worker/handover.h: the deliveries that this worker has been given and has
 * not answered, on this host's own disk, so that the next process can hand
 * back at once what one that was killed has left; the broker itself would
 * wait for ack_wait before it delivers them again.
 *
 * A file of slots of one size, mapped into memory: a note costs no system
 * call and is there after the death of the process, though not always after
 * that of the host.  It only saves time: whoever wants to know what has run
 * asks the journal, whose lock guards this file too.
 *
 * All functions may be called from every thread, handover_open and
 * handover_close excepted.
 */
#ifndef OSAPI_WORKER_HANDOVER_H
#define OSAPI_WORKER_HANDOVER_H

#include <stdbool.h>

#include "lib/error.h"

#define HANDOVER_FILE  "deliveries"
#define HANDOVER_SIZE  512  /* octets of a slot: a reply subject and its NUL */
#define HANDOVER_SLOTS 4096 /* further deliveries are not noted */

struct handover;

/* Opens or creates `directory`/HANDOVER_FILE; what the last process noted and
 * did not forget can be asked for.  ERR_IO. */
enum err handover_open(const char *directory, struct handover **handover,
		       struct err_info *info);

/* Closes; what is noted stays.  NULL is accepted. */
void handover_close(struct handover *handover);

/* Notes a delivery by the subject of its answer; the slot, -1 where there is
 * no room for it. */
int handover_note(struct handover *handover, const char *reply);

/* It was answered; -1 is accepted. */
void handover_forget(struct handover *handover, int slot);

/* Takes the subject of one delivery that the last process left; false: no
 * more are.  It is forgotten by the next call. */
bool handover_left(struct handover *handover, char reply[static HANDOVER_SIZE]);

#endif
