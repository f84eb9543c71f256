/* copier.h - the bytes of large executables, copied into the store by a thread beside the leader's monitor.
 *
 * Copying 30 MB takes 20 ms, in which the leader would stand at its exec. What may be copied later is what
 * cannot change meanwhile: the mappings without write permission of the file that a process executes. The
 * kernel lets nobody write to that file, and before the process gives such a mapping up, or dies, its
 * monitor waits (copier_settle).
 *
 * A follower that needs such a store waits for it (stream_kept): the ring's head lists the unfinished ones.
 */
#ifndef TANDEM_COPIER_H
#define TANDEM_COPIER_H

#include "monitor/monitor.h"

/* Copy the bytes that t has mapped at `addr`, which are `from`..`to` of a file, into the memfd `store`. False:
 * not now (no thread, no slot, or a kernel that lets running programs be written to); the caller copies itself. */
bool copier_add(struct monitor *m, struct task *t, uint32_t store, uint64_t addr, uint64_t from, uint64_t to);
/* Whether a copy into `store` is under way. */
bool copier_busy(const struct monitor *m, uint32_t store);
/* Wait for the copies out of t's memory that overlap start..end. */
void copier_settle(struct monitor *m, struct task *t, uint64_t start, uint64_t end);
/* The same, where the call that t is about to make would take the memory away. */
void copier_before_call(struct monitor *m, struct task *t);

#endif
