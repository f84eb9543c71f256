/* compare.h - is a follower's call the one that the leader made? */
#ifndef TANDEM_COMPARE_H
#define TANDEM_COMPARE_H

#include "monitor/monitor.h"

enum difference_kind { SAME, OTHER_CALL, OTHER_ARGUMENT };

struct difference {
	enum difference_kind kind;
	int arg;               /* which argument, from 1 */
	bool bytes;            /* the memory behind it, from `offset`; else its value */
	uint64_t offset;
	uint64_t leader, follower;
	bool length;           /* `leader` and `follower` are lengths; the shorter one is the beginning of the other */
};

/* t stands at the entry of its call (t->nr, t->args, t->row). */
enum difference_kind compare_call(struct task *t, const struct event *e, struct difference *ret);

/* Of the same call: visits every argument, and every piece of memory that the call reads, that is another one than the leader's; `x`
 * is that piece here, NULL where it is the argument's value. */
typedef void difference_visit(void *ctx, const struct difference *d, const struct extent *x);
void compare_all(struct task *t, const struct event *e, difference_visit *all, void *ctx);

#endif
