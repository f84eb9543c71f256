/* gdb_regs.h - a task's registers as gdb wants them, and the description of them. */
#ifndef TANDEM_GDB_REGS_H
#define TANDEM_GDB_REGS_H

#include "monitor/gdb_packet.h"
#include "monitor/task.h"

/* The description of the target: its registers, in the order of their numbers. */
void gdb_target_xml(struct buf *out);
/* All of them; one by its number. */
void gdb_send_registers(struct gdb_link *l, struct task *t);
void gdb_send_register(struct gdb_link *l, struct task *t, uint64_t number);
/* gdb has its own numbers of signals. */
int gdb_signal_number(int sig);

#endif
