/* copier.h - the bytes of large files, copied into the store by a thread beside the leader's monitor.
 *
 * Copying a compiler's 30 MB takes 20 ms, in which the leader would stand at its exec; its libraries take
 * half of that again. What has been mapped without write permission can be copied a little later, out of the
 * leader's memory, as long as it is the same there: so before a call that would change that, or a death, the
 * monitor copies what is left by itself (copier_before_call, copier_settle).
 *
 * A follower that needs such a store waits for it (stream_kept): the ring's head lists the unfinished ones.
 */
#ifndef TANDEM_COPIER_H
#define TANDEM_COPIER_H

#include <sys/mman.h>

#include "monitor/monitor.h"

/* To be called first. The thread also touches the stream's memory ahead of the monitor: while followers lag, the
 * monitor walks through fresh memory, and each page of it would cost it a fault of 2 µs. */
void copier_start(struct monitor *m);

/* Whether a mapping with this protection may be copied later: its bytes stay, and can be read. */
static inline bool copier_may(int prot)
{
	return prot & PROT_READ && !(prot & PROT_WRITE);
}

/* Copy the bytes that t has mapped at `addr`, the offsets `from`..`to` of the file `id`, into its store. False:
 * not now (no thread, no slot); the caller copies by itself. */
bool copier_add(struct task *t, const struct file_id *id, uint64_t addr, uint64_t from, uint64_t to);
/* Whether a copy into `store` is under way. */
bool copier_busy(uint32_t store);
/* Finish the copies out of t's memory that need what is mapped at start..end. */
void copier_settle(struct task *t, uint64_t start, uint64_t end);
/* The same, where the call that t is about to make would change the memory, or may change a file. */
void copier_before_call(struct task *t);

#endif
