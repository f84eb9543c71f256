/* points.h - a follower's side of points: tasks that may not run ahead of the stream, and those that are put where the
 * leader's was stopped while it computed (see leader_points.c).
 */
#ifndef TANDEM_POINTS_H
#define TANDEM_POINTS_H

#include "monitor/follower.h"

/* t may go on, delivering `sig` (0: none): at once, or, where the event says EVF_TURNS, when its next event is known. */
void point_release(struct monitor *m, struct task *t, int sig);
/* `e` is t's next event: it goes on, unless it is stopped on its way. */
void point_let_go(struct monitor *m, struct task *t, const struct event *e);
/* EV_STATE and EV_POINT. */
void point_apply(struct monitor *m, struct task *t, const struct event *e);

#endif
