/* start.h - where versions start to match when they do not run the leader's image from its first instruction:
 * at the entry of the program for another executable, at main where the user asks for it.
 */
#ifndef TANDEM_START_H
#define TANDEM_START_H

#include "monitor/monitor.h"

/* Whether this run has versions that wait for EV_MARK. */
bool start_marked(const struct config *cfg);
/* Whether the version of this monitor executes its program by itself, up to there. */
bool start_is_own(const struct monitor *m);

/* t is fresh from exec of `path`: put a breakpoint where matching starts. 0 or -errno (-ENOENT: no main). */
int start_set(struct monitor *m, struct task *t, const char *path);
/* Whether t stands at that breakpoint; if so it is taken away, and t stands at the instruction. */
bool start_reached(struct monitor *m, struct task *t, const siginfo_t *info);

/* Follower: run the version's own start, up to the breakpoint; its descriptors are closed then. The event of
 * the leader's exec gives it the leader's AT_RANDOM. 0, or -errno and a reason. */
int start_run_own(struct monitor *m, struct task *t, const struct event *exec, const char **ret_why);

#endif
