/* filters.h - seccomp filters of the program itself, interpreted by the leader's monitor.
 *
 * In the kernel they would come before ours: a call that they refuse would not be seen, the calls that tandem makes
 * in a task would be refused, and so would the clocks of the vDSO, which are calls here. So the kernel is not told of
 * them. Nothing is lost by that: every call of the program stops for the monitor, and a monitor's end is the program's.
 * Followers need no filters: they get the answers.
 */
#ifndef TANDEM_FILTERS_H
#define TANDEM_FILTERS_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "base/base.h"

struct filter {
	int refs;
	struct filter *older;          /* what was installed before it; owned */
	unsigned n;
	struct sock_filter insn[];
};

/* Whether the kernel would take it: known instructions, jumps forwards and within, a return at the end. */
bool filter_valid(const struct sock_filter *insn, unsigned n);
/* What one filter says of a call: SECCOMP_RET_*. */
uint32_t filter_run(const struct sock_filter *insn, unsigned n, const struct seccomp_data *data);
/* What all of them say: the strictest; of equals that of the newest. */
uint32_t filter_verdict(const struct filter *f, const struct seccomp_data *data);

/* A filter on top of `older`, whose reference it takes over. */
struct filter *filter_new(struct filter *older, const struct sock_filter *insn, unsigned n);
struct filter *filter_get(struct filter *f);
void filter_put(struct filter *f);
/* Whether `f` is `older`, or was built on top of it. */
bool filter_descends(const struct filter *f, const struct filter *older);
/* Instructions of all of them, as the kernel counts them against SECCOMP's limit of 32768. */
unsigned filter_length(const struct filter *f);

#endif
