/* gdb_watch.h - watchpoints: in the processor's debug registers, or, where a virtual machine accepts those and does nothing, by single
 * steps, after each of which the watched bytes are looked at.
 */
#ifndef TANDEM_GDB_WATCH_H
#define TANDEM_GDB_WATCH_H

#include "monitor/monitor.h"

#define WATCHES 4              /* as many as there are debug registers */

enum watch_kind { WATCH_EXEC = 0, WATCH_WRITE = 1, WATCH_ACCESS = 3 };   /* as in dr7 */
struct watch { uint64_t at; uint8_t len, kind; bool used; uint8_t was[8]; };

struct watches {
	struct watch w[WATCHES];
	bool by_steps;             /* there are no debug registers that do anything */
	bool probed;
};

/* All for the tasks of process p. 0; -EINVAL: not of this length, or not aligned; -ENOSPC; -ENOTSUP: cannot be seen by steps. */
int watch_add(struct watches *s, const struct monitor *m, struct process *p, uint64_t at, uint64_t len, enum watch_kind kind);
void watch_remove(struct watches *s, const struct monitor *m, struct process *p, uint64_t at, uint64_t len, enum watch_kind kind);
void watch_remove_all(struct watches *s, const struct monitor *m, struct process *p);
/* A thread is new in the process, and stopped. */
void watch_newborn(const struct watches *s, struct task *t);
/* Whether tasks have to be stepped, since something is watched. */
bool watch_steps(const struct watches *s);
/* t has stopped with SIGTRAP, or was written to: which watchpoint that is of, or NULL. */
const struct watch *watch_hit(struct watches *s, struct task *t);

#endif
