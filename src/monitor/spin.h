/* spin.h - proving that a task spins: that it goes round and round, changes nothing, and can only go on when somebody else
 * writes what it waits for.
 *
 * Such a task needs no state to be found again. Versions that began their stretch alike get into the same round, since until
 * then nobody else runs; once in it none leaves it, and none has been in another one. So a follower's task that is proven to
 * spin, too, stands where the leader's did as soon as it has the same registers.
 */
#ifndef TANDEM_SPIN_H
#define TANDEM_SPIN_H

#include "monitor/monitor.h"

enum spun {
	SPIN_NONE,                     /* not proven; t stands somewhere in the program's code */
	SPIN_PROVEN,                   /* t stands where it did */
	SPIN_STOPPED,                  /* t has met another stop, which monitor_wait will tell of */
};

/* t stands in the middle of its computing: one round, instruction by instruction. Costs some 6 µs for each of them. */
enum spun spin_prove(struct monitor *m, struct task *t);
/* t spins, which is proven: it goes on to where it has these registers (in a layout of its own: to the same instruction).
 * False: there is no such place in its round. */
bool spin_reach(struct monitor *m, struct task *t, const struct user_regs_struct *regs);

#endif
