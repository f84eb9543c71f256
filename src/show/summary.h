/* summary.h - counts and times by call: strace's -c. Times are of the wall clock. */
#ifndef TANDEM_SHOW_SUMMARY_H
#define TANDEM_SHOW_SUMMARY_H

#include "abi/event.h"
#include "base/base.h"

enum { SUMMARY_CALLS = 512, SUMMARY_INSNS = 16 };

struct summary_row {
	uint64_t ns, calls, errors;
};

/* Zero-initialise. The last of `calls` and `vdso` are the numbers that nobody knows. */
struct summary {
	struct summary_row calls[SUMMARY_CALLS + 1];
	struct summary_row vdso[SUMMARY_CALLS + 1];
	struct summary_row insns[SUMMARY_INSNS];
};

/* Counts what has completed: EV_CALL, EV_LEAVE, EV_INSN; all else is ignored. */
void summary_add(struct summary *s, const struct event *e);

/* The table, by time. */
void summary_show(struct buf *out, const struct summary *s);

#endif
