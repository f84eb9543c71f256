/* changes.h - what is another value in a replay than in its recording, and which calls its tasks made there: for experiments, which
 * `why` plans and the monitor carries out.
 */
#ifndef TANDEM_LOG_CHANGES_H
#define TANDEM_LOG_CHANGES_H

#include "abi/event.h"
#include "base/base.h"

/* `len` bytes of the event `seq` from its byte `at` on are others. */
struct substitution {
	uint64_t seq;
	uint32_t at, len;
	const uint8_t *bytes;
};

/* Those of `n`, sorted by `seq`, that are for this event. */
void substitute(const struct substitution *list, size_t n, struct event *e);

/* A call that a task has made in the recording. */
struct way_step {
	uint64_t seq;
	uint32_t call;
	int32_t fd;             /* the descriptor that it begins with; -1: none */
	bool leaves;            /* something of it leaves the program (row_leaves) */
	bool turns;             /* more hangs on it than its result: a birth, an exec, an end */
};

/* All of a task's, in order. */
struct way { struct way_step *step; uint32_t n, room; };

#endif
