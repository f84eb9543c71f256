/* filter.h - which events to print: strace's -e. */
#ifndef TANDEM_SHOW_FILTER_H
#define TANDEM_SHOW_FILTER_H

#include "abi/event.h"
#include "base/base.h"

enum { FILTER_CALLS = 512 };

/* Zero-initialised it wants everything. */
struct call_filter {
	uint64_t calls[FILTER_CALLS / 64];
	uint64_t not_signals;       /* bit n-1: signal n is not wanted */
	uint32_t insns;             /* bit n: enum insn n */
	bool chosen;                /* calls and insns hold what is wanted; else everything is */
	bool unknown;               /* so are calls that the table does not know */
	bool quiet;                 /* no lines about births, stops and deaths */
};

/* One -e. May be called again: names add to what was chosen before, "!names" take away.
 *
 *   [trace=]openat,read,%file,network,rdtsc,/regex   [trace=]!write   all   none
 *   signal=none,SIGTERM,!SIGCHLD    quiet, quiet=...
 *
 * A name with '?' before it may be unknown. Returns 0, or -EINVAL with a text that the caller frees.
 */
int filter_parse(struct call_filter *f, const char *spec, char **ret_error);

bool filter_wants(const struct call_filter *f, const struct event *e);

#endif
