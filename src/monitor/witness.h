/* witness.h - whether a signal that tandem got went to its whole process group.
 *
 * `kill -TERM PID` of tandem is meant for the program and has to be passed on; `kill -TERM -PGID`, a shell's `kill %1`, has
 * reached the program already, which would get it twice. Nothing in a siginfo tells the two apart. But the leader's monitor is in
 * the same group, and nobody has a reason to send it anything: what it gets as well went to all.
 */
#ifndef TANDEM_WITNESS_H
#define TANDEM_WITNESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct witness;

/* Shared with the processes that are forked later; NULL where there is no memory, and then nobody sees anything. */
struct witness *witness_new(void);
void witness_free(struct witness *w);
/* From here on this process is the one that watches for `sig`. */
void witness_watch(struct witness *w, int sig);
/* Whether process `watcher` got `sig` from `sender` as well, since it was asked last. Takes some milliseconds where it did not. */
bool witness_saw(struct witness *w, pid_t watcher, int sig, pid_t sender);

#endif
