/* experiment.h - a replay in which values are other ones than were recorded, and which goes on where its program does something else
 * then: for `tandem why`.
 *
 * The player puts other bytes in the place of what the world gave then. The follower is tolerant. After an argument that differs it
 * goes on with the recorded result. Where its task makes another call than the recording has next, the one that it makes is either
 * found a little further on, and the calls in between are missing; or it is one too many, and is answered as far as that can be done
 * without the world. What differs is gathered: apart, what leaves the program, the outcome.
 */
#ifndef TANDEM_EXPERIMENT_H
#define TANDEM_EXPERIMENT_H

#include "log/changes.h"
#include "monitor/task.h"

struct experiment {
	const struct substitution *subst;     /* by `seq` */
	size_t nsubst;
	const uint64_t *place;                 /* events, ascending, of which is told where the program stands */
	size_t nplaces;
	bool explain;                         /* tell the first difference of the outcome with both sides */
	uint64_t spoil_first, spoil_last;     /* --expose=uninit: only the garbage of these numbers, from 1... */
	uint64_t spoil_from, spoil_to;        /* ... and of that only the bytes from..to; all 0: all of it */
	bool spoil_find;                      /* tell who reads it first */
	const struct way *way;                /* by task; of those beyond there is none */
	uint32_t nways;
};

/* What is told of it, by NOTE_EXPERIMENT, is a JSON object with one of these:
 *   place     {"event", "call", "shown", "backtrace"}
 *   shows    the first difference of the outcome: {"event", "call", "argument", "offset"}; with `explain` a finding (finding.c)
 *   apart    the first difference that does not leave the program: the same
 *   reader   who reads garbage first: the same as place
 *   end      {"digest", "leaving", "apart", "extra", "missing", "answered", "spoils"}: of what left the program, "0" where all is as recorded;
 *            how many differences there were; calls too many, and that are missing; ... that were answered with an error; how often
 *            garbage was put somewhere
 * A follower that cannot go on sends its "end" before its divergence. */

struct tried;                                 /* what a follower has gathered so far */
/* t's next event is `e`; is it passed over? */
bool experiment_passes(struct monitor *m, struct task *t, const struct event *e);
/* t is to stand at the call of `e` (see need_same_call). False: it does not, `e` is passed over. */
bool experiment_call(struct monitor *m, struct task *t, const struct event *e);
/* ... at the instruction. */
bool experiment_insn(struct monitor *m, struct task *t, const struct event *e);
/* t gets a fault where the recording has none, or none where it has one: that is an outcome. */
void experiment_fault(struct monitor *m, struct task *t, const struct event *e);
/* What t's call returns, where the recorded one was asked for more, or less. */
int64_t experiment_result(const struct task *t, const struct event *e);
/* t stands where `e` is taken: tell where that is, if it is asked for. */
void experiment_place(struct monitor *m, struct task *t, const struct event *e);
void experiment_end(struct monitor *m);

#endif
