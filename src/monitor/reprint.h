/* reprint.h - a replay prints what the program printed, out of the replayed program's memory.
 *
 * In the order in which the calls returned, as far as that was seen: of two tasks that wrote at the same moment it may have been the
 * other one that came first.
 */
#ifndef TANDEM_REPRINT_H
#define TANDEM_REPRINT_H

#include "monitor/task.h"

struct reprint;

/* Takes over the descriptors; -1: not to be had. */
struct reprint *reprint_new(int out, int err);
/* Take note of any event, before it is acted upon. */
void reprint_note(struct reprint *r, const struct event *e);
/* t stands at the call that `e` (EV_CALL, EV_LEAVE) tells the result of. -errno, once, where it cannot be printed. */
int reprint_call(struct reprint *r, struct task *t, const struct event *e);

#endif
