/* publish.h - putting the leader's events together, and into the stream.
 *
 * An event is built in the monitor's own memory, then copied into the ring in one go: its size is not
 * known before the guest's memory was read, and a reservation can't be undone.
 */
#ifndef TANDEM_PUBLISH_H
#define TANDEM_PUBLISH_H

#include "monitor/monitor.h"

/* IN bytes up to this stay in the event; beyond it there is a hash per 4 KiB. */
#define CARRY_IN 65536
/* OUT bytes beyond this travel in fragments. */
#define CARRY_OUT (1u << 20)

/* Begin an event of task t. The header is m->build; it stays valid until publish_end. */
struct event *publish_begin(struct monitor *m, struct task *t, int type, uint32_t flags);
struct event *publish_event(struct monitor *m);
/* Append a part with a copy of `len` bytes, or (data NULL) with room for them, which is returned. */
void *publish_part(struct monitor *m, int kind, int arg, uint64_t addr, const void *data, uint32_t len);
/* A PART_OUT of zeros. */
void publish_zeros(struct monitor *m, uint64_t addr, uint64_t len);
/* Guest memory as a part; what can't be read is left out. */
void publish_guest(struct monitor *m, struct task *t, int kind, int arg, uint64_t addr, uint64_t len);
/* A PART_OUT in another task's memory than the one that the event is of. */
void publish_other(struct monitor *m, struct task *to, uint64_t addr, uint64_t len);
/* The task's registers and the top of its stack, as configured. Requires valid registers. */
void publish_context(struct monitor *m, struct task *t);
/* Into the stream it goes. */
void publish_end(struct monitor *m, struct task *t);

/* The IN extents of the call that t is about to make, into t->in. */
void capture_in(struct monitor *m, struct task *t);
/* All of a call: captured or fresh IN extents, OUT extents, context. type: EV_CALL, EV_ENTER, EV_LEAVE. */
void publish_call(struct monitor *m, struct task *t, int type, int64_t result, uint32_t flags);

#endif
